"""Tuning live: nothing waits for a computation, and the last picture is the right one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline._gui.layers import compute_thread
from napari_lazy_pipeline.compute import Progress
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.steps import Deskew, Rotate
from napari_lazy_pipeline.steps._base import Context, Step
from stacks import write_raw

TIMEOUT = 10_000
Settle = Callable[[Any], None]


class Gate:
    """Holds a step until the test lets it go; counts who came, went through, and gave up."""

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self.entered = self.passed = self.given_up = 0
        self.step: Any = None  # the last that came

    def wait(self, context: Context) -> None:
        self.entered += 1
        self.reached.set()
        while not self.open.wait(0.005):
            if context.cancelled():
                self.given_up += 1
                raise Cancelled
        self.passed += 1


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Every deskew and rotation waits at the gate, be it of a volume or of planes."""
    gate = Gate()

    def guarded(run: Any) -> Any:
        def wait(self: Step, *arguments: Any) -> np.ndarray:
            gate.step = self
            gate.wait(arguments[-1])
            return run(self, *arguments)  # type: ignore[no-any-return]

        return wait

    for step in (Deskew, Rotate):
        monkeypatch.setattr(step, "run", guarded(step.run))
    yield gate
    gate.open.set()


@pytest.fixture
def one(dock: Any, settle: Callable[[Any], None], tmp_path: Path) -> Any:
    """The dock with one channel open."""
    dock.open_folder(write_raw(tmp_path / "one", times=12, channels=1))
    settle(dock)
    return dock


def wait_for(qtbot: Any, event: threading.Event) -> None:
    def is_set() -> bool:
        return event.is_set()

    qtbot.waitUntil(is_set, timeout=TIMEOUT)


def test_the_window_lives_while_a_step_computes(
    one: Any, settle: Callable[[Any], None], gate: Gate, qtbot: Any
) -> None:
    """The step stands still for as long as the test likes: whatever works here, did not wait."""
    (layer,) = one.layers.layers
    before = on_screen(layer).copy()
    edit(one, "rotate")
    wait_for(qtbot, gate.reached)
    np.testing.assert_array_equal(on_screen(layer), before)

    def announced() -> bool:
        return bool(card(one, "rotate").bar.isVisibleTo(one))

    qtbot.waitUntil(announced, timeout=TIMEOUT)
    assert card(one, "rotate").step.title.lower() in one.status.text()
    for z in (3, 4, 5):
        one.viewer.dims.set_current_step(1, z)
        qtbot.wait(1)
        np.testing.assert_array_equal(on_screen(layer), one.session.stack.source.read(0, 0)[z])
    one.viewer.dims.ndisplay = 3
    one.viewer.dims.ndisplay = 2
    layer.contrast_limits = (0, 10)
    one.layers.layers[0].visible = False
    one.layers.layers[0].visible = True
    assert gate.passed == 0
    gate.open.set()
    settle(one)
    plane = one.viewer.dims.current_step[1]
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 0, plane))


def test_the_last_edit_wins_and_superseded_work_is_dropped(
    one: Any, settle: Callable[[Any], None], gate: Gate, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]  # s: the clock stands still while the hand moves, however busy the machine is
    monkeypatch.setattr(compute_thread, "monotonic", lambda: now[0])
    edit(one, "deskew")
    wait_for(qtbot, gate.reached)
    for angle in np.arange(30.0, 35.0, 0.25):
        edit(one, "deskew", angle=float(angle))
        qtbot.wait(2)
    now[0] = 10.0

    def only_the_last_waits() -> bool:
        is_last = gate.step is not None and gate.step.angle == 34.75
        return is_last and gate.given_up == gate.entered - 1 >= 1

    qtbot.waitUntil(only_the_last_waits, timeout=TIMEOUT)
    gate.open.set()
    settle(one)
    (layer,) = one.layers.layers
    assert one.session.scan.angle == 34.75
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 0, 6))
    assert gate.given_up == 1, "of 21 edits, but the first and the last were never begun"
    assert gate.passed == 2, "the last one, and what is expected here"


