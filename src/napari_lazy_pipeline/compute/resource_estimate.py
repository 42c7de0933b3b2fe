"""Costs: what a pipeline will take, told before it is run: memory, disk, and time if known."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline._runtime.free_memory import available
from napari_lazy_pipeline.compute.pipeline import Pipeline, PipelineSource
from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.image.stack import VolumeSpec

# Longer than that, a volume is more than many graphics cards take as one texture.
TEXTURE = 2048
READ = -1


@dataclass(frozen=True)
class StepCost:
    """What one step takes for one volume.

    Attributes
    ----------
    index
        Its place in the pipeline; -1 for reading the file.
    title
        How it is called.
    before, after
        Size of its input and of its result [byte].
    need
        What it takes besides.
    shape
        Shape of its result (z, y, x).
    """

    index: int
    title: str
    before: int
    after: int
    need: Need
    shape: tuple[int, int, int]

    @property
    def memory(self) -> int:
        """Main memory while it runs: input, result, and what else it takes [byte]."""
        return self.before + self.after + self.need.memory

    def warnings(self, free: int) -> tuple[str, ...]:
        """What a person should know beforehand, given the free memory [byte]."""
        told = []
        if self.need.tiles == 0:
            told.append(
                f"{self.title} needs {size(self.memory)} for one volume, and not even a part fits "
                f"into the {size(free)} that are free. Crop the volume or the PSF"
            )
        elif self.need.tiles > 1:
            told.append(
                f"One volume does not fit into the {size(free)} of memory that are free: "
                f"{self.title} goes through it in {self.need.tiles} overlapping tiles, slower and "
                "slightly different"
            )
        elif self.memory > free:
            told.append(
                f"{self.title} needs {size(self.memory)} for one volume, and {size(free)} are "
                "free. Crop first, or close other programs"
            )
        if max(self.shape) > TEXTURE:
            told.append(
                f"The result is {max(self.shape)} voxels long: beyond {TEXTURE}, many graphics "
                "cards show 3-D more coarsely"
            )
        return tuple(told)


def step_costs(pipeline: Pipeline, spec: VolumeSpec, engine: str = "cpu") -> tuple[StepCost, ...]:
    """Estimate what each step that is on takes for one volume, reading it first.

    Parameters
    ----------
    pipeline
        The steps.
    spec
        What a raw volume looks like.
    engine
        Where they run.

    Raises
    ------
    LazyPipelineError
        If a step does not fit the volumes, or a PSF cannot be used.
    """
    before = pipeline.input_spec(spec)
    costs = [StepCost(READ, "Reading", 0, spec.nbytes, Need(), spec.shape)]
    for index, (step, after) in enumerate(zip(pipeline.steps, pipeline.specs(spec), strict=True)):
        if step.enabled:
            need = step.need(before, engine)
            costs.append(
                StepCost(index, step.title, before.nbytes, after.nbytes, need, after.shape)
            )
        before = after
    return tuple(costs)


@dataclass(frozen=True)
class DiskCost:
    """What an export takes on a disk.

    Attributes
    ----------
    needed
        Size of all files [byte].
    free
        What is free there [byte]; None if the place is not known.
    """

    needed: int
    free: int | None

    @property
    def fits(self) -> bool:
        """Whether there is room, as far as one knows."""
        return self.free is None or self.needed <= self.free


def disk_cost(
    spec: VolumeSpec,
    volumes: int,
    dtype: str | None,
    folder: Path | None,
    overhead: float = 1.0,
) -> DiskCost:
    """Estimate the size of an export, and look how much is free where it goes to.

    Parameters
    ----------
    spec
        What each volume looks like.
    volumes
        How many are still to be written.
    dtype
        Type of the pixels; None for that of the volumes.
    folder
        Where to; it need not exist yet.
    overhead
        Bytes on the disk for each byte of pixels, at most.
    """
    needed = int(volumes * spec.replace(dtype=dtype or spec.dtype).nbytes * overhead)
    return DiskCost(needed, None if folder is None else _free(folder))


def _free(folder: Path) -> int | None:
    for place in (folder, *folder.absolute().parents):
        if place.exists():
            return shutil.disk_usage(place).free
    return None


class Timings:
    """Remembers how long reading and each step took, for guesses; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[Hashable, float] = {}
        self._whole: set[Hashable] = set()

    def note(self, source: PipelineSource, index: int, seconds: float, parts: int = 1) -> None:
        """A step of a source took so long for a part of a volume; -1 is reading it.

        Parameters
        ----------
        source, index
            Which step; what is no longer there is not noted.
        seconds
            Time that it took [s].
        parts
            Of so many such parts a volume is made. A whole one tells more than any part of one, and
            of parts the fastest: the others waited for something that a volume waits for once.
        """
        key = _keys(source).get(index)
        if key is None:
            return
        with self._lock:
            if parts == 1:
                self._whole.add(key)
                self._seconds[key] = seconds
            elif key not in self._whole:
                self._seconds[key] = min(seconds * parts, self._seconds.get(key, math.inf))

    def per_volume(self, source: PipelineSource) -> float | None:
        """Time a volume of a source will take [s]; None unless all of it was measured."""
        with self._lock:
            times = [self._seconds.get(key) for key in _keys(source).values()]
        known = [seconds for seconds in times if seconds is not None]
        return sum(known) if len(known) == len(times) else None

    def rough(self, source: PipelineSource) -> bool:
        """Whether that is told from parts of volumes: it is hardly more, and may be less."""
        with self._lock:
            return any(key not in self._whole for key in _keys(source).values())


def _keys(source: PipelineSource) -> dict[int, Hashable]:
    """What the time of reading and of each step depends on."""
    raw = source.raw.spec
    keys: dict[int, Hashable] = {READ: (raw.shape, raw.dtype)}
    for index, step, before in source.stages:
        keys[index] = (step, before.shape, before.dtype, source.engine)
    return keys


def free_memory() -> int:
    """Memory that can be had without swapping [byte]."""
    return available()


def size(count: float) -> str:
    """A number of bytes as one says it.

    Examples
    --------
    >>> size(3 * 2**30), size(25 * 2**20)
    ('3.0 GB', '25 MB')
    """
    if count >= 2**30:
        return f"{count / 2**30:.1f} GB" if count < 100 * 2**30 else f"{count / 2**30:.0f} GB"
    return (
        f"{max(count, 0) / 2**20:.0f} MB" if count >= 2**20 else f"{max(count, 0) / 2**10:.0f} kB"
    )


def duration(seconds: float) -> str:
    """A time as one says it; nobody notices less than 0.1 s.

    Examples
    --------
    >>> duration(0.134), duration(7.2), duration(150), duration(3 * 3600 + 120)
    ('0.1 s', '7 s', '2 min', '3.0 h')
    """
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
