"""Exported files: what is in them, when they appear, and how a run is completed by the next."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import __version__
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import Cancelled, ExportError, FileError, StepError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.formats import imagej_tiff as writing
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack, VolumeSpec
from napari_lazy_pipeline.image.pixel_type import convert
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.files.completeness import END_MARK
from napari_lazy_pipeline.steps import (
    Crop,
    Deconvolve,
    Deskew,
    RelativeChange,
    Rotate,
    SubtractBackground,
)
from stacks import add_time_point, write_raw


class Ramps:
    """Volumes of one value each, 100 t + c + 0.75; notes which were asked for."""

    def __init__(self, times: int = 3, channels: int = 2, dtype: str = "float32") -> None:
        self.sizes = (times, channels)
        self.spec = VolumeSpec((4, 5, 6), dtype, (0.3, 0.1, 0.2), (1.0, 2.0, 3.0))
        self.problems = ProblemLog()
        self.token = "ramps"
        self.reads: list[tuple[int, int]] = []
        self.bad: set[tuple[int, int]] = set()
        self.versions: dict[tuple[int, int], int] = {}
        self.folder: Path | None = None

    def identity(self, t: int, c: int) -> Hashable:
        return t, c, self.versions.get((t, c), 0)

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads.append((t, c))
        if (t, c) in self.bad:
            raise FileError("The file is cut off", f"t{t}.tif")
        return np.full(self.spec.shape, 100 * t + c + 0.75, self.spec.dtype)

    def __call__(self, t: int, c: int) -> np.ndarray:
        raise AssertionError("an export must not take blanks for volumes")


@pytest.fixture
def source() -> Ramps:
    return Ramps()


@pytest.fixture
def stack(source: Ramps) -> Stack:
    return Stack(source, ("488", "560"), time_interval=2.5)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.tif*"))


def test_each_volume_becomes_a_file_that_says_where_it_is(stack: Stack, tmp_path: Path) -> None:
    report = export(stack, tmp_path / "new" / "out")
    assert names(report.folder) == [
        f"volume_ch{c}_t{t:04d}.tif" for c in range(2) for t in range(3)
    ]
    assert report.complete and len(report.written) == 6
    with tifffile.TiffFile(report.folder / "volume_ch1_t0002.tif") as file:
        volume, said = file.asarray(), file.imagej_metadata
        x = file.pages[0].tags["XResolution"].value
        y = file.pages[0].tags["YResolution"].value
    assert volume.dtype == np.float32 and volume.shape == (4, 5, 6)
    assert np.all(volume == 201.75)
    assert said is not None
    assert (said["spacing"], said["unit"], said["finterval"]) == (0.3, "um", 2.5)
    assert (x[1] / x[0], y[1] / y[0]) == (pytest.approx(0.2), pytest.approx(0.1))
    assert "Channel = 560" in said["Info"] and "(1.0, 2.0, 3.0)" in said["Info"]


def test_a_part_of_the_series_can_be_chosen(stack: Stack, source: Ramps, tmp_path: Path) -> None:
    export(stack, tmp_path, t=range(1, 3), c=[1])
    assert source.reads == [(1, 1), (2, 1)]


def test_a_time_point_that_is_not_there_is_refused(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"There is no t = 3. Choose from 0 to 2"):
        export(stack, tmp_path / "out", t=[3])
    with pytest.raises(ExportError, match=r"There is no t = 1.7. Choose from 0 to 2"):
        export(stack, tmp_path, t=[0, 1.7])  # type: ignore[list-item]
    assert not (tmp_path / "out").exists()


def test_integers_are_rounded_and_clipped(tmp_path: Path) -> None:
    values = np.array([-3, 0.4, 0.6, 70000, np.nan, np.inf], "float32")
    assert convert(values, "uint16").tolist() == [0, 0, 1, 65535, 0, 65535]
    export(Stack(Ramps()), tmp_path, t=[1], c=[0], dtype="uint16")
    volume = tifffile.imread(tmp_path / "volume_ch0_t0001.tif")
    assert volume.dtype == np.uint16 and np.all(volume == 101)


def test_a_type_that_imagej_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"cannot hold int32. Choose a dtype: uint8, uint16"):
        export(Stack(Ramps(dtype="int32")), tmp_path)


def test_what_is_too_large_for_imagej_becomes_bigtiff(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "IMAGEJ_LIMIT", 100)
    export(stack, tmp_path, t=[1], c=[1])
    with tifffile.TiffFile(tmp_path / "volume_ch1_t0001.tif") as file:
        assert file.is_bigtiff
        assert file.ome_metadata is not None
        assert 'PhysicalSizeZ="0.3"' in file.ome_metadata
        assert 'TimeIncrement="2.5"' in file.ome_metadata
        assert np.all(file.asarray() == 101.75)


def test_the_second_run_makes_what_is_missing(stack: Stack, source: Ramps, tmp_path: Path) -> None:
    source.bad = {(1, 0)}
    first = export(stack, tmp_path)
    assert not first.complete
    assert [(failure.t, failure.c) for failure in first.failed] == [(1, 0)]
    assert "The file is cut off (t1.tif)" in first.failed[0].why
    assert str(first) == f"5 volumes written to {tmp_path}, 1 failed"
    source.bad, source.reads = set(), []
    second = export(stack, tmp_path)
    assert source.reads == [(1, 0)]
    assert second.complete and len(second.kept) == 5 and len(second.written) == 1


def test_a_volume_whose_file_changed_is_made_again(
    stack: Stack, source: Ramps, tmp_path: Path
) -> None:
    export(stack, tmp_path)
    source.versions[2, 1] = 1
    source.reads = []
    export(stack, tmp_path)
    assert source.reads == [(2, 1)]


def test_a_file_that_changes_while_it_is_read_is_made_again(
    stack: Stack, source: Ramps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = source.read

    def changing(t: int, c: int) -> np.ndarray:
        source.versions[t, c] = 1
        return original(t, c)

    monkeypatch.setattr(source, "read", changing)
    export(stack, tmp_path, t=[0], c=[0])
    report = export(stack, tmp_path, t=[0], c=[0])
    assert len(report.written) == 1 and not report.kept


def test_a_run_goes_on_after_a_crash(stack: Stack, source: Ramps, tmp_path: Path) -> None:
    export(stack, tmp_path)
    journal = tmp_path / "volume_export.jsonl"
    journal.write_text(journal.read_text()[:-9])
    (tmp_path / "volume_ch0_t0000.tif.part").write_bytes(b"half a file")
    source.reads = []
    export(stack, tmp_path)
    assert source.reads == [(2, 1)]
    export(stack, tmp_path)
    assert source.reads == [(2, 1)]


def journal_lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "volume_export.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def made_by(folder: Path) -> list[str | None]:
    """Versions that the lines of a journal state, that on the settings first."""
    about, *lines = journal_lines(folder)
    return [about["versions"]["napari-lazy-pipeline"], *(line.get("version") for line in lines)]


def as_of(version: str, journal: Path) -> None:
    """Let a journal be that of another version of the program."""
    journal.write_text(journal.read_text().replace(f'"{__version__}"', f'"{version}"'))


def test_volumes_of_another_version_are_told(stack: Stack, tmp_path: Path) -> None:
    journal = tmp_path / "volume_export.jsonl"
    assert not export(stack, tmp_path, t=[0]).remarks
    as_of("0.0.1", journal)
    for written in (2, 0):
        report = export(stack, tmp_path, t=[0, 1])
        assert len(report.written) == written
        told = f"Export: 2 volumes were made by version 0.0.1; this is {__version__}"
        assert report.remark_lines == [told] and str(report).endswith(told)
    assert made_by(tmp_path) == ["0.0.1", None, None, __version__, __version__]
    as_of("0.0.2", journal)
    report = export(stack, tmp_path, c=[0])
    told = "1 volume was made by version 0.0.1, 1 volume was made by version 0.0.2"
    assert report.remark_lines == [f"Export: {told}; this is {__version__}"]
    assert not export(stack, tmp_path, t=[2], c=[0]).remarks


def test_volumes_of_a_version_that_is_not_known_are_not_told(stack: Stack, tmp_path: Path) -> None:
    export(stack, tmp_path, t=[0])
    about, *lines = journal_lines(tmp_path)
    del about["versions"]
    text = "".join(f"\n{json.dumps(line)}" for line in (about, *lines))
    (tmp_path / "volume_export.jsonl").write_text(text)
    report = export(stack, tmp_path)
    assert (len(report.kept), len(report.written), report.remarks) == (2, 4, ())


def test_versions_are_kept_when_journals_of_units_are_joined(stack: Stack, tmp_path: Path) -> None:
    export(stack, tmp_path, unit=Unit(1, 2))
    as_of("0.0.1", tmp_path / "volume_export.1of2.jsonl")
    told = [f"Export: 3 volumes were made by version 0.0.1; this is {__version__}"]
    for _ in range(2):
        assert export(stack, tmp_path).remark_lines == told
        versions = made_by(tmp_path)
        assert versions[0] == __version__
        assert Counter(versions[1:]) == {"0.0.1": 3, None: 3}


@pytest.mark.parametrize("change", ["token", "dtype"])
def test_other_settings_do_not_mix(
    stack: Stack, source: Ramps, tmp_path: Path, change: str
) -> None:
    export(stack, tmp_path)
    before = (tmp_path / "volume_ch0_t0000.tif").read_bytes()
    if change == "token":
        source.token = "other"
    with pytest.raises(ExportError, match=r"other settings .*volume_export.jsonl.*empty folder"):
        export(stack, tmp_path, dtype="uint16" if change == "dtype" else None)
    assert (tmp_path / "volume_ch0_t0000.tif").read_bytes() == before


def test_a_folder_that_has_grown_is_gone_on_with(tmp_path: Path) -> None:
    """What is there stays, what came in addition is made; other steps are refused as before."""
    raw, out = write_raw(tmp_path / "raw", times=2, channels=1), tmp_path / "out"
    pipeline = Pipeline(steps=[SubtractBackground(value=50)])
    first = export(pipeline.apply(open_stack(raw, voxel_size=(0.3, 0.1, 0.1))), out)
    for path in write_raw(tmp_path / "later", times=4, channels=1).iterdir():
        if not (raw / path.name).exists():
            path.rename(raw / path.name)
    grown = open_stack(raw, voxel_size=(0.3, 0.1, 0.1))
    second = export(pipeline.apply(grown), out)
    assert (len(first.written), len(second.kept), len(second.written)) == (2, 2, 2)
    assert names(out) == [f"raw_ch0_t{t:04d}.tif" for t in range(4)]
    for other in (Pipeline(), Pipeline(steps=[SubtractBackground(value=51)])):
        with pytest.raises(ExportError, match="other settings"):
            export(other.apply(grown), out)
    with pytest.raises(ExportError, match="other settings"):
        export(pipeline.apply(open_stack(raw, voxel_size=(0.4, 0.1, 0.1))), out)


def test_volumes_that_were_not_asked_for_and_would_be_others_now_are_told(tmp_path: Path) -> None:
    """F0 goes to the end: volumes of a folder that grows have another one."""
    raw, out = write_raw(tmp_path / "raw", times=2, channels=1), tmp_path / "out"

    def view(*added: int) -> Stack:
        for t in added:
            add_time_point(raw, t, channels=1)
        stack = open_stack(raw, voxel_size=(0.3, 0.1, 0.1))
        return Pipeline([RelativeChange(background=50)]).apply(stack)

    c = [view().shape[1] - 1]
    assert not export(view(), out, t=[0, 1], c=c, stages=[0]).remarks
    grown, told = view(2, 3), "The folder holds 2 volumes made from other files than now: "
    as_of("0.0.1", out / "raw" / "raw_export.jsonl")
    assert not export(grown, out, t=[2, 3], c=c, outdated=False).remarks
    report = export(grown, out, t=[2, 3], c=c, stages=[0])
    assert report.complete and [told in line for line in report.remark_lines] == [False, True]
    assert told in str(report)
    whole = export(grown, out, c=c)
    assert len(whole.written) == 2 and told not in str(whole)
    assert told not in str(export(grown, out, t=[2], c=c))
    (out / f"raw_ch{c[0]}_t0000.tif").unlink()
    said = str(export(view(4), out, t=[4], c=c))
    assert "The folder holds 3 volumes made from" in said


def test_each_file_is_looked_at_once_for_what_is_told_of_other_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though F0 makes each volume depend on many; and whoever cancels need not wait for it."""
    raw, out = write_raw(tmp_path / "raw", times=8, channels=1), tmp_path / "out"
    stack = open_stack(raw, voxel_size=(0.3, 0.1, 0.1))
    view = Pipeline([RelativeChange(background=50)]).apply(stack)
    c = [view.shape[1] - 1]
    export(view, out, c=c)
    journal = out / "raw_export.jsonl"
    journal.write_text(journal.read_text().replace('"origin": "', '"origin": "0'))
    looks: Counter[tuple[int, int]] = Counter()
    identity = type(stack.source).identity

    def counted(source: Any, t: int, c: int) -> Hashable:
        looks[t, c] += 1
        return identity(source, t, c)

    monkeypatch.setattr(type(stack.source), "identity", counted)
    told = "made from other files than now"
    assert told in str(export(view, out, t=(), c=c)) and set(looks.values()) == {1}
    for most in range(8):
        looks.clear()
        report = export(view, out, t=(), c=c, cancelled=lambda most=most: len(looks) >= most)
        assert len(looks) == most and told not in str(report) and report.complete


