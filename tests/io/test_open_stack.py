"""Opening a folder: what it says, what it costs, and how it fails."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import (
    FileError,
    FolderError,
    GeometryError,
    LazyPipelineError,
    PatternError,
    VoxelSizeUnknownError,
)
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import inspect_folder, open_stack, readers
from napari_lazy_pipeline.io.metadata.janelia_settings import parse_settings

SHAPE = (6, 4, 5)
SETTINGS = """\
***** ***** ***** General ***** ***** *****
Date :\t1/31/2017 5:23:25 PM
Acq Mode :\tZ stack
***** ***** ***** Waveform ***** ***** *****
Waveform type :\tLinear
X Galvo Offset, Interval (um), # of Pixels for Excitation (0) :\t0\t0.1\t51
Z PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t50\t{objective}\t61
S PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t44.2\t{stage}\t61
S PZT Offset, Interval (um), # of Pixels for Excitation (1) :\t44.2\t{stage}\t61
Cycle lasers :\tper Z
Z motion :\t{motion}
***** ***** *****   Camera  ***** ***** *****
Cycle(s) :\t0.05
[Detection optics]
Magnification = 62.5
[Sample stage]
Angle between stage and bessel beam (deg) = 31.8
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four time points, two channels; t=2 of channel 1 is missing; a text file beside."""
    first = tmp_path / "a_t000_c0.tif"
    tifffile.imwrite(first, np.arange(120, dtype=np.uint16).reshape(SHAPE))
    for t in range(4):
        for c in range(2):
            path = tmp_path / f"a_t{t:03d}_c{c}.tif"
            if (t, c) not in ((0, 0), (2, 1)):
                path.write_bytes(first.read_bytes())
    (tmp_path / "notes.txt").write_text("hello")
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the names of files that are opened for their bytes."""
    names: list[str] = []
    real = builtins.open

    def spy(file: object, mode: str = "r", *rest: object, **options: object) -> object:
        if "b" in mode:
            names.append(os.path.basename(str(file)))
        return real(file, mode, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", spy)
    return names


def test_survey_says_what_is_there(folder: Path) -> None:
    found = inspect_folder(folder)
    assert found.pattern == "a_t{t}_c{c}.tif"
    assert (found.sizes, found.matched, found.missing, found.unmatched) == ((4, 2), 7, 1, 0)
    assert (found.shape, found.dtype, found.total_bytes) == (SHAPE, "uint16", 7 * 240)
    assert found.folder == str(folder)
    assert found.summary == (
        "7 files -> 2 channels (ch0, ch1) x 4 time points, (6, 4, 5) uint16, 1.68 kB. 1 missing."
    )
    assert [one.pattern for one in found.proposals] == ["a_t{t}_c{c}.tif", "*.tif"]


def test_stack_has_the_axes_and_the_blanks(folder: Path) -> None:
    stack = open_stack(folder, voxel_size=(0.3, 0.1, 0.1))
    assert stack.shape == (4, 2, *SHAPE)
    assert stack.voxel_size == (0.3, 0.1, 0.1)
    assert stack.channel_names == ("ch0", "ch1")
    assert stack.volume(3, 1).max() == 119
    assert stack.volume(2, 1).max() == 0


@pytest.mark.parametrize("pattern", [None, "a_t{t}_c{c}.tif", "*.tif"])
def test_opening_opens_one_file(folder: Path, opened: list[str], pattern: str | None) -> None:
    stack = open_stack(folder, pattern)
    assert opened == ["a_t000_c0.tif"]
    stack.volume(1, 0)
    assert len(opened) == 2


def test_opening_reads_no_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sparse files of 8 GB each: reading one would be noticed.
    for t in range(3):
        path = tmp_path / f"a_t{t}.tif"
        tifffile.imwrite(path, shape=(2000, 1024, 2048), dtype=np.uint16, bigtiff=True)
    assert open_stack(tmp_path).shape == (3, 1, 2000, 1024, 2048)


def test_a_large_folder_costs_no_stat_per_file(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a_t0000.tif", np.zeros(SHAPE, np.uint16))
    for t in range(1, 500):
        (tmp_path / f"a_t{t:04d}.tif").touch()
    readers.suffixes()  # once for all folders, the readers are looked for
    stats, real = [], os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: stats.append(a) or real(*a, **k))
    opened.clear()
    assert open_stack(tmp_path).shape[0] == 500
    assert opened == ["a_t0000.tif"]
    assert len(stats) < 10


def test_dask_is_not_imported(folder: Path) -> None:
    code = (
        "import sys\nfrom napari_lazy_pipeline.io.open_stack import open_stack\n"
        f"open_stack({str(folder)!r}).volume()\n"
        "print('dask' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert run.stdout.strip() == "False", run.stderr


def test_a_glob_is_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        tifffile.imwrite(tmp_path / f"stack{number}.tif", np.full(SHAPE, number, np.uint16))
    stack = open_stack(tmp_path, "*.tif")
    assert [int(stack.volume(t).max()) for t in range(3)] == [1, 2, 10]


@pytest.mark.parametrize("pattern", [None, "*.tif"])
def test_a_position_where_names_tell_of_none(folder: Path, pattern: str | None) -> None:
    with pytest.raises(FolderError, match=r"There is no position 'x'.*There is one only"):
        inspect_folder(folder, pattern, position="x")


def test_paths_may_be_relative_or_of_the_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert inspect_folder(folder.name).folder == str(folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert inspect_folder(f"~/{folder.name}").folder == str(folder)


def test_nothing_is_written(folder: Path) -> None:
    before = sorted((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(folder))
    open_stack(folder).volume(0, 0)
    after = sorted((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(folder))
    assert after == before


def test_upper_case_endings_and_hidden_files(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a1.TIF", np.zeros(SHAPE, np.uint16))
    (tmp_path / "._a1.TIF").write_bytes(b"resource fork")
    found = inspect_folder(tmp_path)
    assert (found.matched, found.unmatched) == (1, 0)


def test_what_a_sample_of_names_does_not_show_is_found(tmp_path: Path) -> None:
    # Two thousand names are looked at; the second kind is rare, but must not be lost.
    for t in range(2500):
        (tmp_path / f"a_t{t:04d}.tif").touch()
    tifffile.imwrite(tmp_path / "a_t0000.tif", np.zeros(SHAPE, np.uint16))
    (tmp_path / "psf.tif").touch()
    found = inspect_folder(tmp_path)
    assert (found.sizes, found.unmatched) == ((2500, 1), 1)


def test_one_plane_a_file_opens_as_volumes_and_reads_its_planes_only(
    tmp_path: Path, opened: list[str]
) -> None:
    for t in range(2):
        for z in range(3):
            plane = np.full(SHAPE[1:], 10 * t + z, np.uint16)
            tifffile.imwrite(tmp_path / f"a_t{t}_z{z}.tif", plane)
    opened.clear()
    found = inspect_folder(tmp_path)
    assert opened == ["a_t0_z0.tif"]
    assert (found.pattern, found.sizes, found.shape) == ("a_t{t}_z{z}.tif", (2, 1), (3, 4, 5))
    assert found.proposals[0].sure and not any("doubt" in note for note in found.notes)
    volume = found.stack().volume(1, 0)
    assert volume[:, 0, 0].tolist() == [10, 11, 12]
    assert opened[1:] == ["a_t1_z0.tif", "a_t1_z1.tif", "a_t1_z2.tif"]
    assert found.source.reads == 3


class TestVoxelSize:
    def test_unknown_is_said(self, folder: Path) -> None:
        found = inspect_folder(folder)
        assert (found.voxel_size, found.voxel_source) == ((None, None, None), "unknown")
        assert (found.angle, found.angle_source, found.scan) == (None, "unknown", None)
        facts = {fact.what: (fact.value, fact.source) for fact in found.facts}
        assert facts["z step"] == facts["pixel"] == ("unknown", "unknown")
        stack = found.stack()
        assert "voxel size unknown" in repr(stack)
        with pytest.raises(VoxelSizeUnknownError, match="voxel size is unknown"):
            _ = stack.voxel_size

    def test_half_of_it_unknown_is_said(self, tmp_path: Path) -> None:
        said = {"axes": "ZYX", "unit": "um"}
        data = np.zeros(SHAPE, np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(10, 10), metadata=said)
        found = inspect_folder(tmp_path)
        assert (found.voxel_size, found.voxel_source) == ((None, 0.1, 0.1), "ImageJ")
        facts = {fact.what: (fact.value, fact.source) for fact in found.facts}
        assert facts["z step"] == ("unknown", "unknown")
        assert facts["pixel"] == ("0.1 um", "ImageJ")
        with pytest.raises(VoxelSizeUnknownError, match="z step is unknown"):
            _ = found.stack().voxel_size
        assert found.stack((0.3, None, None)).voxel_size == (0.3, 0.1, 0.1)

    def test_each_half_is_taken_from_what_states_it(self, tmp_path: Path) -> None:
        said = {"axes": "ZYX", "unit": "um"}
        data = np.zeros(SHAPE, np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(10, 10), metadata=said)
        text = SETTINGS.format(objective=0, stage=0.4, motion="X stage")
        (tmp_path / "a_Settings.txt").write_text(text)
        found = inspect_folder(tmp_path)
        assert found.voxel_size == (0.4, 0.1, 0.1)
        assert found.voxel_source == "a_Settings.txt, ImageJ"

    def test_imagej(self, tmp_path: Path) -> None:
        said = {"axes": "ZYX", "spacing": 0.3, "unit": "um", "finterval": 2.5}
        data = np.zeros(SHAPE, np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(10, 10), metadata=said)
        found = inspect_folder(tmp_path)
        assert (found.voxel_size, found.voxel_source) == ((0.3, 0.1, 0.1), "ImageJ")
        assert found.time_interval == found.stack().time_interval == 2.5
        assert found.stack(time_interval=9).time_interval == 9
        assert found.stack((1, 2, 3)).voxel_size == (1.0, 2.0, 3.0)
        assert found.notes == ()

    @pytest.mark.parametrize(
        ("motion", "voxel_size", "scan"),
        [
            ("Sample piezo", (0.4, 0.104, 0.104), Scan(31.8)),
            ("X stage", (0.4, 0.104, 0.104), Scan(31.8)),
            ("Z galvo & piezo", (0.25, 0.104, 0.104), None),
        ],
    )
    def test_settings_txt(
        self, folder: Path, motion: str, voxel_size: tuple[float, ...], scan: Scan | None
    ) -> None:
        text = SETTINGS.format(objective=0.25, stage=-0.4, motion=motion)
        (folder / "a_Settings.txt").write_bytes(text.encode() + b"Comment: 30\xb0 \xff")
        found = inspect_folder(folder)
        assert (found.voxel_size, found.voxel_source) == (voxel_size, "a_Settings.txt")
        assert (found.angle, found.angle_source) == (31.8, "a_Settings.txt")
        assert found.scan == found.stack().spec.scan == scan

    def test_settings_txt_of_the_same_cell_is_taken(self, folder: Path) -> None:
        for name, stage in (("a_Settings.txt", 0.5), ("b_Settings.txt", 0.9)):
            text = SETTINGS.format(objective=0, stage=stage, motion="X stage")
            (folder / name).write_text(text)
        assert inspect_folder(folder).voxel_size[0] == 0.5

    def test_contradictions_are_said(self, tmp_path: Path) -> None:
        said = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
        data = np.zeros(SHAPE, np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(10, 10), metadata=said)
        text = SETTINGS.format(objective=0, stage=0.4, motion="X stage")
        (tmp_path / "a_Settings.txt").write_text(text)
        found = inspect_folder(tmp_path)
        assert found.voxel_size == (0.3, 0.1, 0.1)
        assert found.notes == (
            "a_Settings.txt says 0.4 x 0.104 x 0.104 um (z, y, x), but ImageJ is believed",
            "a_Settings.txt says 61 planes, the files have 6 planes",
        )

    def test_settings_without_content_say_nothing(self) -> None:
        settings = parse_settings("hello\nMagnification = 0\n")
        assert settings.voxel_size == (None, None, None)
        assert (settings.scan, settings.angle) == (None, None)

    def test_decimal_commas(self) -> None:
        text = SETTINGS.format(objective="0", stage="0,45", motion="X stage")
        assert parse_settings(text).voxel_size == (0.45, 0.104, 0.104)

    @pytest.mark.parametrize(
        "size", [(1, 1), (0, 1, 1), (1, -1, 1), (1, 1, float("nan")), "abc", 3, (1, 1, 1, 1)]
    )
    def test_nonsense_is_refused(self, folder: Path, size: object) -> None:
        with pytest.raises(GeometryError, match="3 positive numbers"):
            open_stack(folder, voxel_size=size)  # type: ignore[arg-type]


def test_names_and_interval_are_checked(folder: Path) -> None:
    stack = open_stack(folder, channel_names=["actin", "DNA"], time_interval=2)
    assert (stack.channel_names, stack.time_interval) == (("actin", "DNA"), 2.0)
    with pytest.raises(FolderError, match="1 channel names for 2 channels"):
        open_stack(folder, channel_names=["actin"])
    with pytest.raises(FolderError, match="time_interval"):
        open_stack(folder, time_interval=0)


class TestFolders:
    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(FolderError, match=r"no such folder.*nowhere"):
            open_stack(tmp_path / "nowhere")

    def test_a_file(self, folder: Path) -> None:
        with pytest.raises(FolderError, match="This is a file"):
            open_stack(folder / "notes.txt")

    def test_empty(self, tmp_path: Path) -> None:
        with pytest.raises(FolderError, match="folder is empty"):
            open_stack(tmp_path)

    def test_no_images(self, tmp_path: Path) -> None:
        (tmp_path / "b.txt").touch()
        (tmp_path / "a.txt").touch()
        with pytest.raises(FolderError, match=r"None of the 2 names.*\.tif.*a\.txt"):
            open_stack(tmp_path)

    def test_pattern_fits_nothing(self, folder: Path) -> None:
        with pytest.raises(PatternError, match=r"None of the 7 files.*a_t000_c0\.tif"):
            open_stack(folder, "b_{t}.tif")

    def test_bad_pattern(self, folder: Path) -> None:
        with pytest.raises(PatternError, match="partner"):
            open_stack(folder, "a_{t.tif")
        with pytest.raises(PatternError, match="empty"):
            open_stack(folder, "")

    def test_ambiguous_field(self, folder: Path) -> None:
        with pytest.raises(PatternError, match=r"replace \{which\} by one of its values: 0, 1"):
            open_stack(folder, "a_t{t}_c{which}.tif")

    def test_only_bad_files(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").touch()
        with pytest.raises(FolderError, match=r"0 bytes.*a\.tif"):
            open_stack(tmp_path)

    def test_a_hyperstack(self, tmp_path: Path) -> None:
        data = np.zeros((2, 3, 2, 4, 5), np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True)
        assert open_stack(tmp_path).shape == (2, 2, 3, 4, 5)

    def test_a_colour_picture(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 3), np.uint8), photometric="rgb")
        with pytest.raises(FolderError, match="no grey volumes"):
            open_stack(tmp_path)

    def test_forbidden(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def deny(_: object) -> list[str]:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "listdir", deny)
        with pytest.raises(FolderError, match="may not be read"):
            open_stack(folder)

    def test_share_off_line(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: object) -> list[str]:
            raise OSError(112, "Host is down")

        monkeypatch.setattr(os, "listdir", fail)
        with pytest.raises(FolderError, match="Host is down"):
            open_stack(folder)

    def test_each_error_is_of_this_package(self) -> None:
        for error in (FolderError, PatternError, FileError):
            assert issubclass(error, LazyPipelineError)
