"""A sweep in a viewer: each parameter has a slider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dock_helpers import on_screen
from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.steps import SubtractBackground
from stacks import CountingSource


def test_a_slider_goes_through_the_values(make_napari_viewer: Callable[..., Any]) -> None:
    viewer, source = make_napari_viewer(), CountingSource()
    stack = Stack(source, ("488", "560"))
    pipeline = Pipeline([SubtractBackground()])
    sweep = pipeline.sweep(stack, "subtract_background.value", [0, 100, 300])
    layers = sweep.add_to(viewer)
    assert [layer.name for layer in layers] == [
        "488: subtract_background.value 0, 100, 300",
        "560: subtract_background.value 0, 100, 300",
    ]
    assert viewer.dims.axis_labels == ("subtract_background.value", "t", "z", "y", "x")
    assert set(source.reads.values()) == {1}, "nothing is read twice"
    viewer.dims.set_current_step(0, 2)
    viewer.dims.set_current_step(1, 1)
    viewer.dims.set_current_step(2, 3)
    alone = Pipeline([SubtractBackground(value=300)]).apply(stack)
    for c, layer in enumerate(layers):
        np.testing.assert_array_equal(np.squeeze(on_screen(layer)), alone.volume(1, c)[3])
        assert tuple(layer.scale[2:]) == stack.voxel_size