def test_a_folder_whose_names_tell_the_time_is_gone_on_with(tmp_path: Path) -> None:
    """The time between two is a mean, and another one with each time point."""
    pixels, raw = np.full((6, 8, 10), 300, np.uint16), tmp_path / "raw"
    raw.mkdir()
    pipeline, reports = Pipeline(steps=[SubtractBackground(value=50)]), []
    for t, milliseconds in enumerate((0, 2503, 5011, 7498)):
        name = f"cell_ch0_stack{t:04d}_488nm_{milliseconds:07d}msec_{milliseconds:010d}msecAbs.tif"
        tifffile.imwrite(raw / name, pixels)
        if t:
            grown = open_stack(raw, voxel_size=(0.3, 0.1, 0.1))
            reports.append(export(pipeline.apply(grown), tmp_path / "out"))
    counts = [(len(report.kept), len(report.written)) for report in reports]
    assert counts == [(0, 2), (2, 1), (3, 1)]


@pytest.mark.parametrize(("then", "now"), [(2.0, 5.0), (2, 5), (None, 5.0), (2.0, None)])
def test_another_time_between_two_than_in_the_files_is_told(
    then: float | None, now: float | None, tmp_path: Path
) -> None:
    was, is_now = (f"{value:g} s" if value else "none" for value in (then, now))
    said = f"files that were there state {was}, now it is {is_now}: export into another folder"
    told = {}
    for kind in ("tiff", "ome-zarr"):
        for interval, times in ((then, [0]), (now, [1]), (now, None)):
            view = Stack(Ramps(), ("488", "560"), time_interval=interval)
            told[kind, interval] = str(export(view, tmp_path / kind, t=times, format=kind))
    assert said in told["tiff", now]
    assert not any("state" in told[key] for key in told if key != ("tiff", now))


