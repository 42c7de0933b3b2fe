"""Folders within folders, single files, tables of what is there, and opening it all again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Recipe, cli, open_stack
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.patterns.field_table import FieldRow

SHAPE = (3, 4, 5)


def write(path: Path, value: int, shape: tuple[int, ...] = SHAPE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full(shape, value, np.uint16), photometric="minisblack")


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A folder for each channel, beside one that is none."""
    for c, name in enumerate(("GFP", "mCherry")):
        for t in range(4):
            write(tmp_path / name / f"t{t:03d}.tif", 10 * c + t)
    write(tmp_path / "calibration" / "beads.tif", 99)
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_pattern_goes_into_folders(nested: Path) -> None:
    stack = open_stack(nested, "{c}/t{t}.tif")
    assert (stack.shape[:2], stack.channel_names) == ((4, 2), ("GFP", "mCherry"))
    assert stack.volume(3, 1).max() == 13


def test_folders_are_proposed_where_no_image_is_beside_them(nested: Path) -> None:
    (nested / "calibration" / "beads.tif").unlink()
    found = inspect_folder(nested)
    assert (found.pattern, found.sizes) == ("{c}/t{t}.tif", (4, 2))
    assert found.proposals[0].sure


def test_only_folders_that_fit_are_looked_into(
    nested: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, real = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(str(path)) or real(path))
    inspect_folder(nested, "G*/t{t}.tif")
    assert listed == [str(nested / "GFP")]


@pytest.mark.parametrize(
    "pattern", ["t{t}/c{c}.tif", r"re:t(?P<t>\d+)/c(?P<c>\d)\.tif", "t{t}/c{c}.*"]
)
def test_a_folder_for_each_time_point(pattern: str, tmp_path: Path) -> None:
    for t in (0, 1, 10):
        for c in range(2):
            write(tmp_path / f"t{t}" / f"c{c}.tif", 2 * t + c)
    stack = open_stack(tmp_path, pattern)
    assert stack.shape[:2] == (11, 2)
    assert stack.volume(10, 1).max() == 21 and stack.volume(5, 0).max() == 0


def test_two_folders_deep(tmp_path: Path) -> None:
    for position in range(2):
        for t in range(3):
            write(tmp_path / "run_1" / f"Pos{position}" / f"t{t}.tif", 10 * position + t)
    found = inspect_folder(tmp_path)
    assert (found.pattern, found.positions) == ("run_1/Pos{p}/t{t}.tif", ("0", "1"))
    assert open_stack(tmp_path, position="1").volume(2).max() == 12


