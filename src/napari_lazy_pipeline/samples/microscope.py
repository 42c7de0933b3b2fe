"""Simulated microscope: writes a folder at a rate, in parts, and not always as it should."""

from __future__ import annotations

import io
import itertools
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_lazy_pipeline.errors import FolderError, LazyPipelineError

# numpy and tifffile are imported where they are used: the command line should not wait for them.
if TYPE_CHECKING:
    import numpy as np

_WAVES = (488, 560, 642, 405)
Writes = list[tuple[int, bytes]]


@dataclass(frozen=True)
class WrittenFile:
    """A part of a file was written."""

    path: Path
    t: int
    c: int
    complete: bool  # whether that was all of it


@dataclass(frozen=True)
class Simulation:
    """Files that a microscope writes to a folder, which is made; no file is ever overwritten."""

    folder: Path
    shape: tuple[int, int, int] = (16, 64, 80)
    times: int = 10
    channels: int = 1
    writer: str = "labview"  # one of `WRITERS`
    parts: int = 4  # pieces in which each file is written
    disorder: int = 1  # so many time points are written in reversed order
    dropped: tuple[int, ...] = ()  # time points whose first file is abandoned half-written
    start: int = 0  # number of the first time point: a folder can be continued

    def __post_init__(self) -> None:
        if self.writer not in WRITERS:
            raise LazyPipelineError(
                f"There is no writer {self.writer!r}", hint=f"There are {', '.join(WRITERS)}"
            )
        counts = (*self.shape, self.times, self.channels, self.parts, self.disorder)
        if min(counts) < 1 or self.channels > len(_WAVES) or self.start < 0:
            raise LazyPipelineError(
                "Sizes, times and parts have to be at least 1",
                hint=f"There can be up to {len(_WAVES)} channels",
            )

    def steps(self) -> Iterator[WrittenFile]:
        """Write one part of one file with each step, without a pause, or raise a `FolderError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for t in self.order():
                for c in range(self.channels):
                    yield from self._write(t, c)
        except FileExistsError as error:
            raise FolderError(
                "The file is there already", str(error.filename), "Choose another folder or start"
            ) from error
        except OSError as error:
            what = f"The folder cannot be written to: {error.strerror or error}"
            raise FolderError(what, str(self.folder)) from error

    def order(self) -> list[int]:
        """Time points in the order in which they are written."""
        numbers = list(range(self.start, self.start + self.times))
        groups = [numbers[i : i + self.disorder] for i in range(0, len(numbers), self.disorder)]
        return [t for group in groups for t in reversed(group)]

    def path(self, t: int, c: int) -> Path:
        """Path of a file."""
        clock = f"{100 * t:07d}msec_{100 * t + 20_000_000:010d}msecAbs"
        return self.folder / f"cell_ch{c}_stack{t:04d}_{_WAVES[c]}nm_{clock}.tif"

    def _write(self, t: int, c: int) -> Iterator[WrittenFile]:
        pieces = split(WRITERS[self.writer](simulated_volume(t, c, self.shape)), self.parts)
        abandoned = t in self.dropped and c == 0
        if abandoned:
            pieces = pieces[: max(len(pieces) // 2, 1)]
            # The last piece must not be all of a file that was to be written at once.
            pieces[-1] = split(pieces[-1], 2)[0] if len(pieces) == 1 else pieces[-1]
        path = self.path(t, c)
        with open(path, "xb") as file:
            for index, writes in enumerate(pieces):
                put(file, writes)
                if abandoned or index < len(pieces) - 1:
                    yield WrittenFile(path, t, c, False)
        if not abandoned:
            yield WrittenFile(path, t, c, True)


def run(
    simulation: Simulation,
    rate: float,
    report: Callable[[WrittenFile], None] = lambda written: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write a folder at a rate [volumes/s], or as quickly as can be if that is slower."""
    if not rate > 0:
        raise LazyPipelineError("The rate has to be above 0 volumes/s")
    begin = clock()
    for parts, written in enumerate(simulation.steps(), start=1):
        report(written)
        pause = begin + parts / (rate * simulation.parts) - clock()
        if pause > 0:
            sleep(pause)


