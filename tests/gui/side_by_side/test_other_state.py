"""A and B: another state of the steps at the same place, while a key is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from canvas import native
from dock_helpers import edit, expected, on_screen, view_state
from napari_lazy_pipeline._gui.side_by_side.state_button import StateButton
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Crop

Settle = Callable[[Any], None]


@pytest.fixture
def edited(three: Any, settle: Settle) -> Any:
    """The dock with a background of 300 instead of 100, and another angle."""
    edit(three, "subtract_background", value=300.0)
    edit(three, "deskew", angle=40.0)
    settle(three)
    return three


def wait(dock: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not dock.other_state.busy, timeout=60_000)
    QApplication.processEvents()


def plane(dock: Any, pipeline: Pipeline, z: int, channel: int = 0, t: int = 0) -> np.ndarray:
    """A plane that steps make, without any cache."""
    stack = dock.session.stack
    made = pipeline.run_volume(stack.source.read(t, channel), stack.spec)
    return np.asarray(made[z])


def raw_voxel(dock: Any, pipeline: Pipeline) -> np.ndarray:
    """The raw voxel in the middle of the canvas, on the plane that is shown."""
    plan, viewer = dock.session.source_of(pipeline).plan, dock.viewer
    place = (viewer.dims.point[-3], *viewer.scene.camera.center[-2:], 1.0)
    voxel = (np.linalg.inv(plan.world()) @ place)[:3] / dock.session.stack.spec.spacing
    return np.asarray(voxel)


def button(dock: Any) -> StateButton:
    return dock.view.findChild(StateButton)  # type: ignore[no-any-return]


def entries(dock: Any) -> dict[str, Any]:
    """The menu of states, by their texts."""
    menu = button(dock).menu
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if action.text()}


def test_the_state_before_the_last_edit_is_seen_while_the_button_is_held(
    edited: Any, settle: Settle, qtbot: Any
) -> None:
    (layer, other), before = edited.layers.layers, view_state(edited.viewer)
    place = raw_voxel(edited, edited.session.pipeline)
    _, past = next(edited.session.past())
    button(edited).hold.pressed.emit()
    wait(edited, qtbot)
    said = edited.status.text()
    assert said == "B: Before: angle 31.5 → 40.0"
    for channel, one in enumerate((layer, other)):
        np.testing.assert_array_equal(on_screen(one), plane(edited, past, 4, channel))
    held = view_state(edited.viewer)
    assert (held[0], *held[2:4]) == (before[0], *before[2:4]), "the layers look as they did"
    np.testing.assert_allclose(raw_voxel(edited, past), place, atol=1e-6)
    button(edited).hold.released.emit()
    settle(edited)
    np.testing.assert_array_equal(on_screen(layer), expected(edited, 0, 0, 4))
    assert view_state(edited.viewer) == before


def test_any_state_of_the_history_can_be_chosen(edited: Any, settle: Settle, qtbot: Any) -> None:
    texts = list(entries(edited))
    assert texts[0] == "Raw" and texts[-1] == "None"
    assert [text.partition(" ")[0] for text in texts[1:-1]] == ["Before:"] * (len(texts) - 2)
    name = next(text for text in texts if text.endswith("100 → 300"))
    entries(edited)[name].trigger()
    wait(edited, qtbot)
    assert entries(edited)[name].isChecked()
    pasts = list(edited.session.past())
    edited.other_state.hold(True)
    assert edited.other_state.shown, "it was made ahead"
    shown = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(False)
    np.testing.assert_array_equal(shown, plane(edited, pasts[1][1], 4))
    entries(edited)["Raw"].trigger()
    wait(edited, qtbot)
    edited.other_state.hold(True)
    shown = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(False)
    np.testing.assert_array_equal(shown, edited.session.stack.source.read(0, 0)[4])
    settle(edited)


def test_the_key_of_the_viewer_holds_it(edited: Any, settle: Settle, qtbot: Any) -> None:
    canvas = native(edited.viewer)
    QTest.keyPress(canvas, Qt.Key.Key_Q)
    wait(edited, qtbot)
    assert edited.other_state.shown
    QTest.keyRelease(canvas, Qt.Key.Key_Q)
    assert not edited.other_state.shown and not edited.other_state.held
    settle(edited)
    np.testing.assert_array_equal(on_screen(edited.layers.layers[0]), expected(edited, 0, 0, 4))


def test_it_follows_the_sliders_and_is_made_ahead(
    edited: Any, settle: Settle, qtbot: Any, calls: Counter[str]
) -> None:
    entries(edited)["Raw"].trigger()
    edited.viewer.dims.set_current_step(1, 7)
    settle(edited)
    wait(edited, qtbot)
    reads = edited.session.stack.source.reads
    edited.other_state.hold(True)
    assert edited.other_state.shown and edited.session.stack.source.reads == reads
    shown = on_screen(edited.layers.layers[1]).copy()
    edited.viewer.dims.set_current_step(1, 5)
    edited.other_state.hold(False)
    np.testing.assert_array_equal(shown, edited.session.stack.source.read(0, 1)[7])
    edited.other_state.hold(True)
    wait(edited, qtbot)
    shown = on_screen(edited.layers.layers[1]).copy()
    edited.other_state.hold(False)
    np.testing.assert_array_equal(shown, edited.session.stack.source.read(0, 1)[5])
    settle(edited)


def test_in_3d(edited: Any, settle: Settle, qtbot: Any) -> None:
    edited.viewer.dims.ndisplay = 3
    settle(edited)
    _, past = next(edited.session.past())
    edited.other_state.hold(True)
    wait(edited, qtbot)
    shown = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(False)
    stack = edited.session.stack
    np.testing.assert_array_equal(shown, past.run_volume(stack.source.read(0, 0), stack.spec))
    settle(edited)


def test_a_state_that_cannot_be_is_said(edited: Any, qtbot: Any) -> None:
    edited.other_state.choose(Pipeline([Crop(z=(100, 200))]), "too far")
    edited.other_state.hold(True)
    wait(edited, qtbot)
    assert not edited.other_state.shown and "Crop does not fit" in edited.status.text()
    edited.other_state.hold(False)
