"""Patterns are tried on names: what an edit would make is said, and no file is opened."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_lazy_pipeline.errors import FolderError, PatternError
from napari_lazy_pipeline.io.pattern_preview import PatternPreviews


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Makes a folder of files that are no images, and have such sizes."""

    def make(**sizes: int) -> str:
        for name, size in sizes.items():
            path = tmp_path / f"{name}.tif"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"\0" * size)
        return str(tmp_path)

    return make


def test_it_counts_and_shows_gaps_and_strangers(folder: Callable[..., str]) -> None:
    trials = PatternPreviews(folder(a_t1=9, a_t2=9, a_t5=9, b=9, other=9))
    trial = trials.attempt("a_t{t}.tif")
    assert trial.summary == "3 files -> 1 channel x 5 time points. 2 missing"
    (times, others) = trial.rows
    assert (times.field, times.values, times.count, times.missing) == ("t", "1, 2, 5", 3, "3-4")
    assert (others.field, others.count, others.extra) == ("*", 2, "b.tif, other.tif")


def test_planes_and_positions(folder: Callable[..., str]) -> None:
    names = {f"p{p}_t{t}_z{z}": 5 for p in (1, 2) for t in range(3) for z in range(4)}
    trial = PatternPreviews(folder(**names)).attempt("p{p}_t{t}_z{z}.tif", "2")
    assert trial.summary == (
        "12 files -> 1 channel x 3 time points x 4 planes x 2 positions. 0 missing"
    )
    assert trial.layout.position == "2"


def test_no_file_is_opened_and_the_folder_is_listed_once(
    folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    trials, listed = PatternPreviews(folder(a_t1=9, a_t2=9)), []
    listdir = os.listdir

    def counting(path: Any) -> list[str]:
        listed.append(path)
        return listdir(path)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a file is opened")

    monkeypatch.setattr(os, "listdir", counting)
    monkeypatch.setattr(os, "open", never)
    monkeypatch.setattr(builtins, "open", never)
    for pattern in ("a_t{t}.tif", "{name}_t{t}.tif", "*.tif"):
        trials.attempt(pattern)
    with pytest.raises(PatternError, match="partner"):
        trials.attempt("a_t{t")
    with pytest.raises(PatternError, match="None of the 2 files fits the pattern"):
        trials.attempt("b_t{t}.tif")
    assert len(listed) == 1


def test_a_pattern_that_goes_into_folders(tmp_path: Path) -> None:
    for name in ("Pos0/t1.tif", "Pos1/t1.tif", "Pos1/t2.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    trials = PatternPreviews(str(tmp_path))
    assert trials.attempt("{p}/t{t}.tif").layout.positions == ("Pos0", "Pos1")
    assert trials.attempt("Pos1/t{t}.tif").summary.startswith("2 files")
    with pytest.raises(FolderError, match="None of the 2 names"):
        trials.attempt("t{t}.tif")


@pytest.mark.parametrize(
    ("sizes", "values", "extra"),
    [
        ({"t1": 100, "t2": 100}, "100 bytes", ""),
        ({"t1": 2000, "t2": 2000, "t3": 500}, "500 bytes to 2 kB", "t3.tif"),
        ({"t1": 100, "t2": 200, "t3": 300, "t4": 400}, "100 bytes to 400 bytes", ""),
    ],
)
def test_files_of_unequal_size_are_named_unless_all_differ(
    folder: Callable[..., str], sizes: dict[str, int], values: str, extra: str
) -> None:
    trials = PatternPreviews(folder(**sizes))
    row = trials.sizes(trials.attempt("t{t}.tif"))
    assert row is not None
    assert (row.field, row.role, row.values, row.extra) == ("size", "file size", values, extra)


def test_sizes_of_many_files_are_those_of_a_few(tmp_path: Path) -> None:
    for t in range(300):
        (tmp_path / f"t{t}.tif").touch()
    trials = PatternPreviews(str(tmp_path))
    row = trials.sizes(trials.attempt("t{t}.tif"))
    assert row is not None
    assert row.role == "file size (60 of 300)"


def test_a_folder_that_went_away_meanwhile_has_no_sizes(tmp_path: Path) -> None:
    (tmp_path / "t1.tif").touch()
    trials = PatternPreviews(str(tmp_path))
    trial = trials.attempt("t{t}.tif")
    (tmp_path / "t1.tif").unlink()
    assert trials.sizes(trial) is None
