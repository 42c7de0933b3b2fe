"""Fusion: neighbouring steps that only put voxels elsewhere, made in one interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.image.resampling import Interpolation, Resampling
from napari_lazy_pipeline.steps._scan_step import ScanStep


@dataclass(frozen=True, eq=False)
class Fusion:
    """The last of some stages, made from what the stages before those it is fused with make.

    ``source`` is the number of these.
    """

    source: int
    how: Resampling

    def inputs(self, wanted: Block) -> tuple[Block, ...]:
        """Tell which part of that is needed for a block of the result."""
        return (wanted.replace(box=self.how.box_before(wanted.box)),)

    def run(self, part: np.ndarray, given: Block, wanted: Block) -> np.ndarray:
        """Make a block of the result."""
        from napari_lazy_pipeline.engines.cpu.cpu_engine import cpu_engine

        return cpu_engine().resample(part, given.box, wanted.box, self.how, self.how.after.dtype)


def fusion_of(plan: Plan, count: int, t: int, c: int) -> Fusion | None:
    """How the last of so many stages is made of a volume; None: from what the one before makes.

    Stages are fused as far back as they only interpolate (`Step.interpolates`), and put the same
    value where there are no data. A deskew and a rotation alone are not: they have quicker ways.
    """
    stages, kinds, fills = plan.stages[:count], set[Interpolation](), set[float]()
    world, first = np.eye(4), count
    while first:
        stage = stages[first - 1]
        step = stage.steps[c]
        how = step.interpolates(stage.before, c)
        if how is None or len(fills | {how[1]}) > 1:
            break
        kinds.add(how[0])
        fills.add(how[1])
        world = world @ step.world_at(stage.before, t, c)
        first -= 1
    fused = stages[first:]
    if len(fused) < 2 or all(isinstance(stage.step, ScanStep) for stage in fused):
        return None
    kind: Interpolation = "cubic" if "cubic" in kinds else "linear"
    before, after = plan.spec(first).volume, plan.spec(count).volume
    return Fusion(first, Resampling(before, after, world, kind, fills.pop()))
