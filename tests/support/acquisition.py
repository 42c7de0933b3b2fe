"""A long night at the microscope, in minutes: what is written, what goes wrong, what is seen.

Time is that of a clock of its own, also in the stamps of the files.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile

from napari_lazy_pipeline.compute import Pipeline, StageCache
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import SubtractBackground

SHAPE = (2, 3, 4)
POLL = 0.5  # s
HOUR = 3600.0
SETTLED = 40  # polls after which nothing is expected any more


def _template() -> tuple[bytes, int]:
    """A file of zeros, and where its pixels lie."""
    from io import BytesIO

    buffer = BytesIO()
    tifffile.imwrite(buffer, np.zeros(SHAPE, np.uint16), photometric="minisblack", metadata=None)
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as tif:
        start = tif.series[0].dataoffset
    assert start is not None
    return buffer.getvalue(), start


@dataclass
class Microscope:
    """Writes a tiny volume after the other; each time by another hand something goes wrong."""

    folder: Path
    count: int
    rate: float = 10.0  # volumes per second
    seed: int = 0
    now: float = 1.8e9  # what its clock says [s]
    written: dict[int, int] = field(default_factory=dict)  # value of the pixels by time point
    half: dict[int, int] = field(default_factory=dict)  # the same, of what is half written
    renamed: dict[int, Path] = field(default_factory=dict)  # what was taken away for a while
    away: Path | None = None  # the folder itself
    happened: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._data, self._start = _template()
        self._chance = random.Random(self.seed)
        self._next, self._pause, self._generation = 0, 0, 0
        self._events: dict[str, Callable[[], None]] = {
            "restart": self._restart, "rename": self._rename, "clock": self._jump,
            "rewrite": self._rewrite, "late": self._skip, "share": self._unmount,
        }  # fmt: skip
        self._late: list[int] = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, t: int) -> Path:
        return self.folder / f"cell_ch0_stack{t:05d}_488nm.tif"

    def ticks(self) -> Iterator[None]:
        """Work for the time between two polls, again and again, until all is written."""
        while self._next < self.count or self.half or self._late or self.renamed or self.away:
            self.now += POLL
            self._come_back()
            if self.away is None:
                self._finish_halves()
                self._write()
            if self._chance.random() < 0.05 and self._next < self.count:
                kind = self._chance.choice(list(self._events))
                self.happened[kind] = self.happened.get(kind, 0) + 1
                self._events[kind]()
            yield

    def _put(self, t: int, value: int, share: float = 1.0) -> None:
        pixels = np.full(SHAPE, value, np.uint16).tobytes()
        data = self._data[: self._start] + pixels + self._data[self._start + len(pixels) :]
        path = self.path(t)
        path.write_bytes(data[: int(share * len(data))])
        stamp = int(self.now * 1e9) + self._chance.randrange(10**8)
        os.utime(path, ns=(stamp, stamp))

    def _whole(self, t: int, value: int) -> None:
        self._put(t, value)
        self.written[t] = value
        self.half.pop(t, None)

    def _begin(self, t: int, value: int) -> None:
        self._put(t, value, self._chance.uniform(0.1, 0.95))
        self.half[t] = value
        self.written.pop(t, None)

    def _value(self, t: int) -> int:
        return 1 + (7 * t + 13 * self._generation) % 60_000

    def _write(self) -> None:
        if self._pause:
            self._pause -= 1
            return
        for _ in range(round(self.rate * POLL)):
            if self._next < self.count:
                self._whole(self._next, self._value(self._next))
                self._next += 1
        if self._next < self.count:
            self._begin(self._next, self._value(self._next))
            self._next += 1
        if self._late and self._chance.random() < 0.2:
            t = self._late.pop()
            self._whole(t, self._value(t))

    def _finish_halves(self) -> None:
        if not self._pause:
            for t, value in list(self.half.items()):
                self._whole(t, value)

    # ---- what goes wrong ------------------------------------------------------------------

    def _restart(self) -> None:
        """The program is started anew; what it was writing stays half until then."""
        self._pause = self._chance.randrange(2, 30)
        self._generation += 1

    def _rename(self) -> None:
        """Some files are called otherwise for a while."""
        if self.away is None:
            for t in self._chance.sample(sorted(self.written), min(3, len(self.written))):
                aside = self.path(t).with_suffix(".tif.bak")
                self.path(t).rename(aside)
                self.renamed[t] = aside

    def _jump(self) -> None:
        """The clock is set."""
        self.now += self._chance.choice((-HOUR, -1.0, 1.0, HOUR))

    def _rewrite(self) -> None:
        """Old volumes are written anew, as after a correction."""
        if self.away is None:
            self._generation += 1
            for t in self._chance.sample(sorted(self.written), min(2, len(self.written))):
                if t not in self.renamed:
                    self._begin(t, self._value(t))

    def _skip(self) -> None:
        """A file comes later than those after it."""
        if self._next < self.count - 1:
            self._late.append(self._next)
            self._next += 1

    def _unmount(self) -> None:
        """The share is gone for a while."""
        if self.away is None:
            self.away = self.folder.with_name("away")
            self.folder.rename(self.away)

    def _come_back(self) -> None:
        if self.away is not None and self._chance.random() < 0.3:
            self.away.rename(self.folder)
            self.away = None
        if self.away is None and self._chance.random() < 0.3:
            for t, aside in self.renamed.items():
                aside.rename(self.path(t))
            self.renamed.clear()


class Watcher:
    """Follows a folder as the dock does, and notes what it should not have seen."""

    def __init__(self, microscope: Microscope) -> None:
        self.microscope, self.wrong = microscope, list[str]()
        self.session = Session(StageCache(limit=10_000))
        self.session.open(microscope.folder)
        self.session.set_pipeline(Pipeline([SubtractBackground(value=0)]))
        assert self.session.folder_info is not None
        self._watcher = stack_watcher(self.session.folder_info.source)
        self._chance = random.Random(1)
        self.times = 0

    def poll(self) -> None:
        """Look for what is new, twice as the dock does, and at some of what is there."""
        for listing in (True, False):
            result = self._watcher.poll(listing)
            if result.outdated:
                self.wrong.append(result.outdated)
            if result.grown:
                self.session.grow(result.source, result.shifted)
        before, self.times = self.times, self.session.raw.sizes[0]
        recent = range(min(before, self.times), self.times)
        # What is there when a folder is opened is taken for complete only provisionally.
        assert self.session.folder_info is not None
        source = self.session.folder_info.source
        for t in recent if before else ():
            if t in self.microscope.half and source.path(t, 0) is not None:
                self.wrong.append(f"t={t} is shown while it is being written")
        known = self._chance.sample(range(self.times), min(3, self.times))
        for t in dict.fromkeys((*recent, self.times - 1, *known)):
            self.look(t)

    def look(self, t: int) -> bool:
        """See whether a time point is what lies in its file now; return whether it is there."""
        microscope, raw = self.microscope, self.session.raw
        raw.refresh(t, 0)
        try:
            found = self.session.source().read(t, 0)
        except FileError:
            return False
        values = set(np.unique(found).tolist())
        # While the share is gone, what was seen before may be shown.
        if values != {microscope.written.get(t)} and microscope.away is None:
            self.wrong.append(f"t={t}: {values}, not {microscope.written.get(t)}")
        return True

    def missing(self) -> list[int]:
        """Time points that cannot be seen."""
        lost = list(range(self.times, self.microscope.count))
        return lost + [t for t in range(self.times) if not self.look(t)]


def run(microscope: Microscope, each: Callable[[int], object] = bool) -> Watcher:
    """Let a microscope write all, while a dock watches; ``each`` is called with the time points."""
    ticks = microscope.ticks()
    for _ in range(3):
        next(ticks)
    watcher = Watcher(microscope)
    for _ in ticks:
        watcher.poll()
        each(watcher.times)
    for _ in range(SETTLED):
        watcher.poll()
    return watcher
