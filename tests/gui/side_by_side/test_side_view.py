"""The view from the side: the row in the middle, live, and cheap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from dock_helpers import card, edit, view_state
from napari_lazy_pipeline._gui.side_by_side.tile_picture import ChannelLook
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Deskew, Select
from stacks import write_raw

Settle = Callable[[Any], None]


@pytest.fixture
def side(three: Any, qtbot: Any) -> Any:
    """The dock with the view from the side."""
    three.view.side_view.click()
    wait(three, qtbot)
    return three


def wait(dock: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not dock.side_view.busy, timeout=60_000)
    QApplication.processEvents()


def seen(dock: Any) -> np.ndarray:
    pixels: np.ndarray = dock.side_view.view.tiles[0].picture.pixels[..., :3]
    return pixels


def expected(dock: Any, row: int, t: int = 0) -> np.ndarray:
    """The colours of a row in all planes, without any cache."""
    session, colours = dock.session, 0.0
    for c, layer in enumerate(dock.layers.layers):
        volume = session.pipeline.run_volume(
            session.stack.source.read(t, c), session.stack.spec, session.engine
        )
        colours = colours + ChannelLook.of(c, layer).paint(volume[:, row])
    return (colours.clip(0, 1) * 255).astype(np.uint8)


def test_the_row_in_the_middle_is_seen_from_the_side(side: Any, qtbot: Any) -> None:
    label = side.side_view.view.tiles[0].label
    row = int(label.removeprefix("x-z at y = "))
    np.testing.assert_array_equal(seen(side), expected(side, row))
    side.viewer.scene.camera.center = (0.0, 3 * side.session.stack.voxel_size[1], 1.0)
    wait(side, qtbot)
    assert side.side_view.view.tiles[0].label == "x-z at y = 3"
    np.testing.assert_array_equal(seen(side), expected(side, 3))
    side.viewer.dims.set_current_step(0, 2)
    wait(side, qtbot)
    np.testing.assert_array_equal(seen(side), expected(side, 3, t=2))


def test_it_is_live_while_the_angle_turns_and_cheap(
    side: Any, settle: Settle, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = side.session.stack.source.reads
    original, rows = Deskew.run, set()

    def run(self: Any, parts: Any, at: Any) -> np.ndarray:
        if at.wanted.box[0][1] - at.wanted.box[0][0] > 1:  # not the plane that napari shows
            rows.add(parts[0].shape[1])
        return original(self, parts, at)

    monkeypatch.setattr(Deskew, "run", run)
    pictures = []
    side.side_view.rendered.connect(pictures.append)
    for angle in (32.0, 33.0, 35.0, 39.0):
        edit(side, "deskew", angle=angle)
        wait(side, qtbot)
    assert len(pictures) >= 4 and rows == {1}, "one row is worked on"
    assert side.session.stack.source.reads == reads, "and no file is read again"
    settle(side)
    row = int(side.side_view.view.tiles[0].label.removeprefix("x-z at y = "))
    np.testing.assert_array_equal(seen(side), expected(side, row))


def test_the_last_edit_of_many_is_shown(side: Any, qtbot: Any) -> None:
    for angle in np.linspace(20, 45, 26):
        edit(side, "deskew", angle=float(angle))
    wait(side, qtbot)
    row = int(side.side_view.view.tiles[0].label.removeprefix("x-z at y = "))
    np.testing.assert_array_equal(seen(side), expected(side, row))


def test_it_leaves_the_viewer_as_it_is(three: Any, qtbot: Any) -> None:
    before = view_state(three.viewer)
    button, view = three.view.side_view, three.side_view.view
    button.click()
    wait(three, qtbot)
    assert three.side_view.is_on and view_state(three.viewer) == before
    assert view.parent() is not None and not view.isHidden()
    button.click()
    assert not three.side_view.is_on and view.parent() is None and view.isHidden()
    assert view_state(three.viewer) == before


def test_nothing_is_visible(side: Any, qtbot: Any) -> None:
    for layer in side.layers.layers:
        layer.visible = False
    side.session.set_pipeline(Pipeline())
    view = side.side_view.view
    qtbot.waitUntil(lambda: "No channel is visible" in view.tiles[0].error, timeout=60_000)


def test_of_a_scan_along_y_the_other_side_is_shown(side: Any, qtbot: Any) -> None:
    edit(side, "deskew", skew_axis="y")
    wait(side, qtbot)
    assert side.side_view.view.tiles[0].label.startswith("y-z at x = ")


def test_steps_that_do_not_fit_leave_the_last_picture(side: Any, qtbot: Any) -> None:
    before = seen(side).copy()
    edit(side, "crop", z=(100, 200))
    wait(side, qtbot)
    assert card(side, "crop").error.text()
    np.testing.assert_array_equal(seen(side), before)


def test_of_other_data_that_a_step_does_not_fit_it_shows_what_the_layers_do(
    side: Any, qtbot: Any, settle: Settle, tmp_path: Path
) -> None:
    session = side.session
    session.set_pipeline(Pipeline([Select(channels="560")]))
    settle(side)
    wait(side, qtbot)
    side.open_folder(write_raw(tmp_path / "one", channels=1))
    settle(side)
    wait(side, qtbot)
    (layer,), label = side.layers.layers, side.side_view.view.tiles[0].label
    assert layer.name.endswith("[raw]")
    row = session.stack.source.read(0, 0)[:, int(label.removeprefix("x-z at y = "))]
    colours = (ChannelLook.of(0, layer).paint(row).clip(0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(seen(side), colours)