def test_each_time_between_two_that_files_state_is_told(tmp_path: Path) -> None:
    said = []
    for t, interval in enumerate((2.0, 5.0, 2.0, 2.01)):
        view = Stack(Ramps(), ("488", "560"), time_interval=interval)
        said.append(str(export(view, tmp_path, t=[min(t, 1)])))
    told = [
        re.findall(r"files that were there state (.*?), now it is (\S+ s)", one) for one in said
    ]
    assert told == [[], [("2 s", "5 s")], [("5 s", "2 s")], [("5 s", "2.01 s")]]


def test_files_of_others_are_not_touched(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "volume_ch0_t0000.tif").write_text("mine")
    with pytest.raises(ExportError, match=r"there already"):
        export(stack, tmp_path)
    assert (tmp_path / "volume_ch0_t0000.tif").read_text() == "mine"


@pytest.mark.parametrize("place", [".", "sub", "../raw/sub/deeper", "../link"])
def test_raw_data_are_never_written_to(
    stack: Stack, source: Ramps, tmp_path: Path, place: str
) -> None:
    source.folder = tmp_path / "raw"
    source.folder.mkdir()
    (tmp_path / "link").symlink_to(source.folder)
    with pytest.raises(ExportError, match=r"would write into the raw data"):
        export(stack, source.folder / place)
    assert list(source.folder.iterdir()) == []


