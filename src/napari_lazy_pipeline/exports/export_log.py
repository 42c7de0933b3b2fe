"""Export log: which files of an export are finished, and what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.errors import ExportError


def digest(*parts: object) -> str:
    """Return a short name of values, the same in any process, by their repr."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class ExportLog:
    """A text file with one line (JSON) on the settings, then one for each finished file.

    A file without a line was finished in the moment before a crash: it is made again.
    """

    path: Path
    settings: str  # digest of what all files were made with
    # What each finished file was made from, "origin", along which axes there are "projections" of
    # it, and whether it is "empty": some formats leave out what holds nothing.
    finished: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: Path, settings: str) -> ExportLog:
        """Read the log of an earlier run; an `ExportError` if that had other settings."""
        if not path.exists():
            return cls(path, settings, {})
        lines = [_entry(line) for line in path.read_text("utf-8").splitlines() if line]
        if not lines or lines[0].get("settings") != settings:
            raise ExportError(
                "The folder holds volumes that were exported from other data or with other "
                "settings",
                str(path),
                "Choose an empty folder",
            )
        finished = {line["file"]: line for line in lines if line.keys() >= {"file", "origin"}}
        return cls(path, settings, finished)

    def begin(self, about: dict[str, Any]) -> None:
        """Write the line on the settings, with what a person may ask in a year."""
        if not self.path.exists():
            self._add({"settings": self.settings, **about})

    def finish(
        self, name: str, origin: str, empty: bool = False, projections: Sequence[str] = ()
    ) -> None:
        """Log a finished file, or that there is none because it would be empty."""
        line: dict[str, Any] = {"file": name, "origin": origin}
        line |= {"empty": True} if empty else {}
        line |= {"projections": list(projections)} if projections else {}
        self._add(line)
        self.finished[name] = line

    def _add(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            # The line before may have been cut off by a crash: it must not take this one along.
            file.write("\n" + json.dumps(line))


def _entry(line: str) -> dict[str, Any]:
    """Parse a line; of one that a crash cut off, there is nothing."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return entry if isinstance(entry, dict) else {}
