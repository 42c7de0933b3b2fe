"""Stage runner: makes any block of any stage, from what the stages before it make."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.fusion import Fusion, fusion_of
from napari_lazy_pipeline.compute.misfit import line_of
from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.compute.progress import Progress, Remark
from napari_lazy_pipeline.compute.stage import Place
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import (
    Cancelled,
    FileError,
    LazyPipelineError,
    StepError,
    StepFileChangedError,
    too_little_memory,
)
from napari_lazy_pipeline.image import Block, VolumeSource
from napari_lazy_pipeline.image.box import rounded, shape_of, slices, whole
from napari_lazy_pipeline.steps._base import Context

Result = TypeVar("Result")
# A volume of up to this part of the cache is kept whole where a part of it would do: the next
# part then costs nothing.
_KEPT = 0.25
# The whole is made, too, where so much of it is needed anyway.
_MOST = 0.8
# Parts that cannot be cut out of a whole begin and end at multiples of so many voxels: a crop
# that is moved a little finds them in the cache.
_GRID = 8


@dataclass(frozen=True, eq=False)
class StageRunner:
    """Makes blocks of the stages of a plan, for whoever waits for the progress."""

    raw: VolumeSource
    plan: Plan
    cache: StageCache | None = None
    compute_log: ComputeLog | None = None
    progress: Progress = field(default_factory=Progress)
    _parts: dict[Hashable, np.ndarray] = field(default_factory=dict, repr=False)
    _fusions: dict[tuple[int, int, int], Fusion | None] = field(default_factory=dict, repr=False)

    def key(self, count: int, t: int, c: int) -> Hashable:
        """Name the result of the first ``count`` stages for one volume."""
        return self.plan.key(count, t, c, self.raw.identity)

    def keeps_whole(self, count: int) -> bool:
        """Return whether the result of the first ``count`` stages is better made and kept whole."""
        if self.cache is None or not self.plan.local[count]:
            return False
        largest = max(self.plan.spec(i).volume.nbytes for i in range(count + 1))
        return largest <= _KEPT * self.cache.limit

    def volume(self, count: int, t: int, c: int) -> np.ndarray:
        """Result (z, y, x) of the first ``count`` stages, from the cache if it is there."""
        block = self._whole(count, t, c)
        return self._cached(self.key(count, t, c), count, block)

    def needs(self, count: int, t: int, c: int) -> tuple[int, tuple[Place, ...]]:
        """Of which volumes a result of ``count`` stages is made: of how many stages, and where."""
        source, parts = self._inputs(count, self._whole(count, t, c))
        return source, tuple(dict.fromkeys((part.t, part.c) for part in parts))

    def part(self, count: int, wanted: Block) -> np.ndarray:
        """Block (z, y, x) of the result of the first ``count`` stages.

        It is cut out of a whole that is at hand only if that is the same to the last bit: what
        is shown must not depend on what was computed before.
        """
        outer = self._block_to_make(count, wanted)
        if self._is_whole(count, outer):
            return self.volume(count, wanted.t, wanted.c)[slices(wanted.box)]
        volume = self._whole_at_hand(count, wanted)
        if volume is not None:
            return volume[slices(wanted.box)]
        key = self.key(count, wanted.t, wanted.c), outer.box
        part = self._cached(key, count, outer)
        return part[slices(wanted.box, outer.box)]

    # ---- what is made for it --------------------------------------------------------------

    def _whole(self, count: int, t: int, c: int) -> Block:
        return Block(t, c, whole(self.plan.spec(count).shape))

    def _is_whole(self, count: int, block: Block) -> bool:
        return block.box == whole(self.plan.spec(count).shape)

    def _block_to_make(self, count: int, wanted: Block) -> Block:
        """Return what is made for a block: this, a bit more, or the whole volume."""
        if not count or self.plan.local[count]:
            return wanted
        stage, shape = self.plan.stages[count - 1], self.plan.spec(count).shape
        if self.plan.whole_volumes and not stage.step.exact:
            return wanted.replace(box=whole(shape))
        if not (stage.step.exact or self.plan.is_draft):
            wanted = wanted.replace(box=rounded(wanted.box, _GRID, shape))
        source, parts = self._inputs(count, wanted)
        if all(not self._is_whole(source, part) for part in parts):
            return wanted
        return wanted if stage.local else wanted.replace(box=whole(shape))

    def _whole_at_hand(self, count: int, wanted: Block) -> np.ndarray | None:
        """The whole, if a block may be cut out of it, and if it is there or hardly more work."""
        if self.cache is None or not self._is_as_in_whole(count, wanted):
            return None
        size, shape = math.prod(shape_of(wanted.box)), self.plan.spec(count).shape
        if not self.plan.local[count] and size >= _MOST * math.prod(shape):
            return self.volume(count, wanted.t, wanted.c)
        found = self.cache.get(self.key(count, wanted.t, wanted.c))
        if found is not None:
            self._note_cached(count, self._whole(count, wanted.t, wanted.c))
        return found

    def _is_as_in_whole(self, count: int, wanted: Block) -> bool:
        """Return whether a block is made to be, to the last bit, what it is in the whole."""
        if self.plan.local[count]:
            return True
        if self.plan.stages[count - 1].step.exact:
            source, parts = self._inputs(count, wanted)
            return all(self._is_as_in_whole(source, part) for part in parts)
        return self._is_whole(count, self._block_to_make(count, wanted))

    def _cached(self, key: Hashable, count: int, wanted: Block) -> np.ndarray:
        made = False

        def make() -> np.ndarray:
            nonlocal made
            made = True
            return self._make(count, wanted)

        if self.cache is not None:
            result = self.cache.get_or_make(key, make, self.progress.cancelled)
            if not made:
                self._note_cached(count, wanted)
            return result
        if not self.plan.gathers:
            return make()
        if key not in self._parts:
            self._parts[key] = make()
        return self._parts[key]

    def _note_cached(self, count: int, wanted: Block) -> None:
        if self.compute_log is not None:
            place, share = (wanted.t, wanted.c), self._share(count, wanted)
            # The result is asked for again and again: how it was made is told all the same.
            result = count == len(self.plan.stages)
            self.compute_log.note_cached(self.plan.work(count), place, share, again=not result)

    def _share(self, count: int, block: Block) -> float:
        """Which part of its volume a block is."""
        size = math.prod(self.plan.spec(count).shape)
        return math.prod(shape_of(block.box)) / size if size else 1.0

    # ---- making ---------------------------------------------------------------------------

    def _make(self, count: int, wanted: Block) -> np.ndarray:
        """Make a block of the last of ``count`` stages from what it needs."""
        self._check()
        if not count:
            return self._read(wanted)
        source, given = self._inputs(count, wanted)
        parts = tuple(self._given(count, source, wanted, block) for block in given)
        self._check()
        stage, fusion = self.plan.stages[count - 1], self._fusion(count, wanted)
        at = Context(
            wanted=wanted,
            given=given,
            before=stage.step.visible(stage.before),
            after=stage.after,
            engine=get_engine(self.plan.engine),
            cancelled=self.progress.cancelled,
            progress=lambda fraction: self.progress.progress(stage.index, fraction),
            remark=lambda text: self._remark(count, wanted, text),
        )

        def make() -> np.ndarray:
            if fusion is not None:
                return fusion.run(parts[0], given[0], wanted)
            return stage.steps[wanted.c].run(parts, at)

        def run() -> np.ndarray:
            result = self._named(count, wanted, make)
            self._check_files(count, wanted)
            return self._checked(count, wanted, np.ascontiguousarray(result))

        return self._logged(count, wanted, run)

    def _given(self, count: int, source: int, wanted: Block, given: Block) -> np.ndarray:
        """A block of the input: of the whole where that is worth being kept."""
        local = self.plan.stages[count - 1].local
        if (self._is_whole(count, wanted) or not local) and self.keeps_whole(source):
            return self.volume(source, given.t, given.c)[slices(given.box)]
        return self.part(source, given)

    def _read(self, wanted: Block) -> np.ndarray:
        """Read a block; only its planes if the source can."""
        try:
            return self._read_block(wanted)
        except MemoryError as error:
            what, where = too_little_memory("read the volume", error), self._place(0, wanted)
            raise FileError(what, where, "Close other programs") from error

    def _read_block(self, wanted: Block) -> np.ndarray:
        t, c, box = wanted.t, wanted.c, wanted.box
        if self._is_whole(0, wanted):
            return self._logged(0, wanted, lambda: self.raw.read(t, c))
        if not self.raw.by_planes:
            return self.volume(0, t, c)[slices(box)].copy()
        planes = self._logged(0, wanted, lambda: self.raw.read_planes(t, c, *box[0]))
        return np.ascontiguousarray(planes[(slice(None), *slices(box)[1:])])

    def _inputs(self, count: int, wanted: Block) -> tuple[int, tuple[Block, ...]]:
        """Return of how many stages which blocks are needed for one of the last of ``count``."""
        fusion = self._fusion(count, wanted)
        if fusion is not None:
            return fusion.source, fusion.inputs(wanted)
        stage = self.plan.stages[count - 1]
        return count - 1, self._named(count, wanted, lambda: stage.inputs(wanted))

    def _fusion(self, count: int, wanted: Block) -> Fusion | None:
        place = count, wanted.t, wanted.c
        if place not in self._fusions:
            self._fusions[place] = fusion_of(self.plan, *place)
        return self._fusions[place]

    def _checked(self, count: int, wanted: Block, result: np.ndarray) -> np.ndarray:
        """Refuse what is not of the shape and type that the step announced."""
        shape, dtype = shape_of(wanted.box), self.plan.spec(count).dtype
        if result.shape == shape and result.dtype == np.dtype(dtype):
            return result
        step = self.plan.stages[count - 1].step
        raise StepError(
            f"{step.label} made an array of shape {result.shape} and type {result.dtype} where "
            f"{shape} and {dtype} were announced",
            self._place(count, wanted), "Its `output` has to tell what its `run` makes", step.kind,
            self.plan.stages[count - 1].index,
        )  # fmt: skip

    def _check_files(self, count: int, wanted: Block) -> None:
        """Refuse what a file made that was changed since: it belongs to another plan."""
        stage = self.plan.stages[count - 1]
        if stage.steps[wanted.c].file_states() != stage.file_states[wanted.c]:
            paths = ", ".join(stage.steps[wanted.c].files())
            what = f"A file of {stage.step.label} was changed meanwhile"
            hint = "Apply the steps anew"
            raise StepFileChangedError(what, paths, hint, stage.step.kind, stage.index)

    def _remark(self, count: int, wanted: Block, text: str) -> None:
        if self.compute_log is not None:
            self.compute_log.remark(self.plan.work(count), (wanted.t, wanted.c), text)
        if text:
            label = self.plan.stages[count - 1].step.label
            self.progress.remarked(Remark(label, self._place(count, wanted), text))

    def _logged(self, count: int, wanted: Block, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Make what a stage makes; progress and log are told."""
        index, name = None, "read"
        if count:
            stage = self.plan.stages[count - 1]
            index, name = stage.index, stage.step.kind
        if self.compute_log is None:
            return self.progress.time(index, make)
        return self.compute_log.observe(
            name,
            self.plan.work(count),
            (wanted.t, wanted.c),
            lambda: self.progress.time(index, make),
            self._share(count, wanted),
            self.plan.timing_key(count),
        )

    def _check(self) -> None:
        if self.progress.cancelled():
            raise Cancelled

    def _named(self, count: int, wanted: Block, make: Callable[[], Result]) -> Result:
        """Let the last of ``count`` stages do something; any error names it and the volume."""
        stage = self.plan.stages[count - 1]
        step, failed = stage.step, f"{stage.step.label} failed at {self._place(count, wanted)}"
        try:
            return make()
        except (Cancelled, StepError):
            raise
        except LazyPipelineError as error:
            what = f"{failed}: {error.what}"
            raise StepError(what, error.where, error.hint, step.kind, stage.index) from error
        except MemoryError as error:
            what = f"{failed}: {too_little_memory('run the step', error)}"
            hint = "Crop first, or close other programs"
            raise StepError(what, "", hint, step.kind, stage.index) from error
        except (Exception, SystemExit) as error:
            # Whatever a step does, also one from another package, must not end the session.
            what = f"{failed}: {type(error).__name__}: {error}"
            hint = "Change or switch off the step"
            raise StepError(what, line_of(error), hint, step.kind, stage.index) from error

    def _place(self, count: int, block: Block) -> str:
        return self.plan.spec(count).place(block.t, block.c)
