"""What is said about a stack, by whom, and what happens where they disagree."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.metadata.claim import MetadataFact
from napari_lazy_pipeline.io.metadata.janelia_settings import parse_settings, read_settings
from napari_lazy_pipeline.io.metadata.micromanager import parse_metadata

SHAPE = (6, 4, 5)
# As the software of the Janelia microscopes, and as that of the MOSAIC writes it.
LLSM = """\
***** ***** ***** General ***** ***** *****
Acq Mode :\tZ stack
***** ***** ***** Waveform ***** ***** *****
Z PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t12\t0\t6
S PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t50\t0.3\t6
S PZT Offset, Interval (um), # of Pixels for Excitation (1) :\t50\t0.3\t6
# of stacks (0) :\t4
# of stacks (1) :\t4
Excitation Filter, Laser, Power (%), Exp(ms) (0) :\tN/A\t561\t2\t3
Excitation Filter, Laser, Power (%), Exp(ms) (1) :\tN/A\t488\t20\t3
Z motion :\tSample piezo
ROI :\tLeft=897 Top=897 Right=900 Bot=901
Magnification = 62.5
Angle between stage and bessel beam (deg) = 31.8
"""
MOSAIC = """\
X Stage Offset, Interval (um), # of Pixels for Excitation (0) :\t5\t{step}\t6
Excitation Filter, Laser, Power (%), Exp(ms), Laser2, Power2 (%), Laser3, Power3 (%) (0) :\
\tN/A\t560\t10\t20\tOFF\t0.1\tOFF\t0.1
Excitation Filter, Laser, Power (%), Exp(ms), Laser2, Power2 (%), Laser3, Power3 (%) (1) :\
\tN/A\t642\t10\t20\tOFF\t0.1\tOFF\t0.1
Magnification = 60.18
Angle between stage and bessel beam (deg) = -32.45
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four time points, two channels, the names of which say the time but no wavelength."""
    first = tmp_path / "a_ch0_stack0000_0000000msec_0001000000msecAbs.tif"
    tifffile.imwrite(first, np.zeros(SHAPE, np.uint16), photometric="minisblack")
    for t in range(4):
        for c in range(2):
            name = f"a_ch{c}_stack{t:04d}_{t * 2520:07d}msec_{10**6 + t * 2520:010d}msecAbs.tif"
            (tmp_path / name).write_bytes(first.read_bytes())
    return tmp_path


def test_settings_txt_says_it_all(folder: Path) -> None:
    (folder / "a_Settings.txt").write_text(LLSM)
    found = inspect_folder(folder)
    assert found.notes == () and found.questions == ()
    assert found.facts == (
        MetadataFact("shape", "(6, 4, 5) uint16", found.source.info.name),
        MetadataFact("z step", "0.3 um", "a_Settings.txt"),
        MetadataFact("pixel", "0.104 um", "a_Settings.txt"),
        MetadataFact("angle", "31.8 degree", "a_Settings.txt"),
        MetadataFact("z step is", "stage", "a_Settings.txt"),
        MetadataFact("time interval", "2.52 s", "file names"),
        MetadataFact("channels", "561, 488", "a_Settings.txt"),
    )


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_any_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "Settings.txt"
    path.write_bytes((LLSM + "Comment : 37\xb0C, 5 \xb5m\n").encode(encoding))
    assert read_settings(str(path), "Settings.txt") == parse_settings(LLSM)


def test_mosaic() -> None:
    settings = parse_settings(MOSAIC.format(step=0.4))
    assert settings.voxel_size == (0.4, 0.108, 0.108)
    assert settings.scan == Scan(-32.45) and settings.notes == ()
    assert (settings.channel_names, settings.sizes) == (("560", "642"), {"planes": 6})


def test_a_stage_that_moves_backwards_is_said(folder: Path) -> None:
    (folder / "a_Settings.txt").write_text(MOSAIC.format(step=-0.4))
    found = inspect_folder(folder)
    assert found.voxel_size[0] == 0.4
    assert any("moved backwards" in note and "sign of the angle" in note for note in found.notes)


def test_the_mosaic_that_moves_its_objective_is_not_skewed() -> None:
    text = MOSAIC.format(step=0.4).replace("X Stage", "XZ stage")
    settings = parse_settings(text)
    assert (settings.voxel_size, settings.scan) == ((0.4, 0.108, 0.108), None)


def test_files_win_for_shape_and_the_difference_is_said(folder: Path) -> None:
    text = LLSM.replace("# of stacks (0) :\t4", "# of stacks (0) :\t9")
    text = text.replace("\t50\t0.3\t6", "\t50\t0.3\t7").replace("Right=900", "Right=1152")
    (folder / "a_Settings.txt").write_text(text)
    found = inspect_folder(folder)
    assert (found.shape, found.sizes) == (SHAPE, (4, 2))
    assert found.notes == (
        "a_Settings.txt says 9 time points, 7 planes, 256 rows, "
        "the files have 4 time points, 6 planes, 4 rows",
    )


def test_what_a_person_says_wins(folder: Path) -> None:
    (folder / "a_Settings.txt").write_text(LLSM)
    stack = open_stack(
        folder, voxel_size=(0.5, 0.1, 0.1), time_interval=7, channel_names=["x", "y"],
        angle=30, step="perpendicular", skew_axis="y",
    )  # fmt: skip
    assert (stack.voxel_size, stack.time_interval) == ((0.5, 0.1, 0.1), 7.0)
    assert stack.channel_names == ("x", "y")
    assert stack.spec.scan == Scan(30, "y", "perpendicular")
    (folder / "a_Settings.txt").write_text(MOSAIC.format(step=0.4))
    assert open_stack(folder).spec.scan == Scan(-32.45)
    assert open_stack(folder, angle=0).spec.scan is None, "the planes are not oblique"


def test_what_the_z_step_means_is_asked(folder: Path) -> None:
    found = inspect_folder(folder)
    assert found.scan is None
    questions = {question.about: question for question in found.questions}
    assert list(questions) == ["voxel_size", "angle", "step"]
    assert questions["step"].choices == ("stage", "perpendicular")
    assert {fact.what: fact.value for fact in found.facts}["z step is"] == "unknown"


def test_time_between_gaps_is_counted_in_time_points(folder: Path) -> None:
    for path in folder.glob("a_ch?_stack0001*"):
        path.unlink()
    assert inspect_folder(folder).time_interval == 2.52


def test_unreadable_texts_are_said(folder: Path) -> None:
    (folder / "a_Settings.txt").mkdir()
    (folder / "metadata.txt").mkdir()
    notes = inspect_folder(folder).notes
    assert [note.split(" cannot")[0] for note in notes[:2]] == ["a_Settings.txt", "metadata.txt"]


def test_metadata_txt_of_any_version_and_length() -> None:
    old = parse_metadata('{"Summary": {"ChNames": "[\\"A\\",\\n\\"B\\"]", "Slices": "7"}}', "m")
    assert (old.channel_names, old.sizes) == (("A", "B"), {"planes": 7})
    new = parse_metadata('{"Summary": {"z-step_um": 0.5}, "Coords": {}, "PixelSizeUm": 0.065', "m")
    assert new.voxel_size == (0.5, 0.065, 0.065)
    none = parse_metadata('{"PixelSize_um": 0, "z-step_um": -1, "ChNames": [oops]}', "m")
    assert (none.voxel_size, none.channel_names) == ((1.0, None, None), ())
    assert parse_metadata('"PixelSize_um": 0.1', "m").voxel_size == (None, 0.1, 0.1)
    assert parse_metadata('"z-step_um": 0.5', "m").voxel_size == (0.5, None, None)


def test_metadata_txt_of_the_same_folder_is_taken(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"Pos{number}").mkdir()
        for t in range(3):
            tifffile.imwrite(tmp_path / f"Pos{number}/img_{t:09d}_A_000.tif", np.ones((4, 5), "u2"))
        text = f'{{"PixelSize_um": 0.{number + 1}, "z-step_um": 1}}'
        (tmp_path / f"Pos{number}/metadata.txt").write_text(text)
    assert inspect_folder(tmp_path).voxel_size == (1.0, 0.1, 0.1)
    assert inspect_folder(tmp_path, position="1").voxel_size == (1.0, 0.2, 0.2)


def clocked(t: int, seconds: float, cell: str = "a", channel: int = 0) -> str:
    return f"{cell}_ch{channel}_stack{t:04d}_{int(1000 * seconds):07d}msec_0001000000msecAbs.tif"


def test_the_clock_counts_the_time_points_of_each_file(tmp_path: Path) -> None:
    for t in range(2):
        data = np.zeros((10, 4, 8, 8), np.uint16)
        name = tmp_path / clocked(t, 10 * t)
        tifffile.imwrite(name, data, imagej=True, metadata={"axes": "TZYX"})
    found = inspect_folder(tmp_path)
    assert (found.sizes, found.time_interval) == ((20, 1), 1.0)


def test_what_files_and_names_say_of_the_time_may_differ(tmp_path: Path) -> None:
    for t in range(3):
        data, said = np.zeros((4, 8, 8), np.uint16), {"axes": "ZYX", "finterval": 0.1}
        tifffile.imwrite(tmp_path / clocked(t, 5 * t), data, imagej=True, metadata=said)
    found = inspect_folder(tmp_path)
    text = "The time between time points is 0.1 s by the files, 5 s by file names: the first is"
    assert found.time_interval == 0.1 and any(note.startswith(text) for note in found.notes)


@pytest.mark.parametrize("how", [{"axes": "ZYX"}, {"planes": 5}])
def test_the_time_between_pages_is_not_that_between_volumes(
    how: dict[str, Any], tmp_path: Path
) -> None:
    data, said = np.zeros((10, 8, 8), np.uint16), {"axes": "TYX", "finterval": 0.05}
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata=said)
    assert inspect_folder(tmp_path).time_interval == 0.05
    assert inspect_folder(tmp_path, **how).time_interval is None
    # What was a plane is a time point.
    two = {"axes": "TZCYX", "spacing": 1.0, "unit": "um", "finterval": 3.0}
    data = np.zeros((4, 5, 2, 8, 8), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata=two)
    assert inspect_folder(tmp_path, axes="ZTCYX").time_interval is None
    assert inspect_folder(tmp_path, axes="TZCYX").time_interval == 3.0


@pytest.mark.parametrize("ending", ["_metadata.txt", "_JaneliaSettings.txt", "_Settings.txt"])
def test_the_text_of_another_recording_is_not_believed(ending: str, tmp_path: Path) -> None:
    for number, cell in enumerate(("cellA", "cellB", "cellB2")):
        data = np.zeros((3, 8, 8), np.uint16)
        tifffile.imwrite(tmp_path / f"{cell}.tif", data, photometric="minisblack")
        steps = (
            f"S PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t0\t{number + 1}\t3\n"
        )
        summary = f'{{"Summary": {{"z-step_um": {number + 1}, "PixelSize_um": 0.1}}}}'
        text = summary if "metadata" in ending else f"Z motion :\tSample piezo\n{steps}"
        if cell != "cellB":
            (tmp_path / f"{cell}{ending}").write_text(text)
    found = {c: inspect_folder(tmp_path / f"{c}.tif") for c in ("cellA", "cellB", "cellB2")}
    assert [one.voxel_size[0] for one in found.values()] == [1, None, 3]
    said = f"cellA{ending} is not read: its name begins otherwise than the files do"
    assert [said in one.notes for one in found.values()] == [False, True, False]


def test_the_first_file_may_be_gone(tmp_path: Path) -> None:
    """Settings of another cell are not taken, and the clock is that of files that are there."""
    for cell, step in (("a", 0.3), ("b", 0.6)):
        text = f"S PZT Offset, Interval (um), # of Pixels for Excitation (0) :\t0\t{step}\t4\n"
        (tmp_path / f"{cell}_Settings.txt").write_text(f"Z motion :\tSample piezo\n{text}")
        for t, c in product(range(3), range(2)):
            data, name = np.zeros((4, 8, 8), np.uint16), clocked(t, 5 * t, cell, c)
            tifffile.imwrite(tmp_path / name, data, photometric="minisblack")
    (tmp_path / clocked(0, 0, "b")).unlink()
    found = inspect_folder(tmp_path, "b_ch{c}_stack{t}_*msec_*.tif")
    assert (found.voxel_size[0], found.voxel_source) == (0.6, "b_Settings.txt")
    assert (found.missing, found.time_interval) == (1, 5.0)
