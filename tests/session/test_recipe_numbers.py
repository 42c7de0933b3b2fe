"""What a recipe holds of time points stays with them, whatever their numbers are by now."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, Stack, open_stack
from napari_lazy_pipeline.cli import main
from napari_lazy_pipeline.errors import EngineError, RecipeError, RemarkWarning
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import (
    BleachCorrection,
    Drift,
    RelativeChange,
    Select,
    Step,
)
from numbered_files import BRIGHTNESS, DRIFT, Folder, from_elsewhere


def values(stack: Stack) -> list[float]:
    """Brightest voxel of each time point, in the numbers that the files hold."""
    return [float(stack.volume(t).max()) / 10 for t in range(stack.shape[0])]


def opened(path: Path) -> tuple[list[float], str]:
    """What a saved recipe makes of its folder today, and what it says of it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        view = Recipe.load(path).apply()
    return values(view), ". ".join(str(one.message) for one in said)


def test_files_with_lower_numbers_came(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path = folder.save(BRIGHTNESS, DRIFT)
    assert opened(path) == ([4, 12, 32], "")
    folder.write(2)
    made, said = opened(path)
    assert made == [2, 4, 12, 32]
    assert said.endswith("values of Correct bleaching and Correct drift went with them")
    recipe = Recipe.load(path)
    now, _ = recipe.renumbered(recipe.open_raw())
    drift = now.pipeline.steps[1]
    assert isinstance(drift, Drift) and [row[1] for row in drift.drift] == [0, 0, 0.1, 0.2]


def test_a_file_in_between_makes_the_steps_of_the_numbers_smaller(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path = folder.save(BRIGHTNESS)
    folder.write(3, 5, 7)
    made, _ = opened(path)
    assert [made[t] for t in (1, 3, 5)] == [4, 12, 32]


def test_the_first_files_are_gone(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 1, 2, 3, 4)
    path = folder.save(Select(times=(0, 3)), BRIGHTNESS)
    assert opened(path)[0] == [1, 4, 12]
    folder.remove(1)
    made, said = opened(path)
    assert made == [2, 6], "the first that is there is what others are as bright as"
    assert said.endswith("Not there any more: 1 time point")


def test_every_second_is_of_the_same_laser_when_the_first_file_is_gone(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", *range(1, 8))
    path = folder.save(Select(every=2))
    assert opened(path)[0] == [1, 3, 5, 7]
    folder.remove(1)
    made, said = opened(path)
    assert made == [3, 5, 7] and "values of Select went with them" in said


@pytest.mark.parametrize("step", [Select(times=(0, 2)), RelativeChange(f0_times=(0, 2))])
def test_a_range_of_which_nothing_is_left_is_refused(tmp_path: Path, step: Select) -> None:
    folder = Folder(tmp_path / "raw", 1, 2, 3, 4)
    path = folder.save(step)
    folder.remove(1, 2)
    recipe = Recipe.load(path)
    raw = recipe.open_raw()
    now, said = recipe.renumbered(raw)
    assert "Not there any more: 2 time points" in said
    with pytest.raises(Exception, match=r"points of the (selection|F0) are not there any more"):
        now.pipeline.apply(raw)


@pytest.mark.parametrize("step", [Select(times=(0, 1)), RelativeChange(f0_times=(0, 1))])
def test_a_range_that_is_gone_stays_so_in_a_session(tmp_path: Path, step: Step) -> None:
    folder, session = Folder(tmp_path / "raw", 4, 6, 8), Session()
    session.show(inspect_folder(folder.path))
    session.set_pipeline(Pipeline([step]))
    folder.remove(4)
    session.show(inspect_folder(folder.path))
    gone = session.pipeline.steps[0]
    assert "no time points" in gone.brief()
    for number in (5, 2):
        folder.write(number)
        session.show(inspect_folder(folder.path))
        assert session.pipeline.steps == (gone,)
    assert session.plan is not None
    assert "points of the" in str(session.plan.misfit)


def test_uneven_numbers_are_known_by_their_ends(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", "100001", "300007", "900002")
    path = folder.save(BRIGHTNESS)
    folder.write("000009")
    assert opened(path)[0] == [9, 1, 14, 8]
    folder.write("500004")
    with pytest.raises(RecipeError, match=r"cannot be told which time points .* bleaching are of"):
        opened(path)
    assert folder.save(DRIFT) and opened(path)[1] == ""


def test_opening_warns_of_steps_that_are_for_other_numbers(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path = folder.save(BRIGHTNESS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Recipe.load(path).open()
        folder.write(10)  # behind the last: no number is another
        Recipe.load(path).open()
    folder.write(2)
    with pytest.warns(RemarkWarning, match=r"bleaching went with them: take recipe\.apply"):
        Recipe.load(path).open()


def test_it_is_applied_to_data_that_are_open_with_its_engine(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    recipe = Recipe.load(folder.save(BRIGHTNESS))
    with pytest.raises(EngineError, match="no engine 'abacus'"):
        recipe.model_copy(update={"engine": "abacus"}).apply().volume()
    folder.write(2)
    with pytest.warns(RemarkWarning, match="bleaching went with them"):
        assert values(recipe.apply(folder.open())) == [2, 4, 12, 32]


def test_a_movie_takes_the_numbers_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path = folder.save(BRIGHTNESS)
    folder.write(2)
    made = list[float]()
    monkeypatch.setattr(
        "napari_lazy_pipeline.exports.movie.write_movie",
        lambda stack, *_, **__: made.extend(values(stack)) or "written",
    )
    with pytest.warns(RemarkWarning, match="bleaching went with them"):
        assert main(["movie", str(path), "--out", str(tmp_path / "movie.gif")]) == 0
    assert made == [2, 4, 12, 32]


def test_recipes_that_do_not_say_it_and_other_folders_stay_as_they_are(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    recipe = Recipe.load(folder.save(BRIGHTNESS))
    assert recipe.source is not None and recipe.source.time_points is not None
    folder.write(2)
    old = recipe.source.model_copy(update={"time_points": None})
    old_recipe = recipe.model_copy(update={"source": old})
    assert old_recipe.renumbered(folder.open()) == (old_recipe, "")
    other = Folder(tmp_path / "other", 2, 4, 6, 8)
    assert recipe.renumbered(other.open()) == (recipe, "")


def test_tables_of_another_folder_are_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    other = Folder(tmp_path / "other", 4, 6, 8)
    settings = Select(times=(0, 3)), RelativeChange(f0_times=(0, 2), background=0.0)
    recipe = Recipe.load(folder.save(settings[0], BRIGHTNESS, DRIFT, settings[1]))
    with pytest.warns(RemarkWarning) as told:
        recipe.apply(other.open())
    said = from_elsewhere("Correct bleaching and Correct drift", folder, other)
    assert [str(one.message) for one in told] == [said]
    off = BRIGHTNESS.replace(enabled=False), Drift(enabled=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe.apply(folder.open())
        Recipe.load(folder.save(*settings, *off)).apply(other.open())
        recipe.model_copy(update={"source": None}).apply(other.open())


def test_tables_of_another_position_are_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw")
    folder.write(*(f"a_s{p}_{t:03d}" for p in (1, 2) for t in (1, 2, 3)))

    def at(position: str) -> Stack:
        pattern = "cell_ch0_ta_s{p}_{t}.tif"
        return open_stack(folder.path, pattern, position=position, voxel_size=(0.4, 0.1, 0.1))

    path = tmp_path / "recipe.yaml"
    Recipe(source=at("1"), pipeline=Pipeline([BRIGHTNESS, DRIFT])).save(path)
    recipe = Recipe.load(path)
    assert recipe.source is not None
    with pytest.warns(RemarkWarning) as told:
        assert main(["run", str(path), "--position", "all", "--out", str(tmp_path / "out")]) == 0
    what = "The values of Correct bleaching and Correct drift for each time point were set on"
    hint = "Estimate them again for position 2, or leave them if they are meant for it"
    assert [str(one.message) for one in told] == [f"{what} position 1. {hint}"]
    of_all = recipe.model_copy(
        update={"source": recipe.source.model_copy(update={"position": None})}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe.apply(at("1"))
        of_all.apply(at("2"))


def test_brightness_of_each_channel_is_a_table(tmp_path: Path) -> None:
    folder, other = Folder(tmp_path / "raw", 4, 6), Folder(tmp_path / "other", 4, 6)
    recipe = Recipe.load(folder.save(BleachCorrection(brightness={"ch0": (1, 0.5)})))
    with pytest.warns(RemarkWarning, match="values of Correct bleaching for each time point"):
        recipe.apply(other.open())


def test_a_folder_that_was_moved_with_its_recipe_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    path = Folder(tmp_path / "old" / "raw", 4, 6, 8).save(BRIGHTNESS)
    (tmp_path / "old").rename(tmp_path / "new")
    assert opened(tmp_path / "new" / path.name) == ([4, 12, 32], "")


def test_a_run_tells_once_of_tables_of_another_folder(tmp_path: Path) -> None:
    folder, other = Folder(tmp_path / "raw", 4, 6, 8), Folder(tmp_path / "other", 4, 6, 8)
    path = folder.save(BRIGHTNESS)
    with pytest.warns(RemarkWarning) as told:
        assert main(["run", str(path), *map(str, (folder.path, other.path))]) == 0
    said = from_elsewhere("Correct bleaching", folder, other)
    assert [str(one.message) for one in told] == [said]
    # What is estimated for it now is not from elsewhere.
    own, noise = str(tmp_path / "own.yaml"), np.random.default_rng(0)
    for name in (4, 6, 8):
        pixels = noise.poisson(100, (2, 40, 40))
        pixels[:, :20] += 1000
        tifffile.imwrite(other.file(name), pixels.astype("uint16"), photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        assert main(["estimate", str(path), str(other.path), "--out", own]) == 0


def test_a_run_tells_of_rows_that_meet_other_time_points(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path, out = str(folder.save(Select(), BRIGHTNESS)), ["--out", str(tmp_path / "out")]
    with pytest.warns(RemarkWarning, match="Correct bleaching meets time points 1 to 2 now"):
        assert main(["run", path, *out, "--set", "select.times=[1,0]"]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        assert main(["run", path, "--dry-run", "--set", "select.times=[0,2]"]) == 0


def test_a_session_tells_of_tables_of_another_folder(tmp_path: Path) -> None:
    folder, other = Folder(tmp_path / "raw", 4, 6, 8), Folder(tmp_path / "other", 4, 6, 8)
    session, said = Session(), list[str]()
    session.adapted.connect(said.append)
    session.show(inspect_folder(other.path))
    session.load(Recipe.load(folder.save(BRIGHTNESS)))
    assert said[0].endswith(from_elsewhere("Correct bleaching", folder, other))


def test_a_run_takes_the_numbers_of_today(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    path = folder.save(BRIGHTNESS)
    folder.write(2)
    out = tmp_path / "out"
    with pytest.warns(RemarkWarning, match="values of Correct bleaching went with them"):
        assert main(["run", str(path), "--out", str(out)]) == 0
    assert values(open_stack(out, "{name}_ch{c}_t{t}.tif")) == [2, 4, 12, 32]
    written = next(out.glob("*_recipe.yaml"))
    assert opened(written) == ([2, 4, 12, 32], "")


def test_estimates_are_of_the_numbers_of_today(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw")

    def write(*times: int) -> None:
        for t in times:
            pixels = np.full((8, 40, 40), 100, "uint16")
            pixels[:, 10:30, 10:30] = 6000 - 300 * t
            tifffile.imwrite(folder.file(t), pixels, photometric="minisblack")

    write(14, 15, 16)
    path = folder.save(BleachCorrection(enabled=False))
    write(12, 13)
    assert main(["estimate", str(path), "--step", "bleach_correction"]) == 0
    (step,) = Recipe.load(path).pipeline.steps
    assert isinstance(step, BleachCorrection) and len(step.brightness) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        assert Recipe.load(path).apply().source.plan.steps == (step,)  # type: ignore[attr-defined]
    write(11)
    with pytest.warns(RemarkWarning, match="values of Correct bleaching went with them"):
        (moved,) = Recipe.load(path).apply().source.plan.steps  # type: ignore[attr-defined]
    assert moved.brightness[1:] == step.brightness


def test_a_run_is_refused_where_names_leave_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(tmp_path / "raw", "100001", "300007", "900002")
    path = folder.save(BRIGHTNESS)
    folder.write("500004")
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) != 0
    assert "cannot be told which time points" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_session_takes_over_a_recipe_for_todays_numbers(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    recipe = Recipe.load(folder.save(BRIGHTNESS))
    folder.write(2)
    session, said = Session(), list[str]()
    session.adapted.connect(said.append)
    session.show(inspect_folder(folder.path))
    session.load(recipe)
    assert session.pipeline == Pipeline([BleachCorrection(brightness=(1, 1, 0.5, 0.25))])
    assert "values of Correct bleaching went with them" in said[0]
    assert session.recipe().source.time_points.first == "002"  # type: ignore[union-attr]


def test_a_folder_that_is_opened_anew_in_a_session(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "raw", 4, 6, 8)
    session, said = Session(), list[str]()
    session.adapted.connect(said.append)
    session.show(inspect_folder(folder.path))
    session.set_pipeline(Pipeline([BRIGHTNESS]))
    session.set_pipeline(Pipeline([BleachCorrection(brightness=(1, 0.25, 0.125))]))
    folder.write(2)
    session.show(inspect_folder(folder.path))
    assert session.pipeline == Pipeline([BleachCorrection(brightness=(1, 1, 0.25, 0.125))])
    assert said == [
        "The time points have other numbers now, and the values of Correct bleaching went with them"
    ]
    session.undo()
    assert session.pipeline == Pipeline([BleachCorrection(brightness=(1, 1, 0.5, 0.25))])