def test_quick_steps_follow_the_hand(one: Any, settle: Callable[[Any], None], qtbot: Any) -> None:
    """While a knob is turned, pictures in between are shown, in their order."""
    (layer,) = one.layers.layers
    edit(one, "deskew")
    settle(one)
    angles: list[float] = []
    one.layers.rendered.connect(lambda job: angles.append(job.source.plan.raw.volume.scan.angle))
    for angle in np.arange(20.0, 60.0, 1.0):
        edit(one, "deskew", angle=float(angle))
        qtbot.wait(25)
    settle(one)
    assert angles == sorted(angles)
    assert angles[-1] == 59.0
    assert len(set(angles)) >= 8
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 0, 6))


def test_scrubbing_through_time_ends_at_the_right_frame(
    one: Any, settle: Callable[[Any], None], gate: Gate, qtbot: Any
) -> None:
    gate.open.set()
    edit(one, "deskew")
    settle(one)
    gate.open.clear()
    gate.entered = 0
    for t in range(1, 12):
        one.viewer.dims.set_current_step(0, t)
        qtbot.wait(2)
    gate.open.set()
    settle(one)
    (layer,) = one.layers.layers
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 11, 6))
    assert gate.entered <= 4, "frames that were passed by are not computed"


def test_an_edit_and_a_new_frame_at_once(
    one: Any, settle: Callable[[Any], None], gate: Gate, qtbot: Any
) -> None:
    edit(one, "deskew")
    wait_for(qtbot, gate.reached)
    one.viewer.dims.set_current_step(0, 7)
    edit(one, "deskew", angle=40.0)
    one.viewer.dims.set_current_step(0, 8)
    gate.open.set()
    settle(one)
    (layer,) = one.layers.layers
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 8, 6))


def test_going_back_and_forth_quickly(one: Any, settle: Callable[[Any], None], qtbot: Any) -> None:
    switch = card(one, "deskew").switch
    for _ in range(15):
        switch.toggle()
        qtbot.wait(3)
    settle(one)
    (layer,) = one.layers.layers
    np.testing.assert_array_equal(on_screen(layer), expected(one, 0, 0, 6))


