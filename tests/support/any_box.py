"""Any box of a result, made alone, is that of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.image import Block, StackSpec, VolumeSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.box import slices, whole
from napari_lazy_pipeline.image.spec import channel_labels


def assert_any_box_is_the_whole(
    data: np.ndarray,
    *steps: Any,
    channels: tuple[str, ...] = (),
    voxel_size: tuple[float, float, float] = (0.4, 0.1, 0.1),
    boxes: int = 12,
) -> None:
    """Compare boxes of a stack (t, c, z, y, x), bit by bit, also those at the edges."""
    spec = VolumeSpec(data.shape[2:], data.dtype.name, voxel_size)
    stack = StackSpec(spec, data.shape[0], channel_labels(channels, data.shape[1]))
    plan = Plan.of(Pipeline(steps).steps, stack)
    plan.check()
    count, after = len(plan.stages), plan.after
    random = np.random.default_rng(0)
    for c in range(len(after.channels)):
        everything = Block(after.times - 1, c, whole(after.shape))
        expected = StageRunner(ArraySource(data, spec, "data"), plan, None).part(count, everything)
        assert expected.shape == after.shape
        for index in range(boxes):
            ends = [sorted(random.choice(n + 1, 2, replace=False).tolist()) for n in after.shape]
            box: Any = tuple((0 if index % 3 == 0 else a, b) for a, b in ends)
            made = StageRunner(ArraySource(data, spec, "data"), plan, None)
            part = made.part(count, everything.replace(box=box))
            np.testing.assert_array_equal(part, expected[slices(box)])
