"""Stages, projections and records: what is written along with the result, and how it resumes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, __version__, export, open_stack
from napari_lazy_pipeline._runtime.fresh_file import new_part
from napari_lazy_pipeline.cli.run_recipe import summarise
from napari_lazy_pipeline.errors import ExportError, RemarkWarning
from napari_lazy_pipeline.exports import destination as target
from napari_lazy_pipeline.exports.formats import imagej_tiff
from napari_lazy_pipeline.image import Stack, VolumeSpec
from napari_lazy_pipeline.steps import (
    BleachCorrection,
    Convert,
    Crop,
    Deconvolve,
    Deskew,
    Ratio,
    Select,
    SubtractBackground,
)
from stacks import CountingSource

STEPS = (SubtractBackground(value=100), Deskew(angle=31.5), Crop(z=(0, 4)))
SIZE = (0.3, 0.1, 0.1)


@pytest.fixture
def view(raw_folder: Path) -> Stack:
    return Pipeline(STEPS).apply(open_stack(raw_folder, voxel_size=SIZE))


@pytest.mark.parametrize(
    ("steps", "t", "c", "raw"),
    [
        ([Select(times=(2, 0), channels="560")], [0], [0], {(2, 1)}),
        ([Select(every=2)], None, None, {(0, 0), (0, 1), (2, 0), (2, 1)}),
        ([Ratio(background=(1, 1))], [1], [2], {(1, 0), (1, 1)}),
        ([Select(channels="560, 488")], [1], [0], {(1, 1)}),
    ],
)
def test_a_stage_holds_what_the_result_is_made_of(
    raw_folder: Path, tmp_path: Path, steps: list[Any], t: Any, c: Any, raw: set[tuple[int, int]]
) -> None:
    stack = open_stack(raw_folder, voxel_size=SIZE)
    view = Pipeline([*steps, SubtractBackground(value=1)]).apply(stack)
    export(view, tmp_path / "out", t=t, c=c, stages=[0])
    files = sorted((tmp_path / "out" / "raw").glob("*.tif"))
    names = {
        f"{raw_folder.name}_ch{channel}_t{time:04d}.tif": (time, channel) for time, channel in raw
    }
    assert {file.name for file in files} == names.keys()
    for file in files:
        np.testing.assert_array_equal(tifffile.imread(file), stack.source.read(*names[file.name]))


@pytest.mark.parametrize("kind", [iter, np.array, tuple])
def test_any_numbers_can_be_chosen(view: Stack, tmp_path: Path, kind: Any) -> None:
    report = export(view, tmp_path, t=kind([0, 2]), c=kind([1]), stages=[1])
    assert report.complete and len(report.written) == 4
    with pytest.raises(ExportError, match="no t = 9"):
        export(view, tmp_path / "other", t=kind([9]))


def test_what_is_clipped_is_told_at_the_end_and_logged(tmp_path: Path) -> None:
    values = np.zeros((3, 2, 2, 5, 5), "float32")
    values[1, 0, 0, 0, :2], values[2, 0, 0, 0, 0], values[2, 1, 1, 0, 0] = 300, 300, -5
    raw = Stack.from_array(values, SIZE, channel_names=("GFP", "RFP"))
    view = Pipeline([Convert(dtype="int16"), Ratio(background=(1, 1))]).apply(raw)
    options: Any = {"dtype": "uint8", "stages": [1], "c": [0, 1]}
    first = export(view, tmp_path, t=[0, 1], **options)
    text = "2 voxels (4 %) above 255 became 255"
    assert first.remarks == (("Export as uint8", "t=1, channel GFP", text),)
    assert str(first).endswith(
        f"written to {tmp_path}. Export as uint8 at t=1, channel GFP: {text}"
    )
    whole = export(view, tmp_path, **options)
    assert len(whole.kept) == 8 and [remark.place for remark in whole.remarks] == [
        "t=1, channel GFP", "t=2, channel GFP", "t=2, channel RFP",
    ]  # fmt: skip
    assert str(whole).endswith(f"channel GFP: {text}; 3 volumes in all")
    for journal in (tmp_path, tmp_path / "after_1_convert"):
        lines = (journal / "volume_export.jsonl").read_text().splitlines()
        logged = {line["file"]: line.get("remarks") for line in map(json.loads, lines[2:])}
        assert len(logged) == 6
        assert logged["volume_ch0_t0000.tif"] is None
        assert logged["volume_ch0_t0001.tif"] == [list(first.remarks[0])]


def test_what_may_not_be_right_is_told_at_the_end(tmp_path: Path) -> None:
    raw = Stack.from_array(np.ones((2, 1, 2, 5, 5), "uint16"), SIZE)
    view = Pipeline([BleachCorrection(brightness=(1.0,))]).apply(raw)
    report = export(view, tmp_path, t=[0])
    text = "Correct bleaching: Time points from 1 on have the brightness of 0: estimate again"
    assert str(report) == f"1 volumes written to {tmp_path}. {text}"
    assert json.loads((tmp_path / "volume_provenance.json").read_text())["cautions"] == [text]
    with pytest.warns(RemarkWarning, match=text):
        view.volume(0)


def test_remarks_of_steps_are_those_of_each_volume_that_is_read(tmp_path: Path) -> None:
    """Also of a volume that the last step does not show, and that a stage before has made."""
    values = np.full((1, 2, 2, 5, 5), 300, "uint16")
    raw = Stack.from_array(values, SIZE, channel_names=("GFP", "RFP"))
    steps = Convert(dtype="uint8"), Ratio(background=(1, 1), threshold=400)
    view = Pipeline(steps).apply(raw)
    report = export(view, tmp_path, c=[2])
    assert [str(remark).partition(":")[0] for remark in report.remarks] == [
        "Convert at t=0, channel GFP", "Convert at t=0, channel RFP",
        "Ratio at t=0, channel GFP/RFP",
    ]  # fmt: skip
    assert "nothing that is divided by is above 400" in report.remarks[2].text


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of all files but journals and provenance, which have the order and the date."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".jsonl", "provenance.json"))
    }


def test_each_stage_is_what_its_steps_make(view: Stack, raw_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = export(view, out, stages=["deskew", 0])
    assert report.complete and len(report.written) == report.total == 18
    raw = open_stack(raw_folder, voxel_size=SIZE)
    stages = {"": 3, "after_2_deskew": 2, "raw": 0}
    for name, count in stages.items():
        expected = Pipeline(STEPS[:count]).apply(raw)
        with tifffile.TiffFile(out / name / "cell_ch1_t0002.tif") as file:
            np.testing.assert_array_equal(file.asarray(), expected.source.read(2, 1))
            assert file.imagej_metadata is not None
            assert file.imagej_metadata["spacing"] == pytest.approx(expected.voxel_size[0])


def test_the_result_is_the_same_with_stages(view: Stack, tmp_path: Path) -> None:
    export(view, tmp_path / "alone")
    export(view, tmp_path / "staged", stages=[1, 2], projections="z")
    alone, staged = contents(tmp_path / "alone"), contents(tmp_path / "staged")
    assert len(alone) == 7 and {name: staged[name] for name in alone} == alone


def test_stages_share_what_they_need(calls: Counter[str], tmp_path: Path) -> None:
    source = CountingSource((3, 2))
    pipeline = Pipeline([SubtractBackground(value=1), Deskew(angle=31.5), Crop(z=(0, 3))])
    view = pipeline.apply(Stack(source))
    export(view, tmp_path, stages=[0, "subtract_background", "deskew"], projections="zyx")
    assert set(source.reads.values()) == {1} and len(source.reads) == 6
    assert calls["deskew"] == calls["subtract_background"] == 6


def test_a_step_that_fails_is_run_once_for_all_stages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a Select, and once more behind it, where it makes the volume of another t."""
    ran: list[int] = []
    bad = 0

    def picky(volume: np.ndarray) -> np.ndarray:
        ran.append(int(volume.max()))
        if ran[-1] == bad:
            raise MemoryError
        return volume

    values = np.ones((4, 1, 4, 5, 5), "uint16") * np.arange(1, 5).reshape(4, 1, 1, 1, 1)
    steps = [picky, SubtractBackground(value=0), Select(every=2), SubtractBackground(value=0)]
    view = Pipeline(steps).apply(Stack.from_array(values.astype("uint16"), SIZE))
    ran.clear()
    bad = 3
    report = export(view, tmp_path, stages=[0, 1, 2, 3])
    assert sorted(ran) == [1, 3, 3]
    assert len(report.written) == 6 and len(report.failed) == 4
    assert Counter(one.t for one in report.failed) == {1: 2, 2: 2}
    assert summarise(report) == 1
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 2 and all("not enough memory" in line for line in lines)
    assert lines[0].startswith("t=1, c=0 in after_3_select, the result: picky failed at t=2")
    assert "4 failed" in said.out


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
def test_a_bad_file_fails_what_is_made_of_it_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a Select the volume of one time point and channel is another recording at each stage."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    for t in range(10):
        tifffile.imwrite(raw / f"cell_t{t:03d}.tif", np.full((6, 8, 10), t, "uint16"))
    bad = raw / "cell_t004.tif"
    whole = bad.read_bytes()
    view = Pipeline([Select(times=(2, 8))]).apply(open_stack(raw, voxel_size=SIZE))
    bad.write_bytes(whole[:300])
    seen: list[int] = []
    report = export(view, out, stages=[0], progress=lambda done, total: seen.append(done))
    assert len(report.written) == 10 and seen == [*range(13)]
    failed = {(one.t, one.c, one.stage) for one in report.failed}
    assert failed == {(4, 0, "raw"), (2, 0, "")}
    assert all(bad.name in one.why for one in report.failed)
    assert tifffile.imread(out / "raw_ch0_t0004.tif").max() == 6
    assert summarise(report) == 1
    said = capsys.readouterr().err
    assert "t=4, c=0 in raw: " in said and "t=2, c=0: " in said
    bad.write_bytes(whole)
    again = export(view, out, stages=[0])
    assert again.complete and (len(again.kept), len(again.written)) == (10, 2)


