"""Export log: which files of an export are finished, and what they were made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.regular_file import open_regular
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
    # it, what was said of it, "remarks", and whether it is "empty": some formats leave out what
    # holds nothing.
    finished: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: Path, settings: str) -> ExportLog:
        """Read the log of an earlier run; an `ExportError` if that had other settings."""
        if not os.path.lexists(path):
            return cls(path, settings, {})
        with open_regular(path, follow=False) as file:
            text = file.read().decode("utf-8", "replace")
        lines = [_entry(line) for line in text.splitlines() if line]
        hint = "Choose an empty folder"
        if not lines or not isinstance(lines[0].get("settings"), str):
            raise ExportError("The journal of the export cannot be read", str(path), hint)
        if lines[0]["settings"] != settings:
            what = (
                "The folder holds volumes that were exported from other data or with other settings"
            )
            raise ExportError(what, str(path), hint)
        return cls(path, settings, {line["file"]: line for line in lines if _is_finish(line)})

    def begin(self, about: dict[str, Any]) -> None:
        """Write the line on the settings, with what a person may ask in a year."""
        if not os.path.lexists(self.path):
            line = json.dumps({"settings": self.settings, **about})
            write_text(self.path, f"\n{line}", replace=False)

    def finish(
        self,
        name: str,
        origin: str,
        empty: bool = False,
        projections: Sequence[str] = (),
        remarks: Sequence[Sequence[str]] = (),
    ) -> None:
        """Log a finished file, or that there is none because it would be empty."""
        line: dict[str, Any] = {"file": name, "origin": origin}
        line |= {"empty": True} if empty else {}
        line |= {"projections": list(projections)} if projections else {}
        line |= {"remarks": list(remarks)} if remarks else {}
        self._add(line)
        self.finished[name] = line

    def _add(self, line: dict[str, Any]) -> None:
        with open_regular(self.path, "ab", follow=False) as file:
            # The line before may have been cut off by a crash: it must not take this one along.
            file.write(f"\n{json.dumps(line)}".encode())


def _entry(line: str) -> dict[str, Any]:
    """Parse a line; of one that a crash cut off, there is nothing."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _is_finish(line: dict[str, Any]) -> bool:
    """Return whether a line is on a finished file."""
    file, origin = line.get("file"), line.get("origin")
    named = isinstance(file, str) and isinstance(origin, str)
    remarks = line.get("remarks", [])
    of_texts = isinstance(remarks, list) and all(map(_is_remark, remarks))
    return named and of_texts and isinstance(line.get("projections", []), list)


def _is_remark(entry: object) -> bool:
    return isinstance(entry, list | tuple) and [str, str, str] == [type(text) for text in entry]
