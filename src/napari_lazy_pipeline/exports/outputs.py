"""Outputs: the stages of one run that are written, each into a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import SupportsIndex, TypeVar

import numpy as np

from napari_lazy_pipeline.compute import PipelineSource, Plan, Progress, StageCache
from napari_lazy_pipeline.compute.progress import Remark
from napari_lazy_pipeline.errors import Cancelled, ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.destination import Content, Destination
from napari_lazy_pipeline.exports.export_log import digest
from napari_lazy_pipeline.exports.refusals import refuse_inner_link
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count

Volume = tuple[int, int]
StageName = int | str  # number of steps, or the kind of the last of them
T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    """A volume for one of the destinations, and what was said of it."""

    index: int
    pixels: np.ndarray
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """What the files of a volume for one of the destinations hold, and what was said of it."""

    index: int
    content: Content
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Written:
    """A volume of one of the destinations that is complete, and what was said of it."""

    index: int
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A volume for one of the destinations that could not be made or written, and why, in words."""

    index: int
    why: str


@dataclass(frozen=True)
class Outputs:
    """Destinations of the stages that are written, in the order of the steps; last, the result."""

    destinations: tuple[Destination, ...]

    @classmethod
    def open(
        cls,
        stack: Stack,
        folder: Path,
        dtype: str | None,
        kind: str = "tiff",
        projections: Iterable[str] = (),
        stages: Iterable[StageName] = (),
        unit: Unit | None = None,
    ) -> Outputs:
        """Check the folders, and read their logs; nothing is written yet."""
        axes = tuple(projections)
        result = Destination.open(stack, folder, dtype, kind, axes, unit)
        before = []
        for name, stage in stage_stacks(stack, stages).items():
            refuse_inner_link(folder / name, folder)
            before.append(Destination.open(stage, folder / name, dtype, kind, axes, unit))
        return cls((*before, result))

    @property
    def result(self) -> Destination:
        """Destination of what all steps make."""
        return self.destinations[-1]

    @property
    def plan(self) -> Plan | None:
        """What is done to all; None if nothing is."""
        source = self.result.stack.source
        return source.stated_plan if isinstance(source, PipelineSource) else None

    def for_worker(self, volumes: Iterable[Volume]) -> Outputs:
        """Return a copy for another process, which knows of these volumes only what is logged."""
        volumes = list(volumes)
        return Outputs(tuple(one.for_worker(volumes) for one in self.destinations))

    def volumes(self, t: Iterable[int] | None, c: Iterable[int] | None) -> dict[Volume, list[int]]:
        """Volumes to write, channels of a time point together, and to which destinations each.

        ``t`` and ``c`` are those of the result; of a stage, it is what these are made of.
        """
        times, channels = self.result.stack.source.sizes
        t = sorted(set(numbers_of("t", t, times)))
        c = sorted(set(numbers_of("c", c, channels, self.result.stack.channel_names)))
        chosen: dict[Volume, list[int]] = {}
        for index, destination in enumerate(self.destinations):
            for volume in sorted(parts_of(self.result.stack, product(t, c), destination.stack)):
                chosen.setdefault(volume, []).append(index)
        return dict(sorted(chosen.items()))

    def outdated(self, asked: Mapping[Volume, Sequence[int]], cancelled: Callable[[], bool]) -> int:
        """Count the volumes that would be made from other files now, except those asked for.

        Each raw file is looked at once, however many volumes depend on it. Raises `Cancelled`.
        """

        def check() -> None:
            if cancelled():
                raise Cancelled

        @cache
        def identity(t: int, c: int) -> Hashable:
            check()
            return raw.identity(t, c)

        def origin(one: Destination, t: int, c: int) -> str:
            source = one.stack.source
            if isinstance(source, PipelineSource):
                return digest(source.identity(t, c, identity))
            return digest(identity(t, c))

        source = self.result.stack.source
        raw = source.raw if isinstance(source, PipelineSource) else source
        count = 0
        for index, one in enumerate(self.destinations):
            times, channels = one.stack.source.sizes
            for at in product(range(times), range(channels)):
                line = {} if index in asked.get(at, ()) else one.line(*at)
                if line:
                    check()
                    count += line["origin"] != origin(one, *at) and one.path(*at).is_file()
        return count

    def prepare(self, counts: Iterable[int]) -> None:
        """Make sure that so many volumes of each destination can be written."""
        counts = list(counts)
        costs = [one.cost(n) for one, n in zip(self.destinations, counts, strict=True)]
        needed, free = sum(cost.needed for cost in costs), costs[-1].free
        if free is not None and needed > free:
            raise ExportError(
                f"{format_count(sum(counts), 'volume')} need {format_bytes(needed)}, "
                f"but {format_bytes(free)} are free",
                str(self.result.folder),
                "Free some space, choose another disk, fewer volumes, or dtype uint16",
            )
        for destination in reversed(self.destinations):
            destination.prepare()

    def join_units(self) -> None:
        """Do once what units left undone."""
        for destination in self.destinations:
            destination.join_units()

    def make(
        self, volume: Volume, indices: Iterable[int], progress: Progress | None = None
    ) -> Iterator[Made | Failed]:
        """Make a volume (t, c) for some destinations, one after the other, whichever fail.

        What several stages need is read and computed once, also if it fails. Raises `Cancelled`,
        and an `ExportError` of what concerns all volumes.
        """
        t, c = volume
        indices = list(indices)
        shared = StageCache(self._memory, keep_errors=True) if len(indices) > 1 else None
        said: list[Remark] = []  # also of what a later stage finds in the cache
        progress = replace(progress or Progress(), remarked=said.append)

        def make(index: int) -> Made:
            destination = self.destinations[index]
            destination.refuse_occupied(t, c)
            source = destination.stack.source
            if isinstance(source, PipelineSource):
                # Unlike for the screen, a bad volume raises.
                pixels = replace(source, cache=shared).read(t, c, progress)
            else:
                pixels = source.read(t, c)
            return Made(index, pixels, tuple(dict.fromkeys(said)))

        for index in indices:
            yield _or_failed(index, partial(make, index))

    def encode(self, volume: Volume, made: Made | Failed) -> Encoded | Failed:
        """Make what the files of a volume (t, c) hold; raises an `ExportError` as `make` does."""
        if isinstance(made, Failed):
            return made

        def encode() -> Encoded:
            content = self.destinations[made.index].content(*volume, made.pixels)
            return Encoded(made.index, content, (*made.remarks, *content.remarks))

        return _or_failed(made.index, encode)

    def write(self, volume: Volume, encoded: Encoded | Failed) -> Written | Failed:
        """Write a volume (t, c) for its destination; raises an `ExportError` as `make` does."""
        if isinstance(encoded, Failed):
            return encoded

        def write() -> Written:
            self.destinations[encoded.index].write(*volume, encoded.content)
            return Written(encoded.index, encoded.remarks)

        return _or_failed(encoded.index, write)

    @property
    def _memory(self) -> int:
        """Size of all that is made on the way to one volume of the result [byte]."""
        source = self.result.stack.source
        assert isinstance(source, PipelineSource)
        plan = source.stated_plan
        inputs = max(len(plan.raw_volumes(0, c)) for c in range(len(plan.after.channels)))
        return inputs * sum(plan.spec(n).volume.nbytes for n in range(len(plan.stages) + 1))


