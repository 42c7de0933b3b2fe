"""Pipeline source: makes the volumes of a processed stack, stage by stage."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.compute.progress import Progress, Remark
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.errors import LazyPipelineError, RemarkWarning, StepError, StepFailure
from napari_lazy_pipeline.image import Block, VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.box import spec_of, whole
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.volume_source import calls_of_ours
from napari_lazy_pipeline.steps._base import Step


def cautions_of(plan: Plan) -> list[Remark]:
    """What is to be said of steps whatever they make: why they may not be right where they are."""
    return [Remark(plan.steps[index].label, "", text) for index, text in plan.cautions]


@dataclass(frozen=True)
class PipelineSource(VolumeSource):
    """Makes processed volumes, one stage after the other, through a cache.

    A step that does not fit raises a `StepError`; one that fails on a volume leaves it blank if
    ``blank_failures``. Cache and log are not pickled.
    """

    raw: VolumeSource
    stated_plan: Plan
    cache: StageCache | None = field(default=None, compare=False, repr=False)
    blank_failures: bool = False
    compute_log: ComputeLog | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.stated_plan.check()

    @property
    def plan(self) -> Plan:
        """The stages, for as many time points as there are by now."""
        times = self.raw.sizes[0]
        grown: Plan = self.__dict__.get("_grown", self.stated_plan)
        if grown.raw.times != times:
            grown = self.__dict__["_grown"] = grown.grown(times, grown.steps)
        return grown

    @property
    def spec(self) -> VolumeSpec:
        """Shape, type and place of each processed volume."""
        return self.stated_plan.after.volume

    @property
    def count(self) -> int:
        """Number of stages."""
        return len(self.stated_plan.stages)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.plan.after.sizes

    def recorded_channel(self, c: int) -> int | None:
        """Number of the raw channel that a channel goes by the name of; None: a step made it."""
        name, recorded = self.plan.after.channels[c], self.plan.raw.channels
        return recorded.index(name) if name in recorded else None

    @property
    def plane_local(self) -> bool:
        """Return whether planes of the result can be made without the rest of the volume."""
        return self.stated_plan.local[-1]

    @property
    def by_planes(self) -> bool:
        """Return whether planes are better made alone: they can be read so; no cache has room."""
        can = self.plane_local and self.raw.by_planes
        return can and not self._runner().keeps_whole(self.count)

    @property
    def problems(self) -> ProblemLog:
        """Problems with single volumes."""
        return self.raw.problems

    @property
    def strict(self) -> bool:
        """Return whether a bad or missing file is an error."""
        return self.raw.strict

    @property
    def title(self) -> str:
        """The steps, as the layer of a graph is called."""
        return self.stated_plan.title

    @property
    def token(self) -> str:
        """Names the content; another one once the raw data have grown."""
        return f"{self.raw.token}-{self.stated_plan.token}"

    def draft(self) -> PipelineSource:
        """Quicker steps that give about the same: for previews."""
        return replace(self, stated_plan=self.stated_plan.draft(), compute_log=None)

    def without_cache(self) -> PipelineSource:
        """Make the same, and keep nothing of it."""
        return replace(self, cache=None, compute_log=None)

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "cache": None, "compute_log": None}
        state.pop("_grown", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def identity(
        self, t: int, c: int, of_raw: Callable[[int, int], Hashable] | None = None
    ) -> Hashable:
        """Name all that the volume depends on; ``of_raw`` names raw volumes, if not the source."""
        return self.plan.key(self.count, t, c, of_raw or self.raw.identity)

    def cached(self, t: int, c: int) -> np.ndarray | None:
        """The volume if it is at hand; never reads or computes."""
        return self.cache.get(self.identity(t, c)) if self.cache else None

    def is_cached(self, t: int, c: int, count: int) -> bool:
        """Return whether the result of the first ``count`` stages is at hand as a whole."""
        return self.cache is not None and self._runner().key(count, t, c) in self.cache

    def steps_to_run(self, t: int, c: int) -> tuple[Step, ...]:
        """The steps that have to run for a volume, as far as the cache does not help."""
        steps: list[Step] = []
        needed = {(t, c)}
        for count in range(self.count, 0, -1):
            needed = {place for place in needed if not self.is_cached(*place, count)}
            if not needed:
                break
            stage = self.plan.stages[count - 1]
            steps.append(stage.step)
            needed = {place for wanted in needed for place in stage.places(*wanted)}
        return tuple(reversed(steps))

    def read(self, t: int, c: int, progress: Progress | None = None) -> np.ndarray:
        """Make one volume (z, y, x).

        What steps say of it is told to ``progress``; without one, in a `RemarkWarning` each, once.

        Raises
        ------
        FileError, StepError, Cancelled
            If its file is bad, a step fails, or it is not wanted any more.
        """
        return self._runner(self._heard(progress)).volume(self.count, t, c)

    def read_unless(self, cancelled: Callable[[], bool], t: int, c: int) -> np.ndarray:
        return self.read(t, c, replace(self._heard(None), cancelled=cancelled))

    def part(self, wanted: Block, progress: Progress | None = None) -> np.ndarray:
        """Make a part (z, y, x) of a volume, from what it needs only; raises what `read` does."""
        return self._runner(self._heard(progress)).part(self.count, wanted)

    def cached_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray | None:
        """Some planes (z, y, x) if they are at hand; never reads or computes."""
        block, volume = self._planes(t, c, start, stop), self.cached(t, c)
        if volume is not None:
            return volume[start:stop]
        key = self.identity(t, c), block.box
        return self.cache.get(key) if self.cache and self.plane_local else None

    def read_planes(
        self, t: int, c: int, start: int, stop: int, progress: Progress | None = None
    ) -> np.ndarray:
        """Make the planes from ``start`` to just before ``stop`` of one volume (z, y, x).

        They equal those of `read` bit for bit; where it is possible, only what they need is read
        and worked on. Raises what `read` does, and a `ValueError` if there are no such planes.
        """
        block = self._planes(t, c, start, stop)
        if not self.plane_local:
            return self.read(t, c, progress)[start:stop]
        return self.part(block, progress)

    def planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Make some planes (z, y, x) as `read_planes` does; blank, and listed, for a bad file."""
        spec = spec_of(self._planes(t, c, start, stop).box, self.spec)
        return self.or_blank(t, c, spec, lambda: self.read_planes(t, c, start, stop))

    def or_blank(
        self, t: int, c: int, spec: VolumeSpec, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        try:
            pixels = super().or_blank(t, c, spec, make)
        except StepError as error:
            if not self.blank_failures:
                raise
            self.report(error, t, c)
            return spec.blank()
        self.solve(t, c)
        return pixels

    def report(self, error: LazyPipelineError, t: int, c: int) -> bool:
        if isinstance(error, StepError):
            error.about = StepFailure(error.index, t, c)
        return super().report(error, t, c)

    def place(self, t: int, c: int) -> str:
        return self.plan.after.place(t, c)

    def solve(self, t: int, c: int) -> None:
        """Take back that a step failed on a volume: the volume is made."""
        if not len(self.problems):
            return
        steps = {stage.index for stage in self.stated_plan.stages}
        self.problems.withdraw(
            lambda about: (
                isinstance(about, StepFailure)
                and (about.t, about.c) == (t, c)
                and about.index in steps
            )
        )

    def _runner(self, progress: Progress | None = None) -> StageRunner:
        return StageRunner(
            self.raw, self.plan, self.cache, self.compute_log, progress or Progress()
        )

    def _heard(self, progress: Progress | None) -> Progress:
        """Who hears what is said of a volume that is made: whoever waits for it, or a warning."""
        if progress is not None:
            return progress
        for remark in cautions_of(self.plan):
            self._warn(remark)
        return Progress(remarked=self._warn)

    def _warn(self, remark: Remark) -> None:
        if self.problems.first((self.stated_plan.token, remark.step, remark.place)):
            warnings.warn(str(remark), RemarkWarning, calls_of_ours())

    def _planes(self, t: int, c: int, start: int, stop: int) -> Block:
        """Check a range of planes; the block they are."""
        depth = self.spec.shape[0]
        if not 0 <= start < stop <= depth:
            raise ValueError(f"There are no planes {start} to {stop} in a volume of {depth}")
        return Block(t, c, ((start, stop), *whole(self.spec.shape)[1:]))
