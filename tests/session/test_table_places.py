"""Values of single time points stay those of their data and time points, whatever is edited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import BleachCorrection, Drift, Select, Step, SubtractBackground
from numbered_files import BRIGHTNESS, DRIFT, Folder, from_elsewhere


@dataclass
class Told:
    """A session, and what it says."""

    session: Session

    def __post_init__(self) -> None:
        self._said: list[str] = []
        self.session.adapted.connect(self._said.append)

    def show(self, one: Folder, position: str | None = None) -> list[str]:
        self._said.clear()
        pattern = "cell_ch0_ta_s{p}_{t}.tif" if position else None
        self.session.show(inspect_folder(one.path, pattern, position=position))
        return self._said

    def set(self, *steps: Step) -> list[str]:
        self._said.clear()
        self.session.set_pipeline(Pipeline(steps))
        return self._said

    def undo(self) -> list[str]:
        self._said.clear()
        self.session.undo()
        return self._said


@pytest.fixture
def told() -> Told:
    return Told(Session())


@pytest.fixture
def two(tmp_path: Path) -> tuple[Folder, Folder]:
    return Folder(tmp_path / "raw", 4, 6, 8), Folder(tmp_path / "other", 4, 6, 8)


def test_a_session_tells_when_tables_meet_other_data(
    told: Told, two: tuple[Folder, Folder]
) -> None:
    folder, other = two
    told.show(folder)
    assert told.set(BRIGHTNESS, Select(times=(0, 2))) == []
    assert told.show(other) == [from_elsewhere("Correct bleaching", folder, other)]
    told.show(other).clear()
    told.session.state(voxel_size=(0.4, 0.1, 0.1))
    assert told.show(other) == [], "once"
    assert told.show(folder) == [], "they are its own"


@pytest.mark.parametrize(
    "edited",
    [
        (SubtractBackground(), BRIGHTNESS),
        (BRIGHTNESS.replace(background=100.0),),
        (BRIGHTNESS.replace(enabled=False),),
    ],
    ids=["a step before", "another value", "off"],
)
def test_edits_leave_tables_those_of_their_data(
    edited: tuple[Step, ...], told: Told, two: tuple[Folder, Folder]
) -> None:
    folder, other = two
    told.show(folder)
    told.set(BRIGHTNESS)
    told.show(other)
    told.set(*edited)
    assert told.show(folder) == []
    told.set(BRIGHTNESS)
    assert told.show(other) == [from_elsewhere("Correct bleaching", folder, other)]


def test_each_table_is_one_of_the_data_that_it_was_set_on(
    told: Told, two: tuple[Folder, Folder]
) -> None:
    folder, other = two
    told.show(folder)
    told.set(BRIGHTNESS, DRIFT)
    told.show(other)
    told.set(BleachCorrection(brightness=(1, 0.9, 0.8)), DRIFT)
    assert told.show(folder) == [from_elsewhere("Correct bleaching", other, folder)]
    assert told.show(other) == [from_elsewhere("Correct drift", folder, other)]


def test_a_table_that_comes_back_on_other_data_is_told(
    told: Told, two: tuple[Folder, Folder]
) -> None:
    folder, other = two
    told.show(folder)
    told.set(BRIGHTNESS)
    told.set(BRIGHTNESS.replace(enabled=False))
    assert told.show(other) == []
    assert told.undo() == [from_elsewhere("Correct bleaching", folder, other)]
    assert told.set() == [] and told.undo() != []


def test_tables_that_an_undo_brings_back_renumbered_stay_those_of_their_data(
    told: Told, two: tuple[Folder, Folder]
) -> None:
    folder, other = two
    told.show(folder)
    told.set(BRIGHTNESS)
    told.set(BleachCorrection(brightness=(1, 0.9, 0.8)))
    told.show(other)
    other.write(2)
    told.show(other)
    assert told.undo() == [from_elsewhere("Correct bleaching", folder, other)]
    assert told.show(folder) == []


def test_only_what_is_new_is_told(told: Told, two: tuple[Folder, Folder]) -> None:
    folder, other = two
    told.show(folder)
    told.set(BRIGHTNESS, DRIFT)
    told.show(other)
    assert told.set(DRIFT, BRIGHTNESS, SubtractBackground()) == []
    assert told.set(DRIFT, BRIGHTNESS.replace(enabled=False)) == []
    assert told.set(DRIFT, BRIGHTNESS) == [from_elsewhere("Correct bleaching", folder, other)]


def test_tables_of_a_recipe_are_of_its_data(told: Told, two: tuple[Folder, Folder]) -> None:
    folder, other = two
    told.show(folder)
    told.session.load(Recipe.load(other.save(BRIGHTNESS)))
    assert told.show(other) == []
    assert told.show(folder) == [from_elsewhere("Correct bleaching", other, folder)]
    assert told.undo() == []
    told.session.redo()
    assert told.show(other) == []


def test_tables_of_a_recipe_for_all_positions_are_of_each(told: Told, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw")
    folder.write(*(f"a_s{p}_{t:03d}" for p in (1, 2) for t in (1, 2, 3)))
    told.show(folder, "1")
    source = Source(folder=str(folder.path))
    told.session.load(Recipe(source=source, pipeline=Pipeline([DRIFT])))
    assert told.show(folder, "2") == told.show(folder, "1") == []


def test_a_session_tells_when_tables_meet_another_position(told: Told, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw")
    folder.write(*(f"a_s{p}_{t:03d}" for p in (1, 2) for t in (1, 2, 3)))
    told.show(folder, "1")
    told.set(DRIFT)
    what = "The values of Correct drift for each time point were set on position 1"
    hint = "Estimate them again for position 2, or leave them if they are meant for it"
    assert told.show(folder, "2") == [f"{what}. {hint}"]


# ---- other time points come to a step ------------------------------------------------------

ROWS = tuple((0.0, 0.1 * t, 0.0) for t in range(6))
SIX = Drift(drift=ROWS, interpolation="none")


@pytest.fixture
def of_six(told: Told, tmp_path: Path) -> Told:
    told.show(Folder(tmp_path / "six", *range(6)))
    told.session.state(voxel_size=(0.1, 0.1, 0.1))
    return told


def rows(told: Told) -> list[int]:
    """Drift along y of each row, by the time point that it was set on."""
    steps = told.session.pipeline.steps
    return [round(10 * y) for one in steps if isinstance(one, Drift) for _, y, _ in one.drift]


@pytest.mark.parametrize(
    ("select", "left"),
    [
        (Select(times=(2, 5)), [2, 3, 4]),
        (Select(every=2), [0, 2, 4]),
        (Select(times=(1, 0), every=3), [1, 4]),
        (Select(times=(-2, 0)), [4, 5]),
        (Select(channels="ch0"), [0, 1, 2, 3, 4, 5]),
        (Select(times=(2, 5), enabled=False), [0, 1, 2, 3, 4, 5]),
    ],
    ids=repr,
)
def test_rows_stay_with_their_time_points(select: Select, left: list[int], of_six: Told) -> None:
    of_six.set(SIX)
    said = of_six.set(select, SIX)
    assert rows(of_six) == left
    assert said == (
        [] if len(left) == 6 else ["The values of Correct drift went with their time points"]
    )
    of_six.set(SubtractBackground(), *of_six.session.pipeline.steps[1:])
    assert rows(of_six) == [0, 1, 2, 3, 4, 5], "those that were left out are back"


def test_pixels_are_the_same_with_a_selection_before_or_behind(of_six: Told) -> None:
    def pixels() -> list[Any]:
        source = of_six.session.source()
        return [source(t, 0).tolist() for t in range(source.sizes[0])]

    of_six.set(SIX, Select(times=(2, 5)))
    behind = pixels()
    of_six.set(SIX)
    of_six.set(Select(times=(2, 5)), SIX)
    assert pixels() == behind
    assert len(set(map(str, behind))) == 3


def test_brightness_goes_with_its_time_points_in_each_channel(of_six: Told) -> None:
    brightness = {"a": (1, 0.9, 0.8, 0.7, 0.6, 0.5), "b": (1, 0.5, 0.4, 0.3)}
    of_six.set(BleachCorrection(brightness=brightness))
    of_six.set(Select(times=(2, 5)), BleachCorrection(brightness=brightness))
    made: Any = of_six.session.pipeline.steps[1]
    assert made.brightness == {"a": (0.8, 0.7, 0.6), "b": (0.4, 0.3)}


def test_a_hand_that_comes_back_loses_nothing_and_undo_takes_all_back(of_six: Told) -> None:
    session = of_six.session
    of_six.set(Select(), SIX)
    for start in (1, 3, 4, 2, 0):
        session.replace_step(0, Select(times=(start, 0)), gesture="spin")
        assert rows(of_six) == [*range(start, 6)]
    session.replace_step(0, Select(times=(3, 0)))
    session.undo()
    assert rows(of_six) == [0, 1, 2, 3, 4, 5]
    session.redo()
    assert rows(of_six) == [3, 4, 5]


def test_rows_that_were_set_on_a_selection_are_of_it(of_six: Told) -> None:
    some = SIX.replace(drift=ROWS[2:4])
    of_six.set(Select(times=(2, 4)), some)
    assert of_six.set(Select(times=(1, 4)), some) == [
        "The values of Correct drift went with their time points. Not known are those of 1 time "
        "point: estimate again"
    ]
    assert rows(of_six) == [2, 2, 3]
    of_six.set(Select(times=(2, 4)), *of_six.session.pipeline.steps[1:])
    assert rows(of_six) == [2, 3]
    of_six.set(*of_six.session.pipeline.steps[::-1])
    assert rows(of_six) == [2, 2, 2, 3], "before the selection, they are of the recording"


def test_rows_of_none_of_the_time_points_are_asked_for(of_six: Told) -> None:
    of_six.set(Select(times=(0, 2)), SIX.replace(drift=ROWS[:2]))
    said = of_six.set(Select(times=(3, 6)), SIX.replace(drift=ROWS[:2]))
    assert "Not known are those of 3 time points" in said[0]
    assert rows(of_six) == []
    assert "No drift is stated" in str(of_six.session.plan.waiting[0])
    of_six.undo()
    assert rows(of_six) == [0, 1]


def test_what_is_typed_for_a_selection_is_of_it(of_six: Told) -> None:
    of_six.set(SIX)
    of_six.set(Select(times=(2, 5)), SIX)
    typed = SIX.replace(drift=((0, 0.2, 0), (0, 0.9, 0), (0, 0.4, 0)))
    of_six.set(Select(times=(2, 5)), typed)
    of_six.set(Select(times=(3, 5)), typed)
    assert rows(of_six) == [9, 4]


def test_a_recipe_is_taken_as_it_is(of_six: Told, tmp_path: Path) -> None:
    of_six.set(SIX)
    of_six.session.load(Recipe(pipeline=Pipeline([Select(times=(2, 5)), SIX])))
    assert rows(of_six) == [0, 1, 2, 3, 4, 5], "its card asks: six rows for three time points"
    source = Source(folder=str(tmp_path / "six"))
    of_six.session.load(
        Recipe(
            source=source, pipeline=Pipeline([Select(times=(2, 4)), SIX.replace(drift=ROWS[2:4])])
        )
    )
    of_six.set(*of_six.session.pipeline.steps[1:])
    assert rows(of_six) == [2, 2, 2, 3]


def test_rows_go_with_their_time_points_after_files_came_before_them(
    told: Told, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "raw", *range(2, 8))
    told.show(folder)
    told.set(SIX)
    told.set(Select(times=(2, 5)), SIX)
    folder.write(1)
    told.show(folder)
    assert told.session.pipeline.steps[0] == Select(times=(3, 6))
    assert rows(told) == [2, 3, 4]
    told.set(Select(times=(4, 6)), *told.session.pipeline.steps[1:])
    assert rows(told) == [3, 4]


def test_a_table_that_is_not_there_now_is_renumbered_with_its_time_points(
    told: Told, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    told.show(folder)
    told.set(DRIFT)
    told.set()
    folder.write(2)
    told.show(folder)
    told.undo()
    assert rows(told) == [0, 0, 1, 2]
