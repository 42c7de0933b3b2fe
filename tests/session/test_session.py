"""The session: one signal an edit, and every edit can be undone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.compute import Pipeline, Plan, StageCache
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import FolderError, GeometryError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import MetadataOverrides, inspect_folder
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.samples.microscope import Simulation
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.steps import (
    BleachCorrection,
    Crop,
    Deskew,
    Drift,
    Rotate,
    Select,
    SubtractBackground,
)
from napari_lazy_pipeline.steps._registry import step_types
from stacks import write_raw

DESKEW = next(i for i, step in enumerate(default_pipeline().steps) if step.kind == "deskew")


def test_it_starts_with_the_usual_steps_off() -> None:
    steps = default_pipeline().steps
    kinds = ["subtract_background", "deconvolve", "deskew", "rotate", "crop"]
    assert [step.kind for step in steps] == kinds and set(kinds) < set(step_types())
    assert not any(step.enabled for step in steps)


def test_of_skewed_data_deskewing_is_on_and_follows_them() -> None:
    (deskew,) = (step for step in default_pipeline(skewed=True).steps if step.enabled)
    assert deskew == Deskew()


def test_a_cache_that_is_empty_yet_is_the_one_that_is_used() -> None:
    cache = StageCache(limit=1000)
    assert Session(cache).cache is cache


def test_an_edit_raises_one_signal_and_an_equal_value_none() -> None:
    session, heard = Session(), Mock()
    session.plan_changed.connect(heard, check_nargs=False)
    edited = session.pipeline.steps[DESKEW].replace(angle=33)
    session.replace_step(DESKEW, edited)
    session.replace_step(DESKEW, edited)
    heard.assert_called_once_with(None)


def test_an_edit_is_resolved_once_and_sent_with_its_plan(
    raw_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many look at the plan: cards, layers, costs, crop."""
    session, calls, plans = Session(), Counter[str](), []
    session.show(inspect_folder(raw_folder))
    session.state(voxel_size=(0.3, 0.1, 0.1), angle=32.0, step="stage")
    session.replace_step(DESKEW, Deskew(angle=31.5))
    session.plan_changed.connect(plans.append)

    def counting(cls: type, name: str) -> None:
        original = getattr(cls, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls[f"{cls.__name__}.{name}"] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(cls, name, counted)

    counting(Deskew, "output")
    counting(Plan, "of")
    session.replace_step(DESKEW, Deskew(angle=33.0))
    plan = session.plan
    assert plan is not None and plans == [plan]
    assert calls == {"Deskew.output": 1, "Plan.of": 1}
    result = plan.result_of(DESKEW)
    assert result is not None and session.source().spec == result.volume
    session.source().token, session.source().by_planes, session.recipe()
    assert session.scan == Scan(32.0) and session.shown_step(DESKEW) == Deskew(angle=33.0)
    assert calls == {"Deskew.output": 1, "Plan.of": 1}


def test_undo_and_redo() -> None:
    session = Session()
    start = session.pipeline
    for angle in range(30, 40):
        session.replace_step(DESKEW, session.pipeline.steps[DESKEW].replace(angle=angle))
    last = session.pipeline
    for _ in range(10):
        session.undo()
    assert session.pipeline == start and not session.can_undo
    for _ in range(10):
        session.redo()
    assert session.pipeline == last and not session.can_redo
    session.undo()
    session.set_pipeline(Pipeline(steps=(Crop(),)))
    assert not session.can_redo


def test_a_part_of_the_steps_is_shown(raw_folder: Path) -> None:
    session, heard = Session(), Mock()
    session.view_changed.connect(lambda: heard(session.until))
    session.show(inspect_folder(raw_folder))
    session.set_pipeline(Pipeline(steps=(Crop(z=(0, 6)), Crop(y=(0, 5)), Crop(x=(0, 4)))))
    for count, shape in ((2, (6, 5, 20)), (0, (12, 16, 20)), (1, (6, 16, 20)), (None, (6, 5, 4))):
        session.show_until(count)
        session.show_until(count)
        assert session.source().spec.shape == shape
    assert [call.args[0] for call in heard.call_args_list] == [2, 0, 1, None]
    for count, clamped in ((9, 3), (-4, 0)):
        session.show_until(count)
        assert session.until == clamped


@pytest.mark.parametrize(
    ("until", "order", "after"),
    [
        (2, "bac", 1),
        (2, "acb", 3),
        (2, "dabc", 3),
        (2, "abdc", 2),
        (2, "ac", 1),
        (2, "bc", 1),
        (2, "cd", None),
        (0, "bc", 0),
        (None, "bc", None),
        (1, "", None),
        (2, "aBc", 2),
    ],
)
def test_what_is_shown_follows_its_step(until: int | None, order: str, after: int | None) -> None:
    """Steps a, b and c become others: moved, added (d), removed, or edited (B)."""
    steps = {name: Crop(z=(0, 10 + ord(name))) for name in "abcdB"}
    session = Session()
    session.set_pipeline(Pipeline(steps=tuple(steps[name] for name in "abc")))
    session.show_until(until)
    session.set_pipeline(Pipeline([steps[name] for name in order]))
    assert session.until == after
    if sorted(order) == sorted("abc"):
        session.undo()
        assert session.until == until


def test_the_quality_is_auto_or_full() -> None:
    session, heard = Session(), Mock()
    session.view_changed.connect(lambda: heard(session.quality))
    assert session.quality == "auto"
    session.set_quality("full")
    session.set_quality("full")
    heard.assert_called_once_with("full")
    with pytest.raises(ValueError, match="quality is one of"):
        session.set_quality("best")  # type: ignore[arg-type]


def test_opening_reads_nothing_and_a_failure_keeps_what_was_open(raw_folder: Path) -> None:
    session, heard = Session(), Mock()
    session.stack_changed.connect(heard, check_nargs=False)
    session.show(inspect_folder(raw_folder))
    stack = session.stack
    assert stack is not None and stack.shape == (3, 2, 12, 16, 20)
    with pytest.raises(FolderError):
        session.show(inspect_folder(raw_folder / "nowhere"))
    assert session.stack is stack
    heard.assert_called_once_with(stack)


def test_the_voxel_size_can_be_stated(raw_folder: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    session.state(voxel_size=(0.5, 0.2, 0.2))
    assert session.stack is not None
    assert session.stack.voxel_size == (0.5, 0.2, 0.2)


def test_a_recipe_round_trips_through_a_session(raw_folder: Path, tmp_path: Path) -> None:
    from napari_lazy_pipeline import Recipe

    session = Session()
    session.show(inspect_folder(raw_folder))
    session.replace_step(DESKEW, Deskew(angle=40))
    session.recipe().save(tmp_path / "r.yaml")
    other = Session()
    other.load(Recipe.load(tmp_path / "r.yaml"))
    assert other.pipeline == session.pipeline
    other.undo()
    assert other.pipeline == default_pipeline()


def test_a_grown_folder_keeps_what_was_made(tmp_path: Path, calls: Counter[str]) -> None:
    """Reads and steps are counted: of old volumes, nothing is done again, even if renumbered."""
    session, heard = Session(), Mock()
    session.stack_grown.connect(heard, check_nargs=False)
    numbers = [4, 6]

    def look() -> FileSource:
        write = Simulation(tmp_path, (4, 6, 8), times=1, start=numbers[-1])
        list(write.steps())
        return inspect_folder(tmp_path).source

    list(Simulation(tmp_path, (4, 6, 8), times=1, start=4).steps())
    look()
    session.show(inspect_folder(tmp_path))
    session.replace_step(1, Deskew(angle=40))
    session.state(voxel_size=(0.4, 0.1, 0.1))
    first, second = (session.source().read(t, 0) for t in (0, 1))
    assert session.stack is not None
    numbers.append(8)
    session.grow(session.folder_info.source.with_layout(look().layout))
    heard.assert_called_with(None)
    assert session.stack.shape[0] == 3 and session.stack.voxel_size == (0.4, 0.1, 0.1)
    assert session.source().read(0, 0) is first and session.source().read(1, 0) is second
    numbers.append(3)  # the first number is another, and so is the step of the numbers
    session.grow(session.folder_info.source.with_layout(look().layout), shifted=True)
    move = heard.call_args[0][0]
    assert [move(t) for t in range(3)] == [1, 3, 5] and session.stack.shape[0] == 6
    assert session.source().read(1, 0) is first and session.source().read(3, 0) is second
    assert calls == {"deskew": 2} and session.stack.source.reads == 2


class Growing:
    """A session on a folder in which files come with any numbers; each volume holds its number."""

    def __init__(self, folder: Path, *numbers: int) -> None:
        self.folder, self.session = folder, Session()
        self.write(*numbers)
        self.session.show(inspect_folder(folder))

    def write(self, *numbers: int) -> None:
        for number in numbers:
            for c in range(2):
                pixels = np.full((2, 8, 9), 100 * number + c, "uint16")
                path = self.folder / f"cell_ch{c}_t{number:03d}.tif"
                tifffile.imwrite(path, pixels, photometric="minisblack")

    def grow(self, *numbers: int, shifted: bool = False) -> None:
        self.write(*numbers)
        assert self.session.folder_info is not None
        layout = inspect_folder(self.folder).source.layout
        self.session.grow(self.session.folder_info.source.with_layout(layout), shifted)

    def shown(self) -> list[float]:
        """What each time point shows: its number, times its factor."""
        source = self.session.source()
        return [float(source(t, 0).max()) / 100 for t in range(source.sizes[0])]


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
def test_numbers_of_time_points_go_with_them(tmp_path: Path) -> None:
    """Files with lower numbers come, and such in between: nothing is another one's."""
    live = Growing(tmp_path, 4, 6, 8)
    session, heard, adapted = live.session, Mock(), Mock()
    session.plan_changed.connect(heard, check_nargs=False)
    session.adapted.connect(adapted)
    session.state(voxel_size=(0.4, 0.1, 0.1))
    session.set_pipeline(Pipeline([BleachCorrection(brightness=(1, 0.5, 0.25))]))
    drift = Drift(drift=((0, 0, 0), (0, 0.1, 0), (0, 0.2, 0)), interpolation="none")
    session.set_pipeline(Pipeline([BleachCorrection(brightness=(1, 0.5, 0.25)), drift]))
    assert live.shown() == [4, 12, 32]
    heard.reset_mock()
    live.grow(2, shifted=True)
    assert live.shown() == [2, 4, 12, 32]
    assert session.pipeline.steps[0].brightness == (1, 1, 0.5, 0.25)  # type: ignore[attr-defined]
    y = [row[1] for row in session.pipeline.steps[1].drift]  # type: ignore[attr-defined]
    assert y == [0, 0, 0.1, 0.2] and heard.call_count == 1
    said = adapted.call_args[0][0]
    assert said.endswith("values of Correct bleaching and Correct drift went with them")
    live.grow(5, shifted=True)  # the step of the numbers is another: 2, -, 4, 5, 6, -, 8
    assert live.shown() == pytest.approx([2, np.nan, 4, 5 / 0.75, 12, np.nan, 32], nan_ok=True)
    session.undo()
    assert session.pipeline == Pipeline(
        [BleachCorrection(brightness=(1, 1, 1, 0.75, 0.5, 0.375, 0.25))]
    )


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (Select(times=(1, 3)), [4, 5], [4, 5]),
        (Select(times=(0, 2)), [3, 4], [3, 4]),
        (Select(times=(2, 0)), [5, 6], [5, 6]),
        (Select(every=2), [3, 5], [1, 3, 5]),
        (Select(times=(1, 0), every=2), [4, 6], [4, 6]),
        (Select(times=(-2, 0)), [5, 6], [5, 6]),
        (Select(), [3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_selection_holds_the_same_time_points(
    tmp_path: Path, step: Select, before: list[int], after: list[int]
) -> None:
    """What follows it, too: numbers of steps behind, and of what is on screen."""
    live, heard = Growing(tmp_path, 3, 4, 5, 6), Mock()
    brightness = tuple(2.0**-t for t in range(len(before)))
    session = live.session
    session.set_pipeline(Pipeline([step, BleachCorrection(brightness=brightness)]))
    factors = {number: 2.0**t for t, number in enumerate(before)}
    assert live.shown() == [number * factors[number] for number in before]
    session.stack_grown.connect(heard)
    live.grow(1, 2, shifted=True)
    assert live.shown() == [number * factors.get(number, 1) for number in after]
    recorded = heard.call_args[0][0]
    assert [recorded(t) + 1 for t in range(len(before))] == before


def test_an_odd_number_of_earlier_time_points_keeps_every_second(tmp_path: Path) -> None:
    live = Growing(tmp_path, 3, 4, 5, 6)
    live.session.set_pipeline(Pipeline([Select(every=2)]))
    live.grow(2, shifted=True)
    assert live.shown() == [3, 5]


def test_the_last_time_points_move_while_a_folder_grows(tmp_path: Path) -> None:
    live, heard = Growing(tmp_path, 0, 1, 2), Mock()
    session = live.session
    steps = Select(times=(-2, 0)), BleachCorrection(brightness=(1, 0.5))
    session.set_pipeline(Pipeline(steps))
    assert live.shown() == [1, 4]
    session.stack_grown.connect(heard)
    live.grow(3)
    assert live.shown() == [2, 3], "0.5 was the brightness of 2, which is the reference now"
    assert session.pipeline.steps[1].brightness == (0.5,)  # type: ignore[attr-defined]
    assert (
        session.plan is not None and "from 1 on have the brightness" in session.plan.cautions[0][1]
    )
    assert [heard.call_args[0][0](t) for t in range(2)] == [2, 2]
    live.grow(4, 5, 6)
    assert [str(error) for error in session.plan.waiting] == [
        "Correct bleaching waits: No brightness is stated. Estimate it, or type it below"
    ]


def test_a_selection_that_a_folder_grows_into_is_told(tmp_path: Path) -> None:
    live, heard = Growing(tmp_path, 0, 1), Mock()
    live.session.set_pipeline(Pipeline([Select(times=(2, 4))]))
    assert live.session.plan is not None and live.session.plan.misfit is not None
    live.session.plan_changed.connect(heard)
    live.grow(2)
    assert heard.call_count == 1 and live.session.plan.misfit is None
    assert live.shown() == [2]


def test_the_edits_of_one_gesture_are_undone_together() -> None:
    session = Session()
    start = session.pipeline

    def drag(gesture: object, *angles: float) -> None:
        for angle in angles:
            edited = session.pipeline.steps[DESKEW].replace(angle=angle)
            session.replace_step(DESKEW, edited, gesture)

    drag("first", *range(30, 70))
    between = session.pipeline
    drag("second", *range(50, 20, -1))
    session.undo()
    assert session.pipeline == between
    drag("second", 51)  # what was undone does not go on
    session.undo()
    assert session.pipeline == between
    session.undo()
    assert session.pipeline == start and not session.can_undo


def test_a_gesture_that_ends_where_it_began_is_no_edit() -> None:
    session = Session()
    start = session.pipeline
    for angle in (33.0, 34.0, start.steps[DESKEW].angle):
        session.replace_step(DESKEW, start.steps[DESKEW].replace(angle=angle), "drag")
    assert not session.can_undo
    session.replace_step(DESKEW, start.steps[DESKEW].replace(angle=50), "drag")
    session.undo()
    assert session.pipeline == start


def test_one_undo_takes_back_steps_and_engine_of_a_recipe() -> None:
    from napari_lazy_pipeline import Recipe

    session, seen = Session(), []
    session.plan_changed.connect(lambda _: seen.append((session.engine, session.can_redo)))
    start = session.pipeline
    loaded = Pipeline(steps=(Crop(),))
    session.load(Recipe(pipeline=loaded, engine="auto"))
    session.replace_step(0, Crop(z=(1, 4)))
    session.set_engine("cpu")
    session.undo()
    assert (session.pipeline, session.engine) == (loaded, "cpu"), "that edit was not about it"
    session.set_engine("auto")
    session.undo()
    assert (session.pipeline, session.engine) == (start, "cpu") and not session.can_undo
    session.redo()
    assert (session.pipeline, session.engine) == (loaded, "auto")
    # Whoever hears of other steps finds the engine and the buttons right.
    assert seen[0] == ("auto", False)
    assert seen[-2:] == [("cpu", True), ("auto", True)]
    session.load(Recipe(pipeline=loaded, engine="cpu"))
    session.undo()
    assert (session.pipeline, session.engine) == (loaded, "auto"), "the engine alone"


def test_what_is_shown_is_told_once() -> None:
    session, heard = Session(), Mock()
    session.view_changed.connect(lambda: heard(session.until))
    for count in (2, 2, 0, None, None):
        session.show_until(count)
    assert [call.args[0] for call in heard.call_args_list] == [2, 0, None]


def test_what_was_stated_can_be_undone(raw_folder: Path) -> None:
    session, stacks, seen = Session(), Mock(), []
    session.show(inspect_folder(raw_folder))
    session.stack_changed.connect(stacks, check_nargs=False)
    session.stack_changed.connect(lambda _: seen.append((session.pipeline, session.can_undo)))
    start, before = session.pipeline, session.stack
    session.state(voxel_size=(0.5, 0.2, 0.2))
    session.state(channel_names=("a", "b"))
    assert seen[-1] == (start, True), "whoever hears of the data can undo it"
    session.state(angle=40.0, step="stage")
    assert session.shown_step(DESKEW) == Deskew(enabled=False, angle=40.0)
    session.undo()
    assert session.scan is None and session.overrides.angle is None
    assert session.shown_step(DESKEW) == start.steps[DESKEW]
    assert session.stack.channel_names == ("a", "b")
    session.undo()
    assert session.stack.channel_names == before.channel_names
    assert session.stack.voxel_size == (0.5, 0.2, 0.2)
    session.undo()
    assert session.stack == before and not session.can_undo
    assert stacks.call_count == 4, "the scan changes no volume"
    for _ in range(3):
        session.redo()
    assert session.pipeline == start and session.stack.voxel_size == (0.5, 0.2, 0.2)
    assert session.scan == Scan(40.0) and not session.can_redo


def test_of_other_data_nothing_stated_is_undone(raw_folder: Path, tmp_path: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    session.state(voxel_size=(0.5, 0.2, 0.2))
    session.replace_step(DESKEW, Deskew(angle=40))
    session.state(angle=42.0, step="stage")
    list(Simulation(tmp_path / "other", (4, 6, 8), times=1).steps())
    session.show(inspect_folder(tmp_path / "other"))
    stack = session.stack
    session.undo()
    assert session.pipeline == default_pipeline() and not session.can_undo, "of the steps it is"
    assert session.stack == stack and session.overrides == MetadataOverrides()


def test_what_cannot_be_is_no_edit(raw_folder: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    session.state(channel_names=("one too few",))
    with pytest.raises(GeometryError):
        session.state(voxel_size=(0.0, 0.1, 0.1))
    assert not session.can_undo and session.overrides == MetadataOverrides()


def test_the_values_of_one_gesture_are_undone_together(raw_folder: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    before = session.stack.spec.stated_size
    for z in (0.31, 0.32, 0.33):
        session.state("turning", voxel_size=(z, 0.1, 0.1))
    session.undo()
    assert session.stack.spec.stated_size == before and not session.can_undo
    # The first of these says what is so anyway.
    for angle in (None, 33.0, 34.0):
        session.state("turning again", angle=angle)
    assert session.overrides.angle == 34.0
    session.undo()
    assert session.overrides == MetadataOverrides() and not session.can_undo


def skewed(folder: Path) -> Session:
    """A session whose data state a scan, with steps that follow it or have their own."""
    session = Session()
    session.show(inspect_folder(folder))
    session.state(voxel_size=(0.3, 0.1, 0.1), angle=32.0, step="stage")
    session.set_pipeline(Pipeline([Deskew(), Rotate(angle=40.0)]))
    return session


def test_what_a_step_takes_from_the_data_is_edited_in_the_data(raw_folder: Path) -> None:
    session, plans = skewed(raw_folder), []
    session.plan_changed.connect(plans.append)
    before = session.pipeline, session.overrides
    shown = session.shown_step(0)
    assert shown == Deskew(angle=32.0)
    session.edit_step(0, shown)
    assert plans == [], "nothing was edited"
    session.edit_step(0, shown.replace(angle=33.0, skew_axis="y", fill=7))
    assert session.pipeline.steps == (Deskew(fill=7), Rotate(angle=40.0))
    assert session.scan == Scan(33.0, "y", "stage")
    assert session.shown_step(0) == Deskew(angle=33.0, skew_axis="y", fill=7)
    assert plans == [session.plan], "one edit, resolved once"
    assert plans[0].stages[0].step == session.shown_step(0)
    session.undo()
    assert (session.pipeline, session.overrides) == before and session.scan == Scan(32.0)
    session.redo()
    assert session.scan == Scan(33.0, "y", "stage") and session.pipeline.steps[0] == Deskew(fill=7)


def test_a_step_with_a_scan_of_its_own_is_edited_by_itself(raw_folder: Path) -> None:
    session = skewed(raw_folder)
    before = session.pipeline, session.overrides
    session.edit_step(1, session.shown_step(1).replace(angle=41.0, fill=7))
    assert session.pipeline.steps == (Deskew(), Rotate(angle=41.0, fill=7))
    assert session.overrides == before[1] and session.scan == Scan(32.0)
    session.undo()
    assert (session.pipeline, session.overrides) == before


def test_edits_of_a_step_and_the_data_in_one_gesture_are_undone_together(raw_folder: Path) -> None:
    session = skewed(raw_folder)
    before = session.pipeline, session.overrides
    for angle in (33.0, 34.0, 35.0):
        shown = session.shown_step(0)
        session.edit_step(0, shown.replace(angle=angle, fill=angle), "turning")
    assert session.scan == Scan(35.0) and session.pipeline.steps[0] == Deskew(fill=35)
    session.undo()
    assert (session.pipeline, session.overrides) == before


def test_stating_the_scan_reads_nothing_again(raw_folder: Path) -> None:
    session, stacks, plans = Session(), Mock(), []
    session.show(inspect_folder(raw_folder))
    session.state(voxel_size=(0.3, 0.1, 0.1))
    session.set_pipeline(Pipeline([SubtractBackground(), Deskew()]))
    session.stack_changed.connect(stacks, check_nargs=False)
    session.plan_changed.connect(plans.append)
    raw = session.raw
    waiting = session.source()
    assert waiting.title == "read-subtract_background", "what waits is left out"
    waiting.read(0, 0)
    session.state(angle=32.0, step="stage")
    assert session.raw is raw and not stacks.called
    assert plans == [session.plan] and session.plan is not None and not session.plan.waiting
    session.source().read(0, 0)
    session.state(angle=33.0)
    session.source().read(0, 0)
    assert session.raw is raw and session.stack.source.reads == 1
    session.state(voxel_size=(0.4, 0.1, 0.1))
    assert session.raw is not raw and stacks.call_count == 1


@pytest.mark.parametrize("name", ["cupy", "auto"])
def test_choosing_an_engine_gives_those_that_failed_another_chance(name: str) -> None:
    fallback = get_engine("cupy").fallback  # type: ignore[attr-defined]
    fallback.reason = "It failed 2 times"
    Session().set_engine(name)
    assert fallback.reason is None


def test_steps_and_what_is_stated_by_one_gesture_are_undone_together(tmp_path: Path) -> None:
    """A tile of a table is one edit: an angle that is stated of the data, and a background."""
    session = Session()
    session.show(inspect_folder(write_raw(tmp_path / "cell")), MetadataOverrides(**STATED))
    session.set_pipeline(Pipeline([SubtractBackground(value=110), Deskew()]))
    before, gesture = (session.pipeline, session.overrides), object()
    session.edit_step(1, session.shown_step(1).replace(angle=40.0), gesture)
    session.edit_step(0, SubtractBackground(value=105), gesture)
    after = session.pipeline, session.overrides
    session.undo()
    assert (session.pipeline, session.overrides) == before
    session.redo()
    assert (session.pipeline, session.overrides) == after


STATED: Any = {"voxel_size": (1.0, 1.0, 1.0), "angle": 31.5, "step": "stage"}
