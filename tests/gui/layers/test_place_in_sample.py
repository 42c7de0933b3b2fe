"""Steps that move the data: the place in the sample stays in the middle, all stays in sight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, edit, expected, on_screen
from stacks import write_raw

Settle = Callable[[Any], None]


@pytest.fixture
def sample(dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with a deeper stack; all of it is seen."""
    dock.open_folder(write_raw(tmp_path / "cell", times=2, channels=2, shape=(24, 20, 24)))
    settle(dock)
    dock.session.state(voxel_size=(0.4, 0.1, 0.1), angle=31.5, step="stage")
    settle(dock)
    dock.viewer.fit_to_view()
    return dock


def voxel(dock: Any) -> np.ndarray:
    """Number of the raw voxel (z, y, x) on the shown plane, in the middle of the canvas."""
    viewer, session = dock.viewer, dock.session
    place = (viewer.dims.point[1], *viewer.scene.camera.center[1:], 1.0)
    raw = np.linalg.inv(session.plan.until(session.until).world()) @ place
    return np.asarray(raw[:3] / session.stack.voxel_size)


def margins(dock: Any) -> list[float]:
    """How far the layer ends within the canvas, at each of its four sides [canvas pixel]."""
    viewer, layer = dock.viewer, dock.layers.layers[0]
    camera, found = viewer.scene.camera, []
    for axis, pixels, middle in zip((2, 3), viewer.canvas.size, camera.center[1:], strict=True):
        half = pixels / camera.zoom / 2
        low = layer.translate[axis] - layer.scale[axis] / 2
        high = low + layer.scale[axis] * layer.data.shape[axis]
        found += [camera.zoom * (low - middle + half), camera.zoom * (middle + half - high)]
    return found


@pytest.mark.parametrize("kind", ["deskew", "rotate"])
def test_a_detail_stays_in_the_middle_at_its_zoom(sample: Any, settle: Settle, kind: str) -> None:
    viewer, (layer, _) = sample.viewer, sample.layers.layers
    viewer.dims.set_current_step(1, 15)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 2000.0, (0.0, 0.9, 1.6)
    settle(sample)
    before = voxel(sample)
    np.testing.assert_allclose(before, (15, 9, 16))
    edit(sample, kind, angle=40.0)
    settle(sample)
    assert viewer.scene.camera.zoom == 2000.0
    depth = layer.scale[1] / 2  # the plane nearest to the place is shown
    world = np.linalg.inv(sample.session.plan.world())[:3, 0] * depth / (0.4, 0.1, 0.1)
    assert (abs(voxel(sample) - before) <= abs(world) + 1e-6).all()
    t, plane = viewer.dims.current_step[:2]
    np.testing.assert_array_equal(on_screen(layer), expected(sample, 0, t, plane))
    card(sample, kind).switch.toggle()
    settle(sample)
    np.testing.assert_allclose(voxel(sample), before, atol=1e-6)
    assert viewer.scene.camera.zoom == 2000.0


def test_while_the_angle_turns_the_place_stays(sample: Any, settle: Settle) -> None:
    viewer = sample.viewer
    viewer.dims.set_current_step(1, 20)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3000.0, (0.0, 0.5, 1.1)
    before = voxel(sample)
    edit(sample, "deskew", angle=25.0)
    for angle in np.arange(25.0, 50.0, 2.5):
        edit(sample, "deskew", angle=float(angle))
        settle(sample)
        np.testing.assert_allclose(voxel(sample), before, atol=1e-6)


@pytest.mark.parametrize("kind", ["deskew", "rotate"])
def test_all_that_was_in_sight_stays_so(sample: Any, settle: Settle, kind: str) -> None:
    viewer = sample.viewer
    assert min(margins(sample)) > 0
    edit(sample, kind, angle=20.0)
    settle(sample)
    assert min(margins(sample)) > 0, "wider than the canvas was: fitted"
    zoom = viewer.scene.camera.zoom
    edit(sample, "subtract_background", value=90.0)
    settle(sample)
    assert viewer.scene.camera.zoom == zoom


def test_a_rotation_does_not_end_on_its_last_plane(sample: Any, settle: Settle) -> None:
    edit(sample, "rotate", angle=31.5)
    settle(sample)
    layer, plane = sample.layers.layers[0], sample.viewer.dims.current_step[1]
    depth = layer.data.shape[1]
    assert depth // 4 < plane < depth * 3 // 4
    assert np.count_nonzero(on_screen(layer)) > on_screen(layer).size // 4


def test_three_dimensions_turn_about_the_same_place(sample: Any, settle: Settle) -> None:
    viewer = sample.viewer
    viewer.dims.ndisplay = 3
    settle(sample)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 2000.0, (4.0, 0.9, 1.6)
    edit(sample, "deskew", angle=40.0)
    settle(sample)
    wanted = sample.session.plan.world() @ (4.0, 0.9, 1.6, 1.0)
    np.testing.assert_allclose(viewer.scene.camera.center, wanted[:3])
    assert viewer.scene.camera.zoom == 2000.0


def test_while_napari_shows_no_volume_the_time_point_stays(opened: Any) -> None:
    """Between two stacks, or as long as only pictures of others are there."""
    opened.viewer.dims.set_current_step(0, 2)
    opened.viewer.dims.ndim = 2
    assert opened.layers.position.time_point == 2