def jobs_of_two_edits(dock: Any, patch: pytest.MonkeyPatch) -> tuple[dict[int, Any], ...]:
    """What two edits in a row request, by channel; the first is superseded, and none is made."""
    jobs: list[Any] = []
    patch.setattr(dock.compute_thread, "request", jobs.append)
    dock.session.state(voxel_size=(0.2, 0.1, 0.1))
    edit(dock, "subtract_background", value=90.0)
    present = dock.layers.screen.source
    return (
        {job.channel: job for job in jobs if not job.source.count},
        {job.channel: job for job in jobs if job.source is present},
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("late", [(), (0,), (1,), (0, 1)])
def test_channels_meet_whatever_is_ready_when(
    opened: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch, order: Any, late: Any
) -> None:
    """A superseded picture in another place may come for one channel alone."""
    with monkeypatch.context() as patch:
        superseded, present = jobs_of_two_edits(opened, patch)
        for due, channels in ((superseded, late), (present, order)):
            for channel in channels:
                assert not opened.layers.up_to_date
                opened.compute_thread.delivered.emit(due[channel], due[channel].make(Progress()))
    assert opened.layers.up_to_date
    settle(opened)
    for channel, layer in enumerate(opened.layers.layers):
        z = opened.viewer.dims.current_step[1]
        np.testing.assert_array_equal(on_screen(layer), expected(opened, channel, 0, z))
        np.testing.assert_allclose(layer.scale[1:], (0.2, 0.1, 0.1))


def test_a_superseded_picture_that_comes_after_the_present_one_is_not_shown(
    opened: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While that waits for the other channel, as voxels get another place."""
    with monkeypatch.context() as patch:
        superseded, present = jobs_of_two_edits(opened, patch)
        for job in (present[0], superseded[0], present[1]):
            opened.compute_thread.delivered.emit(job, job.make(Progress()))
    assert opened.layers.up_to_date
    settle(opened)


def test_a_preview_that_comes_after_its_result_is_not_shown(
    opened: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the result waits for those of other channels, as voxels get another place."""
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    jobs: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(opened.compute_thread, "request", jobs.append)
        edit(opened, "rotate", angle=40.0)
        source = opened.layers.screen.source
        first, second = (next(job for job in jobs if job.source is source and job.channel == c)
                         for c in (0, 1))  # fmt: skip
        for job in (first, first.preview_of(None, 0), second):
            opened.compute_thread.delivered.emit(job, job.make(Progress()))
    assert opened.layers.up_to_date
    settle(opened)


def test_a_first_picture_that_was_overtaken_by_the_slider_is_made_anew(
    dock: Any, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    """The other channel is there already, and the person moves on: plane and time point."""
    late: list[Any] = []
    request = dock.compute_thread.request

    def hold(job: Any) -> None:
        (request if job.channel == 0 or late else late.append)(job)

    monkeypatch.setattr(dock.compute_thread, "request", hold)
    dock.open_folder(write_raw(tmp_path / "cell"))
    qtbot.waitUntil(lambda: bool(late and dock.layers.layers), timeout=TIMEOUT)
    dock.viewer.dims.set_current_step(0, 2)
    dock.viewer.dims.set_current_step(1, 3)
    request(late[0])
    settle(dock)
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, 2, 3))


def voxel_looked_at(dock: Any) -> tuple[float, ...]:
    """Number of the raw voxel (z, y, x) that is in the middle of the canvas."""
    viewer, session = dock.viewer, dock.session
    place = (viewer.dims.point[1], *viewer.scene.camera.center[1:], 1.0)
    raw = np.linalg.inv(session.plan.until(session.until).world()) @ place
    return tuple(np.round(raw[:3] / session.stack.voxel_size, 6).tolist())


def test_what_the_person_set_survives_every_edit(
    opened: Any, settle: Callable[[Any], None], psf_file: Path
) -> None:
    viewer, (first, second) = opened.viewer, opened.layers.layers
    first.contrast_limits, first.gamma, first.opacity = (110, 640), 0.6, 0.8
    second.colormap, second.blending = "yellow", "translucent"
    second.contrast_limits = (120, 330)
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(1, 4)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.5, (0.0, 0.7, 0.9)
    settle(opened)

    def state() -> tuple[Any, ...]:
        return (
            tuple(first.contrast_limits),
            first.gamma,
            first.opacity,
            second.colormap.name,
            second.blending,
            tuple(second.contrast_limits),
            tuple(viewer.dims.current_step)[:2],
            viewer.scene.camera.zoom,
            voxel_looked_at(opened),
            viewer.dims.ndisplay,
            [id(layer) for layer in opened.layers.layers],
        )

    before = state()
    for kind, values in (
        ("subtract_background", {"value": 90.0}),
        ("deskew", {"angle": 32.0}),
        ("deskew", {"angle": 148.0, "skew_axis": "y"}),
        ("deconvolve", {"psf": psf_file, "iterations": 1}),
        ("crop", {"y": (1, 15), "x": (2, 18)}),
    ):
        edit(opened, kind, **values)
        settle(opened)
        assert state() == before, kind
    while opened.session.can_undo:
        opened.session.undo()
    settle(opened)
    assert state() == before


def test_three_dimensions_survive_too(opened: Any, settle: Callable[[Any], None]) -> None:
    viewer = opened.viewer
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (10.0, 20.0, 30.0)
    edit(opened, "deskew")
    settle(opened)
    assert viewer.dims.ndisplay == 3
    assert tuple(viewer.scene.camera.angles) == pytest.approx((10, 20, 30))
    assert on_screen(opened.layers.layers[0]).ndim == 3


def test_the_plane_is_the_same_one_after_cropping_and_back(
    opened: Any, settle: Callable[[Any], None]
) -> None:
    """Not the same number: the same place in the sample, and again after growing back."""
    viewer = opened.viewer
    viewer.dims.set_current_step(1, 7)
    edit(opened, "crop", z=(4, 11))
    settle(opened)
    layer = opened.layers.layers[0]
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 0, 3))
    edit(opened, "crop", z=(9, 11))
    settle(opened)
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 0, 0))
    edit(opened, "crop", z=(0, 0))
    settle(opened)
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 0, 7))