def simulated_volume(t: int, c: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Volume (z, y, x) of the simulated microscope, uint16; each is another, and has no zero."""
    import numpy as np

    volume = np.roll(_scene(shape), 3 * t + 7 * c, axis=2)
    volume[0, 0, 0] = volume[-1, -1, -1] = 1000 + (10 * t + c) % 60_000
    return volume


@cache
def _scene(shape: tuple[int, int, int]) -> np.ndarray:
    """A bright cell on a noisy background; made once for each shape."""
    import numpy as np

    noise = np.random.default_rng(shape).integers(90, 111, shape, np.uint16)
    axes = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    cell = 400 * np.exp(-6 * ((np.sqrt(z**2 + y**2 + 4 * x**2) - 0.5) ** 2) * 9)
    return np.asarray(noise + cell.astype(np.uint16))


def split(writes: Writes, parts: int) -> list[Writes]:
    """Divide writes into so many groups of about the same number of bytes."""
    total = sum(len(data) for _, data in writes)
    bounds = [total * (index + 1) // parts for index in range(parts)]
    return [byte_range(writes, *ends) for ends in itertools.pairwise([0, *bounds])]


def byte_range(writes: Writes, start: int, stop: int) -> Writes:
    """Those bytes that come in place ``start`` to ``stop`` of all that is written."""
    chosen, done = [], 0
    for position, data in writes:
        begin, end = max(start - done, 0), min(stop - done, len(data))
        if begin < end:
            chosen.append((position + begin, data[begin:end]))
        done += len(data)
    return chosen


def put(file: BinaryIO, writes: Writes) -> None:
    """Write bytes at their positions."""
    for position, data in writes:
        file.seek(position)
        file.write(data)
    file.flush()


def _by_tifffile(
    kind: str = "", by_plane: bool = False, **options: Any
) -> Callable[[np.ndarray], Writes]:
    def write(volume: np.ndarray) -> Writes:
        import tifffile

        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer, imagej=kind == "imagej", ome=kind == "ome") as tif:
            for part in volume if by_plane else [volume]:
                tif.write(part, photometric="minisblack", **options)
        return [(0, buffer.getvalue())]

    return write


def _pages(volume: np.ndarray) -> Writes:
    """A plane, its directory, then the link to it: a valid file after each plane."""
    _, rows, columns = volume.shape
    writes: Writes = [(0, b"II*\0\0\0\0\0")]
    link, end = 4, 8
    for plane in volume:
        data = plane.astype("<u2").tobytes()
        tags = {
            256: columns, 257: rows, 258: 16, 259: 1, 262: 1,
            273: end, 277: 1, 278: rows, 279: len(data), 339: 1,
        }  # fmt: skip
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        directory = struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"
        start = end + len(data)
        writes += [(end, data), (start, directory), (link, struct.pack("<I", start))]
        link, end = start + len(directory) - 4, start + len(directory)
    return writes


def _preallocated(volume: np.ndarray) -> Writes:
    """All of the space is taken first, as zeros, and then filled."""
    ((_, data),) = _by_tifffile()(volume)
    return [(len(data) - 1, b"\0"), (0, data)]


WRITERS: dict[str, Callable[[np.ndarray], Writes]] = {
    # A directory before each plane, which knows already where the next one will be.
    "labview": _by_tifffile(by_plane=True, contiguous=False, metadata=None, software=False),
    "imagej": _by_tifffile("imagej", metadata={"axes": "ZYX"}),
    "ome": _by_tifffile("ome", metadata={"axes": "ZYX"}),
    "pages": _pages,
    "zlib": _by_tifffile(compression="zlib"),
    "preallocated": _preallocated,
}