def test_a_folder_below_that_may_not_be_read(nested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.listdir

    def deny(path: object) -> list[str]:
        if str(path).endswith("mCherry"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "listdir", deny)
    with pytest.raises(FolderError, match=r"may not be read.*mCherry"):
        open_stack(nested, "{c}/t{t}.tif")


def test_one_file_is_opened_by_its_own_path(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"a{{{number}}}.tif", number)
    stack = open_stack(tmp_path / "a{2}.tif")
    assert stack.shape[:2] == (1, 1) and stack.volume().max() == 2


class TestParts:
    """Files of four gigabytes that go on in others."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for t in range(3):
            for part, planes in (("", 4), ("_part0001", 4), ("_part0002", 2)):
                write(tmp_path / f"a_stack{t:04d}{part}.tif", 10 * t + planes, (planes, 4, 5))
        return tmp_path

    def test_they_are_one_volume(self, folder: Path) -> None:
        found = inspect_folder(folder)
        assert (found.sizes, found.shape) == ((3, 1), (10, 4, 5))
        assert (found.matched, found.missing, found.source.reads) == (9, 0, 0)
        volume = found.stack().volume(2)
        assert volume[:, 0, 0].tolist() == [24] * 8 + [22] * 2

    def test_one_that_is_missing_leaves_the_volume_blank(self, folder: Path) -> None:
        (folder / "a_stack0001_part0002.tif").unlink()
        found = inspect_folder(folder)
        assert found.missing == 1
        with pytest.raises(FileError, match="2 of the 3 files for t=1, channel ch0"):
            found.source.read(1, 0)
        assert found.stack().volume(2).max() == 24

    def test_one_that_changes_makes_another_volume(self, folder: Path) -> None:
        source = inspect_folder(folder).source
        before = source.identity(1, 0)
        os.utime(folder / "a_stack0001_part0002.tif", ns=(1, 1))
        assert source.identity(1, 0) != before != source.identity(0, 0)


def test_an_incomplete_volume_of_planes_is_blank_and_listed(tmp_path: Path) -> None:
    for t in range(2):
        for z in range(4):
            if (t, z) != (1, 2):
                write(tmp_path / f"t{t}_z{z}.tif", 7, (4, 5))
    found = inspect_folder(tmp_path)
    assert (found.sizes, found.shape, found.missing) == ((2, 1), (4, 4, 5), 1)
    with pytest.warns(UserWarning, match="3 of the 4 files"):
        assert not found.stack().volume(1).any()
    assert len(found.source.problems) == 1
    (row,) = (row for row in found.table if row.field == "z")
    assert row.missing == "2: 1 of 2"


def test_the_table_says_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    for t in (0, 1, 2, 5, 6, 9):
        for c in ("a", "b"):
            if (t, c) != (9, "b"):
                write(tmp_path / f"x_{c}_t{t}.tif", t)
    write(tmp_path / "psf.tif", 1)
    assert inspect_folder(tmp_path, "{name}_{c}_t{t}.tif").table == (
        FieldRow("name", "", "x", 1),
        FieldRow("c", "channel", "a, b", 2, "b: 1 of 6"),
        FieldRow("t", "time point", "0, 1, 2, 5, 6, 9", 6, "3-4, 7-8"),
        FieldRow("*", "not in the stack", "", 1, extra="psf.tif"),
    )


def test_the_table_lists_all_positions(tmp_path: Path) -> None:
    for p in range(8):
        write(tmp_path / f"pos{p}_t0.tif", p)
    (row,) = (row for row in inspect_folder(tmp_path, "pos{p}_t{t}.tif").table if row.field == "p")
    assert (row.values, row.count) == ("0, 1 ... 7", 8)


class TestAgain:
    """What was opened with options is opened alike by its recipe."""

    def check(self, folder: Path, **options: object) -> Recipe:
        stack = open_stack(folder, **options)  # type: ignore[arg-type]
        path = folder.parent / f"{folder.name}.yaml"
        Recipe(source=stack).save(path)
        again = Recipe.load(path)
        trust = "reader" in options
        assert again.open(trust=trust).source == stack.source
        space: dict[str, object] = {}
        script = again.to_script().partition("pipeline = ")[0]
        exec(script, space)
        assert space["stack"].source == stack.source  # type: ignore[attr-defined]
        return again

    def test_position(self, tmp_path: Path) -> None:
        for p in range(2):
            write(tmp_path / f"pos{p}_t0.tif", p)
        recipe = self.check(tmp_path, position="1")
        assert recipe.source is not None and recipe.source.position == "1"

    def test_nothing_more_than_needed_is_written(self, tmp_path: Path) -> None:
        write(tmp_path / "a.tif", 1)
        recipe = self.check(tmp_path)
        assert recipe.source is not None
        assert set(recipe.source.model_dump()) == {"folder", "made_for", "pattern", "voxel_size"}

    def test_raw_shape(self, tmp_path: Path) -> None:
        np.zeros(SHAPE, ">u2").tofile(tmp_path / "a.stack")
        self.check(tmp_path, shape=SHAPE, dtype=">u2")

    def test_axes(self, tmp_path: Path) -> None:
        data = np.zeros((7, 4, 5), np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TYX"})
        self.check(tmp_path, axes="ZYX")

    def test_a_reader_is_run_with_consent_only(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        np.save(tmp_path / "a.npy", np.zeros(SHAPE))
        size = (0.3, 0.1, 0.1)
        recipe = self.check(tmp_path, reader="numpy:load", trust=True, voxel_size=size)
        with pytest.raises(FolderError, match="would run code: numpy:load"):
            recipe.open()
        path = tmp_path.parent / f"{tmp_path.name}.yaml"
        out = str(tmp_path.parent / f"{tmp_path.name}_out")
        assert cli.main(["run", str(path), "--out", out]) == 2
        assert "would run code" in capsys.readouterr().err
        assert cli.main(["run", str(path), "--out", out, "--dtype", "uint16", "--trust"]) == 0


def test_info_prints_the_table_the_positions_and_the_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for p in range(2):
        for t in (0, 2, 3):
            write(tmp_path / f"pos{p}_t{t}.tif", p)
    assert cli.main(["info", str(tmp_path), "--position", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "field:    t (time point) = 0, 2, 3 (3 in all); missing: 1" in lines
    assert "note:     There are 2 positions (0, 1): 1 is shown" in lines
    assert any(
        line.startswith("ask:      z step measured along the stage, or perpendicular")
        for line in lines
    )
