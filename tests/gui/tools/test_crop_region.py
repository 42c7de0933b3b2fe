"""Drawing a crop: a rectangle under the mouse becomes exact bounds, and follows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from canvas import Place, drag, native, press_key
from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline._gui import triangulation
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.session.crop_box import extents
from napari_lazy_pipeline.steps import Crop
from stacks import write_raw

Settle = Callable[[Any], None]
TIMEOUT = 5000
# In the deskewed picture, along y and x [um]: far enough from the centres of pixels for a mouse.
CORNERS = (0.36, 0.53), (1.16, 2.27)


@pytest.fixture
def region(opened: Any, settle: Settle, qtbot: Any) -> Any:
    """The dock with a folder open, (12, 16, 20) voxels of (0.3, 0.1, 0.1) um, deskewed."""
    opened.data.z_step.setValue(0.3)
    opened.data.pixel.setValue(0.1)
    edit(opened, "deskew", angle=45.0)
    settle(opened)
    opened.viewer.reset_view()
    return opened


def press_draw(dock: Any, qtbot: Any) -> None:
    qtbot.mouseClick(dock.region.draw, Qt.MouseButton.LeftButton)


def crop_of(dock: Any) -> Any:
    """The one crop of the dock."""
    (crop,) = (step for step in dock.session.pipeline.steps if isinstance(step, Crop))
    return crop


def draw(dock: Any, qtbot: Any, *places: Place) -> None:
    """Press the button, draw, and wait until the crop is there."""
    press_draw(dock, qtbot)
    drag(dock.viewer, *places)
    until_cropped(dock, qtbot)


def until_cropped(dock: Any, qtbot: Any, on: bool = True) -> None:
    def cropped() -> bool:
        return any(isinstance(step, Crop) and step.enabled for step in dock.session.pipeline.steps)

    qtbot.waitUntil(lambda: cropped() is on, timeout=TIMEOUT)


def until_changed(dock: Any, qtbot: Any, crop: Any) -> None:
    def changed() -> bool:
        return bool(crop_of(dock) != crop)

    qtbot.waitUntil(changed, timeout=TIMEOUT)


def met(dock: Any) -> VolumeSpec:
    """The volume that the crop meets."""
    session = dock.session
    index = session.pipeline.steps.index(crop_of(dock))
    return session.plan.spec_before(index).volume


def inside(spec: VolumeSpec, axis: int, low: float, high: float) -> tuple[int, int]:
    """Bounds of the voxels whose centres lie between two places: the truth, by counting."""
    centres = spec.translate[axis] + np.arange(spec.shape[axis]) * spec.voxel_size[axis]
    index = np.flatnonzero((low <= centres) & (centres < high))
    return int(index[0]), int(index[-1]) + 1


def rectangle(dock: Any) -> np.ndarray:
    """Edges of the rectangle on screen, along the two axes shown [um]."""
    layer = dock.region.drawing.layer
    shown = [axis - dock.viewer.dims.ndim for axis in sorted(dock.viewer.dims.displayed)]
    world = layer.data[0] * layer.scale + layer.translate
    return np.array([world.min(axis=0), world.max(axis=0)])[:, shown]


def outline(dock: Any, *axes: int) -> np.ndarray:
    """Edges of the voxels that the crop keeps [um]."""
    crop = crop_of(dock)
    return np.transpose(extents(met(dock), (crop.z, crop.y, crop.x)))[:, axes]


def test_a_rectangle_over_the_deskewed_picture_becomes_a_crop(
    region: Any, qtbot: Any, settle: Settle
) -> None:
    draw(region, qtbot, *CORNERS)
    settle(region)
    spec, crop = met(region), crop_of(region)
    assert (crop.z, crop.y, crop.x) == ((0, 0), (4, 12), inside(spec, 2, 0.53, 2.27))
    assert card(region, "crop").step == crop
    plane = region.viewer.dims.current_step[1]
    for channel, layer in enumerate(region.layers.layers):
        shown = on_screen(layer)
        assert shown.shape == (8, crop.x[1] - crop.x[0])
        np.testing.assert_array_equal(shown, expected(region, channel, 0, plane))


def test_the_rectangle_then_lies_on_the_edges_of_the_voxels(region: Any, qtbot: Any) -> None:
    draw(region, qtbot, *CORNERS)
    layer = region.region.drawing.layer
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)
    assert (layer.mode, set(layer.selected_data), layer.shape_type) == (
        "select",
        {0},
        ["rectangle"],
    )
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    assert layer.axis_labels == ("y", "x")


def test_it_is_drawn_over_the_raw_picture_too(region: Any, qtbot: Any, settle: Settle) -> None:
    card(region, "deskew").switch.setChecked(False)
    settle(region)
    draw(region, qtbot, (0.34, 0.26), (0.84, 1.16))
    settle(region)
    assert (crop_of(region).y, crop_of(region).x) == ((4, 9), (3, 12))
    assert on_screen(region.layers.layers[0]).shape == (5, 9)


def test_from_any_corner_and_beyond_the_picture(region: Any, qtbot: Any) -> None:
    draw(region, qtbot, (1.86, 2.27), (-0.3, -0.4))
    spec, crop = met(region), crop_of(region)
    assert crop.y == (0, 16)
    assert crop.x == inside(spec, 2, -1, 2.27)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (((1.8, 0.5), (2.1, 1.5)), "outside the volume: along y"),
        (((0.52, 0.52), (0.56, 0.58)), "smaller than a voxel along y"),
    ],
)
def test_a_rectangle_that_keeps_nothing_says_so_and_can_be_drawn_again(
    region: Any, qtbot: Any, places: tuple[Place, Place], words: str
) -> None:
    before = region.session.pipeline
    press_draw(region, qtbot)
    drag(region.viewer, *places)
    qtbot.waitUntil(lambda: bool(region.region.error.text()), timeout=TIMEOUT)
    assert words in region.region.error.text()
    assert region.session.pipeline is before
    layer = region.region.drawing.layer
    assert (layer.mode, len(layer.data)) == ("add_rectangle", 0)
    drag(region.viewer, *CORNERS)
    until_cropped(region, qtbot)
    assert region.region.error.text() == ""


def test_dragging_a_corner_changes_the_crop_and_undo_takes_it_back(
    region: Any, qtbot: Any, settle: Settle
) -> None:
    draw(region, qtbot, *CORNERS)
    settle(region)
    crop, edges = crop_of(region), outline(region, 1, 2)
    drag(region.viewer, tuple(edges[1]), (1.36, 1.56))
    until_changed(region, qtbot, crop)
    assert (crop_of(region).y, crop_of(region).x[0]) == ((4, 14), crop.x[0])
    assert crop_of(region).x == inside(met(region), 2, edges[0, 1], 1.56)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)
    region.session.undo()
    assert crop_of(region) == crop
    np.testing.assert_allclose(rectangle(region), edges, atol=1e-9)
    region.session.redo()
    assert crop_of(region).y == (4, 14)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)


def test_undo_of_the_first_rectangle_lets_draw_again(region: Any, qtbot: Any) -> None:
    before = region.session.pipeline
    draw(region, qtbot, *CORNERS)
    region.session.undo()
    assert region.session.pipeline is before
    qtbot.wait(1)
    layer = region.region.drawing.layer
    assert (layer.mode, len(layer.data)) == ("add_rectangle", 0)


def test_other_data_beside_which_the_crop_lies_end_the_drawing(
    region: Any, qtbot: Any, settle: Settle, tmp_path: Path
) -> None:
    edit(region, "crop", x=(15, 20))
    settle(region)
    press_draw(region, qtbot)
    qtbot.wait(1)
    assert region.region.drawing.is_open
    region.open_folder(write_raw(tmp_path / "small", times=1, channels=1, shape=(6, 8, 5)))
    settle(region)
    assert not region.region.drawing.is_open and not region.region.draw.isChecked()
    assert region.session.pipeline.steps[-1].x == (15, 20), "the person's numbers stay"


def test_typing_in_the_form_moves_the_rectangle(region: Any, qtbot: Any) -> None:
    draw(region, qtbot, *CORNERS)
    edit(region, "crop", y=(2, 15))
    assert crop_of(region).y == (2, 15)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)


def test_crop_off_shows_the_whole_with_the_rectangle_on_it(
    region: Any, qtbot: Any, settle: Settle
) -> None:
    whole = on_screen(region.layers.layers[0]).copy()
    draw(region, qtbot, *CORNERS)
    settle(region)
    edges = rectangle(region)
    card(region, "crop").switch.setChecked(False)
    settle(region)
    np.testing.assert_array_equal(on_screen(region.layers.layers[0]), whole)
    np.testing.assert_allclose(rectangle(region), edges)


@pytest.mark.parametrize("where", ["canvas", "dock"])
def test_escape_cancels_before_anything_is_drawn(region: Any, qtbot: Any, where: str) -> None:
    before, active = region.session.pipeline, region.viewer.layers.selection.active
    layers = list(region.viewer.layers)
    press_draw(region, qtbot)
    assert region.region.draw.isChecked()
    if where == "canvas":
        press_key(region.viewer, Qt.Key.Key_Escape)
    else:
        QTest.keyClick(region.region.across.first, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not region.region.draw.isChecked(), timeout=TIMEOUT)
    assert list(region.viewer.layers) == layers
    assert region.viewer.layers.selection.active == active
    assert region.session.pipeline is before


def test_escape_or_the_button_puts_the_rectangle_away_and_keeps_the_crop(
    region: Any, qtbot: Any
) -> None:
    layers = list(region.viewer.layers)
    draw(region, qtbot, *CORNERS)
    crop = crop_of(region)
    press_draw(region, qtbot)
    assert list(region.viewer.layers) == layers
    assert crop_of(region) == crop
    # A crop that is on can be adjusted at once.
    press_draw(region, qtbot)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)
    press_key(region.viewer, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not region.region.draw.isChecked(), timeout=TIMEOUT)
    assert list(region.viewer.layers) == layers
    assert crop_of(region) == crop


def test_the_range_of_planes(region: Any, qtbot: Any, settle: Settle) -> None:
    press_draw(region, qtbot)
    across = region.region.across
    assert (across.title.text(), across.first.value(), across.last.value()) == ("z", 0, 11)
    across.last.selectAll()
    qtbot.keyClicks(across.last, "8")
    qtbot.keyClick(across.last, Qt.Key.Key_Return)
    across.first.setValue(3)
    drag(region.viewer, *CORNERS)
    until_cropped(region, qtbot)
    assert crop_of(region).z == (3, 9)
    step = region.session.source().spec.voxel_size[0]
    assert across.extent.text() == f"6 of 12, {6 * step:.4g} µm"
    across.slider.setValue((2, 10))
    qtbot.waitUntil(lambda: crop_of(region).z == (2, 11), timeout=TIMEOUT)
    settle(region)
    assert region.layers.layers[0].data.shape[1] == 9
    across.slider.setValue((0, 11))
    qtbot.waitUntil(lambda: crop_of(region).z == (0, 0), timeout=TIMEOUT)


def test_one_end_of_the_range_takes_the_other_along(region: Any, qtbot: Any) -> None:
    press_draw(region, qtbot)
    across = region.region.across
    across.last.setValue(4)
    across.first.setValue(7)
    assert (across.first.value(), across.last.value(), across.bounds) == (7, 7, (7, 8))
    across.last.setValue(2)
    assert (across.first.value(), across.last.value(), across.bounds) == (2, 2, (2, 3))


@pytest.mark.parametrize(
    ("order", "axes", "title"),
    [((0, 2, 1, 3), (0, 2), "y"), ((0, 3, 1, 2), (0, 1), "x")],
)
def test_in_other_views_the_two_axes_come_from_the_rectangle(
    region: Any, qtbot: Any, settle: Settle, order: tuple, axes: tuple[int, int], title: str
) -> None:
    region.viewer.dims.order = order
    region.viewer.reset_view()
    qtbot.wait(1)
    spec = region.session.source().spec
    step = spec.voxel_size[0]
    press_draw(region, qtbot)
    assert region.region.across.title.text() == title
    region.region.across.first.setValue(5)
    drag(region.viewer, (2.3 * step, 0.33), (8.3 * step, 1.28))
    until_cropped(region, qtbot)
    crop = crop_of(region)
    bounds = (crop.z, crop.y, crop.x)
    (across,) = {0, 1, 2} - set(axes)
    assert bounds[axes[0]] == (3, 9)
    assert bounds[axes[1]] == inside(met(region), axes[1], 0.33, 1.28)
    assert bounds[across] == (5, spec.shape[across])
    settle(region)
    np.testing.assert_allclose(rectangle(region), outline(region, *axes), atol=1e-9)


def test_the_rectangle_is_carried_along_and_turned(region: Any, qtbot: Any, settle: Settle) -> None:
    """In a view of z and x it is seen at every y; after turning back, at every z."""
    region.viewer.dims.order = (0, 2, 1, 3)
    region.viewer.reset_view()
    draw(region, qtbot, (0.5, 0.33), (1.7, 1.28))
    settle(region)
    for row in (2, 9):
        region.viewer.dims.set_current_step(2, row)
        layer = region.region.drawing.layer.__wrapped__
        assert layer._data_view._displayed.tolist() == [True]
    region.viewer.dims.order = (0, 1, 2, 3)
    qtbot.wait(1)
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)
    assert region.region.across.title.text() == "z"
    assert region.region.across.bounds == crop_of(region).z


def test_from_3d_it_goes_to_2d_and_in_3d_it_says_why_not(region: Any, qtbot: Any) -> None:
    region.viewer.dims.ndisplay = 3
    press_draw(region, qtbot)
    assert region.viewer.dims.ndisplay == 2
    region.viewer.dims.ndisplay = 3
    qtbot.wait(1)
    assert "leave 3-D" in region.region.hint.text()
    assert region.region.drawing.layer is None
    region.viewer.dims.ndisplay = 2
    qtbot.wait(1)
    assert "Draw a rectangle" in region.region.hint.text()
    drag(region.viewer, *CORNERS)
    until_cropped(region, qtbot)


def test_with_time_on_screen_it_says_why_not(region: Any, qtbot: Any) -> None:
    region.viewer.dims.order = (1, 2, 0, 3)
    press_draw(region, qtbot)
    assert "two of z, y and x" in region.region.hint.text()
    region.viewer.dims.order = (0, 1, 2, 3)
    qtbot.wait(1)
    assert region.region.drawing.layer.mode == "add_rectangle"


def test_over_the_raw_picture_a_crop_goes_before_the_deskew(
    region: Any, qtbot: Any, settle: Settle
) -> None:
    """The crop belongs to the stage that is shown, and the picture shows it."""
    kinds = [step.kind for step in region.session.pipeline.steps]
    region.session.show_until(0)
    settle(region)
    draw(region, qtbot, (0.34, 0.26), (0.84, 1.16))
    settle(region)
    steps = region.session.pipeline.steps
    assert [step.kind for step in steps] == ["crop", *kinds]
    assert (steps[0].y, steps[0].x, region.session.until) == ((4, 9), (3, 12), 1)
    assert on_screen(region.layers.layers[0]).shape == (5, 9)
    region.session.show_until(None)
    assert "not shown now" in region.region.hint.text()
    assert not region.region.drawing.layer.visible
    region.session.show_until(1)
    assert region.region.drawing.layer.visible


def test_without_a_crop_step_one_is_added_and_undo_ends_it(region: Any, qtbot: Any) -> None:
    steps = [step for step in region.session.pipeline.steps if step.kind == "deskew"]
    region.session.set_pipeline(Pipeline(steps))
    draw(region, qtbot, *CORNERS)
    assert [step.kind for step in region.session.pipeline.steps] == ["deskew", "crop"]
    region.session.undo()
    assert not region.region.draw.isChecked()
    assert [step.kind for step in region.session.pipeline.steps] == ["deskew"]


def test_a_crop_that_moves_in_the_list_keeps_its_rectangle(region: Any, qtbot: Any) -> None:
    draw(region, qtbot, *CORNERS)
    card(region, "crop").moved.emit(-1)
    until_cropped(region, qtbot)
    assert region.region.draw.isChecked()
    np.testing.assert_allclose(rectangle(region), outline(region, 1, 2), atol=1e-9)


def test_removing_the_layer_ends_it(region: Any, qtbot: Any) -> None:
    draw(region, qtbot, *CORNERS)
    region.viewer.layers.remove(region.region.drawing.layer)
    qtbot.wait(1)
    assert not region.region.draw.isChecked()
    assert not region.region.drawing.is_open
    assert crop_of(region).enabled


def listeners(viewer: Any) -> list[int]:
    """How many functions listen to what drawing listens to."""
    dims, layers = viewer.dims.events, viewer.layers.events
    emitters = (dims.order, dims.ndisplay, dims.point, layers.removed)
    return [len(emitter.callbacks) for emitter in emitters]


def test_nothing_is_left_behind(region: Any, qtbot: Any) -> None:
    layers, heard = list(region.viewer.layers), listeners(region.viewer)
    for _ in range(3):
        draw(region, qtbot, *CORNERS)
        press_draw(region, qtbot)
        region.session.undo()
    assert list(region.viewer.layers) == layers
    assert listeners(region.viewer) == heard


def test_closing_the_dock_puts_the_rectangle_away(region: Any, qtbot: Any) -> None:
    layers = list(region.viewer.layers)
    draw(region, qtbot, *CORNERS)
    region.shut_down()
    assert list(region.viewer.layers) == layers
    region.viewer.dims.ndisplay = 3
    assert region.region.drawing.layer is None


def test_before_a_folder_is_open(dock: Any, qtbot: Any) -> None:
    press_draw(dock, qtbot)
    assert dock.region.error.text() == "Open a folder first"
    assert not dock.region.draw.isChecked()


def test_everything_has_a_name_and_a_tooltip(region: Any, qtbot: Any) -> None:
    press_draw(region, qtbot)
    across = region.region.across
    for widget in (across.first, across.last, across.slider):
        assert widget.accessibleName()
        assert widget.toolTip()
    assert region.region.draw.toolTip()
    assert native(region.viewer) is not None


def test_drawing_waits_for_what_napari_would_compile(
    region: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer of shapes would compile in the thread of the window, which stops it for long."""
    under_way = [True]
    monkeypatch.setattr(triangulation, "is_under_way", lambda: under_way[0])
    press_draw(region, qtbot)
    said = region.region.hint
    assert said.text().startswith("Preparing for this computer, once")
    QTest.qWait(700)
    assert region.region.drawing.layer is None and region.region.draw.isChecked()
    under_way[0] = False
    qtbot.waitUntil(lambda: region.region.drawing.layer is not None, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: said.text().startswith("Draw a rectangle"), timeout=TIMEOUT)
    drag(region.viewer, *CORNERS)
    until_cropped(region, qtbot)


def test_drawing_that_waits_can_be_given_up(
    region: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = [True]
    monkeypatch.setattr(triangulation, "is_under_way", lambda: under_way[0])
    press_draw(region, qtbot)
    press_draw(region, qtbot)
    under_way[0] = False
    QTest.qWait(700)
    assert region.region.drawing.layer is None and not region.region.isVisible()