def test_the_raw_folder_is_found_through_wrappers(stack: Stack, tmp_path: Path) -> None:
    class Wrapper(Ramps):
        source = Ramps()

    wrapped = Wrapper()
    wrapped.source.folder = tmp_path / "cell5"
    (tmp_path / "cell5").mkdir()
    with pytest.raises(ExportError, match=r"raw data"):
        export(Stack(wrapped), tmp_path / "cell5")
    export(Stack(wrapped), tmp_path / "out", t=[0], c=[0])
    assert names(tmp_path / "out") == ["cell5_ch0_t0000.tif"]


def test_a_full_disk_is_noticed_before_anything_is_computed(
    stack: Stack, source: Ramps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10000, 9000, 1000))
    with pytest.raises(ExportError, match=r"6 volumes need 2.91 kB, but 1 kB are free"):
        export(stack, tmp_path)
    assert source.reads == []


def test_a_failing_disk_stops_the_run_and_leaves_no_half_file(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, records = os.fsync, iter(range(3))

    def fail(descriptor: int) -> None:
        if next(records, None) is None:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ExportError, match=r"No space left on device .* run the export again"):
        export(stack, tmp_path)
    assert names(tmp_path) == [] and not list(tmp_path.glob("*.part"))


def test_progress_and_cancelling(stack: Stack, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = export(
        stack,
        tmp_path,
        progress=lambda done, total: seen.append((done, total)),
        cancelled=lambda: len(seen) > 2,
    )
    assert seen == [(0, 6), (1, 6), (2, 6)]
    assert report.cancelled and not report.complete and len(report.written) == 2
    assert str(report) == "Cancelled, 2 of 6 written"
    assert export(stack, tmp_path).complete


def test_a_source_may_cancel_by_itself(
    stack: Stack, source: Ramps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(t: int, c: int) -> np.ndarray:
        raise Cancelled

    monkeypatch.setattr(source, "read", cancel)
    assert export(stack, tmp_path).cancelled


def test_a_pipeline_stops_between_its_steps(
    stack: Stack, source: Ramps, tmp_path: Path, calls: Counter[str]
) -> None:
    view = Pipeline(steps=[SubtractBackground(value=1)]).apply(stack)
    report = export(view, tmp_path, cancelled=lambda: bool(source.reads))
    assert report.cancelled and source.reads == [(0, 0)]
    assert calls["subtract_background"] == 0


def test_a_step_that_fails_leaves_no_blank_file(stack: Stack, tmp_path: Path) -> None:
    psf = Deconvolve(psf=str(tmp_path / "psf.tif"))
    view = Pipeline(steps=[psf]).apply(stack, blank_failures=True)
    report = export(view, tmp_path, t=[2])
    assert names(tmp_path) == []
    assert "Deconvolve failed at t=2, channel 488: There is no PSF" in report.failed[0].why


def test_a_step_that_waits_is_not_exported(stack: Stack) -> None:
    with pytest.raises(StepError, match="Deconvolve waits: No PSF is chosen"):
        Pipeline(steps=[Deconvolve()]).apply(stack, blank_failures=True)


@pytest.mark.parametrize(
    ("size", "missing"),
    [(None, "voxel size"), ((None, 0.1, 0.1), "z step"), ((0.3, None, None), "pixel size")],
)
def test_volumes_of_unknown_voxel_size_are_refused(
    source: Ramps, stack: Stack, size: tuple[float | None, ...] | None, missing: str, tmp_path: Path
) -> None:
    source.spec = source.spec.replace(voxel_size=size)
    with pytest.raises(ExportError, match=f"{missing} is unknown.*in the files"):
        export(stack, tmp_path)
    assert not source.reads and not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [2**32, 0], ids=["ImageJ", "OME-BigTIFF"])
def test_what_was_written_is_opened_with_its_channels_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("napari_lazy_pipeline.exports.formats.imagej_tiff.IMAGEJ_LIMIT", limit)
    pixels = np.arange(2 * 3 * 4 * 6 * 8, dtype="uint16").reshape(2, 3, 4, 6, 8)
    names = ("GFP", 'R&D "\u00b5" [1]', "far, red")
    raw = Stack.from_array(pixels, (0.4, 0.1, 0.2), channel_names=names)
    cropped = Pipeline([Crop(z=(1, 3), y=(2, 6), x=(3, 8))]).apply(raw)
    export(cropped, tmp_path / "all", dtype="uint16")
    again = open_stack(tmp_path / "all")
    assert tuple(again.channel_names) == names
    assert again.spec.translate == cropped.spec.translate == pytest.approx((0.4, 0.2, 0.6))
    assert again.spec.voxel_size == (0.4, 0.1, 0.2)
    np.testing.assert_array_equal(again.volume(1, 2), pixels[1, 2, 1:3, 2:6, 3:8])
    export(cropped, tmp_path / "two", c=[0, 2], dtype="uint16")
    assert tuple(open_stack(tmp_path / "two").channel_names) == (names[0], names[2])
    export(cropped, tmp_path / "one", c=[1], dtype="uint16")
    assert tuple(open_stack(tmp_path / "one").channel_names) == (names[1],)


@pytest.mark.parametrize("limit", [2**32, 0], ids=["ImageJ", "OME-BigTIFF"])
def test_empty_volumes_that_were_just_written_are_empty_and_not_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("napari_lazy_pipeline.exports.formats.imagej_tiff.IMAGEJ_LIMIT", limit)
    pixels = np.full((3, 1, 4, 6, 8), 100, "uint16")
    pixels[1], pixels[2, 0, -1] = 0, 0
    export(Stack.from_array(pixels, (0.4, 0.1, 0.2)), tmp_path / "out", dtype="uint16")
    again = open_stack(tmp_path / "out", strict=True)
    for t in range(3):
        np.testing.assert_array_equal(again.volume(t), pixels[t, 0])
    assert not again.problems
    path = max((tmp_path / "out").glob("*_t0002*.tif*"))
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(END_MARK)] + bytes(len(END_MARK)))  # a copy that is under way
    with pytest.raises(FileError, match="not all of its pixels are written"):
        open_stack(tmp_path / "out", strict=True).volume(2)


