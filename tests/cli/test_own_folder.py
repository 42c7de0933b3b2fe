"""A recipe over its own folder that is named, and over others: what holds, and what is told."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from interrupting import volumes
from napari_lazy_pipeline import Pipeline, Recipe, cli, open_stack
from napari_lazy_pipeline.errors import ExportError, RemarkWarning
from napari_lazy_pipeline.exports.other_folder import open_other
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import Deskew

OWN, FILES = (0.5, 0.1, 0.1), (0.3, 0.1, 0.1)  # what the recipe states, and what the files do
LEFT = "Left as the data have it, not as the recipe: z step 0.5 µm"


def record(folder: Path, *names: str) -> Path:
    """Files that state their voxel size."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(100, 900, (6, 16, 20)).astype("uint16")
        tifffile.imwrite(
            folder / name, pixels, imagej=True, resolution=(10, 10),
            metadata={"axes": "ZYX", "spacing": 0.3, "unit": "um"},
        )  # fmt: skip
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two time points of a folder."""
    return record(tmp_path / "raw", "cell_t0.tif", "cell_t1.tif")


@pytest.fixture
def recipe(raw: Path, tmp_path: Path) -> Path:
    """Its recipe, which states another z step."""
    path = tmp_path / "r.yaml"
    stack = open_stack(raw, voxel_size=OWN, angle=31.5, step="stage", time_interval=7.0)
    Recipe(source=stack, pipeline=Pipeline([Deskew()])).save(path)
    return path


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def size_and_interval(out: Path) -> tuple[object, object]:
    (path,) = out.glob("*_recipe.yaml")
    source = Recipe.load(path).source
    assert source is not None
    return source.voxel_size, source.time_interval


@pytest.mark.parametrize("named", ["run", "link", "watch"])
def test_its_own_folder_is_as_it_says(raw: Path, recipe: Path, tmp_path: Path, named: str) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert run("run", recipe, "--out", whole) == 0
    folder = raw
    if named == "link":
        folder = tmp_path / "link"
        folder.symlink_to(raw)
    words: tuple[object, ...] = ("run", recipe, folder, "--out", out)
    if named == "watch":
        words = "watch", folder, "--recipe", recipe, "--out", out, "--until-idle", "0.1"
    with pytest.warns(RemarkWarning) as told:
        assert run(*words) == 0
    used = "Stated, and used: z step 0.5 µm; the files say 0.3 µm"
    assert {str(one.message) for one in told} == {f"{used} ({folder})"}
    assert size_and_interval(out) == size_and_interval(whole) == (OWN, 7.0)
    made, expected = ([*volumes(folder).values()] for folder in (out, whole))
    assert made == expected and len(made) == 2


def test_a_recipe_that_was_copied_beside_another_recording_tells_what_its_files_say(
    tmp_path: Path,
) -> None:
    names = "cell_t0.tif", "cell_t1.tif"
    first = record(tmp_path / "cell5" / "raw", *names)
    second = record(tmp_path / "cell6" / "raw", *names)
    for name in names:
        pixels = tifffile.imread(second / name)
        metadata = {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
        tifffile.imwrite(
            second / name, pixels, imagej=True, resolution=(5, 5), metadata=metadata
        )  # fmt: skip
    Recipe(source=open_stack(first)).save(tmp_path / "cell5" / "r.yaml")
    copy = shutil.copy(tmp_path / "cell5" / "r.yaml", tmp_path / "cell6")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        assert run("run", tmp_path / "cell5" / "r.yaml", "--out", tmp_path / "out5") == 0
    with pytest.warns(RemarkWarning) as told:
        assert run("run", copy, "--out", tmp_path / "out6") == 0
    used = "Stated, and used: z step 0.3 µm, pixel 0.1 µm; the files say 0.5 µm, 0.2 µm"
    assert [str(one.message) for one in told] == [f"{used} ({second})"]


def test_in_python_the_same_is_told(tmp_path: Path) -> None:
    folder = record(tmp_path / "raw", "cell_t0.tif", "cell_t1.tif")
    source = Source(folder=str(folder), voxel_size=(0.9, 0.1, 0.1))
    for read in (Recipe(source=source).open, Recipe(source=source).apply):
        with pytest.warns(RemarkWarning, match="Stated, and used: z step 0.9 µm"):
            assert read().voxel_size == (0.9, 0.1, 0.1)
    names = [f"cell_{dye}_t{t}.tif" for t in (0, 1) for dye in (405, 488)]
    dyes = record(tmp_path / "dyes", *names)
    renamed = Source(
        folder=str(dyes), channel_names=("GFP", "RFP"), recorded_channels=("488", "405")
    )
    with pytest.raises(ExportError, match=r"channels 488 \(GFP\), 405 \(RFP\); .* another order"):
        Recipe(source=renamed).apply()


def test_a_scan_axis_without_an_angle_is_left_as_in_python(raw: Path) -> None:
    steps = "S PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t0\t0.5\t6"
    angle = "Angle between stage and bessel beam (deg) =\t31.5"
    (raw / "cell_Settings.txt").write_text(f"{steps}\n{angle}\n")
    recipe = Recipe(source=Source(folder=str(raw), skew_axis="y", voxel_size=OWN))
    scan = Scan(31.5, "x", "stage")
    assert (
        recipe.open_raw().spec.scan
        == open_stack(raw, voxel_size=OWN, skew_axis="y").spec.scan
        == scan
    )


def test_that_files_are_complete_is_said_of_its_own_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (record(tmp_path / name, "cell_t0.tif", "cell_t1.tif") for name in ("own", "b"))
    for folder in (own, other):
        half = tifffile.imread(folder / "cell_t1.tif")
        half[3:] = 0
        tifffile.imwrite(folder / "cell_t1.tif", half)
    recipe = tmp_path / "r.yaml"
    Recipe(source=open_stack(own, voxel_size=OWN, complete=True)).save(recipe)
    assert run("run", recipe, "--out", tmp_path / "out") == 0
    assert run("run", recipe, own, "--out", tmp_path / "named") == 0
    assert run("run", recipe, other, "--out", tmp_path / "other") == 1
    assert "not all of its pixels are written" in capsys.readouterr().err
    assert run("run", recipe, other, "--out", tmp_path / "other", "--complete") == 0
    # Whoever watches a folder expects files that are written to.
    monkeypatch.setattr("napari_lazy_pipeline.cli.watch_folder._INTERVAL", 0.01)
    for name, folder in (("w1", own), ("w2", other)):
        words = "--recipe", recipe, "--out", tmp_path / name, "--until-idle", "0.1"
        assert run("watch", folder, *words) == 0
        assert len(volumes(tmp_path / name)) == 1


def test_its_own_folder_has_the_files_that_it_chooses(tmp_path: Path) -> None:
    folder = record(tmp_path / "raw", *(f"cell_ch{c}_t{t}.tif" for t in (0, 1) for c in (0, 1)))
    source = Source(folder=str(folder), pattern="cell_ch1_t{t}.tif", voxel_size=OWN)
    assert open_other(Recipe(source=source), folder).shape[:2] == (2, 1)


def test_other_folders_are_as_their_files_say_and_what_is_left_is_told(
    recipe: Path, tmp_path: Path
) -> None:
    folder = record(tmp_path / "other", "cell_t0.tif", "cell_t1.tif")
    same = tmp_path / "same"
    for name in ("cell_t0.tif", "cell_t1.tif"):
        record(same, name)
        pixels = tifffile.imread(same / name)
        tifffile.imwrite(same / name, pixels)
    with pytest.warns(RemarkWarning) as told:
        assert run("run", recipe, same, folder, "--out", tmp_path / "out") == 0
    assert [str(one.message) for one in told] == [f"{LEFT} ({folder})"]
    # What files do not state is that of the recipe.
    assert size_and_interval(tmp_path / "out" / "other") == (FILES, 7.0)
    assert size_and_interval(tmp_path / "out" / "same") == (OWN, 7.0)


def test_names_of_channels_that_hold_are_not_told_to_be_left(tmp_path: Path) -> None:
    names = [f"cell_{c}_t{t}.tif" for t in (0, 1) for c in ("GFP", "RFP")]
    stack = open_stack(record(tmp_path / "raw", *names), channel_names=("green", "red"))
    other = record(tmp_path / "other", *names)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        opened = open_other(Recipe(source=stack), other)
    assert opened.channel_names == ("green", "red")


def record_channels(folder: Path, *names: str) -> Path:
    """Files that state the names of their channels."""
    folder.mkdir()
    pixels = np.full((4, len(names), 8, 9), 100, "uint16")
    size = dict.fromkeys(("PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"), 0.3)
    metadata = {"axes": "ZCYX", "Channel": {"Name": names}, **size}
    for t in range(2):
        tifffile.imwrite(folder / f"cell_t{t}.ome.tif", pixels, metadata=metadata)
    return folder


def test_channels_that_the_recipe_names_are_found_by_what_files_call_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = record_channels(tmp_path / "raw", "488 nm", "561 nm")
    recipe, out = tmp_path / "r.yaml", tmp_path / "out"
    Recipe(source=open_stack(raw, channel_names=("GFP", "RFP"))).save(recipe)
    source = Recipe.load(recipe).source
    assert source is not None and source.recorded_channels == ("488 nm", "561 nm")
    for number, names in enumerate([("561 nm", "488 nm"), ("RFP", "GFP")]):
        swapped = record_channels(tmp_path / f"swapped{number}", *names)
        assert run("run", recipe, swapped, "--out", out) == 1
        said = "The recipe is for channels 488 nm (GFP), 561 nm (RFP); this folder has "
        assert f"{said}{', '.join(names)}: another order ({swapped}). " in capsys.readouterr().err
    assert not out.exists()
    # A copy of the recipe beside other files of its folder's name.
    (tmp_path / "b").mkdir()
    record_channels(tmp_path / "b" / "raw", "561 nm", "488 nm")
    assert run("run", shutil.copy(recipe, tmp_path / "b"), "--out", out) == 2
    other = record_channels(tmp_path / "other", "488 nm", "640 nm")
    with pytest.warns(RemarkWarning, match=r"has 488 nm, 640 nm, which are called GFP, RFP now"):
        assert open_other(Recipe.load(recipe), other).channel_names == ("GFP", "RFP")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        for number, names in enumerate([("488 nm", "561 nm"), ("GFP", "RFP"), ("ch0", "ch1")]):
            same = record_channels(tmp_path / f"same{number}", *names)
            assert open_other(Recipe.load(recipe), same).channel_names == ("GFP", "RFP")
        before = Recipe(source=source.model_copy(update={"recorded_channels": None}))
        assert open_other(before, other).channel_names == ("GFP", "RFP")


def test_a_position_of_its_folder_that_is_not_its_own_is_another(tmp_path: Path) -> None:
    names = [f"cell_s{p}_ch{c}_t{t}.tif" for p in (1, 3) for c in (0, 1) for t in (0, 1)]
    folder = record(tmp_path / "raw", *names)
    source = Source.of(open_stack(folder, position="3", voxel_size=OWN))
    assert source is not None and source.position == "3"
    for position in (None, "3"):
        opened = open_other(Recipe(source=source), folder, position)
        assert opened.voxel_size == OWN
        assert opened.source.position == "3"  # type: ignore[attr-defined]
    with pytest.warns(RemarkWarning, match=r"z step 0.5 µm \(.*raw, 1\)"):
        assert open_other(Recipe(source=source), folder, "1").voxel_size == pytest.approx(FILES)
    of_all = Recipe(source=source.model_copy(update={"position": None}))
    for position in ("1", "3"):
        assert open_other(of_all, folder, position).voxel_size == OWN
    for opened in (of_all.open_raw, lambda: open_other(of_all, folder)):
        with pytest.warns(RemarkWarning, match=r"There are 2 positions \(1, 3\): 1 is taken"):
            assert opened().source.position == "1"  # type: ignore[attr-defined]


def test_another_folder_is_opened_at_the_position_of_the_recipe(tmp_path: Path) -> None:
    names = [f"cell_s{p}_t{t}.tif" for p in (1, 3) for t in (0, 1)]
    raw, other = record(tmp_path / "raw", *names), record(tmp_path / "other", *names)
    recipe, out = tmp_path / "r.yaml", tmp_path / "out"
    third = open_stack(raw, position="3")
    Recipe(source=third, pipeline=Pipeline()).save(recipe)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemarkWarning)
        assert run("run", recipe, other, "--out", out) == 0
    (path,) = out.glob("*_recipe.yaml")
    source = Recipe.load(path).source
    assert source is not None and source.position == "3"
    written = open_stack(out, "{name}_t{t}.tif")
    assert written.shape[0] == 2
    for t in (0, 1):
        np.testing.assert_array_equal(written.volume(t), third.volume(t))
    fewer = record(tmp_path / "fewer", *(f"cell_s{p}_t{t}.tif" for p in (1, 2) for t in (0, 1)))
    with pytest.warns(RemarkWarning) as told:
        opened = open_other(Recipe.load(recipe), fewer)
    what = (
        "There are 2 positions (1, 2): 1 is taken; the recipe, or run --position, can name another"
    )
    assert [str(one.message) for one in told] == [f"{what} ({fewer})"]
    assert opened.source.position == "1"  # type: ignore[attr-defined]
