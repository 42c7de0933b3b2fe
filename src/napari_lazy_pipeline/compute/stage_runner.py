"""Running: makes the stages of a volume, whole or in part, through a cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.progress import Progress
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import Cancelled, FileError, LazyPipelineError, StepError
from napari_lazy_pipeline.image.box import Box, rounded, shape_of, slices, whole
from napari_lazy_pipeline.image.stack import VolumeSource, VolumeSpec
from napari_lazy_pipeline.steps._base import Context, Step

_Made = TypeVar("_Made")
Stage = tuple[int, Step, VolumeSpec]
# A volume of up to this part of the cache is kept whole where a part of it would do: the next
# part then costs nothing.
_KEPT = 0.25
# The whole is made, too, where so much of it is needed anyway.
_MOST = 0.8
# Parts that cannot be cut out of a whole begin and end at multiples of so many voxels: a crop
# that is moved a little finds them in the cache.
_GRID = 8


@dataclass(frozen=True, eq=False)
class Line:
    """The stages that all volumes go through.

    Attributes
    ----------
    raw
        Makes the raw volumes.
    stages
        Index, step and input of each.
    last
        The spec after all of them.
    keys
        What the pixels of each depend on, besides those of its input.
    engine
        Name of the engine.
    cache
        Keeps the result of each stage; None: nothing is kept.
    ledger
        Notes what is made, if there is one.
    """

    raw: VolumeSource
    stages: tuple[Stage, ...]
    last: VolumeSpec
    keys: tuple[Hashable, ...]
    engine: str
    cache: StageCache | None
    compute_log: ComputeLog | None

    def key(self, t: int, c: int, count: int) -> Hashable:
        """Names the result of the first ``count`` stages."""
        files: Hashable = self.raw.identity(t, c)
        if any(step.reads_channels for _, step, _ in self.stages[:count]):
            files = tuple(self.raw.identity(t, other) for other in range(self.raw.sizes[1])), c
        return files, self.keys[:count]

    def spec(self, count: int) -> VolumeSpec:
        """The spec after the first ``count`` stages."""
        return self.stages[count][2] if count < len(self.stages) else self.last

    def is_local(self, count: int) -> bool:
        """Whether any box of the first ``count`` stages is what it is in the whole."""
        return all(
            step.plane_local and not step.reads_channels for _, step, _ in self.stages[:count]
        )

    def is_kept(self, count: int) -> bool:
        """Whether the result of the first ``count`` stages is better made and kept whole."""
        if self.cache is None or not self.is_local(count):
            return False
        largest = max(self.spec(i).nbytes for i in range(count + 1))
        return largest <= _KEPT * self.cache.limit


@dataclass(frozen=True, eq=False)
class Run:
    """One volume on its way through the stages.

    Attributes
    ----------
    line
        The stages.
    t, c
        Time point and channel of the volume.
    watcher
        Waits for it.
    """

    line: Line
    t: int
    c: int
    progress: Progress

    def stage(self, count: int) -> np.ndarray:
        """Result (z, y, x) of the first ``count`` stages, from the cache if it is there."""
        return self._kept(self._key(count), lambda: self._make(count))

    def part(self, count: int, box: Box) -> np.ndarray:
        """Box of the result of the first ``count`` stages.

        It is cut out of a whole that is at hand only if that is the same to the last bit: what
        is shown must not depend on what was computed before.
        """
        outer = self._made_with(count, box)
        if outer == whole(self.line.spec(count).shape):
            return self.stage(count)[slices(box)]
        volume = self._at_hand(count, box)
        if volume is not None:
            return volume[slices(box)]
        part = self._kept((self._key(count), outer), lambda: self._make_part(count, outer))
        return part[slices(box, outer)]

    def _at_hand(self, count: int, box: Box) -> np.ndarray | None:
        """The whole, if a box may be cut out of it, and if it is there or hardly more work."""
        if self.line.cache is None or not self._as_in_whole(count, box):
            return None
        if not self.line.is_local(count) and self._is_most(count, box):
            return self.stage(count)
        return self.line.cache.get(self._key(count))

    def _as_in_whole(self, count: int, box: Box) -> bool:
        """Whether a box is made to be, to the last bit, what it is in the whole."""
        if self.line.is_local(count):
            return True
        if self.line.stages[count - 1][1].plane_local:
            return self._as_in_whole(count - 1, self._needed(count, box))
        return self._made_with(count, box) == whole(self.line.spec(count).shape)

    def _is_most(self, count: int, box: Box) -> bool:
        """Whether a box is so large that the whole, which may be wanted too, is hardly more."""
        return math.prod(shape_of(box)) >= _MOST * math.prod(self.line.spec(count).shape)

    def _kept(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        if self.line.cache is None:
            return make()
        return self.line.cache.get_or_make(key, make, self.progress.cancelled)

    def _key(self, count: int) -> Hashable:
        return self.line.key(self.t, self.c, count)

    def _make(self, count: int) -> np.ndarray:
        self._check()
        if count == 0:
            return self._observed(0, lambda: self.line.raw.read(self.t, self.c))
        step, context = self._last(count)
        box, everything = whole(self.line.spec(count).shape), whole(context.spec.shape)
        inner = self._needed(count, box)
        kept = step.plane_local and self.line.is_kept(count - 1)
        if kept or inner == everything:
            volume = self.stage(count - 1)
            return self._run(count, lambda: step.run(volume, context))
        return self._run_box(count, inner, box)

    def _made_with(self, count: int, box: Box) -> Box:
        """What of the first ``count`` stages is made for a box: this, a bit more, or the whole."""
        if self.line.is_local(count):
            return box
        _, step, before = self.line.stages[count - 1]
        if step.plane_local:
            return box
        shape = self.line.spec(count).shape
        box = rounded(box, _GRID, shape)
        return box if self._needed(count, box) != whole(before.shape) else whole(shape)

    def _make_part(self, count: int, box: Box) -> np.ndarray:
        self._check()
        return self._run_box(count, self._needed(count, box), box) if count else self._raw(box)

    def _raw(self, box: Box) -> np.ndarray:
        """Read a box; only its planes if the source can."""
        source, ((start, stop), *_) = self.line.raw, box
        if not source.by_planes:
            return self.stage(0)[slices(box)].copy()
        planes = self._observed(
            0, lambda: source.read_planes(self.t, self.c, start, stop), part=True
        )
        return np.ascontiguousarray(planes[(slice(None), *slices(box)[1:])])

    def _run_box(self, count: int, inner: Box, box: Box) -> np.ndarray:
        """Run the last of ``count`` stages on what a box of its result needs."""
        step, context = self._last(count)
        if not step.plane_local and self.line.is_kept(count - 1):
            part = self.stage(count - 1)[slices(inner)]
        else:
            part = self.part(count - 1, inner)
        return self._run(
            count,
            lambda: step.run_box(part, inner, box, context),
            part=box != whole(self.line.spec(count).shape),
        )

    def _run(self, count: int, run: Callable[[], np.ndarray], part: bool = False) -> np.ndarray:
        self._check()
        return self._observed(
            count, lambda: self._named(count, lambda: np.ascontiguousarray(run())), part
        )

    def _observed(
        self, count: int, make: Callable[[], np.ndarray], part: bool = False
    ) -> np.ndarray:
        """Make what a stage makes; the watcher and the ledger are told."""
        index, name = None, "read"
        if count:
            index, step, _ = self.line.stages[count - 1]
            name = step.kind
        if self.line.compute_log is None:
            return self.progress.time(index, make)
        stage, place = self.line.keys[:count], (self.t, self.c)
        return self.line.compute_log.observe(
            name, stage, place, part, lambda: self.progress.time(index, make)
        )

    def _needed(self, count: int, box: Box) -> Box:
        """What of its input the last of ``count`` stages needs for a box of its result."""
        _, step, before = self.line.stages[count - 1]
        if step.reads_channels:
            return whole(before.shape)
        needed = self._named(count, lambda: step.needed_box(before, box))
        return whole(before.shape) if needed is None else needed

    def _last(self, count: int) -> tuple[Step, Context]:
        """The last of ``count`` stages, and what it may know."""
        index, step, before = self.line.stages[count - 1]
        return step, Context(
            spec=before,
            t=self.t,
            c=self.c,
            engine=get_engine(self.line.engine),
            cancelled=self.progress.cancelled,
            progress=lambda fraction: self.progress.progress(index, fraction),
            channel=lambda other: replace(self, c=other).stage(count - 1),
        )

    def _check(self) -> None:
        if self.progress.cancelled():
            raise Cancelled

    def _named(self, count: int, make: Callable[[], _Made]) -> _Made:
        """Let the last of ``count`` stages do something; any error names it and the volume."""
        index, step, _ = self.line.stages[count - 1]
        where = f"t={self.t}, c={self.c}"
        try:
            return make()
        except (Cancelled, StepError, FileError):
            raise
        except LazyPipelineError as error:
            what = f"{step.title} failed at {where}: {error.what}"
            raise StepError(what, error.where, error.hint, step.kind, index) from error
        except Exception as error:
            # Whatever a step does, also one from another package, must not end the session.
            what = f"{step.title} failed at {where}: {type(error).__name__}: {error}"
            hint = "Change or switch off the step"
            raise StepError(what, "", hint, step.kind, index) from error
