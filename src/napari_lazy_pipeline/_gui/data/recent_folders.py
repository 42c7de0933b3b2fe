"""Recent folders: a short list in a file of this user, for the next session."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from qtpy.QtCore import QStandardPaths

_MOST = 12


def recent_file() -> Path:
    """Path of the list: with the other settings of this user."""
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(base) / "napari-lazy-pipeline" / "recent.json"


def read_recent(file: Path) -> list[str]:
    """Read the list, the latest first; a file that is broken, or not there, is an empty list."""
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        # It is a convenience: the next folder that is opened writes it anew.
        return []
    folders = data.get("folders") if isinstance(data, dict) else None
    if not isinstance(folders, list):
        return []
    return [path for path in folders if isinstance(path, str) and path][:_MOST]


def add_recent(file: Path, folder: str) -> list[str]:
    """Put a folder first, and return the list."""
    return write_recent(file, [folder, *(path for path in read_recent(file) if path != folder)])


def write_recent(file: Path, folders: Sequence[str]) -> list[str]:
    """Write the list in one go, and return it; where that is not allowed, it is not stored."""
    recent = list(folders[:_MOST])
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"folders": recent}, indent=2), "utf-8")
        os.replace(part, file)
    except OSError:
        # A list of folders is not worth a message: nothing of the data depends on it.
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return recent
