"""Pipeline: an ordered list of steps, as a frozen value, and what it makes of a stack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, SerializeAsAny

from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.progress import Progress
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.compute.stage_runner import Line, Run
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.image.box import Box, cut
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.stack import Stack, VolumeSource, VolumeSpec
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._registry import step_types

__all__ = ["Pipeline", "PipelineSource", "Progress"]

if TYPE_CHECKING:
    AnyStep = Step
else:
    # A union tagged by ``kind``, so that an error names the step and the known tags.
    AnyStep = Annotated[reduce(or_, step_types().values()), Discriminator("kind")]


class Pipeline(BaseModel):
    """An ordered list of steps.

    Examples
    --------
    >>> from napari_lazy_pipeline.steps import Crop, Deskew
    >>> pipeline = Pipeline(steps=[Deskew(angle=31.5), Crop(z=(0, 60))])
    >>> spec = VolumeSpec((88, 320, 256), voxel_size=(0.3, 0.1, 0.1))
    >>> [after.shape for after in pipeline.specs(spec)]
    [(88, 320, 481), (60, 320, 481)]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[SerializeAsAny[AnyStep], ...] = ()

    def input_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """The spec of the raw volume, with the scan geometry that a later step states."""
        scans = (step.scan() for step in self.steps if step.enabled)
        return spec.replace(scan=next((scan for scan in scans if scan), spec.scan))

    def specs(self, spec: VolumeSpec) -> tuple[VolumeSpec, ...]:
        """Shape, type and place after each step; a step that is off changes nothing.

        Raises
        ------
        StepError
            If a step does not fit the volume it meets.
        """
        specs = []
        spec = self.input_spec(spec)
        for index, step in enumerate(self.steps):
            if step.enabled:
                spec = _fitted(step, index, spec)
            specs.append(spec)
        return tuple(specs)

    def run_volume(self, volume: np.ndarray, spec: VolumeSpec, engine: str = "cpu") -> np.ndarray:
        """Process one volume (z, y, x) now.

        Raises
        ------
        StepError
            If a step fails.
        """
        return PipelineSource(_Given(volume, spec), self, engine).read(0, 0)

    def apply(
        self,
        stack: Stack,
        engine: str = "cpu",
        cache: StageCache | None = None,
        blank_failures: bool = False,
    ) -> Stack:
        """Make the lazily processed stack; nothing is read.

        Parameters
        ----------
        stack
            What to process.
        engine
            Name of the engine.
        cache
            Where to keep the result of each step, for the next time it is needed.
        blank_failures
            A step that fails leaves its volume blank and is listed as a problem, instead of
            raising. A bad file does so always.

        Raises
        ------
        StepError
            If a step does not fit the volumes.
        """
        source = PipelineSource(
            stack.source, self, engine, cache=cache, blank_failures=blank_failures
        )
        return replace(stack, source=source)

    def replace_step(self, index: int, step: Step) -> Pipeline:
        """Return a pipeline in which one step is another."""
        steps = list(self.steps)
        steps[index] = step
        return Pipeline(steps=tuple(steps))

    def with_steps(self, steps: Sequence[Step]) -> Pipeline:
        """Return a pipeline of these steps."""
        return Pipeline(steps=tuple(steps))