def test_channels_stay_in_register(opened: Any, settle: Callable[[Any], None]) -> None:
    edit(opened, "deskew")
    edit(opened, "crop", x=(5, 0))
    settle(opened)
    spec = opened.session.pipeline.specs(opened.session.stack.spec)[-1]
    for layer in opened.layers.layers:
        assert tuple(layer.scale[1:]) == pytest.approx(spec.voxel_size)
        assert tuple(layer.translate[1:]) == pytest.approx(spec.translate)
        assert [str(unit) for unit in layer.units[1:]] == ["micrometer"] * 3
        assert layer.axis_labels == ("t", "z", "y", "x")


def test_a_voxel_size_that_is_typed_keeps_the_view(
    opened: Any, settle: Callable[[Any], None]
) -> None:
    viewer = opened.viewer
    ids = [id(layer) for layer in opened.layers.layers]
    zoom = viewer.scene.camera.zoom
    opened.data.pixel.setValue(0.1)
    settle(opened)
    assert [id(layer) for layer in opened.layers.layers] == ids
    assert tuple(opened.layers.layers[0].scale[2:]) == pytest.approx((0.1, 0.1))
    assert viewer.scene.camera.zoom == pytest.approx(zoom * 10)
    assert opened.session.stack.source.reads == 2, "the pixels are the same"


def test_another_folder_takes_the_place_of_the_first(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    edit(opened, "deskew", angle=35.0)
    settle(opened)
    opened.open_folder(write_raw(tmp_path / "other", times=2, channels=1, shape=(5, 9, 11)))
    settle(opened)
    (layer,) = opened.layers.layers
    assert "other" in layer.name
    assert len(opened.viewer.layers) == 1
    assert card(opened, "deskew").step.enabled, "the steps stay"
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 0, 2))


def test_a_layer_that_is_removed_stays_removed(opened: Any, settle: Callable[[Any], None]) -> None:
    opened.viewer.layers.remove(opened.layers.layers[1])
    edit(opened, "deskew")
    settle(opened)
    assert len(opened.viewer.layers) == 1
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_progress_and_times_are_on_the_cards(opened: Any, settle: Callable[[Any], None]) -> None:
    edit(opened, "deskew")
    edit(opened, "crop", z=(4, 8))
    settle(opened)
    deskew, crop = card(opened, "deskew"), card(opened, "crop")
    assert deskew.time.text().endswith(("ms", " s", "cached"))
    assert crop.result.text().startswith("→ 4 x 16 x ")
    assert not deskew.bar.isVisibleTo(opened)
    edit(opened, "crop", z=(5, 9))
    settle(opened)
    assert deskew.time.text() == "cached"
    assert crop.time.text().endswith(("ms", " s"))


def test_steps_can_be_added_moved_and_removed(opened: Any, settle: Callable[[Any], None]) -> None:
    panel = opened.steps
    kinds = [c.step.kind for c in panel.cards]
    menu = panel.add.menu()
    action = next(a for a in menu.actions() if a.text().startswith("Crop:"))
    action.trigger()
    assert [c.step.kind for c in panel.cards] == [*kinds, "crop"]
    panel.cards[-1].moved.emit(-1)
    panel.cards[0].moved.emit(1)
    panel.cards[0].moved.emit(-1)
    assert [c.step.kind for c in panel.cards][:2] == [kinds[1], kinds[0]]
    panel.cards[0].removed.emit()
    settle(opened)
    assert len(panel.cards) == len(kinds)
    opened.foot.undo.click()
    opened.foot.undo.click()
    opened.foot.undo.click()
    opened.foot.undo.click()
    settle(opened)
    assert [c.step.kind for c in panel.cards] == kinds


def test_a_picture_of_a_time_point_that_went_is_dropped(opened: Any) -> None:
    """The folder has fewer of them by now than when it was requested."""
    layers = opened.layers
    before = layers.screen.channels[0].picture
    layers._on_delivered(replace(before.request, t=7), before.pixels)
    assert layers.screen.channels[0].picture is before
