"""A and B: another state of the steps at the same place, while a key is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
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
from napari_lazy_pipeline.session.state import State
from napari_lazy_pipeline.steps import (
    Crop,
    Deconvolve,
    Deskew,
    Select,
    Step,
    SubtractBackground,
    step_types,
)

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


def volume(dock: Any, state: State, channel: int = 0, t: int = 0) -> np.ndarray:
    """A volume of a state, without any cache."""
    stack = dock.session.stack
    raw = stack.source.read(t, channel)
    return state.pipeline.run_volume(raw, stack.spec.replace(scan=state.scan))


def plane(dock: Any, state: State, z: int, channel: int = 0, t: int = 0) -> np.ndarray:
    """A plane of a state, without any cache."""
    return np.asarray(volume(dock, state, channel, t)[z])


def raw_voxel(dock: Any, state: State) -> np.ndarray:
    """The raw voxel in the middle of the canvas, on the plane that is shown."""
    raw = dock.session.stack.stack_spec.replace(scan=state.scan)
    plan, viewer = state.pipeline.plan(raw), dock.viewer
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
    place = raw_voxel(edited, State(edited.session.pipeline, edited.session.scan))
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


def test_it_follows_a_slider_that_is_moved_while_it_is_held(
    edited: Any, settle: Settle, qtbot: Any
) -> None:
    _, past = next(edited.session.past())
    edited.other_state.hold(True)
    wait(edited, qtbot)
    said: list[str] = []
    edited.other_state.reported.connect(said.append)
    edited.viewer.dims.set_current_step(0, 2)
    edited.viewer.dims.set_current_step(1, 6)
    wait(edited, qtbot)
    assert said[0] == "B: Before: angle 31.5 → 40.0, being made for this place"
    assert said[-1] == edited.status.text() == "B: Before: angle 31.5 → 40.0"
    assert edited.viewer.dims.current_step[:2] == (2, 6)
    for channel, layer in enumerate(edited.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), plane(edited, past, 6, channel, t=2))
    edited.other_state.hold(False)
    settle(edited)
    t, z = edited.viewer.dims.current_step[:2]
    np.testing.assert_array_equal(on_screen(edited.layers.layers[1]), expected(edited, 1, t, z))


def test_a_late_result_of_the_present_does_not_take_its_place(
    three: Any, settle: Settle, qtbot: Any, psf_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, run, may_run = three.session, Deconvolve.run, Event()

    def late(*arguments: Any) -> Any:
        may_run.wait(60)
        return run(*arguments)

    session.state(voxel_size=(0.4, 0.1, 0.1))
    session.set_quality("full")
    entries(three)["Raw"].trigger()
    settle(three)
    wait(three, qtbot)
    monkeypatch.setattr(Deconvolve, "run", late)
    session.set_pipeline(Pipeline([Deconvolve(psf=str(psf_file), iterations=2)]))
    three.other_state.hold(True)
    wait(three, qtbot)
    assert three.other_state.shown and not three.layers.up_to_date
    may_run.set()
    settle(three)
    wait(three, qtbot)
    shown = on_screen(three.layers.layers[1]).copy()
    assert three.status.text() == "B: Raw" and three.layers.up_to_date
    three.other_state.hold(False)
    settle(three)
    np.testing.assert_array_equal(shown, session.stack.source.read(0, 1)[4])
    np.testing.assert_array_equal(on_screen(three.layers.layers[1]), expected(three, 1, 0, 4))


def test_who_wants_to_see_other_steps_sees_them(edited: Any, settle: Settle, qtbot: Any) -> None:
    edited.other_state.hold(True)
    wait(edited, qtbot)
    edited.session.show_until(0)
    assert not edited.other_state.held and not edited.other_state.shown
    settle(edited)
    raw = edited.session.stack.source.read(0, 0)
    np.testing.assert_array_equal(on_screen(edited.layers.layers[0]), raw[4])


@pytest.mark.parametrize(
    ("kind", "values", "raw"),
    [
        ("select", {"channels": "560"}, [1]),
        ("select", {"channels": "560, 488"}, [1, 0]),
        ("ratio", {"background": (100.0, 100.0)}, [0, 1, 0]),
        ("split_chip", {}, [0, 0, 1, 1]),
    ],
)
def test_each_layer_shows_its_own_channel(
    opened: Any, settle: Settle, qtbot: Any, kind: str, values: dict[str, Any], raw: list[int]
) -> None:
    """Whatever number steps give it; a channel that a step made shows what it is made of."""
    session, source = opened.session, opened.session.stack.source
    session.set_pipeline(Pipeline([step_types()[kind](**values)]))
    settle(opened)
    opened.other_state.choose(State(Pipeline()), "Raw")
    opened.other_state.hold(True)
    wait(opened, qtbot)
    z = opened.viewer.dims.current_step[1]
    for layer, channel in zip(opened.layers.layers, raw, strict=True):
        np.testing.assert_array_equal(on_screen(layer), source.read(0, channel)[z])
    opened.other_state.hold(False)
    settle(opened)
    past = State(session.pipeline)
    session.set_pipeline(Pipeline())
    settle(opened)
    opened.other_state.choose(past, "Before")
    opened.other_state.hold(True)
    wait(opened, qtbot)
    made = past.pipeline.apply(session.stack).source
    first = {channel: raw.index(channel) for channel in set(raw)}
    for channel, layer in enumerate(opened.layers.layers):
        if channel in first:
            np.testing.assert_array_equal(on_screen(layer), made.read(0, first[channel])[z])
        else:
            np.testing.assert_array_equal(on_screen(layer), source.read(0, channel)[z])


def test_a_layer_is_deleted_while_it_is_held(edited: Any, settle: Settle, qtbot: Any) -> None:
    edited.other_state.hold(True)
    wait(edited, qtbot)
    edited.viewer.layers.remove(edited.layers.layers[0])
    edited.other_state.hold(False)
    settle(edited)
    (layer,) = edited.layers.layers
    t, z = edited.viewer.dims.current_step[:2]
    np.testing.assert_array_equal(on_screen(layer), expected(edited, 1, t, z))


@pytest.mark.parametrize("values", [{"times": (0, 2)}, {"times": (1, 0)}, {"every": 2}])
def test_the_first_layer_is_hidden_while_other_time_points_are_held(
    edited: Any, settle: Settle, qtbot: Any, values: dict[str, Any]
) -> None:
    """The layer that is seen says where the person is; the hidden one has its own time points."""
    first = edited.layers.screen.first
    channel, second = next(
        (c, one) for c, one in enumerate(edited.layers.layers) if one is not first
    )
    first.visible = False
    edited.viewer.dims.set_current_step(0, 2)
    settle(edited)
    before = on_screen(second).copy()
    state = State(Pipeline([step_types()["select"](**values)]))
    edited.other_state.choose(state, "Fewer")
    edited.other_state.hold(True)
    wait(edited, qtbot)
    moment = 1 if values == {"times": (0, 2)} else 2
    assert edited.viewer.dims.point[0] / first.scale[0] == pytest.approx(moment)
    raw = edited.session.stack.source.read(moment, channel)
    assert any(np.array_equal(plane, on_screen(second)) for plane in raw)
    edited.viewer.dims.set_point(0, 2 * first.scale[0])
    wait(edited, qtbot)
    edited.other_state.hold(False)
    settle(edited)
    assert edited.layers.position.moment == 2
    np.testing.assert_array_equal(on_screen(second), before)


def test_nothing_is_said_to_be_shown_where_nothing_can_be(
    edited: Any, settle: Settle, qtbot: Any
) -> None:
    edited.layers.layers[0].visible = False
    settle(edited)
    state = State(Pipeline([step_types()["select"](channels="488")]))
    edited.other_state.choose(state, "488 only")
    before, said = on_screen(edited.layers.layers[1]).copy(), list[str]()
    edited.other_state.reported.connect(said.append)
    edited.other_state.hold(True)
    wait(edited, qtbot)
    assert set(said) == {"No channel on screen is in that state"}
    assert not edited.other_state.shown
    edited.other_state.hold(False)
    settle(edited)
    np.testing.assert_array_equal(on_screen(edited.layers.layers[1]), before)


def test_another_state_can_be_chosen_while_one_is_held(
    edited: Any, settle: Settle, qtbot: Any
) -> None:
    raw = State(Pipeline())
    edited.other_state.choose(State(Pipeline([Crop(z=(0, 5))])), "Cropped")
    edited.other_state.hold(True)
    wait(edited, qtbot)
    edited.other_state.choose(raw, "Raw")
    qtbot.waitUntil(lambda: edited.status.text() == "B: Raw", timeout=60_000)
    layer = edited.layers.layers[0]
    z = edited.viewer.dims.current_step[1]
    assert layer.data.shape[1:] == volume(edited, raw).shape
    np.testing.assert_array_equal(on_screen(layer), plane(edited, raw, z))
    edited.other_state.hold(False)
    settle(edited)
    t, z = edited.viewer.dims.current_step[:2]
    np.testing.assert_array_equal(on_screen(layer), expected(edited, 0, t, z))


def test_raw_data_beside_it_show_the_plane_it_is_made_of(
    edited: Any, settle: Settle, qtbot: Any
) -> None:
    edited.session.set_pipeline(Pipeline([Deskew(angle=31.5, step="stage")]))
    settle(edited)
    edited.view.compare.click()
    settle(edited)
    raw = State(Pipeline())
    edited.other_state.choose(raw, "Raw")
    for held in (True, False, True):
        edited.other_state.hold(held)
        wait(edited, qtbot)
        settle(edited)
        beside, layer = edited.comparison.layers[0], edited.layers.layers[0]
        z = edited.viewer.dims.point[1]
        number = round(z / (layer if held else beside).scale[1])
        assert beside.scale[1] == pytest.approx(layer.scale[1])
        np.testing.assert_array_equal(on_screen(beside), plane(edited, raw, number))


def test_the_scan_is_the_one_that_was_stated_then(
    edited: Any, settle: Settle, qtbot: Any, psf_file: Path
) -> None:
    session = edited.session
    session.state(voxel_size=(0.4, 0.1, 0.1), angle=20.0, step="stage")
    session.set_pipeline(Pipeline([Deconvolve(psf=str(psf_file), iterations=3)]))
    settle(edited)
    before = on_screen(edited.layers.layers[0]).copy()
    session.state(angle=50.0)
    settle(edited)
    present = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(True)
    wait(edited, qtbot)
    assert edited.status.text() == "B: Before: angle 20.0 → 50.0"
    shown = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(False)
    settle(edited)
    np.testing.assert_array_equal(shown, before)
    assert (shown != present).any()


def test_steps_that_waited_for_the_scan_are_left_out(
    dock: Any, settle: Settle, qtbot: Any, raw_folder: Path, nothing_stated: None
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    dock.session.state(voxel_size=(0.4, 0.1, 0.1), step="stage")
    dock.session.set_pipeline(Pipeline([Deskew()]))
    settle(dock)
    dock.session.state(angle=31.5)
    settle(dock)
    dock.other_state.hold(True)
    wait(dock, qtbot)
    shown = on_screen(dock.layers.layers[0]).copy()
    dock.other_state.hold(False)
    settle(dock)
    raw = dock.session.stack.source.read(0, 0)
    assert any(np.array_equal(shown, one) for one in raw)


def test_in_3d(edited: Any, settle: Settle, qtbot: Any) -> None:
    edited.viewer.dims.ndisplay = 3
    settle(edited)
    _, past = next(edited.session.past())
    edited.other_state.hold(True)
    wait(edited, qtbot)
    shown = on_screen(edited.layers.layers[0]).copy()
    edited.other_state.hold(False)
    np.testing.assert_array_equal(shown, volume(edited, past))
    settle(edited)


def test_a_state_that_cannot_be_is_said(edited: Any, qtbot: Any) -> None:
    edited.other_state.choose(State(Pipeline([Crop(z=(100, 200))])), "too far")
    edited.other_state.hold(True)
    wait(edited, qtbot)
    assert not edited.other_state.shown and "Crop does not fit" in edited.status.text()
    edited.other_state.hold(False)


def test_it_is_gone_once_time_points_have_other_numbers(edited: Any, settle: Settle) -> None:
    """Its steps would be those of other time points, under the same name."""
    session, other = edited.session, edited.other_state
    session.set_pipeline(Pipeline([Select(times=(1, 2))]))
    session.set_pipeline(Pipeline([Select(times=(1, 2)), SubtractBackground(value=5.0)]))
    settle(edited)
    other.hold(True)
    other.hold(False)
    assert other.state.pipeline.steps == (Select(times=(1, 2)),)
    session.grow(session.folder_info.source)
    assert other.state is not None
    session.grow(session.folder_info.source, shifted=True)
    assert other.state is None


@pytest.mark.parametrize(
    ("step", "t", "z"),
    [(Select(times=(2, 0)), 2, 4), (Crop(z=(6, 8)), 0, 6)],
    ids=["time", "plane"],
)
def test_it_is_of_what_is_on_screen_where_an_edit_stopped_the_sliders(
    opened: Any, settle: Settle, qtbot: Any, step: Step, t: int, z: int
) -> None:
    opened.viewer.dims.set_current_step(1, 4)
    opened.session.set_pipeline(Pipeline([step]))
    settle(opened)
    raw = opened.session.stack.source.read(t, 0)[z]
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), raw)
    opened.other_state.choose(State(Pipeline()), "Raw")
    opened.other_state.hold(True)
    qtbot.waitUntil(lambda: opened.other_state.shown, timeout=60_000)
    wait(opened, qtbot)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), raw)
    opened.other_state.hold(False)
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), raw)
