"""A long night at the microscope, in minutes: what is written, what goes wrong, what is seen.

Time is that of a clock of its own, also in the stamps of the files.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tifffile

from napari_lazy_pipeline.compute import Pipeline, StageCache
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.files import completeness
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import SubtractBackground

SHAPE = (2, 3, 4)
POLL = 0.5  # s
HOUR = 3600.0
SETTLED = 60  # polls after which nothing is expected any more


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


Volume = tuple[int, int]  # time point, channel


@dataclass
class Microscope:
    """Writes tiny volumes, one after the other; now and then something else goes wrong."""

    folder: Path
    count: int  # time points
    channels: int = 1
    rate: float = 10.0  # volumes per second
    seed: int = 0
    often: float = 0.05  # how often something goes wrong, per poll
    now: float = 1.8e9  # what its clock says [s]
    written: dict[Volume, int] = field(default_factory=dict)  # value of the pixels
    half: dict[Volume, int] = field(default_factory=dict)  # the same, of what is half written
    renamed: dict[Volume, Path] = field(default_factory=dict)  # what was taken away for a while
    deleted: set[Volume] = field(default_factory=set)
    begun: set[Volume] = field(default_factory=set)  # half written for the first time
    away: Path | None = None  # the folder itself
    well: bool = True  # whether nothing goes wrong yet
    happened: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._data, self._start = _template()
        self._chance = random.Random(self.seed)
        self._pause, self._generation, self._series = 0, 0, 1
        self._next, self._again = 0, iter(())  # what comes next, and what is recorded once more
        self._events: dict[str, Callable[[], None]] = {
            "restart": self._restart, "numbers anew": self._begin_anew, "rename": self._rename,
            "series": self._other_series, "delete": self._delete, "clock": self._jump,
            "rewrite": self._rewrite, "late": self._skip, "share": self._unmount,
        }  # fmt: skip
        self._late: list[int] = []
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def volumes(self) -> list[Volume]:
        """All that is to be seen in the end."""
        every = [(t, c) for t in range(self.count) for c in range(self.channels)]
        return [volume for volume in every if volume not in self.deleted]

    def path(self, t: int, c: int, series: str = "cell") -> Path:
        return self.folder / f"{series}_ch{c}_stack{t:05d}_488nm.tif"

    def ticks(self) -> Iterator[None]:
        """Work for the time between two polls, again and again, until all is written."""
        while self._next < self.count or self.half or self._late or self.renamed or self.away:
            self.now += POLL
            self._come_back()
            if self.away is None:
                self._finish_halves()
                self._write()
            if not self.well and self._chance.random() < self.often and self._next < self.count:
                kind = self._chance.choice(list(self._events))
                self.happened[kind] = self.happened.get(kind, 0) + 1
                self._events[kind]()
            yield

    def _put(self, path: Path, value: int, share: float = 1.0, reserved: bool = False) -> None:
        pixels = np.full(SHAPE, value, np.uint16).tobytes()
        data = self._data[: self._start] + pixels + self._data[self._start + len(pixels) :]
        if reserved:
            pixels = pixels[: int(share * len(pixels))].ljust(len(pixels), b"\0")
            path.write_bytes(data[: self._start] + pixels + data[self._start + len(pixels) :])
        else:
            path.write_bytes(data[: int(share * len(data))])
        stamp = int(self.now * 1e9) + self._chance.randrange(10**8)
        os.utime(path, ns=(stamp, stamp))

    def _whole(self, volume: Volume, value: int) -> None:
        self._put(self.path(*volume), value)
        self.written[volume] = value
        self.half.pop(volume, None)
        self.begun.discard(volume)
        self.deleted.discard(volume)

    def _begin(self, volume: Volume, value: int) -> None:
        """Write a part; of some files, space is reserved for the rest."""
        share, reserved = self._chance.uniform(0.1, 0.95), self._chance.random() < 0.5
        self._put(self.path(*volume), value, share, reserved)
        self.half[volume] = value
        if self.written.pop(volume, None) is None:
            self.begun.add(volume)
        self.deleted.discard(volume)

    def _value(self, volume: Volume) -> int:
        t, c = volume
        return 1 + (7 * t + 31 * c + 13 * self._generation) % 60_000

    def _record(self, t: int, whole: bool) -> None:
        """Write a time point; if it is not whole, half of the last channel, and of no other."""
        for c in range(self.channels):
            last = c == self.channels - 1
            (self._whole if whole or not last else self._begin)((t, c), self._value((t, c)))

    def _write(self) -> None:
        if self._pause:
            self._pause -= 1
            return
        wanted = max(round(self.rate * POLL / self.channels), 1) + 1
        times = [*islice(self._again, wanted)]
        while len(times) < wanted and self._next < self.count:
            times.append(self._next)
            self._next += 1
        for t in times:
            if not any((t, c) in self.renamed for c in range(self.channels)):
                self._record(t, whole=t != times[-1])
        if self._late and self._chance.random() < 0.2:
            self._record(self._late.pop(), whole=True)

    def _finish_halves(self) -> None:
        if not self._pause:
            for volume, value in list(self.half.items()):
                self._whole(volume, value)

    def _some(self, count: int) -> list[Volume]:
        """Volumes that are there and whole."""
        there = sorted(self.written) if self.away is None else []
        chosen = self._chance.sample(there, min(count, len(there)))
        return [volume for volume in chosen if volume not in self.renamed]

    # ---- what goes wrong ------------------------------------------------------------------

    def _restart(self) -> None:
        """The program is started anew; what it was writing stays half until then."""
        self._pause = self._chance.randrange(2, 30)
        self._generation += 1

    def _begin_anew(self) -> None:
        """The program is started anew and counts from 0: it overwrites what is there."""
        self._restart()
        self._again = iter(range(self._chance.randrange(1, 20)))

    def _other_series(self) -> None:
        """Something else is recorded into the same folder, under another name."""
        if self.away is None:
            self._series += 1
            for t in range(3):
                for c in range(self.channels):
                    self._put(self.path(t, c, f"test{self._series}"), 65_535)

    def _rename(self) -> None:
        """Some files are called otherwise for a while."""
        for volume in self._some(3):
            aside = self.path(*volume).with_suffix(".tif.bak")
            self.path(*volume).rename(aside)
            self.renamed[volume] = aside

    def _delete(self) -> None:
        """Some files vanish for good."""
        for volume in self._some(2):
            self.path(*volume).unlink()
            del self.written[volume]
            self.deleted.add(volume)

    def _jump(self) -> None:
        """The clock is set."""
        self.now += self._chance.choice((-HOUR, -1.0, 1.0, HOUR))

    def _rewrite(self) -> None:
        """Old volumes are written anew, as after a correction."""
        self._generation += 1
        for volume in self._some(2):
            self._begin(volume, self._value(volume))

    def _skip(self) -> None:
        """A time point comes later than those after it."""
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
            for volume, aside in self.renamed.items():
                aside.rename(self.path(*volume))
            self.renamed.clear()


class Watcher:
    """Follows a folder as the dock does, and notes what it should not have seen."""

    def __init__(self, microscope: Microscope) -> None:
        self.microscope, self.wrong = microscope, list[str]()
        self.session = Session(StageCache(limit=10_000))
        self.session.show(inspect_folder(microscope.folder))
        self.session.set_pipeline(Pipeline([SubtractBackground(value=0)]))
        assert self.session.folder_info is not None
        self._watcher = stack_watcher(self.session.folder_info.source)
        self._chance = random.Random(1)
        self._polls = 0
        self.times, self.looks, self.doubted = 0, 0, 0

    def poll(self) -> None:
        """Look for what is new, as the dock does, and at some of what is there."""
        result = self._watcher.poll(listing=self._polls % 2 == 0)
        self._polls += 1
        if result.outdated:
            self.wrong.append(result.outdated)
        if result.grown:
            self.session.grow(result.source, result.shifted)
        before, self.times = self.times, self.session.raw.sizes[0]
        recent = range(min(before, self.times), self.times)
        # What is there when a folder is opened is taken for complete only provisionally.
        assert self.session.folder_info is not None
        source, channels = self.session.folder_info.source, range(self.microscope.channels)
        for t in recent if before else ():
            for c in channels:
                if (t, c) in self.microscope.begun and source.path(t, c) is not None:
                    self.wrong.append(f"t={t}, c={c} is shown while it is being written")
        known = self._chance.sample(range(self.times), min(3, self.times))
        for t in dict.fromkeys((*recent, self.times - 1, 0, *known)):
            for c in channels:
                self.look(t, c)

    def look(self, t: int, c: int) -> bool:
        """See whether a volume is what lies in its file now; return whether it is there."""
        microscope, raw = self.microscope, self.session.raw
        raw.refresh(t, c)
        try:
            found = self.session.source().read(t, c)
        except FileError:
            return False
        self.looks += 1
        values = set(np.unique(found).tolist())
        # While the share is gone, what was seen before may be shown.
        if values != {microscope.written.get((t, c))} and microscope.away is None:
            if (t, c) in microscope.half and self._doubted(t, c):
                self.doubted += 1
            else:
                self.wrong.append(f"t={t}, c={c}: {values}, not {microscope.written.get((t, c))}")
        return True

    def _doubted(self, t: int, c: int) -> bool:
        """Whether a volume is said to be half written, perhaps."""
        path = str(self.microscope.path(t, c))
        problems = self.session.raw.problems
        return any(one.where == path and "may be half written" in one.what for one in problems)

    def missing(self) -> list[Volume]:
        """Volumes that cannot be seen."""
        return [
            (t, c) for t, c in self.microscope.volumes if t >= self.times or not self.look(t, c)
        ]

    def complaints(self) -> list[str]:
        """Problems that are listed, but for files that vanished or are of another series."""
        gone = {str(self.microscope.path(*volume)) for volume in self.microscope.deleted}
        return [
            f"{problem.where}: {problem.what}" for problem in self.session.raw.problems
            if problem.where not in gone and "test" not in Path(problem.where).name
        ]  # fmt: skip


class Clock:
    """The clock of the computer that watches: that of the microscope, and set now and then."""

    def __init__(self, microscope: Microscope) -> None:
        self._microscope, self._chance, self._ahead = microscope, random.Random(2), 0.0
        self._ticks = 0

    def time(self) -> float:
        """What it says [s]."""
        return self._microscope.now + self._ahead

    def monotonic(self) -> float:
        """How long it has run, however it was set [s]."""
        return self._ticks * POLL

    def tick(self) -> None:
        """Go on; be set, perhaps."""
        self._ticks += 1
        if self._chance.random() < 0.02:
            self._ahead = self._chance.choice((-HOUR, -90.0, 0.0, 90.0, HOUR))


def run(microscope: Microscope, each: Callable[[int], object] = bool) -> Watcher:
    """Let a microscope write all, while a dock watches; ``each`` is called with the time points."""
    ticks, clock = microscope.ticks(), Clock(microscope)
    with patch.object(completeness, "time", clock):
        for _ in range(3):
            next(ticks)
        watcher = Watcher(microscope)
        microscope.well = False
        for _ in ticks:
            clock.tick()
            watcher.poll()
            each(watcher.times)
        for _ in range(SETTLED):
            clock.tick()
            watcher.poll()
    return watcher
