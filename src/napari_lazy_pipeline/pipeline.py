"""Pipeline: an ordered list of steps, as a frozen value, and what it makes of a stack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import or_
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, SerializeAsAny

from napari_lazy_pipeline.boxes import Box, cut, rounded, slices, whole
from napari_lazy_pipeline.cache import StageCache
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import (
    Cancelled,
    FileError,
    LazyPipelineError,
    MissingFileError,
    StepError,
)
from napari_lazy_pipeline.ledger import Ledger
from napari_lazy_pipeline.problems import Problem, ProblemLog
from napari_lazy_pipeline.stack import Stack, VolumeSource, VolumeSpec, planes_of
from napari_lazy_pipeline.step import Context, Step, step_types

if TYPE_CHECKING:
    AnyStep = Step
else:
    # A union tagged by ``kind``, so that an error names the step and the known tags.
    AnyStep = Annotated[reduce(or_, step_types().values()), Discriminator("kind")]

_Made = TypeVar("_Made")
# A volume of up to this part of the cache is kept whole where a part of it would do: the next
# part then costs nothing.
_KEPT = 0.25
# Parts that cannot be cut out of a whole begin and end at multiples of so many voxels: a crop
# that is moved a little finds them in the cache.
_GRID = 8


@dataclass(frozen=True)
class Watcher:
    """Whoever waits for a volume: may cancel, and is told how far it is.

    Attributes
    ----------
    cancelled
        True once the volume is not wanted any more.
    started
        Called with the index of a step that begins, None for reading the file.
    progress
        Called with the index of a step and its finished fraction.
    finished
        Called with the index of a step, and the time it took [s]; a stage that comes from the
        cache is not reported.
    """

    cancelled: Callable[[], bool] = lambda: False
    started: Callable[[int | None], None] = lambda index: None
    progress: Callable[[int, float], None] = lambda index, fraction: None
    finished: Callable[[int | None, float], None] = lambda index, seconds: None


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
class PipelineSource:
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
    ledger: Ledger | None = field(default=None, compare=False, repr=False)

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
        return self._local(len(self.stages))

    @property
    def by_planes(self) -> bool:
        """Whether planes are better made without the rest of their volume.

        They are unless there is a cache that has room for the whole, or no reading them alone.
        """
        can = self.plane_local and planes_of(self.raw) is not None
        return can and not self._is_kept(len(self.stages))

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

    def __getstate__(self) -> dict[str, Any]:
        fields = ("raw", "pipeline", "engine", "until", "blank_failures")
        return {**{name: getattr(self, name) for name in fields}, "cache": None, "ledger": None}

    def identity(self, t: int, c: int) -> Hashable:
        """What the volume depends on."""
        return self._key(t, c, len(self.stages))

    def cached(self, t: int, c: int) -> np.ndarray | None:
        """The volume if it is at hand; never reads or computes."""
        return self.cache.get(self.identity(t, c)) if self.cache else None

    def to_do(self, t: int, c: int) -> tuple[Step, ...]:
        """The steps that have to run for a volume, as far as the cache does not help."""
        at_hand = (
            count
            for count in range(len(self.stages), 0, -1)
            if self.cache is not None and self._key(t, c, count) in self.cache
        )
        return tuple(step for _, step, _ in self.stages[next(at_hand, 0) :])

    def read(self, t: int, c: int, watcher: Watcher | None = None) -> np.ndarray:
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
        return self._stage(t, c, len(self.stages), watcher or Watcher())

    def cached_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray | None:
        """Some planes (z, y, x) if they are at hand; never reads or computes."""
        box, volume = self._planes(start, stop), self.cached(t, c)
        if volume is not None:
            return volume[start:stop]
        key = self._key(t, c, len(self.stages))
        return self.cache.get((key, box)) if self.cache and self.plane_local else None

    def read_planes(
        self, t: int, c: int, start: int, stop: int, watcher: Watcher | None = None
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
            return self.read(t, c, watcher)[start:stop]
        return self._part(t, c, len(self.stages), box, watcher or Watcher())

    def __call__(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x); blank, and listed, if its file is bad."""
        return self._or_blank(t, c, self.spec, lambda: self.read(t, c))

    def planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Make some planes (z, y, x) as `read_planes` does; blank, and listed, for a bad file."""
        spec = cut(self.spec, self._planes(start, stop))
        return self._or_blank(t, c, spec, lambda: self.read_planes(t, c, start, stop))

    def _or_blank(
        self, t: int, c: int, spec: VolumeSpec, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        try:
            return make()
        except FileError as error:
            self.report(error, t, c)
        except StepError as error:
            if not self.blank_failures:
                raise
            self.report(error, t, c)
        return spec.blank()

    def report(self, error: LazyPipelineError, t: int, c: int) -> None:
        """List what went wrong with a volume; a time point nobody recorded is no problem."""
        if isinstance(error, MissingFileError):
            return
        where = error.where or f"t={t}, c={c}"
        what = f"{error.what}. {error.hint}" if error.hint else error.what
        self.problems.report(Problem(where, what))

    def _key(self, t: int, c: int, count: int) -> Hashable:
        """Names the result of the first ``count`` stages."""
        files: Hashable = self.raw.identity(t, c)
        if any(step.reads_channels for _, step, _ in self.stages[:count]):
            files = tuple(self.raw.identity(t, other) for other in range(self.sizes[1])), c
        return files, self._keys[:count]

    def _stage(self, t: int, c: int, count: int, watcher: Watcher) -> np.ndarray:
        """Result of the first ``count`` stages, from the cache if it is there."""
        if self.cache is None:
            return self._make(t, c, count, watcher)
        return self.cache.get_or_make(
            self._key(t, c, count), lambda: self._make(t, c, count, watcher), watcher.cancelled
        )

    def _make(self, t: int, c: int, count: int, watcher: Watcher) -> np.ndarray:
        if watcher.cancelled():
            raise Cancelled
        if count == 0:
            return self._observed(t, c, 0, watcher, lambda: self.raw.read(t, c))
        _, step, before = self.stages[count - 1]
        context = self._context(t, c, count, watcher)
        box = whole(self._spec(count).shape)
        inner = self._needed(count, box, context)
        kept = step.plane_local and self._is_kept(count - 1)
        if kept or inner == whole(before.shape):
            volume = self._stage(t, c, count - 1, watcher)
            return self._run(count, context, watcher, lambda: step.run(volume, context))
        return self._run_box(count, inner, box, context, watcher)

    def _part(self, t: int, c: int, count: int, box: Box, watcher: Watcher) -> np.ndarray:
        """Box of the result of the first ``count`` stages.

        It is cut out of a whole that is at hand only if that is the same to the last bit: what
        is shown must not depend on what was computed before.
        """
        outer = self._made_with(t, c, count, box, watcher)
        if outer == whole(self._spec(count).shape):
            return self._stage(t, c, count, watcher)[slices(box)]
        if self.cache is None:
            part = self._make_part(t, c, count, outer, watcher)
            return part[slices(box, outer)]
        key = self._key(t, c, count)
        volume = self.cache.get(key) if self._local(count) else None
        if volume is not None:
            return volume[slices(box)]
        part = self.cache.get_or_make(
            (key, outer), lambda: self._make_part(t, c, count, outer, watcher), watcher.cancelled
        )
        return part[slices(box, outer)]

    def _made_with(self, t: int, c: int, count: int, box: Box, watcher: Watcher) -> Box:
        """What of the first ``count`` stages is made for a box: this, a bit more, or the whole."""
        if self._local(count):
            return box
        _, step, before = self.stages[count - 1]
        shape = self._spec(count).shape
        box = box if step.plane_local else rounded(box, _GRID, shape)
        needed = self._needed(count, box, self._context(t, c, count, watcher))
        saves = step.plane_local or needed != whole(before.shape)
        return box if saves else whole(shape)

    def _make_part(self, t: int, c: int, count: int, box: Box, watcher: Watcher) -> np.ndarray:
        if watcher.cancelled():
            raise Cancelled
        if count == 0:
            return self._raw_part(t, c, box, watcher)
        context = self._context(t, c, count, watcher)
        return self._run_box(count, self._needed(count, box, context), box, context, watcher)

    def _run_box(
        self, count: int, inner: Box, box: Box, context: Context, watcher: Watcher
    ) -> np.ndarray:
        """Run the last of ``count`` stages on what a box of its result needs."""
        _, step, _ = self.stages[count - 1]
        t, c = context.t, context.c
        if not step.plane_local and self._is_kept(count - 1):
            part = self._stage(t, c, count - 1, watcher)[slices(inner)]
        else:
            part = self._part(t, c, count - 1, inner, watcher)
        return self._run(
            count,
            context,
            watcher,
            lambda: step.run_box(part, inner, box, context),
            box != whole(self._spec(count).shape),
        )

    def _raw_part(self, t: int, c: int, box: Box, watcher: Watcher) -> np.ndarray:
        """Read a box; only its planes if the source can."""
        source, ((start, stop), *_) = planes_of(self.raw), box
        if source is None:
            return self._stage(t, c, 0, watcher)[slices(box)].copy()
        planes = self._observed(
            t, c, 0, watcher, lambda: source.read_planes(t, c, start, stop), part=True
        )
        return np.ascontiguousarray(planes[(slice(None), *slices(box)[1:])])

    def _run(
        self,
        count: int,
        context: Context,
        watcher: Watcher,
        run: Callable[[], np.ndarray],
        part: bool = False,
    ) -> np.ndarray:
        if watcher.cancelled():
            raise Cancelled
        index, step, _ = self.stages[count - 1]

        def make() -> np.ndarray:
            return _named(step, index, context, lambda: np.ascontiguousarray(run()))

        return self._observed(context.t, context.c, count, watcher, make, part)

    def _observed(
        self,
        t: int,
        c: int,
        count: int,
        watcher: Watcher,
        make: Callable[[], np.ndarray],
        part: bool = False,
    ) -> np.ndarray:
        """Make what a stage makes; the watcher and the ledger are told."""
        index = self.stages[count - 1][0] if count else None
        name = self.stages[count - 1][1].kind if count else "read"
        if self.ledger is None:
            return _timed(watcher, index, make)
        return self.ledger.observe(
            name, self.stage(count), (t, c), part, lambda: _timed(watcher, index, make)
        )

    def stage(self, count: int) -> Hashable:
        """Names what the first ``count`` stages make, whatever volume they are given."""
        return self._keys[:count]

    def is_kept(self, t: int, c: int, count: int) -> bool:
        """Whether the result of the first ``count`` stages is at hand as a whole."""
        return self.cache is not None and self._key(t, c, count) in self.cache

    def _needed(self, count: int, box: Box, context: Context) -> Box:
        """What of its input the last of ``count`` stages needs for a box of its result."""
        index, step, before = self.stages[count - 1]
        if step.reads_channels:
            return whole(before.shape)
        needed = _named(step, index, context, lambda: step.needed_box(before, box))
        return whole(before.shape) if needed is None else needed

    def _context(self, t: int, c: int, count: int, watcher: Watcher) -> Context:
        """What the last of ``count`` stages may know."""
        index, _, before = self.stages[count - 1]
        return Context(
            spec=before,
            t=t,
            c=c,
            engine=get_engine(self.engine),
            cancelled=watcher.cancelled,
            progress=lambda fraction: watcher.progress(index, fraction),
            channel=lambda other: self._stage(t, other, count - 1, watcher),
        )

    def _spec(self, count: int) -> VolumeSpec:
        """The spec after the first ``count`` stages."""
        return self.stages[count][2] if count < len(self.stages) else self.spec

    def _local(self, count: int) -> bool:
        """Whether any box of the first ``count`` stages is what it is in the whole."""
        return all(
            step.plane_local and not step.reads_channels for _, step, _ in self.stages[:count]
        )

    def _is_kept(self, count: int) -> bool:
        """Whether the result of the first ``count`` stages is better made and kept whole."""
        if self.cache is None or not self._local(count):
            return False
        largest = max(self._spec(i).nbytes for i in range(count + 1))
        return largest <= _KEPT * self.cache.limit

    def _planes(self, start: int, stop: int) -> Box:
        """Check a range of planes; the box they are."""
        depth, height, width = self.spec.shape
        if not 0 <= start < stop <= depth:
            raise ValueError(f"There are no planes {start} to {stop} in a volume of {depth}")
        return (start, stop), (0, height), (0, width)


class _Given:
    """A source of one volume that is there already."""

    sizes, token = (1, 1), ""

    def __init__(self, volume: np.ndarray, spec: VolumeSpec) -> None:
        self.volume, self.spec = volume, spec
        self.problems = ProblemLog()

    def identity(self, t: int, c: int) -> Hashable:
        """Nothing else is like it."""
        return id(self)

    def read(self, t: int, c: int) -> np.ndarray:
        """The volume (z, y, x)."""
        return self.volume

    __call__ = read


def _timed(watcher: Watcher, index: int | None, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Make an array, and tell the watcher when it began and how long it took."""
    watcher.started(index)
    start = perf_counter()
    result = make()
    watcher.finished(index, perf_counter() - start)
    return result


def _fitted(step: Step, index: int, spec: VolumeSpec) -> VolumeSpec:
    """The spec after a step; an error names the step."""
    try:
        return step.output_spec(spec)
    except LazyPipelineError as error:
        raise StepError(
            f"{step.title} does not fit: {error.what}", error.where, error.hint, step.kind, index
        ) from error


def _named(step: Step, index: int, context: Context, make: Callable[[], _Made]) -> _Made:
    """Let a step do something; any error names the step and the volume."""
    where = f"t={context.t}, c={context.c}"
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
