"""Export log: which files of an export are finished, and what they were made from."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.session.recipe_version import versions

_PROGRAM = "napari-lazy-pipeline"


def digest(*parts: object) -> str:
    """Return a short name of values, the same in any process, by their repr."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class ExportLog:
    """A text file with one line (JSON) on the settings, then one for each finished file.

    A file without a line was finished in the moment before a crash: it is made again. A unit has
    a log of its own, and reads those of the others; a run without units joins them.
    """

    path: Path
    settings: str  # digest of what all files were made with
    # What each finished file was made from, "origin", by which "version" of the program, along
    # which axes there are "projections" of it, what was said of it, "remarks", whether it is
    # "empty": some formats leave out what holds nothing; and its "time_interval", if the first run
    # told another.
    finished: dict[str, dict[str, Any]]
    of_units: tuple[Path, ...] = ()  # logs of units that were there when it was opened
    begun: bool = False  # whether any run had begun then
    version: str = ""  # of the program that began it: where lines do not say, it made the files
    about: dict[str, Any] = field(default_factory=dict)  # what the first run told of the export

    @classmethod
    def open(cls, path: Path, settings: str, unit: Unit | None = None) -> ExportLog:
        """Read the logs of earlier runs; an `ExportError` if one had other settings."""
        of_units = tuple(sorted(path.parent.glob(f"{glob.escape(path.stem)}.*of*{path.suffix}")))
        finished: dict[str, dict[str, Any]] = {}
        begun: dict[Path, dict[str, Any]] = {}
        for log in (path, *of_units):
            if os.path.lexists(log):
                begun[log], lines = _read(log, settings)
                finished |= lines
        own = path if unit is None else path.with_suffix(f".{unit}{path.suffix}")
        version = _version(begun[own]) if own in begun else this_version()
        about = next(iter(begun.values()), {})
        return cls(own, settings, finished, of_units, bool(begun), version, about)

    def join(self, order: Iterable[str]) -> None:
        """Take in the logs of units: the finished files in this order, as one run writes them."""
        about = next(line for line in _text(self.path).splitlines() if line)
        names = dict.fromkeys((*order, *self.finished))
        lines = [self._text_of(self.finished[name]) for name in names if name in self.finished]
        write_text(self.path, "".join(f"\n{line}" for line in (about, *lines)))
        for log in self.of_units:
            log.unlink(missing_ok=True)

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
        interval: float | None = None,
    ) -> None:
        """Log a finished file, or that there is none because it would be empty.

        ``interval`` is the time between two time points that it states [s].
        """
        line: dict[str, Any] = {"file": name, "origin": origin, "version": this_version()}
        line |= {"empty": True} if empty else {}
        line |= {"projections": list(projections)} if projections else {}
        line |= {"remarks": list(remarks)} if remarks else {}
        if not same_interval(self.about.get("time_interval", interval), interval):
            line["time_interval"] = interval
        self._add(line)
        self.finished[name] = line

    def _add(self, line: dict[str, Any]) -> None:
        with open_regular(self.path, "ab", follow=False) as file:
            # The line before may have been cut off by a crash: it must not take this one along.
            file.write(f"\n{self._text_of(line)}".encode())

    def _text_of(self, line: dict[str, Any]) -> str:
        """A line as it is written: only of other versions than that which began it, it says so."""
        same = line["version"] == self.version
        return json.dumps({key: line[key] for key in line if not (same and key == "version")})


def this_version() -> str:
    """Version of this program."""
    return versions()[_PROGRAM]


def same_interval(one: object, other: object) -> bool:
    """Whether times between two time points [s] are the same; what is no number says nothing.

    One that follows from the clock in the names differs a little with each more file.
    """
    if not isinstance(one, int | float | None) or not isinstance(other, int | float | None):
        return True
    return math.isclose(one or 0, other or 0, rel_tol=0.02)


def _version(about: dict[str, Any]) -> str:
    """Version of the program that began a log; empty if it does not say so."""
    stated = about.get("versions")
    return str(stated.get(_PROGRAM, "")) if isinstance(stated, dict) else ""


def _read(path: Path, settings: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Read what a log begins with, and the finished files."""
    lines = [_entry(line) for line in _text(path).splitlines() if line]
    hint = "Choose an empty folder"
    if not lines or not isinstance(lines[0].get("settings"), str):
        raise ExportError("The journal of the export cannot be read", str(path), hint)
    if lines[0]["settings"] != settings:
        what = "The folder holds volumes that were exported from other data or with other settings"
        raise ExportError(what, str(path), hint)
    version = _version(lines[0])
    return lines[0], {
        line["file"]: {"version": version, **line} for line in lines if _is_finish(line)
    }


def _text(path: Path) -> str:
    with open_regular(path, follow=False) as file:
        return file.read().decode("utf-8", "replace")


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
    texts = file, origin, line.get("version", "")
    named = all(isinstance(text, str) for text in texts)
    remarks = line.get("remarks", [])
    of_texts = isinstance(remarks, list) and all(map(_is_remark, remarks))
    return named and of_texts and isinstance(line.get("projections", []), list)


def _is_remark(entry: object) -> bool:
    return isinstance(entry, list | tuple) and [str, str, str] == [type(text) for text in entry]