@dataclass(frozen=True)
class PipelineSource(VolumeSource):
    """Makes processed volumes, one stage after the other, through a cache.

    Attributes
    ----------
    raw
        Makes the raw volumes.
    pipeline
        The steps.
    engine
        Name of the engine.
    until
        Number of steps to run; None for all.
    cache
        Keeps the result of each stage; not pickled.
    ledger
        Notes what is made; not pickled.
    blank_failures
        Whether a step that fails leaves a blank volume instead of raising.
    """

    raw: VolumeSource
    pipeline: Pipeline
    engine: str = "cpu"
    until: int | None = None
    cache: StageCache | None = field(default=None, compare=False, repr=False)
    blank_failures: bool = False
    compute_log: ComputeLog | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.stages  # noqa: B018 - a pipeline that does not fit is refused here, not per block

    @cached_property
    def stages(self) -> tuple[tuple[int, Step, VolumeSpec], ...]:
        """Index, step and input of each step that is on."""
        spec = self.pipeline.input_spec(self.raw.spec)
        before = (spec, *self.pipeline.specs(self.raw.spec))
        return tuple(
            (index, step, before[index])
            for index, step in enumerate(self.pipeline.steps[: self.until])
            if step.enabled
        )

    @cached_property
    def spec(self) -> VolumeSpec:
        """What each processed volume looks like."""
        if not self.stages:
            return self.raw.spec
        index, step, before = self.stages[-1]
        return _fitted(step, index, before)

    @property
    def plane_local(self) -> bool:
        """Whether planes of the result can be made without the rest of the volume."""
        return self._line.is_local(len(self.stages))

    @property
    def by_planes(self) -> bool:
        """Whether planes are better made without the rest of their volume.

        They are unless there is a cache that has room for the whole, or no reading them alone.
        """
        can = self.plane_local and self.raw.by_planes
        return can and not self._line.is_kept(len(self.stages))

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.raw.sizes

    @property
    def problems(self) -> ProblemLog:
        """What went wrong with single volumes."""
        return self.raw.problems

    @property
    def token(self) -> str:
        """Names the content; another one once the raw data have grown."""
        parts = (self.raw.token, self.engine, str(self._keys))
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()

    @property
    def work(self) -> str:
        """Names what is done to each volume, whichever volumes there are."""
        text = f"{self.engine}\n{self._keys}"
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @cached_property
    def _keys(self) -> tuple[Hashable, ...]:
        return tuple((step.cache_key(before), self.engine) for _, step, before in self.stages)

    @cached_property
    def _line(self) -> Line:
        return Line(
            self.raw, self.stages, self.spec, self._keys, self.engine, self.cache, self.compute_log
        )

    def __getstate__(self) -> dict[str, Any]:
        fields = ("raw", "pipeline", "engine", "until", "blank_failures")
        return {**{name: getattr(self, name) for name in fields}, "cache": None, "ledger": None}

    def identity(self, t: int, c: int) -> Hashable:
        """What the volume depends on."""
        return self._line.key(t, c, len(self.stages))

    def cached(self, t: int, c: int) -> np.ndarray | None:
        """The volume if it is at hand; never reads or computes."""
        return self.cache.get(self.identity(t, c)) if self.cache else None

    def to_do(self, t: int, c: int) -> tuple[Step, ...]:
        """The steps that have to run for a volume, as far as the cache does not help."""
        at_hand = (
            count
            for count in range(len(self.stages), 0, -1)
            if self.cache is not None and self._line.key(t, c, count) in self.cache
        )
        return tuple(step for _, step, _ in self.stages[next(at_hand, 0) :])

    def read(self, t: int, c: int, progress: Progress | None = None) -> np.ndarray:
        """Make one volume (z, y, x).

        Raises
        ------
        FileError
            If its file is bad.
        StepError
            If a step fails.
        Cancelled
            If the watcher does not want it any more.
        """
        return Run(self._line, t, c, progress or Progress()).stage(len(self.stages))

    def cached_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray | None:
        """Some planes (z, y, x) if they are at hand; never reads or computes."""
        box, volume = self._planes(start, stop), self.cached(t, c)
        if volume is not None:
            return volume[start:stop]
        key = self._line.key(t, c, len(self.stages))
        return self.cache.get((key, box)) if self.cache and self.plane_local else None

    def read_planes(
        self, t: int, c: int, start: int, stop: int, progress: Progress | None = None
    ) -> np.ndarray:
        """Make the planes from ``start`` to just before ``stop`` of one volume (z, y, x).

        With plane-local steps only the planes that these need are read and worked on, and the
        result equals that of `read` bit for bit. Otherwise the whole volume is made.

        Raises
        ------
        ValueError
            If there are no such planes.
        LazyPipelineError, Cancelled
            As `read` does.
        """
        box = self._planes(start, stop)
        if not self.plane_local:
            return self.read(t, c, progress)[start:stop]
        return Run(self._line, t, c, progress or Progress()).part(len(self.stages), box)

    def planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Make some planes (z, y, x) as `read_planes` does; blank, and listed, for a bad file."""
        spec = cut(self.spec, self._planes(start, stop))
        return self.or_blank(t, c, spec, lambda: self.read_planes(t, c, start, stop))

    def or_blank(
        self, t: int, c: int, spec: VolumeSpec, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        try:
            return super().or_blank(t, c, spec, make)
        except StepError as error:
            if not self.blank_failures:
                raise
            self.report(error, t, c)
            return spec.blank()

    def stage(self, count: int) -> Hashable:
        """Names what the first ``count`` stages make, whatever volume they are given."""
        return self._keys[:count]

    def is_kept(self, t: int, c: int, count: int) -> bool:
        """Whether the result of the first ``count`` stages is at hand as a whole."""
        return self.cache is not None and self._line.key(t, c, count) in self.cache

    def _planes(self, start: int, stop: int) -> Box:
        """Check a range of planes; the box they are."""
        depth, height, width = self.spec.shape
        if not 0 <= start < stop <= depth:
            raise ValueError(f"There are no planes {start} to {stop} in a volume of {depth}")
        return (start, stop), (0, height), (0, width)


class _Given(VolumeSource):
    """A source of one volume that is there already."""

    sizes, token, spec = (1, 1), "", VolumeSpec((1, 1, 1))

    def __init__(self, volume: np.ndarray, spec: VolumeSpec) -> None:
        self.volume, self.spec = volume, spec

    def identity(self, t: int, c: int) -> Hashable:
        """Nothing else is like it."""
        return id(self)

    def read(self, t: int, c: int) -> np.ndarray:
        """The volume (z, y, x)."""
        return self.volume

    __call__ = read


def _fitted(step: Step, index: int, spec: VolumeSpec) -> VolumeSpec:
    """The spec after a step; an error names the step."""
    try:
        return step.output_spec(spec)
    except LazyPipelineError as error:
        raise StepError(
            f"{step.title} does not fit: {error.what}", error.where, error.hint, step.kind, index
        ) from error
