"""At the microscope: the axis grows, nothing is recomputed, and the person stays where they are."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, expected, on_screen
from live_run import LiveRun, away_and_back, start_writer, wait_for_end
from micromanager_files import places, write_ndtiff
from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.samples.microscope import Simulation, simulated_volume
from napari_lazy_pipeline.steps import Deskew, step_types

SHAPE = (6, 12, 16)
INTERVAL = 0.05
TIMEOUT = 20_000


def write(folder: Path, times: int, start: int = 0, **options: Any) -> Simulation:
    """Write so many time points at once."""
    simulation = Simulation(folder, SHAPE, times, start=start, **options)
    for _ in simulation.steps():
        pass
    return simulation


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    """A dock that looks often."""
    viewer = make_napari_viewer()
    widget = LazyPipelineWidget(viewer, watch_interval=INTERVAL)
    viewer.window.add_dock_widget(widget)
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def until(qtbot: Any) -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)

    return wait


Until = Callable[[Callable[[], bool]], None]
Settle = Callable[[Any], None]


@pytest.fixture
def watched(dock: Any, settle: Settle, until: Until, tmp_path: Path) -> Any:
    """The dock on a folder of 3 time points, 2 channels, that it watches; deskewing is on."""
    folder = tmp_path / "live"
    write(folder, 3, channels=2)
    dock.open_folder(folder)
    settle(dock)
    dock.session.state(voxel_size=(1.0, 1.0, 1.0), angle=31.5, step="stage")
    edit(dock, "deskew")
    settle(dock)
    dock.data.watch.setChecked(True)
    until(lambda: "3 time points" in dock.data.watch_state.text())
    return dock


def times(dock: Any) -> int:
    return int(dock.layers.layers[0].data.shape[0])


def folder_of(dock: Any) -> Path:
    return Path(dock.session.stack.source.folder)


def test_the_axis_grows_and_all_else_stays(
    watched: Any, settle: Settle, until: Until, calls: Counter[str]
) -> None:
    viewer, (first, second) = watched.viewer, watched.layers.layers
    first.contrast_limits, first.gamma = (110, 640), 0.6
    second.colormap = "yellow"
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(1, 4)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.5, (0.0, 0.7, 0.9)
    settle(watched)

    def state() -> tuple[Any, ...]:
        return (
            tuple(first.contrast_limits),
            first.gamma,
            second.colormap.name,
            tuple(viewer.dims.current_step)[:2],
            viewer.scene.camera.zoom,
            tuple(viewer.scene.camera.center),
            [id(layer) for layer in watched.layers.layers],
            watched.session.pipeline,
        )

    before, reads = state(), watched.session.stack.source.reads
    calls.clear()
    for start in (3, 5, 7):
        write(folder_of(watched), 2, start, channels=2)
        until(lambda start=start: times(watched) == start + 2)
        settle(watched)
        assert state() == before
    assert not calls and watched.session.stack.source.reads == reads, "nothing is done again"
    assert "18 files" in watched.data.summary.text()
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 1, 4))
    viewer.dims.set_current_step(0, 8)
    settle(watched)
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 8, 4))


def test_a_time_point_is_not_shown_before_it_is_complete(
    watched: Any, until: Until, qtbot: Any
) -> None:
    simulation = Simulation(folder_of(watched), SHAPE, 1, 2, "preallocated", parts=4, start=3)
    for written in simulation.steps():
        qtbot.wait(round(3000 * INTERVAL))
        if not (written.complete and written.c == 1):
            assert times(watched) == 3
    until(lambda: times(watched) == 4)


def test_earlier_numbers_move_the_person_along(
    watched: Any, settle: Settle, until: Until, tmp_path: Path, calls: Counter[str]
) -> None:
    """The folder began with 10, and 8 comes late: the picture on screen gets another number."""
    folder = tmp_path / "late"
    write(folder, 3, 10, channels=2)
    watched.open_folder(folder)
    settle(watched)
    watched.viewer.dims.set_current_step(0, 2)
    settle(watched)
    before = [on_screen(layer).copy() for layer in watched.layers.layers]
    calls.clear()
    write(folder, 1, 8, channels=2)
    until(lambda: times(watched) == 5 and watched.session.stack.source.path(0, 0) is not None)
    settle(watched)
    assert watched.viewer.dims.current_step[0] == 4
    for layer, picture in zip(watched.layers.layers, before, strict=True):
        np.testing.assert_array_equal(on_screen(layer), picture)
    assert not calls


@pytest.mark.parametrize("values", [{"every": 2}, {"times": (1, 0)}])
def test_earlier_numbers_move_the_person_along_where_steps_leave_out_others(
    watched: Any, settle: Settle, until: Until, tmp_path: Path, values: dict[str, Any]
) -> None:
    """The raw data lie beside what is made of them, and of the same moment."""
    folder = tmp_path / "late"
    write(folder, 5, 10)
    watched.open_folder(folder)
    settle(watched)
    watched.session.set_pipeline(Pipeline([step_types()["select"](**values)]))
    settle(watched)
    watched.viewer.dims.set_current_step(0, 1)
    watched.view.compare.click()
    settle(watched)
    shown = [*watched.layers.layers, *watched.comparison.layers]
    before = [on_screen(layer).copy() for layer in shown]
    np.testing.assert_array_equal(*before)
    write(folder, 1, 9)
    until(lambda: watched.session.stack.shape[0] == 6)
    settle(watched)
    assert watched.session.pipeline.steps[0].times[0] == values.get("times", (0,))[0] + 1
    for layer, picture in zip(shown, before, strict=True):
        np.testing.assert_array_equal(on_screen(layer), picture)


@pytest.mark.parametrize("start", [12, 8], ids=["later numbers", "earlier numbers"])
def test_what_was_asked_for_just_before_it_grew_is_shown(
    watched: Any, settle: Settle, until: Until, tmp_path: Path, start: int
) -> None:
    folder = tmp_path / "other"
    write(folder, 2, 10, channels=2)
    watched.open_folder(folder)
    settle(watched)
    grow = watched.session.grow

    def move_and_grow(*arguments: Any) -> None:
        watched.session.grow = grow
        watched.viewer.dims.set_current_step(0, 1)
        grow(*arguments)

    watched.session.grow = move_and_grow
    write(folder, 1, start, channels=2)
    until(lambda: times(watched) >= 3)
    settle(watched)
    t, z = watched.viewer.dims.current_step[:2]
    assert t >= 1
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, t, z))


def test_following_shows_the_newest(watched: Any, settle: Settle, until: Until) -> None:
    z = watched.viewer.dims.current_step[1]
    watched.data.follow.setChecked(True)
    until(lambda: watched.viewer.dims.current_step[0] == 2)
    for start in (3, 4, 5):
        write(folder_of(watched), 1, start, channels=2)
        until(lambda start=start: watched.viewer.dims.current_step[0] == start)
    settle(watched)
    assert watched.viewer.dims.current_step[1] == z, "it moves t only"
    assert watched.live.follower.skipped == 0
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 5, z))


def test_following_pauses_when_the_person_moves_t(
    watched: Any, settle: Settle, until: Until
) -> None:
    dims = watched.viewer.dims
    watched.data.follow.setChecked(True)
    until(lambda: dims.current_step[0] == 2)
    settle(watched)
    dims.set_current_step(1, 2)
    dims.ndisplay = 3
    dims.ndisplay = 2
    edit(watched, "deskew", angle=40.0)
    settle(watched)
    assert watched.data.follow.isChecked(), "only t counts"
    dims.set_current_step(0, 1)
    assert not watched.data.follow.isChecked()
    assert "paused" in watched.data.watch_state.text()
    assert not watched.data.resume.isHidden()
    write(folder_of(watched), 2, 3, channels=2)
    until(lambda: times(watched) == 5)
    settle(watched)
    assert dims.current_step[0] == 1
    watched.data.resume.click()
    until(lambda: dims.current_step[0] == 4)
    assert watched.data.follow.isChecked() and watched.data.resume.isHidden()
    assert "following" in watched.data.watch_state.text()


def test_slow_processing_skips_and_counts(
    watched: Any, settle: Settle, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step stands still while ten time points arrive: then the newest is shown."""
    gate, run = threading.Event(), Deskew.run
    seen: list[int] = []

    def slow(self: Deskew, *arguments: Any) -> np.ndarray:
        gate.wait(20)
        seen.append(arguments[-1].wanted.t)
        return run(self, *arguments)

    watched.data.follow.setChecked(True)
    until(lambda: watched.viewer.dims.current_step[0] == 2)
    settle(watched)
    monkeypatch.setattr(Deskew, "run", slow)
    write(folder_of(watched), 1, 3, channels=2)
    until(lambda: watched.viewer.dims.current_step[0] == 3)
    for start in range(4, 14):
        write(folder_of(watched), 1, start, channels=2)
    until(lambda: times(watched) == 14)
    assert watched.viewer.dims.current_step[0] == 3, "what was begun is finished"
    gate.set()
    until(lambda: watched.viewer.dims.current_step[0] == 13)
    settle(watched)
    assert set(seen) == {3, 13}
    assert watched.live.follower.skipped == 9
    assert "9 skipped" in watched.data.watch_state.text()