def _or_failed(index: int, do: Callable[[], T]) -> T | Failed:
    """What is done for a destination; or why not, if that does not concern all volumes."""
    try:
        return do()
    except ExportError:
        raise
    except LazyPipelineError as error:
        return Failed(index, str(error))


def parts_of(stack: Stack, volumes: Iterable[Volume], stage: Stack) -> set[Volume]:
    """Volumes (t, c) of one of its stages that these of a stack are, or are made of."""
    source, of_stage = stack.source, stage.source
    if not isinstance(source, PipelineSource) or not isinstance(of_stage, PipelineSource):
        return set(volumes)
    return source.stated_plan.parts_of(volumes, len(of_stage.stated_plan.stages))


def stage_stacks(stack: Stack, stages: Iterable[StageName]) -> dict[str, Stack]:
    """Stacks after some steps of a pipeline, by the names of their folders, in order."""
    stages, source = list(stages), stack.source
    if not stages:
        return {}
    if not isinstance(source, PipelineSource):
        raise ExportError("Stages can be written of processed data only", hint="Apply steps first")
    plan = source.stated_plan
    made: dict[str, Stack] = {}
    for count in sorted({_count(source, stage) for stage in stages}):
        until = plan.until(count)
        if len(until.stages) < len(plan.stages):
            name = "raw"
            if until.stages:
                last = until.stages[-1]
                name = f"after_{last.index + 1}_{last.step.kind}"
            at = replace(source, stated_plan=until)
            after = until.after
            made[name] = replace(
                stack, source=at, channel_names=after.channels, time_interval=after.time_interval
            )
    return made


def stage_labels(stack: Stack) -> dict[int, str]:
    """Stages on the way to a processed stack: number of steps, and the label of the last."""
    source = stack.source
    if not isinstance(source, PipelineSource):
        return {}
    return {stage.index + 1: stage.step.label for stage in source.stated_plan.stages[:-1]}


def _count(source: PipelineSource, stage: StageName) -> int:
    """Number of steps up to a stage."""
    plan = source.stated_plan
    if isinstance(stage, int) and 0 <= stage <= len(plan.steps):
        return stage
    counts = [one.index + 1 for one in plan.stages if one.step.kind == stage]
    if not counts:
        known = ", ".join(dict.fromkeys(one.step.kind for one in plan.stages))
        raise ExportError(f"There is no step {stage!r} to write after", hint=f"There are: {known}")
    return counts[-1]


def numbers_of(
    axis: str, chosen: Iterable[int] | None, size: int, names: Sequence[str] = ()
) -> list[int]:
    """List the numbers of the time points or channels that were chosen; None: of all there are."""
    chosen = range(size) if chosen is None else list(chosen)
    for number in chosen:
        if not (isinstance(number, SupportsIndex) and 0 <= number.__index__() < size):
            these = ", ".join(f"{number} is {name}" for number, name in enumerate(names))
            hint = f"Choose from 0 to {size - 1}" + (f": {these}" if these else "")
            raise ExportError(f"There is no {axis} = {number}", hint=hint)
    return [number.__index__() for number in chosen]
