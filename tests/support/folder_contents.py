"""What a folder holds, to be compared before and after."""

from __future__ import annotations

import os
from pathlib import Path


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size [byte] and time of change [ns] of everything in a folder, and of the folder itself."""
    found = {".": _stamp(folder)}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            found[str(path.relative_to(folder))] = _stamp(path)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return (status.st_size if path.is_file() else 0), status.st_mtime_ns