@pytest.mark.parametrize("limit", [2**32, 0], ids=["ImageJ", "OME-BigTIFF"])
@pytest.mark.parametrize(
    ("times", "interval"),
    [
        ((0, 10), 300),
        ((10, 20), 300),
        ((0, 4, 20), 120),
        ((0, 4, 7), 30),
        (range(4), 30),
        ([5], 30),
    ],
)
def test_of_every_nth_time_point_the_time_between_two_is_that_of_the_files(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    times: tuple[int, ...],
    interval: float,
) -> None:
    monkeypatch.setattr("napari_lazy_pipeline.exports.formats.imagej_tiff.IMAGEJ_LIMIT", limit)
    raw = Stack.from_array(np.ones((21, 1, 2, 5, 6), "uint16"), (0.4, 0.1, 0.2))
    series = replace(raw, time_interval=30.0)
    out = tmp_path / "out"
    export(series, out, t=times)
    found = inspect_folder(out)
    assert (found.time_interval, found.notes) == (interval, ())
    # Written once more, it is as long; and once the rest was written, too, it is as it was.
    export(found.stack(), tmp_path / "again")
    assert open_stack(tmp_path / "again").time_interval == interval
    export(series, out)
    assert open_stack(out).time_interval == 30


def test_the_time_between_two_files_is_as_it_was_where_no_step_of_ours_is_counted(
    tmp_path: Path,
) -> None:
    raw = Stack.from_array(np.ones((3, 1, 2, 3, 4), "uint16"), (0.4, 0.1, 0.2))
    export(replace(raw, time_interval=30.0), tmp_path / "out")
    written = sorted((tmp_path / "out").glob("*.tif"))
    for path, number in zip(written, (0, 1000, 5003), strict=True):
        path.rename(path.with_name(f"cell_t{number:04d}.tif"))
    uneven = inspect_folder(tmp_path / "out")
    assert uneven.time_interval == 30 and "uneven, large steps" in uneven.notes[0]
    (tmp_path / "others").mkdir()
    for number in (0, 10, 20):
        metadata = {"axes": "ZYX", "finterval": 30.0, "unit": "um"}
        path = tmp_path / "others" / f"cell_t{number:04d}.tif"
        tifffile.imwrite(path, np.ones((2, 3, 4), "uint16"), imagej=True, metadata=metadata)
    assert open_stack(tmp_path / "others").time_interval == 30


