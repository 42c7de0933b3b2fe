"""Resource estimate: memory, disk and time that a pipeline takes, before it is run."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline.compute.compute_log import ComputeLog, Duration
from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import Block, VolumeSpec
from napari_lazy_pipeline.image.box import shape_of, whole
from napari_lazy_pipeline.image.quantity_text import format_bytes

# Longer than that, a volume is more than many graphics cards take as one texture.
TEXTURE = 2048
READ = -1


@dataclass(frozen=True)
class StepCost:
    """Memory that one step takes for one volume."""

    index: int  # its place in the pipeline; -1 for reading the file
    title: str
    before: int  # size of its input [byte]
    after: int  # size of its result [byte]
    need: Need  # besides
    shape: tuple[int, int, int]  # of its result

    @property
    def memory(self) -> int:
        """Main memory while it runs: input, result, and what else it takes [byte]."""
        return self.before + self.after + self.need.memory

    def warnings(self, free: int) -> tuple[str, ...]:
        """Warnings that a person should read beforehand, given the free memory [byte]."""
        warnings = []
        if self.need.tiles == 0:
            warnings.append(
                f"{self.title} needs {format_bytes(self.memory)} for one volume, and not even a "
                f"part fits into the {format_bytes(free)} that are free. Crop the volume or the PSF"
            )
        elif self.need.tiles > 1:
            warnings.append(
                f"One volume does not fit into the {format_bytes(free)} of memory that are free: "
                f"{self.title} goes through it in {self.need.tiles} overlapping tiles, slower and "
                "slightly different"
            )
        elif self.memory > free:
            warnings.append(
                f"{self.title} needs {format_bytes(self.memory)} for one volume, and "
                f"{format_bytes(free)} are free. Crop first, or close other programs"
            )
        if max(self.shape) > TEXTURE:
            warnings.append(
                f"The result is {max(self.shape)} voxels long: beyond {TEXTURE}, many graphics "
                "cards show 3-D more coarsely"
            )
        return tuple(warnings)


def step_costs(plan: Plan, overhead: int = 0) -> tuple[StepCost, ...]:
    """Estimate what each step that is on takes for one volume, reading it first.

    That takes an ``overhead`` besides the volume [byte], see `VolumeSource`.
    """
    plan.check()
    need = Need(overhead)
    costs = [StepCost(READ, "Reading", 0, plan.raw.volume.nbytes, need, plan.raw.shape)]
    for stage in plan.stages:
        need = max(
            (step.need(stage.before, plan.engine) for step in dict.fromkeys(stage.steps)),
            key=lambda need: (need.memory, need.device),
        )
        before = len(stage.places(0, 0)) * stage.before.volume.nbytes
        after = stage.after.volume
        cost = StepCost(stage.index, stage.step.label, before, after.nbytes, need, after.shape)
        costs.append(cost)
    return tuple(costs)


def volume_time(plan: Plan, log: ComputeLog) -> Duration | None:
    """Add up what reading and all steps take for a volume; None unless all of it was measured.

    Of each stage only the share counts that the result needs, of a crop for instance. None, too,
    if a step has lost a file that it is made with: whoever computes it says so.
    """
    times = [log.duration(plan.timing_key(count)) for count in range(len(plan.stages) + 1)]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return None
    try:
        shares = _needed_shares(plan)
    except LazyPipelineError:
        return None
    seconds = sum(time.seconds * share for time, share in zip(known, shares, strict=True))
    return Duration(seconds, any(time.rough for time in known))


def _needed_shares(plan: Plan) -> list[float]:
    """Share of a volume that is made at each stage, reading first, for one volume of the result."""
    blocks = {Block(0, 0, whole(plan.after.shape))}
    shares = []
    for count in range(len(plan.stages), -1, -1):
        voxels = sum(math.prod(shape_of(block.box)) for block in blocks)
        shares.append(voxels / (math.prod(plan.spec(count).shape) or 1))
        if count:
            blocks = {part for block in blocks for part in plan.stages[count - 1].inputs(block)}
    return shares[::-1]


@dataclass(frozen=True)
class DiskCost:
    """Size of an export, and free space on its disk, if the place is known [byte]."""

    needed: int
    free: int | None

    @property
    def fits(self) -> bool:
        """Return whether there is room, as far as one knows."""
        return self.free is None or self.needed <= self.free


def disk_cost(
    spec: VolumeSpec, volumes: int, dtype: str | None, folder: Path | None, overhead: float = 1.0
) -> DiskCost:
    """Estimate the size of an export, and look how much is free in a folder that may not exist.

    A byte of pixels takes up to ``overhead`` bytes; without ``dtype``, they have that of ``spec``.
    """
    needed = int(volumes * spec.replace(dtype=dtype or spec.dtype).nbytes * overhead)
    return DiskCost(needed, None if folder is None else _free(folder))


def _free(folder: Path) -> int | None:
    for place in (folder, *folder.absolute().parents):
        if os.path.exists(place):
            return shutil.disk_usage(place).free
    return None