def test_a_name_that_is_taken_fails_that_stage_only(tmp_path: Path) -> None:
    source = CountingSource((2, 1))
    view = Pipeline([SubtractBackground(value=1), Crop(z=(0, 3))]).apply(Stack(source))
    export(view, tmp_path, t=[0], stages=[0, 1])
    (tmp_path / "raw" / "volume_ch0_t0001.tif").mkdir()
    report = export(view, tmp_path, stages=[0, 1])
    assert [(one.t, one.stage) for one in report.failed] == [(1, "raw")]
    assert len(report.written) == 2 and source.reads == {(0, 0): 1, (1, 0): 1}


def test_projections_are_the_brightest_voxels(view: Stack, tmp_path: Path) -> None:
    export(view, tmp_path, projections=("z", "y"), dtype="uint16")
    volume = tifffile.imread(tmp_path / "cell_ch1_t0001.tif")
    dz, dy, dx = view.voxel_size
    for axis, number, rows in (("z", 0, dy), ("y", 1, dz)):
        with tifffile.TiffFile(tmp_path / f"mip_{axis}" / "cell_ch1_t0001.tif") as file:
            np.testing.assert_array_equal(np.squeeze(file.asarray()), volume.max(number))
            assert file.asarray().dtype == np.uint16
            tags = file.pages[0].tags
            x, y = (tags[f"{a}Resolution"].value for a in "XY")
        assert (x[1] / x[0], y[1] / y[0]) == (pytest.approx(dx, 1e-4), pytest.approx(rows, 1e-4))
    assert not (tmp_path / "mip_x").exists()


