"""Values of single time points stay those of their data and time points, whatever is edited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, open_stack
from napari_lazy_pipeline.errors import RemarkWarning
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

    def show(
        self, one: Folder, position: str | None = None, pattern: str | None = None
    ) -> list[str]:
        self._said.clear()
        pattern = "cell_ch0_ta_s{p}_{t}.tif" if position else pattern
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


@pytest.mark.parametrize("position", ["1", "2"])
def test_a_position_may_be_opened_by_a_pattern_of_its_own(
    told: Told, tmp_path: Path, position: str
) -> None:
    folder = Folder(tmp_path / "raw")
    folder.write(*(f"a_s{p}_{t:03d}" for p in (1, 2) for t in (1, 2, 3)))
    told.show(folder, "1")
    told.set(DRIFT)
    own = f"cell_ch0_ta_s{position}_{{t}}.tif"
    what = "The values of Correct drift for each time point were set on position 1"
    hint = f"Estimate them again for {own}, or leave them if they are meant for it"
    assert told.show(folder, pattern=own) == ([] if position == "1" else [f"{what}. {hint}"])


def test_another_recording_of_the_folder_is_other_data(told: Told, tmp_path: Path) -> None:
    for name in ("wt.tif", "mut.tif"):
        pixels = np.zeros((3, 2, 8, 9), "uint16")
        metadata = {"axes": "TZYX", "finterval": 2.0}
        tifffile.imwrite(tmp_path / name, pixels, imagej=True, metadata=metadata)
    wild, mutant = tmp_path / "wt.tif", tmp_path / "mut.tif"
    session, said = told.session, list[str]()
    session.show(inspect_folder(wild))
    session.set_pipeline(Pipeline([DRIFT]))
    session.state(voxel_size=(0.4, 0.1, 0.1), time_interval=3.0)
    recipe = session.recipe()
    session.adapted.connect(said.append)
    tables = (
        "The values of Correct drift for each time point were set on wt.tif. Estimate them again "
        "for mut.tif, or leave them if they are meant for it"
    )
    session.show(inspect_folder(mutant))
    kept = "What is stated is kept: {} is another recording than {}, so check it"
    used = "Stated, and used: interval 3 s; the files say 2 s"
    assert said == [f"{kept.format('mut.tif', 'wt.tif')}. {used}. {tables}"]
    session.show(inspect_folder(wild))
    for wider in ("wt*.tif", "*t.tif", "wt.tif"):
        session.show(inspect_folder(tmp_path, wider))
    assert said[1:] == [f"{kept.format('wt.tif', 'mut.tif')}. {used}"], "others take some of it"
    with pytest.warns(RemarkWarning, match="were set on wt.tif"):
        recipe.apply(open_stack(mutant, voxel_size=(0.4, 0.1, 0.1)))


def test_a_recipe_meets_another_recording_of_the_folder(told: Told, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw")
    folder.write(*(f"{cell}_{t:03d}" for cell in ("wt", "mut") for t in (1, 2, 3)))
    told.session.show(inspect_folder(folder.path, "cell_ch0_twt_{t}.tif"))
    told.set(DRIFT)
    recipe = told.session.recipe()
    mutant = open_stack(folder.path, "cell_ch0_tmut_{t}.tif", voxel_size=(0.4, 0.1, 0.1))
    with pytest.warns(RemarkWarning, match="were set on cell_ch0_twt") as said:
        recipe.apply(mutant)
    assert len(said) == 1


# ---- other time points come to a step ------------------------------------------------------

SIX = Drift(drift=tuple((0.0, 0.1 * t, 0.0) for t in range(6)), interpolation="none")
HINT = "Their rows are in the same order: estimate anew, or put what selects them behind"


@pytest.fixture
def of_six(told: Told, tmp_path: Path) -> Told:
    told.show(Folder(tmp_path / "six", *range(6)))
    told.session.state(voxel_size=(0.1, 0.1, 0.1))
    told.set(SIX)
    return told


def rows(told: Told) -> list[int]:
    """Drift along y of each row, by the time point that it was set on."""
    steps = told.session.pipeline.steps
    return [round(10 * y) for one in steps if isinstance(one, Drift) for _, y, _ in one.drift]


@pytest.mark.parametrize(
    ("select", "met"),
    [
        (Select(times=(2, 5)), "time points 2 to 4"),
        (Select(every=2), "time points 0 to 4, every 2"),
        (Select(times=(-1, 0)), "time point 5"),
    ],
    ids=repr,
)
def test_other_time_points_for_a_table_are_told(select: Select, met: str, of_six: Told) -> None:
    said = [f"Correct drift meets {met} now. {HINT}"]
    assert of_six.set(select, SIX) == said
    assert of_six.set(select, SubtractBackground(), SIX) == [], "once"
    assert of_six.undo() == of_six.undo() == [], "an undo gives what was right before"
    of_six.session.redo()
    assert of_six.set(select.replace(enabled=False), SIX) == [], "it is as it was set"
    assert of_six.set(Select(times=(8, 9)), SIX) == [], "nothing is met"
    assert of_six.set(SIX) == []
    assert of_six.set(select, SIX) == said


@pytest.mark.parametrize(
    "steps",
    [
        (SIX, Select(times=(2, 5))),
        (Select(times=(0, 5)), SIX),
        (Select(channels="ch0"), SIX),
        (Select(times=(2, 5), enabled=False), SIX),
        (Select(times=(2, 5)), SIX.replace(enabled=False)),
        (Select(times=(2, 5)), SIX.replace(drift=SIX.drift[2:5])),
        (SIX, Select(times=(2, 5)), SIX),
    ],
    ids=["behind", "the first", "channels", "off", "drift off", "estimated anew", "twice"],
)
def test_nothing_is_told_where_rows_are_those_of_their_time_points(
    steps: tuple[Step, ...], of_six: Told
) -> None:
    said = of_six.set(*steps)
    assert bool(said) == (steps.count(SIX) == 2), "that of a copy, once"
    assert of_six.set(*steps, SubtractBackground()) == []


def test_a_selection_that_was_refused_in_between_is_told(of_six: Told) -> None:
    of_six.set(Select(times=(0, 3)), SIX)
    of_six.set(Select(times=(8, 9)), SIX)
    assert of_six.session.plan is not None and of_six.session.plan.misfit is not None
    (said,) = of_six.set(Select(times=(4, 6)), SIX)
    assert said.startswith("Correct drift meets time points 4 to 5 now")


def test_each_step_is_told(of_six: Told) -> None:
    brightness = BleachCorrection(brightness={"a": (1, 0.9), "b": (1, 0.5)})
    of_six.set(SIX, brightness)
    (said,) = of_six.set(Select(times=(2, 4)), SIX, brightness)
    assert "Correct drift meets" in said and "Correct bleaching meets" in said


def test_a_recipe_is_taken_as_it_is(of_six: Told, tmp_path: Path) -> None:
    source = Source(folder=str(tmp_path / "six"))
    steps = Pipeline([Select(times=(2, 5)), SIX])
    said = list[str]()
    of_six.session.adapted.connect(said.append)
    of_six.session.load(Recipe(source=source, pipeline=steps))
    assert said == [] and of_six.session.pipeline == steps


def test_the_last_time_points_keep_their_rows_in_a_folder_that_is_opened_anew(
    told: Told, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "raw", *range(6))
    told.show(folder)
    told.set(Select(times=(-3, 0)), SIX.replace(drift=SIX.drift[3:]))
    folder.write(6, 7)
    assert told.show(folder) == [
        "The time points have other numbers now, and the values of Correct drift went with them"
    ]
    assert rows(told) == [5]


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


def test_what_is_remembered_of_tables_ends(of_six: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_lazy_pipeline.session.table_places._MOST", 3)
    for number in range(6):
        of_six.set(BleachCorrection(brightness=(1, 0.9 - 0.1 * number)))
    tables = of_six.session._tables
    assert len(tables._places) == len(tables._times) == 3
    steps = of_six.session.pipeline.steps
    assert of_six.set(Select(times=(2, 5)), *steps) != [], "the last are known"