def test_an_edit_under_way_survives_the_growth(
    watched: Any, settle: Settle, until: Until, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    gate, run = threading.Event(), Deskew.run
    entered: list[int] = []

    def slow(self: Deskew, *arguments: Any) -> np.ndarray:
        entered.append(arguments[-1].wanted.c)
        gate.wait(20)
        return run(self, *arguments)

    monkeypatch.setattr(Deskew, "run", slow)
    edit(watched, "deskew", angle=45.0)
    until(lambda: len(entered) == 2)
    write(folder_of(watched), 2, 3, channels=2)
    until(lambda: times(watched) == 5)
    assert sorted(entered) == [0, 1], "what was under way is not begun again"
    watched.viewer.dims.set_current_step(1, 2)
    gate.set()
    settle(watched)
    assert sorted(entered) == [0, 0, 1, 1], "the plane it was, and the one it is now"
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 0, 2))
        assert layer.data.shape[0] == 5


@pytest.mark.parametrize("place", [(0, 0), (1, 1)], ids=["all", "selected"])
def test_a_file_on_screen_that_is_replaced_is_shown_anew(
    watched: Any, settle: Settle, until: Until, place: tuple[int, int]
) -> None:
    """Whatever number it has among what steps leave."""
    session, volume = watched.session, simulated_volume(7, 0, SHAPE)
    made = session.pipeline.run_volume(volume, session.stack.spec)
    if place != (0, 0):
        names = session.stack.channel_names
        select = step_types()["select"](times=(place[0], 0), channels=names[place[1]])
        session.set_pipeline(Pipeline([*session.pipeline.steps, select]))
        settle(watched)
    path = Path(session.stack.source.path(*place))
    new = path.with_name("new.part")
    other = write(path.parent.parent / "other", 1, 7).path(7, 0)
    new.write_bytes(other.read_bytes())
    os.replace(new, path)
    z = watched.viewer.dims.current_step[1]
    layer = watched.layers.layers[0]
    until(lambda: bool((on_screen(layer) == made[z]).all()))