@pytest.mark.parametrize(
    ("pattern", "names", "interval"),
    [
        ("*.tif", (), 60),
        (None, ["cell_10.tif", "cell_20.tif", "cell_30.tif"], 30),
        (None, ["cell_30s.tif", "cell_60s.tif", "cell_90s.tif"], 30),
        (None, ["cell_t0010.tif", "cell_t0020.tif", "cell_t0030.tif"], 30),
        ("*.tif", ["a_ch0_t0000.tif", "a_ch0_t0002.tif", "b.tif"], 30),
        ("*.tif", ["a_ch0_t0000.tif", "a_ch0_t0001.tif", "a_ch0_t0004.tif"], 30),
    ],
)
def test_the_time_between_two_files_goes_by_the_names_that_an_export_gave(
    tmp_path: Path, pattern: str | None, names: list[str], interval: float
) -> None:
    raw = Stack.from_array(np.ones((5, 1, 2, 3, 4), "uint16"), (0.4, 0.1, 0.2))
    export(replace(raw, time_interval=30.0), tmp_path, t=range(3) if names else (0, 2, 4))
    for path, name in zip(sorted(tmp_path.glob("*.tif")), names, strict=False):
        path.rename(tmp_path / name)
    assert open_stack(tmp_path, pattern).time_interval == interval


