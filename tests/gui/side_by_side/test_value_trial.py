"""Values side by side: the right pixels, one edit for the best, and back to how it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from dock_helpers import card, edit, view_state
from napari_lazy_pipeline._gui.side_by_side.tile_picture import ChannelLook
from napari_lazy_pipeline._gui.steps.card_menu import card_menu
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.steps import SubtractBackground, step_types

Settle = Callable[[Any], None]
Key = Qt.Key


@pytest.fixture
def start(three: Any, qtbot: Any) -> Callable[..., Any]:
    """Try values of a field, until all tiles are there."""

    def begin(kind: str, field: str, values: str = "", channel: str = "") -> Any:
        index = [one.step.kind for one in three.steps.cards].index(kind)
        three.trial.start(Parameter(index, field, channel), values)
        wait(three, qtbot)
        return three.trial.panel.tiles

    return begin


def wait(dock: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not dock.trial.busy, timeout=60_000)
    QApplication.processEvents()


def expected(dock: Any, z: int, **values: Any) -> np.ndarray:
    """The colours of a whole plane with other values of the background, without any cache."""
    session, colours = dock.session, 0.0
    steps = [s.replace(**values) if isinstance(s, SubtractBackground) else s
             for s in session.pipeline.steps]  # fmt: skip
    for c, layer in enumerate(dock.layers.layers):
        name = session.stack.channel_names[c]
        own = Pipeline([step.for_channel(name) for step in steps])
        volume = own.run_volume(session.stack.source.read(0, c), session.stack.spec)
        colours = colours + ChannelLook.of(c, layer).paint(volume[z])
    return (colours.clip(0, 1) * 255).astype(np.uint8)


def test_each_tile_shows_what_its_value_makes(three: Any, start: Any) -> None:
    tiles = start("subtract_background", "value", "0, 100, 300")
    assert [tile.label for tile in tiles.tiles] == ["0 counts", "100 counts (now)", "300 counts"]
    assert tiles.selected == 1
    for tile, value in zip(tiles.tiles, (0.0, 100.0, 300.0), strict=True):
        assert not tile.error
        np.testing.assert_array_equal(tile.picture.pixels[..., :3], expected(three, 4, value=value))
    assert three.trial.requests[0].box[0] == (4, 5), "the one plane in view"


def test_values_of_a_channel_that_a_step_made(three: Any, start: Any) -> None:
    values = {"488": 1.0, "560": 2.0, "488/560": 0.0}
    steps = [step_types()["ratio"](background=(1, 1)), SubtractBackground(value=values)]
    three.session.set_pipeline(Pipeline(steps))
    tiles = start("subtract_background", "value", "0, 1", channel="488/560")
    assert not three.trial.panel.error.text() and len(tiles.tiles) == 2
    assert not any(tile.error for tile in tiles.tiles)


def test_the_part_in_view_is_all_that_is_made(three: Any, start: Any) -> None:
    area, camera = three.trial.canvas.area, three.viewer.scene.camera
    camera.center, camera.zoom = (0.0, 0.8, 1.0), max(area.width(), area.height()) / 0.6
    tiles = start("subtract_background", "value", "0, 100")
    (_, y, x), *_ = {request.box for request in three.trial.requests}
    assert y[1] - y[0] <= 8 and x[1] - x[0] <= 8
    seen = expected(three, 4, value=0.0)[slice(*y), slice(*x)]
    np.testing.assert_array_equal(tiles.tiles[0].picture.pixels[..., :3], seen)


def test_escape_goes_back_to_how_it_was(three: Any, start: Any, qtbot: Any) -> None:
    before, pipeline = view_state(three.viewer), three.session.pipeline
    tiles = start("deskew", "angle")
    assert len(tiles.tiles) == 5 and tiles.isVisibleTo(three.trial.panel)
    assert view_state(three.viewer) == before, "nor is anything changed meanwhile"
    qtbot.keyClick(tiles, Key.Key_Escape)
    assert not three.trial.is_open and three.trial.panel.isHidden()
    assert view_state(three.viewer) == before and three.session.pipeline is pipeline


def test_keys_choose_and_take_with_one_edit(
    three: Any, start: Any, settle: Settle, qtbot: Any
) -> None:
    before = three.session.pipeline
    tiles = start("subtract_background", "value", "90..110 step 5")
    assert tiles.selected == 2
    for key, selected in (
        (Key.Key_Left, 1), (Key.Key_Left, 0), (Key.Key_Left, 0),
        (Key.Key_Down, 3), (Key.Key_Right, 4), (Key.Key_Right, 4),
    ):  # fmt: skip
        qtbot.keyClick(tiles, key)
        assert tiles.selected == selected
    qtbot.keyClick(tiles, Key.Key_Return)
    settle(three)
    assert card(three, "subtract_background").step.value == 110.0
    assert not three.trial.is_open
    three.session.undo()
    assert three.session.pipeline == before, "one undo takes it back"


def test_a_click_takes_and_a_drag_does_not(three: Any, start: Any, qtbot: Any) -> None:
    tiles = start("subtract_background", "value", "90, 100, 110, 120")
    at = [tiles.cell(i).center().toPoint() for i in range(4)]
    centre, _ = tiles._view()
    qtbot.mousePress(tiles, Qt.MouseButton.LeftButton, pos=at[0])
    qtbot.mouseMove(tiles, at[0] + QPoint(20, 10))
    qtbot.mouseRelease(tiles, Qt.MouseButton.LeftButton, pos=at[0] + QPoint(20, 10))
    assert three.trial.is_open, "that was a drag"
    moved, zoom = tiles._view()
    assert moved.x() < centre.x() and moved.y() < centre.y()
    place = QPointF(at[0])
    wheel = QWheelEvent(
        place, tiles.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(tiles, wheel)
    assert tiles._view()[1] > zoom
    qtbot.keyClick(tiles, Key.Key_Home)
    qtbot.keyClick(tiles, Key.Key_Plus)
    qtbot.keyClick(tiles, Key.Key_Plus)
    qtbot.keyClick(tiles, Key.Key_Minus)
    assert tiles._view()[1] == pytest.approx(1.25 * zoom)
    qtbot.keyClick(tiles, Key.Key_Home)
    assert tiles._view()[0] == centre
    qtbot.mouseClick(tiles, Qt.MouseButton.LeftButton, pos=at[3])
    assert card(three, "subtract_background").step.value == 120.0


def test_two_fields_make_a_table(three: Any, start: Any, qtbot: Any) -> None:
    start("subtract_background", "value", "90, 100")
    panel = three.trial.panel
    names = [panel.other.itemText(i) for i in range(panel.other.count())]
    assert names[0] == "one field" and "and Deskew: Rounding" in names
    panel.other.setCurrentIndex(names.index("and Deskew: Rounding"))
    wait(three, qtbot)
    assert (panel.first.text(), panel.second.text()) == ("95, 100, 105", "to the nearest, down")
    labels = [tile.label for tile in panel.tiles.tiles]
    assert labels[:2] == ["95 counts · to the nearest", "95 counts · down"]
    assert labels[2] == "100 counts · to the nearest (now)" and len(labels) == 6
    qtbot.keyClick(panel.tiles, Key.Key_Right)
    qtbot.keyClick(panel.tiles, Key.Key_Down)
    qtbot.keyClick(panel.tiles, Key.Key_Enter)
    assert card(three, "subtract_background").step.value == 105.0
    assert card(three, "deskew").step.rounding == "down"
    three.session.undo()
    assert card(three, "subtract_background").step.value == 100.0
    assert card(three, "deskew").step.rounding == "nearest"


def test_typed_values_and_what_is_wrong_with_them(three: Any, start: Any, qtbot: Any) -> None:
    start("subtract_background", "value", "90, 100")
    panel = three.trial.panel
    for text, sentence in (
        ("1..20", "These are 20 values; up to 9 fit side by side"),
        ("many", "'many' is no number"),
        ("-5", "subtract_background.value cannot be -5"),
        ("", "1 to 9 fit side by side"),
    ):
        panel.first.setText(text)
        qtbot.keyClick(panel.first, Key.Key_Return)
        assert sentence in panel.error.text(), text
        assert len(panel.tiles.tiles) == 2, "the last pictures stay"
    panel.first.setText("0:50:10")
    qtbot.keyClick(panel.first, Key.Key_Return)
    wait(three, qtbot)
    assert not panel.error.text() and len(panel.tiles.tiles) == 6
    qtbot.keyClick(panel.first, Key.Key_Escape)
    assert not three.trial.is_open


def test_an_error_is_said_in_its_tile(
    three: Any, start: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SubtractBackground.apply

    def apply(self: Any, pixels: np.ndarray, at: Any) -> np.ndarray:
        if self.value == 300.0:
            raise ValueError("too much")
        return original(self, pixels, at)

    monkeypatch.setattr(SubtractBackground, "apply", apply)
    tiles = start("subtract_background", "value", "101, 300, 102")
    assert [bool(tile.error) for tile in tiles.tiles] == [False, True, False]
    assert "too much" in tiles.tiles[1].error
    qtbot.mouseClick(tiles, Qt.MouseButton.LeftButton, pos=tiles.cell(1).center().toPoint())
    assert three.trial.is_open, "what cannot be is not taken"
    assert not card(three, "subtract_background").error.text()


def test_tiles_follow_the_sliders_and_the_contrast(three: Any, start: Any, qtbot: Any) -> None:
    tiles = start("subtract_background", "value", "0, 100")
    three.viewer.dims.set_current_step(1, 7)
    wait(three, qtbot)
    seen = tiles.tiles[0].picture.pixels[..., :3]
    np.testing.assert_array_equal(seen, expected(three, 7, value=0.0))
    three.layers.layers[0].contrast_limits = (0, 2000)
    wait(three, qtbot)
    seen = tiles.tiles[0].picture.pixels[..., :3]
    np.testing.assert_array_equal(seen, expected(three, 7, value=0.0))


def test_a_channel_with_its_own_value(three: Any, start: Any) -> None:
    both = {"488": 100.0, "560": 120.0}
    three.session.set_pipeline(
        three.session.pipeline.replace_step(0, SubtractBackground(value=both))
    )
    tiles = start("subtract_background", "value", "0, 100", channel="488")
    seen = tiles.tiles[0].picture.pixels[..., :3]
    np.testing.assert_array_equal(seen, expected(three, 4, value={"488": 0.0, "560": 120.0}))
    three.trial.take(0)
    assert card(three, "subtract_background").step.value == {"488": 0.0, "560": 120.0}


def test_a_tile_has_the_colours_of_its_channel(three: Any, start: Any, settle: Settle) -> None:
    """On screen are the raw channels; what is tried is made of the second, after a selection."""
    session = three.session
    select = step_types()["select"](channels="560")
    session.set_pipeline(Pipeline([select, *session.pipeline.steps]))
    session.show_until(0)
    settle(three)
    layer = three.layers.layers[1]
    layer.contrast_limits = (110.0, 790.0)
    tiles = start("subtract_background", "value", "100")
    made = session.pipeline.apply(session.stack).source.read(0, 0)
    (z, _), *_ = three.trial.requests[0].box
    seen = (ChannelLook.of(0, layer).paint(made[z]).clip(0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(tiles.tiles[0].picture.pixels[..., :3], seen)


def test_in_3d_the_brightest_voxels_are_seen(three: Any, start: Any, settle: Settle) -> None:
    three.viewer.dims.ndisplay = 3
    settle(three)
    tiles = start("subtract_background", "value", "0, 100")
    session = three.session
    volumes = Pipeline(session.pipeline.steps).apply(session.stack)
    seen: Any = 0.0
    for c, layer in enumerate(three.layers.layers):
        seen = seen + ChannelLook.of(c, layer).paint(volumes.volume(0, c).max(axis=0))
    assert tiles.tiles[1].picture.pixels.shape[:2] == volumes.shape[-2:]
    np.testing.assert_array_equal(
        tiles.tiles[1].picture.pixels[..., :3], (seen.clip(0, 1) * 255).astype(np.uint8)
    )


def test_other_axes_in_view(three: Any, start: Any, settle: Settle) -> None:
    three.viewer.dims.order = (0, 2, 1, 3)
    three.viewer.scene.camera.zoom = 1.0
    settle(three)
    tiles = start("subtract_background", "value", "100")
    depth, _, width = three.layers.screen.source.spec.shape
    assert tiles.tiles[0].picture.pixels.shape[:2] == (depth, width)


def test_other_steps_meanwhile(three: Any, start: Any, settle: Settle, qtbot: Any) -> None:
    tiles = start("subtract_background", "value", "0, 100")
    edit(three, "deskew", angle=40.0)
    wait(three, qtbot)
    seen = tiles.tiles[0].picture.pixels[..., :3]
    np.testing.assert_array_equal(seen, expected(three, 4, value=0.0))
    card(three, "subtract_background").removed.emit()
    assert not three.trial.is_open, "the field is gone"


def test_the_menus_offer_it(three: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtpy.QtWidgets.QMenu.exec", lambda *_: None)
    form = card(three, "deskew").form
    texts = {
        name: [action.text() for action in field.menu().actions()]
        for name, field in form.fields.items()
    }
    assert "Try values…" in texts["angle"] and "Try values…" in texts["rounding"]
    field = form.fields["angle"]
    assert field.editors[0].contextMenuPolicy() == Qt.ContextMenuPolicy.CustomContextMenu
    entry = next(one for one in field.menu().actions() if one.text() == "Try values…")
    entry.trigger()
    assert three.trial.is_open and three.trial.panel.title.text().startswith("Try Deskew: ")
    three.trial.close()
    menu = card_menu(card(three, "subtract_background"), card(three, "subtract_background").form)
    trials = next(one.menu() for one in menu.actions() if one.text() == "Try values")
    trials.actions()[0].trigger()
    assert three.trial.is_open
    wait(three, qtbot)


def test_all_controls_have_a_name_and_a_tooltip(three: Any, start: Any) -> None:
    start("subtract_background", "value", "100")
    panel = three.trial.panel
    for control in (panel.first, panel.second, panel.other, panel.side, panel.back):
        assert control.toolTip() and control.accessibleName(), control
    assert panel.tiles.accessibleName()


def test_without_a_picture_there_is_nothing_to_try(dock: Any) -> None:
    dock.trial.start(Parameter(0, "enabled"))
    assert not dock.trial.is_open and "open a folder first" in dock.status.text()


def test_angles_are_seen_from_the_side(three: Any, start: Any, qtbot: Any) -> None:
    tiles = start("deskew", "angle", "20, 31.5, 45")
    side = three.trial.panel.side
    assert side.isChecked(), "in x-y, one angle looks like another"
    for tile, angle in zip(tiles.tiles, (20, 31.5, 45), strict=True):
        steps = [s.replace(angle=angle) if s.kind == "deskew" else s
                 for s in three.session.pipeline.steps]  # fmt: skip
        row = three.trial.requests[0].box[1][0]
        colours: Any = 0.0
        for c, layer in enumerate(three.layers.layers):
            stack = three.session.stack
            volume = Pipeline(steps).run_volume(stack.source.read(0, c), stack.spec)
            colours = colours + ChannelLook.of(c, layer).paint(volume[:, row])
        seen = tile.picture.pixels[..., :3]
        np.testing.assert_array_equal(seen, (colours.clip(0, 1) * 255).astype(np.uint8))
    side.click()
    wait(three, qtbot)
    assert tiles.tiles[1].picture.pixels.shape[0] == three.layers.screen.source.spec.shape[1]


def test_a_step_that_waits_says_so_in_each_tile(three: Any, start: Any) -> None:
    edit(three, "deconvolve", method="rl")
    tiles = start("deconvolve", "iterations", "5, 10")
    assert ["PSF" in tile.error for tile in tiles.tiles] == [True, True]
