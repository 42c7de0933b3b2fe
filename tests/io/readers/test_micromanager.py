"""MMStack and NDTiff: planes that an index places, in one file or in several."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from micromanager_files import pixels, places, write_mmstack, write_ndtiff
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.io.readers._tiff import mmstack
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import TiffMetadata

SIZES = (1, 3, 2, 4)


def expected(t: int, c: int, position: int = 0, depth: int = 4) -> np.ndarray:
    return np.stack([pixels((position, t, c, z)) for z in range(depth)])


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """An MMStack of three files, the second of which begins within a volume."""
    here = places(SIZES)
    for number, (start, stop) in enumerate(((0, 10), (10, 19), (19, 24))):
        suffix = f"_{number}" if number else ""
        write_mmstack(tmp_path / f"cell_1_MMStack_Pos0{suffix}.ome.tif", here[start:stop], SIZES)
    return tmp_path


def test_the_files_are_such_as_others_read(split: Path) -> None:
    with tifffile.TiffFile(split / "cell_1_MMStack_Pos0.ome.tif", is_ome=False) as tif:
        series = tif.series[0]
        assert (series.kind, series.axes) == ("mmstack", "TZCYX")
        truth = series.asarray()
    stack = open_stack(split)
    assert stack.shape == (3, 2, 4, 6, 8)
    for t, c in itertools.product(range(3), range(2)):
        np.testing.assert_array_equal(stack.volume(t, c), truth[t, :, c])
        np.testing.assert_array_equal(stack.volume(t, c), expected(t, c))


def test_what_the_summary_says(split: Path) -> None:
    found = inspect_folder(split)
    assert (found.matched, found.unmatched, found.missing) == (1, 0, 0)
    assert found.voxel_size == (0.4, 0.108, 0.108)
    assert (found.voxel_source, found.time_interval) == ("Micro-Manager", 2.5)
    assert found.channel_names == ("GFP", "RFP")
    assert [one.about for one in found.questions] == ["angle", "step"]


@pytest.mark.parametrize("source", ["OME", "ImageJ"])
def test_what_the_first_page_says_is_believed(
    split: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = TiffMetadata(source, (1.0, 0.5, 0.5), 7.0)
    monkeypatch.setattr(mmstack, "metadata", lambda *_: stated)
    folder_info = inspect_folder(split)
    assert (folder_info.voxel_size, folder_info.voxel_source) == ((1.0, 0.5, 0.5), source)
    assert folder_info.time_interval == 7.0


def test_identity_depends_on_the_files_a_volume_is_in(split: Path) -> None:
    """Not on those that only go on: else each plane that comes would change all volumes."""
    source = open_stack(split).source
    before = [source.identity(t, 1) for t in range(3)]
    path = split / "cell_1_MMStack_Pos0_2.ome.tif"
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)
    after = [source.identity(t, 1) for t in range(3)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]


def test_another_run_in_the_same_place_is_noticed(split: Path) -> None:
    source = open_stack(split).source
    before = source.identity(0, 0)
    path = split / "cell_1_MMStack_Pos0.ome.tif"
    path.write_bytes(path.read_bytes().replace(b'"cell_1"', b'"cell_2"'))
    assert source.identity(0, 0) != before


def test_a_file_that_is_gone_leaves_the_others(split: Path) -> None:
    source = open_stack(split).source
    (split / "cell_1_MMStack_Pos0_2.ome.tif").unlink()
    np.testing.assert_array_equal(source.read(0, 1), expected(0, 1))
    with pytest.raises(FileError, match=r"of 4 planes are there for t=2, c=1"):
        source.read(2, 1)


def test_what_lies_behind_a_file_that_was_not_copied_is_shown(split: Path) -> None:
    (split / "cell_1_MMStack_Pos0_1.ome.tif").unlink()
    found = inspect_folder(split)
    assert "cell_1_MMStack_Pos0_1.ome.tif is not there: blank" in found.notes
    assert found.sizes == (3, 2)
    source = found.stack().source
    np.testing.assert_array_equal(source.read(0, 1), expected(0, 1))
    np.testing.assert_array_equal(source.read(2, 1), expected(2, 1))
    with pytest.raises(FileError, match=r"2 of 4 planes are there for t=1, c=0"):
        source.read(1, 0)


def test_positions_are_files_or_inside_one(tmp_path: Path) -> None:
    sizes = (2, 2, 1, 3)
    both, apart = tmp_path / "both", tmp_path / "apart"
    for folder in (both, apart):
        folder.mkdir()
    write_mmstack(both / "a_MMStack_Pos0.ome.tif", places(sizes), sizes)
    for position in range(2):
        here = [place for place in places(sizes) if place[0] == position]
        write_mmstack(apart / f"a_MMStack_Pos{position}.ome.tif", here, sizes)
    for folder in (both, apart):
        assert inspect_folder(folder).positions == ("Pos0", "Pos1")
        stack = open_stack(folder, position="Pos1")
        assert stack.shape == (2, 1, 3, 6, 8)
        np.testing.assert_array_equal(stack.volume(1), expected(1, 0, 1, 3))


def test_without_an_index_it_is_not_guessed(tmp_path: Path) -> None:
    write_mmstack(tmp_path / "a_MMStack_Pos0.ome.tif", places(SIZES), SIZES, index=False)
    with pytest.raises(FolderError, match=r"no index of its planes yet.*when it is done"):
        open_stack(tmp_path)


def test_an_index_that_lies_is_noticed(split: Path) -> None:
    path = split / "cell_1_MMStack_Pos0.ome.tif"
    source = open_stack(split).source
    data = path.read_bytes()
    path.write_bytes(data[:500] + b"\0" * 40 + data[500:])
    with pytest.raises(FileError):
        for t, c in itertools.product(range(3), range(2)):
            source.read(t, c)


class TestNdTiff:
    def test_each_volume_comes_back(self, tmp_path: Path) -> None:
        write_ndtiff(tmp_path, places((2, 3, 2, 4)))
        found = inspect_folder(tmp_path)
        assert (found.pattern, found.matched, found.unmatched) == ("*.index", 1, 0)
        assert found.positions == ("0", "1") and found.channel_names == ("GFP", "RFP")
        assert found.voxel_size == (0.4, 0.108, 0.108)
        for position in range(2):
            stack = open_stack(tmp_path, position=str(position))
            assert stack.shape == (3, 2, 4, 6, 8)
            for t, c in itertools.product(range(3), range(2)):
                np.testing.assert_array_equal(stack.volume(t, c), expected(t, c, position))

    def test_as_others_read_it(self, tmp_path: Path) -> None:
        write_ndtiff(tmp_path, places(SIZES))
        entries = list(tifffile.tifffile.read_ndtiff_index(tmp_path / "NDTiff.index"))
        assert len(entries) == 24 and entries[0][0] == {
            "position": 0, "time": 0, "channel": "GFP", "z": -1,
        }  # fmt: skip

    def test_in_the_folder_of_the_full_resolution(self, tmp_path: Path) -> None:
        (tmp_path / "Full resolution").mkdir()
        write_ndtiff(tmp_path / "Full resolution", places(SIZES))
        (tmp_path / "display_settings.txt").touch()
        stack = open_stack(tmp_path)
        np.testing.assert_array_equal(stack.volume(2, 1), expected(2, 1))

    def test_while_it_grows(self, tmp_path: Path) -> None:
        write_ndtiff(tmp_path, places(SIZES)[:20])
        source = open_stack(tmp_path).source
        np.testing.assert_array_equal(source.read(1, 1), expected(1, 1))
        with pytest.raises(FileError, match="0 of 4 planes"):
            source.read(2, 1)
        write_ndtiff(tmp_path, places(SIZES))
        np.testing.assert_array_equal(source.read(2, 1), expected(2, 1))

    def test_a_file_of_planes_that_is_gone_or_short(self, tmp_path: Path) -> None:
        write_ndtiff(tmp_path, places(SIZES))
        source = open_stack(tmp_path).source
        last = tmp_path / "cell_NDTiffStack_4.tif"
        last.write_bytes(last.read_bytes()[:-5])
        with pytest.raises(FileError, match="ends before its pixels do"):
            source.read(2, 1)
        last.unlink()
        with pytest.raises(FileError, match="is gone"):
            source.read(2, 1)

    def test_an_empty_index(self, tmp_path: Path) -> None:
        (tmp_path / "NDTiff.index").touch()
        with pytest.raises(FolderError, match="names no plane yet"):
            open_stack(tmp_path)


class TestSeparateFiles:
    SAID = (
        '{"Summary": {"ChNames": ["GFP", "RFP"], "PixelSize_um": 0.1, "z-step_um": 0.25,\n'
        '"Interval_ms": 4000, "Frames": 5, "Channels": 2, "Slices": 3, "Width": 8, "Height": 6'
    )

    @pytest.mark.parametrize(
        "form",
        [
            "img_channel{c:03d}_position{p:03d}_time{t:09d}_z{z:03d}.tif",
            "Pos{p}/img_channel{c:03d}_position{p:03d}_time{t:09d}_z{z:03d}.tif",
            "Pos{p}/img_{t:09d}_{name}_{z:03d}.tif",
        ],
    )
    def test_planes_positions_and_metadata(self, form: str, tmp_path: Path) -> None:
        for p, t, c, z in itertools.product(range(2), range(4), range(2), range(3)):
            path = tmp_path / form.format(p=p, t=t, c=c, z=z, name=("GFP", "RFP")[c])
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, pixels((p, t, c, z)))
            (path.parent / "metadata.txt").write_text(self.SAID)
        found = inspect_folder(tmp_path)
        assert (found.sizes, found.shape, found.missing) == ((4, 2), (3, 6, 8), 0)
        assert len(found.positions) == 2 and found.proposals[0].sure
        assert (found.voxel_size, found.time_interval) == ((0.25, 0.1, 0.1), 4.0)
        assert found.voxel_source.endswith("metadata.txt")
        assert found.channel_names == ("GFP", "RFP")
        assert any("says 5 time points, the files have 4" in note for note in found.notes)
        assert not any("planes" in note for note in found.notes)
        stack = open_stack(tmp_path, position=found.positions[1])
        np.testing.assert_array_equal(stack.volume(3, 1), expected(3, 1, 1, 3))

    def test_a_position_folder_that_is_opened_alone(self, tmp_path: Path) -> None:
        for t, z in itertools.product(range(4), range(3)):
            tifffile.imwrite(tmp_path / f"img_{t:09d}_Default_{z:03d}.tif", pixels((0, t, 0, z)))
        shutil.copytree(tmp_path, tmp_path.parent / "copy")
        assert open_stack(tmp_path).shape == (4, 1, 3, 6, 8)


KEPT = {
    "a channel of one plane": lambda t, c, z: c == 0 or z == 2,
    "a channel at every third time point": lambda t, c, z: c == 0 or t % 3 == 0,
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT.keys())
@pytest.mark.parametrize("kind", ["MMStack", "NDTiff"])
def test_what_a_channel_never_records_is_empty_and_no_problem(
    kind: str, kept: Callable[[int, int, int], bool], tmp_path: Path
) -> None:
    """The time axis grows, what was recorded is in its place, and nothing is a problem."""

    def write(times: int) -> None:
        here = [place for place in places((1, times, 2, 4)) if kept(*place[1:])]
        if kind == "MMStack":
            write_mmstack(tmp_path / "run_MMStack_Pos0.ome.tif", here, SIZES)
        else:
            write_ndtiff(tmp_path, here)

    write(4)
    watcher = stack_watcher(inspect_folder(tmp_path).source)
    for times in (5, 6, 7):
        write(times)
        for _ in range(3):
            source = watcher.poll().source
        assert source.sizes == (times, 2)
    for t, c in itertools.product(range(7), range(2)):
        planes = [pixels((0, t, c, z)) * kept(t, c, z) for z in range(4)]
        np.testing.assert_array_equal(source(t, c), np.stack(planes))
    assert not list(source.problems)


def test_a_file_of_a_stack_that_was_not_copied_is_told(split: Path) -> None:
    (split / "cell_1_MMStack_Pos0_1.ome.tif").unlink()
    folder_info = inspect_folder(split)
    assert folder_info.sizes == (3, 2)
    assert any("cell_1_MMStack_Pos0_1.ome.tif is not there" in note
               for note in folder_info.notes)  # fmt: skip
    np.testing.assert_array_equal(folder_info.source.read(2, 1), expected(2, 1))
