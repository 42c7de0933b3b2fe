"""The moment that is looked at: steps may leave out time points, and none is taken for another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, on_screen
from napari_lazy_pipeline._gui.tools.estimate_panel import EstimatePanel
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.estimate import Estimate
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session.state import State
from napari_lazy_pipeline.steps import Select, SubtractBackground, step_types
from stacks import add_time_point, write_raw

TIMES, TIMEOUT = 9, 20_000
UNKNOWN_TOO = pytest.mark.parametrize(
    "nine", [None, 2.5], ids=["no interval", "2.5 s"], indirect=True
)
Settle = Callable[[Any], None]


@pytest.fixture
def nine(dock: Any, settle: Settle, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """The dock with nine time points of one channel, and no step."""
    folder = write_raw(tmp_path / "cell", times=TIMES, channels=1)
    if (interval := getattr(request, "param", 2.5)) is None:
        for t, file in enumerate(sorted(folder.iterdir())):
            file.rename(folder / f"cell_t{t}.tif")  # other names tell when they were recorded
    dock.open_folder(folder)
    settle(dock)
    dock.session.state(time_interval=interval, voxel_size=(0.4, 0.1, 0.1))
    dock.session.set_pipeline(Pipeline())
    settle(dock)
    return dock


def select(dock: Any, *values: dict[str, Any]) -> None:
    """Keep some time points only."""
    dock.session.set_pipeline(Pipeline([step_types()["select"](**one) for one in values]))


def moments(dock: Any, layers: list[Any] | None = None) -> list[int]:
    """The recorded time point that each layer shows, by its pixels."""
    source = dock.session.stack.source
    planes = [source.read(t, 0) for t in range(TIMES)]
    return [
        next(
            t for t, volume in enumerate(planes)
            if any(np.array_equal(plane, on_screen(layer)) for plane in volume)
        )
        for layer in layers or dock.layers.layers
    ]  # fmt: skip


def go(dock: Any, t: int, settle: Settle) -> None:
    dock.viewer.dims.set_current_step(0, t)
    settle(dock)


@pytest.mark.parametrize(
    ("values", "number", "shown"),
    [
        ([{"every": 2}], 3, 6),
        ([{"every": 4}], 1, 4),
        ([{"times": (3, 9)}], 3, 6),
        ([{"times": (1, 9), "every": 2}, {"times": (1, 0)}], 1, 5),
        ([{"times": (0, 4)}], 3, 3),
        ([{"times": (7, 9)}], 0, 7),
    ],
)
def test_steps_show_the_same_moment_and_the_choice_is_kept(
    nine: Any, settle: Settle, values: list[dict[str, Any]], number: int, shown: int
) -> None:
    """The last there is before it, else the first; without the steps, it is seen again."""
    go(nine, 6, settle)
    assert moments(nine) == [6]
    select(nine, *values)
    settle(nine)
    assert nine.viewer.dims.current_step[0] == number
    assert moments(nine) == [shown]
    assert nine.layers.position.raw_place == (shown, 0)
    nine.viewer.dims.set_current_step(1, 3)  # another plane is no other moment
    settle(nine)
    nine.session.undo()
    settle(nine)
    assert nine.viewer.dims.current_step[0] == 6 and moments(nine) == [6]


def test_who_goes_elsewhere_stays_there(nine: Any, settle: Settle) -> None:
    go(nine, 6, settle)
    select(nine, {"times": (0, 4)})
    settle(nine)
    go(nine, 1, settle)
    nine.session.undo()
    settle(nine)
    assert moments(nine) == [1]


@UNKNOWN_TOO
@pytest.mark.parametrize(
    ("values", "recorded"),
    [
        ({"every": 2}, range(0, 9, 2)),
        ({"times": (3, 9)}, range(3, 9)),
        ({"times": (2, 9), "every": 3}, range(2, 9, 3)),
    ],
)
def test_raw_data_beside_it_are_of_the_same_moment(
    nine: Any, settle: Settle, values: dict[str, Any], recorded: range
) -> None:
    select(nine, values)
    settle(nine)
    nine.view.compare.click()
    settle(nine)
    for number, moment in enumerate(recorded):
        go(nine, number, settle)
        assert moments(nine) == moments(nine, nine.comparison.layers) == [moment]
    assert nine.viewer.dims.nsteps[0] == len(recorded)
    select(nine, {"every": 3})
    settle(nine)
    go(nine, 1, settle)
    assert moments(nine) == moments(nine, nine.comparison.layers) == [3]
    nine.session.set_pipeline(Pipeline())
    settle(nine)
    go(nine, 8, settle)
    assert moments(nine) == moments(nine, nine.comparison.layers) == [8]


def test_another_state_is_shown_of_the_same_moment(nine: Any, settle: Settle, qtbot: Any) -> None:
    select(nine, {"times": (1, 9), "every": 2})
    settle(nine)
    go(nine, 2, settle)
    assert moments(nine) == [5]
    other = step_types()["select"](times=(4, 0))
    for state in (State(Pipeline()), State(Pipeline([other]))):
        nine.other_state.choose(state, "other")
        nine.other_state.hold(True)
        qtbot.waitUntil(lambda: nine.other_state.shown, timeout=TIMEOUT)
        assert moments(nine) == [5]
        nine.other_state.hold(False)
        settle(nine)
        assert moments(nine) == [5] and nine.viewer.dims.current_step[0] == 2


def test_an_estimate_looks_at_the_time_point_on_screen(
    nine: Any, settle: Settle, qtbot: Any
) -> None:
    """Though a later step leaves out others, so that it has another number there."""
    types = step_types()
    steps = [types["subtract_background"](value=3.0), types["select"](times=(2, 9), every=3)]
    nine.session.set_pipeline(Pipeline(steps))
    settle(nine)
    go(nine, 1, settle)
    here = card(nine, "subtract_background")
    here.unfold.setChecked(True)
    (panel,) = here.body.findChildren(EstimatePanel)
    seen: list[tuple[int, int]] = []

    def look(_: Any, sample: Any) -> Estimate:
        seen.append((sample.t, sample.c))
        return Estimate({}, "")

    with qtbot.waitSignal(panel.task.finished, timeout=TIMEOUT):
        panel.start(SimpleNamespace(title="Look", estimate=look))
    assert seen == [(5, 0)]


@pytest.mark.parametrize("until", [None, 0, 1])
def test_an_estimate_looks_there_though_fewer_steps_are_shown(
    nine: Any, settle: Settle, qtbot: Any, until: int | None
) -> None:
    types = step_types()
    steps = [types["select"](times=(3, 9)), types["subtract_background"](value=3.0)]
    nine.session.set_pipeline(Pipeline(steps))
    nine.session.show_until(until)
    settle(nine)
    go(nine, 5 if until == 0 else 2, settle)
    assert nine.layers.position.moment == 5
    here = card(nine, "subtract_background")
    here.unfold.setChecked(True)
    (panel,) = here.body.findChildren(EstimatePanel)
    seen: list[int] = []

    def look(_: Any, sample: Any) -> Estimate:
        seen.append(sample.t)
        return Estimate({}, "")

    with qtbot.waitSignal(panel.task.finished, timeout=TIMEOUT):
        panel.start(SimpleNamespace(title="Look", estimate=look))
    assert seen == [2], "the third one that is selected"


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_written_time_points_lie_beside_those_they_were_made_of(
    nine: Any, settle: Settle, tmp_path: Path, qtbot: Any, kind: Any
) -> None:
    select(nine, {"times": (1, 9), "every": 2})
    settle(nine)
    made = nine.session.pipeline.apply(nine.session.stack)
    report = export(made, tmp_path / "out", format=kind, t=[2, 3])
    nine.results.show(report.place)
    qtbot.waitUntil(lambda: len(nine.results.layers) == 1, timeout=TIMEOUT)
    for number, moment in ((3, 7), (2, 5)):
        nine.viewer.dims.set_point(0, nine.layers.position.world(number))
        settle(nine)
        assert moments(nine) == [moment]
        written, shown = nine.results.layers[0], nine.layers.layers[0]

        def same(written: Any = written, shown: Any = shown) -> bool:
            return np.array_equal(on_screen(written), on_screen(shown))

        qtbot.waitUntil(same, timeout=TIMEOUT)


@pytest.mark.parametrize("nine", [None], indirect=True)
def test_written_time_points_follow_the_clock_and_no_edit(
    nine: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    select(nine, {"times": (1, 9), "every": 2})
    settle(nine)
    made = nine.session.pipeline.apply(nine.session.stack)
    nine.results.show(export(made, tmp_path / "out", t=[0, 2, 3]).place)
    qtbot.waitUntil(lambda: len(nine.results.layers) == 1, timeout=TIMEOUT)
    written = nine.results.layers[0]
    assert str(written.units[0]) == "pixel"
    nine.session.state(time_interval=1.0)  # the same places on the slider, in another unit
    settle(nine)
    shown = nine.layers.layers[0]
    assert [str(layer.units[0]) for layer in (written, shown)] == ["second", "second"]
    nine.session.state(time_interval=2.5)
    select(nine, {"times": (0, 9)})
    settle(nine)
    assert (written.translate[0], written.scale[0]) == (2.5, 5.0)
    for moment in (1, 5, 7):
        go(nine, moment, settle)
        qtbot.waitUntil(lambda at=moment: moments(nine, [written]) == [at], timeout=TIMEOUT)


@pytest.mark.parametrize("edit", ["raw", "none", "later"])
def test_a_result_lies_beside_what_it_was_made_of_whatever_is_shown(
    nine: Any, settle: Settle, tmp_path: Path, qtbot: Any, edit: str
) -> None:
    """Fewer steps are shown, or others, when it is ready."""
    select(nine, {"times": (4, 9)})
    settle(nine)
    process = nine.save.process
    nine.save.process_all.click()
    process.form.fields["folder"].value = tmp_path / "out"
    qtbot.waitUntil(lambda: process.start.isEnabled(), timeout=TIMEOUT)
    process.start.click()
    qtbot.waitUntil(lambda: process.result.isVisibleTo(process), timeout=TIMEOUT)
    if edit == "raw":
        nine.session.show_until(0)
    else:
        select(nine, *([{"times": (6, 9)}] if edit == "later" else []))
    settle(nine)
    process.result.show_button.click()
    qtbot.waitUntil(lambda: len(nine.results.layers) == 1, timeout=TIMEOUT)
    (written,) = nine.results.layers
    assert (written.translate[0], written.scale[0]) == (10.0, 2.5)


def test_a_selection_may_have_fewer_time_points_when_a_folder_grows(
    opened: Any, settle: Callable[[Any], None], raw_folder: Path
) -> None:
    """From the last but one to the third: two of three time points, and one of four."""
    session, times = opened.session, opened.session.stack.shape[0]
    session.set_pipeline(Pipeline([Select(times=(-2, times))]))
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    add_time_point(raw_folder, times, channels=2)
    session.grow(inspect_folder(raw_folder).source)
    settle(opened)
    assert [layer.data.shape[0] for layer in opened.layers.layers] == [1, 1]
    session.set_pipeline(Pipeline([SubtractBackground(value=0), *session.pipeline.steps]))
    settle(opened)
    z = opened.viewer.dims.current_step[1]
    for channel, layer in enumerate(opened.layers.layers):
        raw = session.stack.source.read(times - 1, channel)
        np.testing.assert_array_equal(on_screen(layer), raw[z])
