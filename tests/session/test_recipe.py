"""Recipes: what is written can be read, what is wrong is said with its line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_lazy_pipeline import Pipeline, Recipe, open_stack
from napari_lazy_pipeline.errors import ParameterError, RecipeError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_text import dump_yaml, load_yaml
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Drift, Function, SubtractBackground
from stacks import gaussian_psf, write_raw

FIRST_VERSION = Path(__file__).parents[1] / "data" / "recipes" / "first_version.yaml"

GOOD = """\
schema_version: 1
source:
  folder: cell
  pattern: '*.tif'
pipeline:
  steps:
  - kind: subtract_background
    value: 98
  - kind: deskew
    angle: 31.5
    skew_axis: x
engine: cpu
"""


@pytest.fixture
def recipe(raw_folder: Path, psf_file: Path) -> Recipe:
    stack = open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1))
    steps = (
        SubtractBackground(value=98),
        Deskew(angle=32.0),
        Deconvolve(psf=str(psf_file), iterations=2),
        Crop(z=(1, 5), enabled=False),
    )
    return Recipe(source=stack, pipeline=Pipeline(steps=steps))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_what_is_saved_is_loaded(recipe: Recipe, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"recipe{suffix}"
    recipe.save(path)
    assert Recipe.load(path) == recipe


def test_paths_are_relative_to_the_recipe(
    recipe: Recipe, raw_folder: Path, psf_file: Path, tmp_path: Path
) -> None:
    """So a folder with data, PSF and recipe can be moved to another machine."""
    recipe.save(tmp_path / "recipe.json")
    data = json.loads((tmp_path / "recipe.json").read_text())
    assert data["source"]["folder"] == "cell"
    assert data["pipeline"]["steps"][2]["psf"] == "psf/psf.tif"
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    os.rename(tmp_path, moved)
    try:
        loaded = Recipe.load(moved / "recipe.json")
        view = loaded.pipeline.apply(loaded.open())
        assert np.isfinite(view.volume(0, 0)).all()
    finally:
        os.rename(moved, tmp_path)


def test_every_parameter_is_written(recipe: Recipe, tmp_path: Path) -> None:
    """A default that changes some day must not change old results."""
    recipe.save(tmp_path / "recipe.json")
    steps = json.loads((tmp_path / "recipe.json").read_text())["pipeline"]["steps"]
    assert set(steps[1]) == {"kind", *Deskew.model_fields}


def test_a_hand_written_recipe_needs_little(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD)
    loaded = Recipe.load(path)
    assert loaded.pipeline.steps == (SubtractBackground(value=98), Deskew(angle=31.5))
    assert loaded.source is not None
    assert loaded.source.folder == str(tmp_path / "cell")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("angle:", "angel:", r"line 10: unknown name 'angel'; allowed here: .*angle, skew_axis"),
        ("angle: 31.5", "angle: 400", r"line 10: angle: .*must be at most 179"),
        ("angle: 31.5", "angle: 0.1", r"line 10: angle: the angle must be at least 1 degree"),
        ("kind: deskew", "kind: dskew", r"line 9: unknown step 'dskew'; known: .*deskew"),
        ("kind: deskew", "kinds: deskew", r"line 9: a step needs its kind; known: .*deskew"),
        ("engine:", "enigne:", r"line 12: unknown name 'enigne'; allowed here: .*engine"),
        ("  folder: cell", "  flder: cell", r"line 3: unknown name 'flder'; allowed.*folder"),
        ("skew_axis: x", "skew_axis: q", r"line 11: skew_axis: .*'x' or 'y'"),
        ("schema_version: 1", "schema_version: 7", r"version 7, .*up to 2 .*Update"),
        ("schema_version: 1", "schema_version: one", r"schema_version 'one' is not a version"),
        ("pipeline:\n", "pipeline: [\n", r"cannot be read: .*line \d+"),
        ("kind: deskew", "kind: !!python/object:os.system deskew", r"cannot be read: "),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(RecipeError, match=sentence):
        Recipe.load(path)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD.replace("angle:", "angel:").replace("value: 98", "value: -1"))
    with pytest.raises(RecipeError, match=r"line 8: value: .*; recipe.yaml, line 10: .*angel"):
        Recipe.load(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a recipe"),
        (b"- 1\n- 2\n", "not a recipe"),
        (b"\xff\xfe\x00\x01", "not a text file"),
        (b"{", "cannot be read"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=sentence):
        Recipe.load(path)


def test_a_missing_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"Cannot read the recipe: No such file.*gone\.yaml"):
        Recipe.load(tmp_path / "gone.yaml")


def test_another_suffix_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"\.yaml or \.json"):
        recipe.save(tmp_path / "recipe.txt")


def test_a_failing_save_keeps_the_old_file(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RecipeError, match="No space left on device"):
        recipe.save(path)
    assert path.read_text() == GOOD


def test_the_script_gives_the_same_pixels(recipe: Recipe, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(recipe.to_script() + "import numpy\nnumpy.save('out.npy', volume)\n")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True)
    expected = recipe.pipeline.apply(recipe.open()).volume(0, 0)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_a_recipe_without_source_says_so() -> None:
    with pytest.raises(RecipeError, match="names no source"):
        Recipe().open()


def test_colours_are_for_the_dock_and_left_out_where_nobody_chose(raw_folder: Path) -> None:
    stack = open_stack(raw_folder)
    plain = Source.of(stack)
    assert plain is not None and "channel_colours" not in plain.model_dump()
    coloured = Source.of(stack, colours=("red", "cyan"))
    assert coloured is not None and coloured.model_dump()["channel_colours"] == ("red", "cyan")
    recipe = Recipe(source=coloured)
    assert recipe.open() == stack and "cyan" not in recipe.to_script()


def test_names_that_are_stated_are_saved_with_those_in_the_files(raw_folder: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    assert "recorded_channels" not in session.recipe().model_dump()["source"]
    session.state(channel_names=("GFP", "RFP"))
    of_session, of_stack = session.recipe(), Recipe(source=session.stack)
    for recipe in (of_session, of_stack):
        assert recipe.source is not None
        assert recipe.source.recorded_channels == ("488", "560")
        assert recipe.open() == session.stack and "recorded" not in recipe.to_script()


def test_a_recipe_of_the_first_version_opens_and_runs(tmp_path: Path) -> None:
    shutil.copy(FIRST_VERSION, tmp_path)
    write_raw(tmp_path / "cell")
    save_psf(gaussian_psf(), (0.1, 0.1, 0.1), tmp_path / "psf.tif")
    recipe = Recipe.load(tmp_path / FIRST_VERSION.name)
    assert [step.kind for step in recipe.pipeline.steps if step.enabled] == [
        "subtract_background", "deconvolve", "deskew", "crop",
    ]  # fmt: skip
    assert recipe.pipeline.steps[4] == Crop(z=(1, 9), x=(4, 20))
    view = recipe.pipeline.apply(recipe.open())
    assert view.shape == (3, 2, 8, 16, 16) and view.volume(2, 1).any()
    recipe.save(tmp_path / "again.yaml")
    again = (tmp_path / "again.yaml").read_text()
    assert again.startswith("schema_version: 2\n")
    assert Recipe.load(tmp_path / "again.yaml") == recipe


def test_values_per_channel_are_written_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "schema_version: 2\npipeline:\n  steps:\n"
        "  - kind: deconvolve\n    psf: {488: a.tif, 560: b/c.tif}\n"
        "    background: {488: 98, 560: 101}\n"
        "  - {kind: crop, z: 10:20, x: '3:-5'}\n"
    )
    recipe = Recipe.load(path)
    deconvolve, crop = recipe.pipeline.steps
    assert isinstance(deconvolve, Deconvolve)
    assert deconvolve.psf == {
        "488": str(tmp_path / "a.tif"), "560": str(tmp_path / "b" / "c.tif"),
    }  # fmt: skip
    assert deconvolve.background == {"488": 98.0, "560": 101.0}
    assert crop == Crop(z=(10, 20), x=(3, -5))
    recipe.save(path)
    assert "488: a.tif" in path.read_text().replace("'", "")
    assert Recipe.load(path) == recipe
    path.write_text(path.read_text().replace("101.0", "-1"))
    with pytest.raises(RecipeError, match=r"line \d+: 560: .*must be at least 0"):
        Recipe.load(path)


def test_a_psf_in_memory_is_in_no_recipe(tmp_path: Path) -> None:
    step = Deconvolve(psf=gaussian_psf(), psf_voxel_size=(0.1, 0.1, 0.1))
    with pytest.raises(RecipeError, match="write it to a file with save_psf"):
        Recipe(pipeline=Pipeline([step])).save(tmp_path / "recipe.yaml")


def test_what_it_is_is_seen_in_a_console_and_a_notebook(recipe: Recipe) -> None:
    line, table = repr(recipe), recipe._repr_html_()
    for text in ("cell", "Subtract background (98 counts)", "Deskew (32° along x)", "engine cpu"):
        assert text in line
    assert table.startswith("<table>") and "<th>engine</th><td>cpu</td>" in table


def test_names_and_times_that_were_stated_are_kept(raw_folder: Path, tmp_path: Path) -> None:
    """They decide which channel has which value."""
    stack = open_stack(raw_folder, channel_names=("560", "488"), time_interval=3.5)
    step = SubtractBackground(value={"560": 0, "488": 1000})
    recipe = Recipe(source=stack, pipeline=Pipeline([step]))
    recipe.save(tmp_path / "recipe.yaml")
    again = Recipe.load(tmp_path / "recipe.yaml")
    opened = again.open()
    assert (opened.channel_names, opened.time_interval) == (("560", "488"), 3.5)
    expected = recipe.pipeline.apply(stack)
    for c in range(2):
        np.testing.assert_array_equal(
            again.pipeline.apply(opened).volume(0, c), expected.volume(0, c)
        )
    with pytest.raises(ParameterError, match="not the raw one of a folder"):
        Recipe(source=expected)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_arguments_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    arguments = {
        "small": 1e-5,
        "large": 1e16,
        "text": "0477",
        "word": "1e-5",
        "smile": "\U0001f600",
    }
    step = Function(function="numpy:clip", arguments=arguments)
    Recipe(pipeline=Pipeline([step])).save(tmp_path / f"recipe{suffix}")
    assert Recipe.load(tmp_path / f"recipe{suffix}").pipeline.steps == (step,)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_row_of_a_table_is_one_line(tmp_path: Path, suffix: str) -> None:
    rows = tuple((0.1 * t, -1 / 3 - t, 2e-3 * t) for t in range(30))
    arguments = {"of texts": ["a, b", "[\n1,\n2\n]"], "empty": [], "deep": [[1, [2]], 3]}
    steps = Drift(drift=rows), Function(function="numpy:clip", arguments=arguments)
    path = tmp_path / f"recipe{suffix}"
    Recipe(pipeline=Pipeline(steps)).save(path)
    assert Recipe.load(path).pipeline.steps == steps
    lines = [line.strip(" -,") for line in path.read_text().splitlines()]
    assert {str(list(row)) for row in rows} <= set(lines)


def test_numbers_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "pipeline: {steps: [{kind: function, function: 'numpy:clip',"
        " arguments: {a: 1e-5, b: 2.5E+3, c: 1.5}},"
        " {kind: subtract_background, value: {0477: 10}}, {kind: deskew, width: 010}]}"
    )
    function, background, deskew = Recipe.load(path).pipeline.steps
    assert isinstance(function, Function) and isinstance(background, SubtractBackground)
    assert function.arguments == {"a": 1e-5, "b": 2500.0, "c": 1.5}
    assert background.value == {"0477": 10.0}
    assert isinstance(deskew, Deskew) and deskew.width == 10


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("'a(b)': 1", r"line 1: unknown name 'a\(b\)'; allowed here: schema_version, source"),
        ("pipeline: {steps: [{kind: deskew, 'x(y)': 3}]}", r"unknown name 'x\(y\)'.*angle"),
        ("pipeline: {steps: 5}", "line 1: steps: must be a list"),
        ("[" * 3000, "cannot be read"),
    ],
)
def test_no_recipe_ends_in_a_traceback(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=sentence):
        Recipe.load(path)


def test_no_steps_are_no_steps(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("pipeline: {steps: }")
    assert Recipe.load(path).pipeline == Pipeline()


def test_a_script_names_functions_and_refuses_what_has_no_name() -> None:
    recipe = Recipe(pipeline=Pipeline([np.flip]))
    assert "Function(function='numpy:flip'" in recipe.to_script()
    with pytest.raises(RecipeError, match="cannot be written into a recipe"):
        Recipe(pipeline=Pipeline([lambda volume: volume])).to_script()


@given(st.text(st.characters(codec=None)))
@example("a\x85b")
@example("a\u2028b\u2029c")
@example("\udcff \ufeff \x1b[31m")
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    """Also names whose bytes are no text."""
    data = {"a": text, "b": [text, text], text: 1}
    written = dump_yaml(data)
    assert load_yaml(written) == data
    written.encode()


def test_letters_of_any_language_can_be_read_in_the_file() -> None:
    assert dump_yaml({"folder": "Müller/細胞 😀"}) == "folder: Müller/細胞 😀\n"