def test_the_share_goes_away_and_comes_back(
    watched: Any, settle: Settle, until: Until, tmp_path: Path
) -> None:
    folder, elsewhere = folder_of(watched), tmp_path / "elsewhere"
    before = [on_screen(layer).copy() for layer in watched.layers.layers]
    folder.rename(elsewhere)
    until(lambda: watched.data.watch_state.text().startswith("Waiting: the folder is not there"))
    watched.viewer.dims.set_current_step(0, 1)
    settle(watched)
    watched.viewer.dims.set_current_step(0, 0)
    settle(watched)
    for layer, picture in zip(watched.layers.layers, before, strict=True):
        np.testing.assert_array_equal(on_screen(layer), picture)
    write(elsewhere, 2, 3, channels=2)
    elsewhere.rename(folder)
    until(lambda: times(watched) == 5)
    assert watched.data.watch_state.text().startswith("Watching")
    watched.viewer.dims.set_current_step(0, 1)
    settle(watched)
    z = watched.viewer.dims.current_step[1]
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 1, z))


def test_a_dropped_file_is_listed(watched: Any, until: Until) -> None:
    simulation = write(folder_of(watched), 6, 3, channels=2, dropped=(5,))
    until(lambda: "1 file was dropped" in watched.data.watch_state.text())
    until(lambda: simulation.path(5, 0).name in watched.problems.text())
    assert times(watched) == 9