def test_what_was_cut_since_has_no_place(tmp_path: Path) -> None:
    """Other programs keep the text of a file that they cut."""
    raw = Stack.from_array(np.ones((4, 6, 8), "uint16"), (0.4, 0.1, 0.2))
    export(Pipeline([Crop(z=(1, 0))]).apply(raw), tmp_path / "out", dtype="uint16")
    with tifffile.TiffFile(tmp_path / "out" / "volume_ch0_t0000.tif") as file:
        volume, said = file.asarray(), file.imagej_metadata
    assert said is not None and "Origin (z, y, x) [um] = (0.4, 0.0, 0.0)" in said["Info"]
    cut = tmp_path / "cut.tif"
    metadata = {"axes": "ZYX", "Info": said["Info"]}
    tifffile.imwrite(cut, volume[:2], imagej=True, metadata=metadata)
    assert open_stack(cut).spec.translate == (0, 0, 0)
    tifffile.imwrite(cut, volume, imagej=True, metadata=metadata)
    assert open_stack(cut).spec.translate == (0.4, 0, 0)


@pytest.mark.parametrize("shape", [(5, 7, 1), (4, 1, 1), (1, 6, 1), (4, 5, 3)])
@pytest.mark.parametrize("projections", [(), ("z", "y", "x")])
def test_volumes_of_one_column_are_read_as_they_were_written(
    tmp_path: Path, shape: tuple[int, int, int], projections: tuple[str, ...]
) -> None:
    """So are projections along x: tifffile writes another shape into an ImageJ TIFF of them."""
    volumes = np.random.default_rng(2).integers(1, 900, (2, 1, *shape)).astype("uint16")
    export(Stack.from_array(volumes, (0.3, 0.1, 0.1)), tmp_path, projections=projections)
    again = open_stack(tmp_path, "volume_ch{c}_t{t}.tif", voxel_size=(0.3, 0.1, 0.1), strict=True)
    for t in range(2):
        np.testing.assert_array_equal(again.volume(t), volumes[t, 0])
        with tifffile.TiffFile(tmp_path / f"volume_ch0_t{t:04d}.tif") as file:
            assert [page.shape for page in file.pages] == shape[0] * [shape[1:]]


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_what_was_deskewed_is_known_to_be(kind: Any, tmp_path: Path) -> None:
    """An angle that is stated for Rotate shears it no second time."""
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    pixels = np.random.default_rng(0).random((20, 6, 40)).astype("float32")
    raw, rotate = Stack.from_array(pixels, (0.3, 0.1, 0.1)), Pipeline([Rotate(angle=31.5)])
    deskewed = Pipeline([Deskew(angle=31.5)]).apply(raw)
    export(deskewed, tmp_path, format=kind)
    found = inspect_folder(tmp_path if kind == "tiff" else tmp_path / "volume.ome.zarr")
    again = found.stack()
    assert again.spec.frame == "sample" and found.questions == ()
    as_data = Pipeline([Rotate()]).apply(open_stack(found.source.folder, angle=31.5))
    assert as_data.spec == rotate.apply(again).spec
    (caution,) = Pipeline([Deskew(angle=31.5)]).plan(again.stack_spec).cautions
    assert "deskewed already" in caution[1]
    flat = Stack.from_array(deskewed.volume(), deskewed.voxel_size)
    spec = flat.spec.replace(frame="sample", translate=again.spec.translate)
    flat = replace(flat, source=replace(flat.source, spec=spec))  # type: ignore[type-var]
    volumes = (rotate.apply(stack).volume() for stack in (again, flat))
    np.testing.assert_allclose(*volumes, atol=1e-6)