@pytest.mark.parametrize("limit", [None, 0], ids=["ImageJ", "OME"])
def test_projections_lie_where_the_volume_does(
    tmp_path: Path, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the axes of their files, as Transpose would exchange them."""
    if limit is not None:
        monkeypatch.setattr(imagej_tiff, "IMAGEJ_LIMIT", limit)
    deskewed = VolumeSpec((4, 6, 9), "uint16", (0.5, 0.2, 0.1), (5.0, 2.0, 7.0), frame="sample")
    export(Stack(CountingSource((1, 1), deskewed)), tmp_path, projections="zyx")
    for axis, order in {"z": (0, 1, 2), "y": (1, 0, 2), "x": (2, 0, 1)}.items():
        spec = open_stack(tmp_path / f"mip_{axis}").spec
        for name in ("voxel_size", "translate"):
            expected = [getattr(deskewed, name)[number] for number in order]
            assert getattr(spec, name) == pytest.approx(expected), (axis, name)
        assert spec.frame == ("sample" if axis == "z" else "other")


def test_projections_of_floats_leave_out_what_is_no_number(tmp_path: Path) -> None:
    volume = np.array([[[1, np.nan]], [[np.nan, -2]]], "float32")
    export(Stack.from_array(volume, SIZE), tmp_path, projections="z")
    projection = tifffile.imread(tmp_path / "mip_z" / "volume_ch0_t0000.tif")
    assert projection.dtype == np.float32 and np.squeeze(projection).tolist() == [1, -2]


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_recipe_and_provenance_stand_beside_each_stage(
    view: Stack, raw_folder: Path, tmp_path: Path, kind: Any
) -> None:
    if kind == "ome-zarr":
        pytest.importorskip("yaozarrs")
    export(view, tmp_path / "out", t=[0], format=kind, stages=["deskew"], dtype="uint16")
    for folder, count in ((tmp_path / "out", 3), (tmp_path / "out" / "after_2_deskew", 2)):
        recipe = Recipe.load(folder / "cell_recipe.yaml")
        assert recipe.pipeline == Pipeline(STEPS[:count])
        assert recipe.source is not None and Path(recipe.source.folder) == raw_folder
        about = json.loads((folder / "cell_provenance.json").read_text())
        assert about["versions"]["napari-lazy-pipeline"] == __version__
        assert about["raw_voxel_size"] == list(SIZE)
        assert about["pattern"] == open_stack(raw_folder).source.pattern  # type: ignore[attr-defined]
        assert [step["kind"] for step in about["steps"]] == [one.kind for one in STEPS[:count]]
        assert about["date"][:2] == "20" and about["dtype"] == "uint16"
        again = recipe.pipeline.apply(recipe.open())
        assert about["voxel_size"] == pytest.approx(list(again.voxel_size))
        assert about["shape"] == list(again.shape)


def test_the_recipe_beside_a_stage_makes_its_pixels_again(
    raw_folder: Path, psf_file: Path, tmp_path: Path
) -> None:
    """A deconvolution goes by the angle that a step behind it states."""
    steps = [Deconvolve(psf=str(psf_file), iterations=2), Deskew(angle=31.5)]
    view = Pipeline(steps).apply(open_stack(raw_folder, voxel_size=SIZE))
    export(view, tmp_path / "out", t=[1], stages=[0, "deconvolve"])
    for folder in ("raw", "after_1_deconvolve", ""):
        out = tmp_path / "out" / folder
        recipe = Recipe.load(out / "cell_recipe.yaml")
        again = recipe.pipeline.apply(recipe.open()).source.read(1, 0)
        np.testing.assert_array_equal(tifffile.imread(out / "cell_ch0_t0001.tif"), again)


def test_a_function_in_memory_has_no_recipe_and_the_provenance_says_so(tmp_path: Path) -> None:
    view = Pipeline([lambda volume: volume + 1]).apply(Stack(CountingSource((1, 1))))
    assert export(view, tmp_path).complete
    assert not (tmp_path / "volume_recipe.yaml").exists()
    about = json.loads((tmp_path / "volume_provenance.json").read_text())
    assert "cannot be written into a recipe" in about["recipe"]


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
@pytest.mark.parametrize("crash", range(0, 9, 2))
def test_what_a_crash_interrupts_is_completed_to_the_same_bytes(
    view: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, crash: int
) -> None:
    """A process that is killed leaves no more than a raise that nobody catches does."""
    if kind == "ome-zarr":
        pytest.importorskip("yaozarrs")
    options: Any = {"format": kind, "stages": ["deskew"], "projections": "zx", "t": [0, 1]}
    export(view, tmp_path / "whole", **options)
    moments, write = iter(range(100)), target.write_projection

    def killed(path: Path, *arguments: Any) -> None:
        if next(moments) == crash:
            path.parent.mkdir(exist_ok=True)
            new_part(path.parent.parent).write_bytes(b"half")
            raise KeyboardInterrupt
        write(path, *arguments)

    monkeypatch.setattr(target, "write_projection", killed)
    with pytest.raises(KeyboardInterrupt):
        export(view, tmp_path / "killed", **options)
    monkeypatch.undo()
    report = export(view, tmp_path / "killed", **options)
    assert report.complete and len(report.kept) == crash // 2
    for part in (tmp_path / "killed").rglob("*.part"):
        pytest.fail(f"{part} is left")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_projection_that_is_missing_is_made_again(view: Stack, tmp_path: Path) -> None:
    export(view, tmp_path, projections="z")
    whole = contents(tmp_path)
    (tmp_path / "mip_z" / "cell_ch0_t0001.tif").unlink()
    report = export(view, tmp_path, projections="z")
    assert [path.name for path in report.written] == ["cell_ch0_t0001.tif"]
    assert contents(tmp_path) == whole


def test_a_folder_of_an_earlier_version_goes_on(view: Stack, tmp_path: Path) -> None:
    """Without records and projections in its journal; what is there is not made again."""
    export(view, tmp_path, t=[0])
    for record in (tmp_path / "cell_recipe.yaml", tmp_path / "cell_provenance.json"):
        record.unlink()
    report = export(view, tmp_path)
    assert (len(report.kept), len(report.written)) == (2, 4)
    assert Recipe.load(tmp_path / "cell_recipe.yaml").pipeline == Pipeline(STEPS)


@pytest.mark.parametrize("name", ["cell_recipe.yaml", "mip_z/cell_ch0_t0000.tif"])
def test_files_of_others_are_not_touched(view: Stack, tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(ExportError, match="there already"):
        export(view, tmp_path / "out", projections="z")
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_stages_and_axes_that_are_none_are_refused(view: Stack, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no step 'rotate'.*subtract_background, deskew, crop"):
        export(view, tmp_path / "out", stages=["rotate"])
    with pytest.raises(ExportError, match=r"no axis 't'.*Use z, y or x"):
        export(view, tmp_path / "out", projections="t")  # type: ignore[arg-type]
    with pytest.raises(ExportError, match="processed data only"):
        export(Stack(CountingSource()), tmp_path / "out", stages=[0])
    assert not (tmp_path / "out").exists()


def test_the_disk_has_to_have_room_for_all_stages(
    view: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    one = export(view, tmp_path / "small", t=[0], c=[0]).written[0].stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 8 * one))
    assert export(view, tmp_path / "alone").complete
    with pytest.raises(ExportError, match=r"12 volumes need .* are free"):
        export(view, tmp_path / "staged", stages=["deskew"])