def test_watching_before_the_first_file_is_there(
    dock: Any, settle: Settle, until: Until, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    dock.data.watch.setChecked(True)
    dock.open_folder(folder)
    until(lambda: "Waiting for the first" in dock.data.watch_state.text())
    simulation = Simulation(folder, SHAPE, 3, 2, "pages", parts=3)
    for _ in simulation.steps():
        until(lambda: not dock.data.opener.busy)
    until(lambda: len(dock.layers.layers) == 2 and times(dock) == 3)
    settle(dock)
    assert dock.session.stack.spec.shape == SHAPE
    z = dock.viewer.dims.current_step[1]
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, 0, z))


def test_the_second_time_point_tells_the_time_between_two(
    dock: Any, settle: Settle, until: Until, tmp_path: Path
) -> None:
    folder = tmp_path / "live"
    write(folder, 1, channels=2)
    dock.open_folder(folder)
    settle(dock)
    assert dock.session.stack.time_interval is None
    dock.session.state(voxel_size=(1.0, 1.0, 1.0), angle=31.5, step="stage")
    edit(dock, "deskew")
    settle(dock)
    dock.layers.layers[0].contrast_limits = 110, 640
    dock.viewer.dims.set_current_step(1, 4)
    settle(dock)
    pipeline, overrides = dock.session.pipeline, dock.session.overrides
    dock.data.watch.setChecked(True)
    until(lambda: "1 time point" in dock.data.watch_state.text())
    write(folder, 3, 1, channels=2)
    until(lambda: dock.session.stack.shape[0] == 4)
    settle(dock)
    assert dock.session.stack.time_interval == open_stack(folder).time_interval > 0
    assert (dock.session.pipeline, dock.session.overrides) == (pipeline, overrides)
    assert tuple(dock.layers.layers[0].contrast_limits) == (110, 640)
    assert dock.viewer.dims.current_step[1] == 4 and dock.data.watch.isChecked()
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, 0, 4))


def test_switching_off_ends_it(watched: Any, until: Until, qtbot: Any) -> None:
    watched.data.follow.setChecked(True)
    watched.data.watch.setChecked(False)
    assert not watched.data.follow.isChecked()
    assert not watched.data.watch_state.text()
    write(folder_of(watched), 2, 3, channels=2)
    qtbot.wait(round(6000 * INTERVAL))
    assert times(watched) == 3
    watched.data.watch.setChecked(True)
    until(lambda: times(watched) == 5)


def test_another_folder_is_watched_in_its_turn(
    watched: Any, settle: Settle, until: Until, tmp_path: Path
) -> None:
    first, other = folder_of(watched), tmp_path / "other"
    write(other, 2)
    watched.open_folder(other)
    settle(watched)
    write(first, 1, 3)
    write(other, 2, 2)
    until(lambda: times(watched) == 4)
    assert folder_of(watched) == other


def test_another_voxel_size_does_not_end_it(watched: Any, settle: Settle, until: Until) -> None:
    watched.data.pixel.setValue(0.2)
    settle(watched)
    write(folder_of(watched), 1, 3, channels=2)
    until(lambda: times(watched) == 4)
    assert watched.session.stack.voxel_size[2] == 0.2
    assert tuple(watched.layers.layers[0].scale[2:]) == pytest.approx((0.2, 0.2))


def test_the_switches_are_named_and_explained(dock: Any) -> None:
    for switch in (dock.data.watch, dock.data.follow):
        assert switch.accessibleName() and switch.toolTip()
        assert switch.focusPolicy() != 0


