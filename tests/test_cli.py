"""The command line: what it prints, what it writes, and the exit codes scripts rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, cli
from napari_lazy_pipeline.cli import command_line, run_recipe
from napari_lazy_pipeline.exports.export import ExportReport, Failure
from napari_lazy_pipeline.session.recipe import Source
from napari_lazy_pipeline.steps import Crop, Deskew, SubtractBackground
from stacks import write_raw


@pytest.fixture
def recipe(raw_folder: Path, tmp_path: Path) -> Path:
    """A recipe for three time points of two channels, (12, 16, 20)."""
    steps = (SubtractBackground(value=100), Deskew(angle=31.5), Crop(z=(0, 4)))
    source = Source(folder=str(raw_folder), voxel_size=(0.3, 0.1, 0.1))
    path = tmp_path / "recipe.yaml"
    Recipe(source=source, pipeline=Pipeline(steps=steps)).save(path)
    return path


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def fails(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run what cannot be done; give the one line it says."""
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_info_says_what_is_there(raw_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", raw_folder) == 0
    printed = capsys.readouterr().out
    assert "6 files -> 2 channels (488, 560) x 3 time points, (12, 16, 20) uint16" in printed
    assert f"folder:   {raw_folder}" in printed


def test_info_uses_the_pattern(raw_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", raw_folder, "--pattern", "cell_ch1_stack{t}_*.tif") == 0
    assert "3 files -> 1 channel" in capsys.readouterr().out


def test_info_of_files_that_need_a_reader_or_a_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.arange(60, dtype="<f4").tofile(tmp_path / "a.raw")
    assert run("info", tmp_path, "--shape", "3,4,5", "--dtype", "float32") == 0
    assert "(3, 4, 5) float32" in capsys.readouterr().out
    assert "Tell its shape" in fails(capsys, "info", tmp_path)
    assert "trust=True" in fails(capsys, "info", tmp_path, "--reader", "numpy:fromfile")
    assert run("info", tmp_path, "--reader", f"{__name__}:cube", "--trust") == 0
    assert "1 time point, (2, 3, 4) uint8" in capsys.readouterr().out


def cube(path: str) -> np.ndarray:
    """A reader of a person's own."""
    return np.zeros((2, 3, 4), "uint8")


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(capsys, "info", tmp_path / "nowhere")
    assert said.startswith("napari-lazy-pipeline: There is no such folder (")


def test_run_writes_every_volume(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("run", recipe, "--out", out) == 0
    assert len(list(out.glob("cell_ch?_t000?.tif"))) == 6
    with tifffile.TiffFile(out / "cell_ch1_t0002.tif") as file:
        assert file.series[0].shape == (4, 16, 50)
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["spacing"] == pytest.approx(0.3 * 0.5225, rel=1e-4)
    captured = capsys.readouterr()
    assert captured.out == f"6 volumes written to {out}\n"
    assert captured.err.splitlines()[-1] == "6/6 volumes"
    header = json.loads((out / "cell_export.jsonl").read_text().splitlines()[1])
    assert [step["kind"] for step in header["steps"]] == ["subtract_background", "deskew", "crop"]


def test_a_second_run_goes_on(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("run", recipe, "--out", tmp_path / "out", "-t", "0")
    assert run("run", recipe, "--out", tmp_path / "out") == 0
    assert "4 volumes written to" in (printed := capsys.readouterr().out)
    assert "2 were there already" in printed


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["-t", "1", "-c", "0"], ["cell_ch0_t0001.tif"]),
        (["-t", "::2", "-c", "1"], ["cell_ch1_t0000.tif", "cell_ch1_t0002.tif"]),
        (["-t", "0,2:", "-c", ":1"], ["cell_ch0_t0000.tif", "cell_ch0_t0002.tif"]),
    ],
)
def test_a_part_can_be_chosen(
    recipe: Path, tmp_path: Path, words: list[str], files: list[str]
) -> None:
    assert run("run", recipe, "--out", tmp_path / "out", *words) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif")) == files


def test_parameters_can_be_changed(recipe: Path, tmp_path: Path) -> None:
    changes = ["--set", "crop.z=[2, 5]", "--set", "deskew.enabled=false"]
    words = ["-t", "0", "-c", "0", "--dtype", "uint8"]
    assert run("run", recipe, "--out", tmp_path / "out", *changes, *words) == 0
    volume = tifffile.imread(tmp_path / "out" / "cell_ch0_t0000.tif")
    assert volume.shape == (3, 16, 20) and volume.dtype == "uint8"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("deskew.angel=30", "The step 'deskew' has no 'angel'. It has: enabled, angle, skew_axis"),
        ("deskew.angle=400", "deskew.angle cannot be 400: must be at most 179"),
        ("rotate.angle=30", "no step 'rotate'. Of: subtract_background, deskew, crop"),
        ("angle=30", "Cannot read --set angle=30. Write STEP.FIELD=VALUE"),
        ("crop.z=[1", "Cannot read the value of --set crop.z=[1"),
    ],
)
def test_a_wrong_change_is_one_line(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    assert said in fails(capsys, "run", recipe, "--out", tmp_path / "out", "--set", change)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["-t", "5:2"], ["-c", "7:"]])
def test_a_choice_of_nothing_is_refused(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert "chooses nothing" in fails(capsys, "run", recipe, "--out", tmp_path / "out", *words)


def test_a_step_of_zero_is_no_range(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("run", recipe, "--out", tmp_path / "out", "-t", "::0")


def test_two_steps_of_a_kind_are_not_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "twice.yaml"
    Recipe(pipeline=Pipeline(steps=(Crop(), Crop()))).save(path)
    said = fails(capsys, "run", path, "--out", tmp_path / "out", "--set", "crop.z=[0, 1]")
    assert "There are 2 steps 'crop'. Change it in the recipe file" in said


def test_an_engine_that_is_not_there(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = fails(capsys, "run", recipe, "--out", tmp_path / "out", "--engine", "abacus")
    assert "There is no engine 'abacus'. Choose one of: cpu" in said


def test_an_engine_that_cannot_be_used_says_why(
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine

    monkeypatch.setattr(CpuEngine, "unavailable", lambda self: "on holiday")
    said = fails(capsys, "run", recipe, "--out", tmp_path / "out")
    assert "The engine 'cpu' cannot be used here: on holiday" in said


def test_the_raw_folder_is_refused(
    recipe: Path, raw_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "would write into the raw data" in fails(capsys, "run", recipe, "--out", raw_folder)
    assert {path.suffix for path in raw_folder.iterdir()} == {".tif"}


def test_a_crop_that_was_set_on_another_shape_is_refused(
    raw_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Source(folder=str(raw_folder), voxel_size=(0.3, 0.1, 0.1), made_for=(20, 30, 30))
    said = "The crop of the recipe was set on volumes of another shape"
    for enabled in (True, False):
        path = tmp_path / f"{enabled}.yaml"
        Recipe(source=source, pipeline=Pipeline([Crop(z=(2, 18), enabled=enabled)])).save(path)
        out = "--out", tmp_path / "out"
        if enabled:
            assert said in fails(capsys, "run", path, *out) and not (tmp_path / "out").exists()
            assert run("run", path, raw_folder, *out) == 1 and said in capsys.readouterr().err
        else:
            assert run("run", path, *out) == 0, "it is off"


def test_values_to_try_are_said_to_be_left_out(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = {"subtract_background.value": (0, 50), "deskew.angle": (30.0, 31.0)}
    Recipe.load(recipe).model_copy(update={"sweep": tried}).save(recipe)
    assert run("run", recipe, "--out", tmp_path / "out", "-t", "0", "-c", "0") == 0
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == (
        "The recipe holds values to try of subtract_background.value, deskew.angle: "
        "the present values are used"
    )


def test_folders_are_run_one_after_the_other_and_one_that_fails_does_not_stop_the_rest(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [write_raw(tmp_path / name, times=1) for name in ("day1", "day2")]
    words = [folders[0], tmp_path / "nowhere", folders[1], "--mip", "z", "--stage", "deskew"]
    assert run("run", recipe, *words) == 1
    captured = capsys.readouterr()
    assert f"{tmp_path / 'nowhere'}: There is no such folder" in captured.err
    assert captured.out.splitlines() == [
        f"4 volumes written to {folder}_processed" for folder in folders
    ]
    for folder in folders:
        out = tmp_path / f"{folder.name}_processed"
        files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*_ch0_*.tif"))
        name = f"{folder.name}_ch0_t0000.tif"
        stage = f"after_2_deskew/{name}", f"after_2_deskew/mip_z/{name}"
        assert files == sorted([name, f"mip_z/{name}", *stage])
    assert run("run", recipe, *folders, "--out", tmp_path / "all", "--stage", "0") == 0
    assert (tmp_path / "all" / "day2" / "raw" / "day2_ch1_t0000.tif").is_file()


def test_missing_volumes_are_exit_code_1(
    recipe: Path, raw_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = next(raw_folder.glob("cell_ch1_stack0001_*"))
    bad.write_bytes(bad.read_bytes()[:1000])
    assert run("run", recipe, "--out", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "5 volumes written" in captured.out and "1 failed" in captured.out
    assert "t=1, c=1: " in captured.err and bad.name in captured.err
    assert not (tmp_path / "out" / "cell_ch1_t0001.tif").exists()


def test_a_long_list_of_failures_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    failures = tuple(Failure(t, 0, "no") for t in range(25))
    assert run_recipe.summarise(ExportReport(Path("out"), failed=failures)) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "and 5 more"


def test_an_interruption_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "steps", interrupt)
    assert run("steps") == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["x", "1:2:3:4", ""])
def test_a_wrong_selection_is_exit_code_2(
    recipe: Path, tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run("run", recipe, "--out", tmp_path / "out", "-t", which)
    assert exit_.value.code == 2
    assert "argument -t" in capsys.readouterr().err


def test_estimates_are_written_into_the_recipe(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of steps that are on, or of one; the raw volumes of t=2 are made of counts from 100 on."""
    out = tmp_path / "estimated.yaml"
    before = recipe.read_text("utf-8")
    assert run("estimate", recipe, "--out", out, "-t", "2") == 0
    step = Recipe.load(out).pipeline.steps[0]
    assert isinstance(step, SubtractBackground) and isinstance(step.value, dict)
    assert sorted(step.value) == ["488", "560"] and min(step.value.values()) >= 100
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("Subtract background: Most voxels have these counts: 488: ")
    assert printed[1] == f"Written to {out}" and recipe.read_text("utf-8") == before
    taken = out.read_bytes()
    said = fails(capsys, "estimate", recipe, "--out", out, "--step", "1")
    assert f"The file is there already ({out}). State another one by --out" in said
    assert out.read_bytes() == taken
    linked = tmp_path / "linked.yaml"
    linked.symlink_to(tmp_path / "nowhere.yaml")
    assert "is there already" in fails(capsys, "estimate", recipe, "--out", linked)
    same = f"{recipe.parent}/./{recipe.name}"
    assert run("estimate", recipe, "--out", same, "--step", "1") == 0
    assert recipe.read_text("utf-8") != before
    recipe.write_text(before, "utf-8")
    assert run("estimate", recipe, "--step", "1") == 0
    assert isinstance(Recipe.load(recipe).pipeline.steps[0].value, dict)  # type: ignore[attr-defined]
    capsys.readouterr()
    assert "no step rotate" in fails(capsys, "estimate", recipe, "--step", "rotate")
    assert "Nothing can be estimated for Crop" in fails(capsys, "estimate", recipe, "--step", "3")


def test_steps_lists_every_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    from napari_lazy_pipeline.steps._registry import step_types

    assert run("steps") == 0
    printed = capsys.readouterr().out
    for kind, step in step_types().items():
        assert f"{kind}: {step.summary}" in printed
        for name, info in step.model_fields.items():
            assert name == "kind" or info.description in printed
    assert re.search(r"angle +\S.*° +-179 to 179 +Angle between", printed)


def test_help_waits_for_nothing() -> None:
    code = "import sys\nfrom napari_lazy_pipeline import cli\ntry:\n    cli.main(['--help'])\n"
    code += "finally:\n    print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "usage: napari-lazy-pipeline" in done.stdout
    assert {"numpy", "dask", "pydantic", "yaml", "numba"}.isdisjoint(loaded)


def test_new_files_are_written_as_they_are_if_they_are_stated_to_be_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, clipped = np.full((3, 6, 8), 200, "uint16"), np.full((3, 6, 8), 300, "uint16")
    clipped[-1] = 0
    (tmp_path / "cell").mkdir()
    for t, volume in enumerate((whole, clipped)):
        tifffile.imwrite(tmp_path / f"cell/s_t{t}.tif", volume, photometric="minisblack")
    own, other = tmp_path / "own.yaml", tmp_path / "other.yaml"
    cell = Source(folder=str(tmp_path / "cell"), voxel_size=(1, 1, 1))
    Recipe(source=cell).save(own)
    Recipe(source=cell.model_copy(update={"folder": str(tmp_path)})).save(other)
    assert run("info", tmp_path / "cell", "--complete") == 0
    for name, words in (("a", (own,)), ("b", (other, tmp_path / "cell"))):
        words = ("run", *words, "--out", tmp_path / name)
        assert run(*words) == 1
        assert "not all of its pixels are written" in capsys.readouterr().err
        assert run(*words, "--complete") == 0, "it goes on"
        (written,) = (tmp_path / name).glob("*0001*.tif")
        np.testing.assert_array_equal(tifffile.imread(written), clipped)


def test_info_does_without_dask(raw_folder: Path) -> None:
    code = f"from napari_lazy_pipeline.cli import main\nmain(['info', {str(raw_folder)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
    )
    assert "voxel:" in done.stdout
    assert {"dask", "numba", "scipy"}.isdisjoint(done.stdout.splitlines()[-1].split())


def test_a_recipe_becomes_an_ome_zarr(recipe: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("yaozarrs")
    assert run("run", recipe, "--out", tmp_path / "out", "-t", "0", "--format", "ome-zarr") == 0
    assert run("run", recipe, "--out", tmp_path / "tiff", "-t", "0") == 0
    array = zarr.open_array(str(tmp_path / "out" / "cell.ome.zarr" / "0"), mode="r")
    for c in range(2):
        volume = tifffile.imread(tmp_path / "tiff" / f"cell_ch{c}_t0000.tif")
        assert (array[0, c] == volume).all()


def test_a_scheduler_that_is_none(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    assert run("run", recipe, "--out", tmp_path / "out", "--scheduler", "nowhere") == 2
    assert "dask scheduler does not answer" in capsys.readouterr().err


def test_the_version_is_told_as_a_module_too() -> None:
    command = [sys.executable, "-m", "napari_lazy_pipeline", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == f"napari-lazy-pipeline {version('napari-lazy-pipeline')}\n"
