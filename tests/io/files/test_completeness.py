"""Completeness: zeros at the end of a file are pixels where nothing writes to it any more."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.files import completeness
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher
from napari_lazy_pipeline.session import Recipe

SHAPE = (5, 12, 16)
Change = Callable[[np.ndarray], np.ndarray]


def camera(seed: int) -> np.ndarray:
    """Pixels with an offset, as cameras give them: never zero."""
    return np.random.default_rng(seed).integers(90, 400, SHAPE).astype("uint16")


def last_plane_empty(volume: np.ndarray) -> np.ndarray:
    volume[-1] = 0
    return volume


def background_subtracted(volume: np.ndarray) -> np.ndarray:
    return np.where(volume > 250, volume - 250, 0).astype("uint16")


def masked(volume: np.ndarray) -> np.ndarray:
    volume[:, :, :3] = volume[:, :, 12:] = 0
    volume[[0, -1]] = 0
    return volume


def write(folder: Path, second: np.ndarray, age: float) -> None:
    """A volume as the camera gave it, and another one; how long ago that was [s]."""
    for name, volume in (("s_t0.tif", camera(0)), ("s_t1.tif", second)):
        tifffile.imwrite(folder / name, volume, photometric="minisblack")
        changed = time.time() - age
        os.utime(folder / name, (changed, changed))


CLIPPED = pytest.mark.parametrize("change", [last_plane_empty, background_subtracted, masked])


@CLIPPED
def test_old_files_are_shown_as_they_are(change: Change, tmp_path: Path) -> None:
    volume = change(camera(1))
    write(tmp_path, volume, age=3600)
    stack = open_stack(tmp_path, strict=True)
    np.testing.assert_array_equal(stack.volume(1), volume)
    np.testing.assert_array_equal(stack.source.read_planes(1, 0, 0, 1), volume[:1])


def test_an_old_file_that_ends_with_an_empty_plane_as_no_other_is_noted(tmp_path: Path) -> None:
    """A copy that was broken off can have the date of its original."""
    write(tmp_path, last_plane_empty(camera(1)), age=3600)
    stack = open_stack(tmp_path)
    stack.volume(0)
    assert not stack.problems
    for _ in range(2):
        stack.source.read_planes(1, 0, 0, 1)
        stack.volume(1)
        (problem,) = stack.problems
        assert (problem.where, problem.done) == (str(tmp_path / "s_t1.tif"), "shown as it is")
        assert "The last plane is empty, that of s_t0.tif is not" in problem.what
    write(tmp_path, camera(1), age=3600)
    stack.volume(1)
    assert not stack.problems, "it was copied once more"


def test_what_ends_with_some_pixels_or_is_stated_to_be_complete_is_not_noted(
    tmp_path: Path,
) -> None:
    for change, complete in ((background_subtracted, False), (last_plane_empty, True)):
        write(tmp_path, change(camera(1)), age=3600)
        stack = open_stack(tmp_path, complete=complete)
        stack.volume(1)
        assert not stack.problems


@pytest.mark.parametrize("change", [background_subtracted, masked])
def test_zeros_between_pixels_are_pixels_in_new_files(change: Change, tmp_path: Path) -> None:
    volume = change(camera(1))
    write(tmp_path, volume, age=0)
    np.testing.assert_array_equal(open_stack(tmp_path).volume(1), volume)


def test_a_young_file_may_be_half_written_unless_it_is_stated_not_to_be(tmp_path: Path) -> None:
    volume = last_plane_empty(camera(1))
    write(tmp_path, volume, age=0)
    with pytest.raises(FileError, match=r"not all of its pixels.*state that all files are"):
        open_stack(tmp_path).source.read(1, 0)
    stack = open_stack(tmp_path, complete=True)
    np.testing.assert_array_equal(stack.volume(1), volume)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack)).volume(1), volume)
    recipe = Recipe(source=stack)
    assert recipe.source is not None and recipe.source.opening == {"complete": True}
    np.testing.assert_array_equal(recipe.open().volume(1), volume)


def test_a_file_of_the_future_is_young(tmp_path: Path) -> None:
    """The clock of the microscope is ahead."""
    write(tmp_path, last_plane_empty(camera(1)), age=-3600)
    with pytest.raises(FileError, match="not all of its pixels"):
        open_stack(tmp_path).source.read(1, 0)


def test_a_watched_folder_keeps_what_was_old_and_judges_what_comes(tmp_path: Path) -> None:
    old, empty = time.time() - 3600, last_plane_empty(camera(1))
    write(tmp_path, empty, age=3600)
    watcher = FolderWatcher(inspect_folder(tmp_path).source)
    tifffile.imwrite(tmp_path / "s_t2.tif", empty, photometric="minisblack")
    os.utime(tmp_path / "s_t2.tif", (old, old))
    tifffile.imwrite(tmp_path / "s_t3.tif", masked(camera(3)), photometric="minisblack")
    for _ in range(4):
        look = watcher.poll()
    present = (look.source.layout.table >= 0).ravel().tolist()
    assert (present, look.waiting) == ([True, True, False, True], ("s_t2.tif",))


def test_what_changes_after_it_was_whole_is_young_whatever_clocks_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the share is behind by an hour; for a minute by the clock that nobody sets."""
    clock = Clock()
    monkeypatch.setattr(completeness, "time", clock)
    write(tmp_path, camera(1), age=3600)
    stack = open_stack(tmp_path, strict=True)
    stack.volume(1)
    half = last_plane_empty(camera(2))
    write(tmp_path, half, age=3599)
    clock.now += 59
    for _ in range(2):
        with pytest.raises(FileError, match="not all of its pixels"):
            stack.volume(1)
    clock.now += 61
    np.testing.assert_array_equal(stack.volume(1), half)
    assert "may be half written" in next(iter(stack.problems)).what
    write(tmp_path, camera(3), age=3598)
    np.testing.assert_array_equal(stack.volume(1), camera(3))


class Clock:
    """Stands for the module time."""

    now = 0.0
    time = staticmethod(time.time)

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "written anew"])
def test_without_the_first_file_others_tell_what_pixels_look_like(
    gone: bool, tmp_path: Path
) -> None:
    write(tmp_path, camera(1), age=0)
    tifffile.imwrite(tmp_path / "s_t2.tif", camera(2), photometric="minisblack")
    stack = open_stack(tmp_path, strict=True)
    stack.volume(1)
    (tmp_path / "s_t0.tif").unlink()
    if not gone:
        tifffile.imwrite(tmp_path / "s_t0.tif", np.zeros(SHAPE, "uint16"))
    path = tmp_path / "s_t2.tif"
    tifffile.imwrite(path, last_plane_empty(camera(2)), photometric="minisblack")
    with pytest.raises(FileError, match="not all of its pixels"):
        stack.volume(2)
    assert "not all of its pixels" in stack.source.judge.why_incomplete(str(path))