def test_live(watched: Any, settle: Settle, until: Until, qtbot: Any) -> None:
    """Another process writes, stops, the folder goes away and comes back, and it writes again."""
    folder, run = folder_of(watched), LiveRun(watched)
    watched.data.follow.setChecked(True)
    options = {"rate": 60, "channels": 2, "times": 15, "parts": 4}
    for start, writer in ((3, "preallocated"), (18, "pages")):
        process = start_writer(folder, SHAPE, start=start, writer=writer, **options)
        wait_for_end(qtbot, process, 60)
        until(lambda start=start: run.times() == start + 15)
        if start == 3:
            away_and_back(qtbot, watched, folder, 60)
    assert len(run.latencies) == 60, "every volume appeared"
    run.assert_never_half()
    until(lambda: watched.viewer.dims.current_step[0] == 32)
    settle(watched)
    z = watched.viewer.dims.current_step[1]
    for channel, layer in enumerate(watched.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 32, z))
    assert not list(watched.session.stack.source.problems)


@pytest.mark.parametrize("watching", [True, False])
def test_what_was_known_before_the_share_went_is_shown_again(
    watched: Any, settle: Settle, until: Until, watching: bool
) -> None:
    """The files are the same as before, and no longer in memory: there is nothing to notice."""
    watched.viewer.dims.set_current_step(0, 2)
    settle(watched)
    watched.viewer.dims.set_current_step(0, 0)
    settle(watched)
    watched.data.watch.setChecked(watching)
    watched.session.cache.clear()
    folder = folder_of(watched)
    elsewhere = folder.with_name("away")
    folder.rename(elsewhere)
    watched.viewer.dims.set_current_step(0, 2)
    until(lambda: not any(on_screen(layer).any() for layer in watched.layers.layers))
    watched.layers.layers[1].visible = False
    elsewhere.rename(folder)
    until(lambda: on_screen(watched.layers.layers[0]).any())
    watched.layers.layers[1].visible = True
    until(lambda: on_screen(watched.layers.layers[1]).any())
    settle(watched)
    for channel, layer in enumerate(watched.layers.layers):
        z = watched.viewer.dims.current_step[1]
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 2, z))
    assert not list(watched.session.stack.source.problems)


def test_a_file_that_grows_from_within(
    dock: Any, settle: Settle, until: Until, calls: Counter[str], tmp_path: Path
) -> None:
    """An NDTiff while it is recorded: nothing is done again, and following goes on."""
    here = places((1, 6, 2, 3))
    write_ndtiff(tmp_path, here[:13])
    dock.open_folder(tmp_path)
    settle(dock)
    dock.session.state(angle=31.5, step="stage")
    edit(dock, "deskew")
    settle(dock)
    dock.data.watch.setChecked(True)
    until(lambda: "2 time points" in dock.data.watch_state.text())
    dock.viewer.dims.set_current_step(0, 1)
    settle(dock)
    reads = dock.session.stack.source.reads
    calls.clear()
    for count in (20, 27, 33):
        write_ndtiff(tmp_path, here[:count])
    until(lambda: times(dock) == 5)
    settle(dock)
    assert dock.viewer.dims.current_step[0] == 1
    assert not calls and dock.session.stack.source.reads == reads, "nothing is done again"
    dock.data.follow.setChecked(True)
    write_ndtiff(tmp_path, here)
    until(lambda: times(dock) == 6 and dock.viewer.dims.current_step[0] == 5)
    settle(dock)
    for channel, layer in enumerate(dock.layers.layers):
        shown = expected(dock, channel, 5, dock.viewer.dims.current_step[1])
        np.testing.assert_array_equal(on_screen(layer), shown)


def test_a_look_at_what_is_away_is_no_problem(watched: Any, settle: Settle, until: Until) -> None:
    """The share goes, the person goes to another time point; it comes back, and that is shown."""
    folder = folder_of(watched)
    elsewhere = folder.with_name("away")
    folder.rename(elsewhere)
    watched.viewer.dims.set_current_step(0, 2)
    until(lambda: "waiting for the folder" in watched.status.text())
    # One channel says so first; the other is blank as soon as it was looked for, too.
    until(lambda: not any(on_screen(layer).any() for layer in watched.layers.layers))
    elsewhere.rename(folder)

    def shown() -> bool:
        return all(on_screen(layer).any() for layer in watched.layers.layers)

    until(shown)
    settle(watched)
    for channel, layer in enumerate(watched.layers.layers):
        z = watched.viewer.dims.current_step[1]
        np.testing.assert_array_equal(on_screen(layer), expected(watched, channel, 2, z))
    assert not list(watched.session.stack.source.problems)
