"""Forecast: what an export would write, and what it takes; nothing is written or read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline._runtime.free_memory import available
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.resource_estimate import StepCost, step_costs
from napari_lazy_pipeline.exports.outputs import Outputs, StageName
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count
from napari_lazy_pipeline.image.spec import size_text
from napari_lazy_pipeline.io.files.file_source import FileSource


@dataclass(frozen=True)
class Forecast:
    """What an export would do.

    Attributes
    ----------
    outputs
        Where it would write.
    volumes
        Number of volumes that were asked for, of all stages.
    there
        How many of these are there already.
    needed, free
        Size of the others, and free space on that disk [byte].
    """

    outputs: Outputs
    volumes: int
    there: int
    needed: int
    free: int | None

    @property
    def largest(self) -> StepCost | None:
        """The step that takes most memory."""
        source = self.outputs.result.stack.source
        if not isinstance(source, PipelineSource):
            return None
        costs = step_costs(source.stated_plan, source.raw.overhead)
        return max(costs, key=lambda cost: cost.memory)

    @property
    def missing(self) -> int:
        """Number of raw files that should be there, and are not."""
        source = self.outputs.result.stack.source
        raw = source.raw if isinstance(source, PipelineSource) else source
        return raw.missing if isinstance(raw, FileSource) else 0

    def lines(self) -> list[str]:
        """Say it to a person."""
        result, plan = self.outputs.result, self.outputs.plan
        kinds = [stage.step.kind for stage in plan.stages] if plan is not None else []
        free = "" if self.free is None else f" ({format_bytes(self.free)} free)"
        lines = [
            f"steps:   {', '.join(kinds) or 'none'}",
            f"to:      {result.result}",
            f"result:  {in_words(result.stack, result.dtype)}",
            f"volumes: {self.volumes - self.there} to write, {self.there} there already",
            f"disk:    {format_bytes(self.needed)}{free}",
        ]
        if self.missing:
            lines.append(f"missing: {format_count(self.missing, 'raw file')}")
        for stage in self.outputs.destinations[:-1]:
            lines.append(f"also:    {stage.result}, {stage.stack.spec.shape} {stage.dtype}")
        cost, memory = self.largest, available()
        if cost is not None:
            needs = f"{format_bytes(cost.memory)} for one volume, at {cost.title}"
            lines.append(f"memory:  {needs} ({format_bytes(memory)} free)")
            lines += [f"note:    {warning}" for warning in cost.warnings(memory)]
        if self.free is not None and self.needed > self.free:
            lines.append("note:    It does not fit on that disk")
        return lines


def in_words(stack: Stack, dtype: object) -> str:
    """Axes, shape, data type and voxel size of a stack, as a person reads them."""
    times, channels, *shape = stack.shape
    axes = f"{format_count(times, 'time point')} x {format_count(channels, 'channel')}"
    names, size = ", ".join(stack.channel_names), size_text(stack.spec.stated_size, axes="")
    return f"{axes} ({names}), {tuple(shape)} {dtype}, voxels {size}"


def forecast(
    stack: Stack,
    folder: Path,
    *,
    t: Iterable[int] | None = None,
    c: Iterable[int] | None = None,
    dtype: str | None = None,
    format: str = "tiff",  # noqa: A002 - as `export` calls it
    stages: Iterable[StageName] = (),
    projections: Iterable[str] = (),
    unit: Unit | None = None,
) -> Forecast:
    """Look what an export with these arguments would do; it raises what that would."""
    outputs = Outputs.open(stack, folder, dtype, format, projections, stages, unit)
    volumes = outputs.volumes(t, c)
    if unit is not None:
        volumes = unit.share(volumes)
    there = needed = 0
    for index, destination in enumerate(outputs.destinations):
        asked = [volume for volume, indices in volumes.items() if index in indices]
        finished = sum(destination.is_finished(*volume) for volume in asked)
        there += finished
        needed += destination.cost(len(asked) - finished).needed
    total = sum(map(len, volumes.values()))
    return Forecast(outputs, total, there, needed, outputs.result.cost(0).free)
