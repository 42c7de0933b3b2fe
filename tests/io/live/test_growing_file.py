"""Files that grow from within: the time axis follows, and nothing half-written is on it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from micromanager_files import SUMMARY, grow_mmstack, grow_ndtiff, pixels, places, write_ndtiff
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher, stack_watcher
from napari_lazy_pipeline.io.live.growing_file import GrowingFileWatcher
from napari_lazy_pipeline.io.live.stack_watcher import PollResult

SIZES = (1, 4, 2, 3)  # positions, t, c, z
PLANES = SIZES[2] * SIZES[3]


def truth(t: int, c: int) -> np.ndarray:
    return np.stack([pixels((0, t, c, z)) for z in range(SIZES[3])])


def assert_whole(source: FileSource) -> None:
    """Each volume on the axis is what was to be written."""
    for t, c in np.ndindex(source.sizes):
        np.testing.assert_array_equal(source.read(t, c), truth(t, c))


def opened(where: Path) -> FileSource | None:
    try:
        return inspect_folder(where).source
    except FolderError:
        return None


def followed(where: Path, writer: Iterator[int]) -> tuple[PollResult, list[int]]:
    """Watch from when the first time point is there; poll after each thing that is written."""
    watcher, look, lengths = None, None, []
    for whole in writer:
        if watcher is None and whole > PLANES:
            watcher = stack_watcher(inspect_folder(where).source)
            assert isinstance(watcher, GrowingFileWatcher)
        if watcher is not None:
            look = watcher.poll()
            assert look.source.sizes[0] <= max(whole // PLANES, 1)
            assert_whole(look.source)
            lengths.append(look.source.sizes[0])
    assert watcher is not None
    for _ in range(2):
        look = watcher.poll()
    assert not look.unreachable and not look.outdated
    return look, lengths


@pytest.mark.parametrize("kind", ["mmstack", "ndtiff"])
def test_the_axis_follows(kind: str, tmp_path: Path) -> None:
    """At each moment of writing, all that is on the axis can be read, and is right."""
    if kind == "mmstack":
        writer = grow_mmstack(tmp_path / "cell_1_MMStack_Pos0.ome.tif", places(SIZES))
    else:
        writer = grow_ndtiff(tmp_path, places(SIZES))
    look, lengths = followed(tmp_path, writer)
    assert look.source.sizes == (4, 2)
    assert_whole(look.source)
    # A time point is there as soon as one more plane is.
    assert lengths == sorted(lengths) and set(lengths) == {1, 2, 3}


def test_what_was_read_is_read_no_more(tmp_path: Path) -> None:
    """The identity of a volume stays the same while others come."""
    writer = grow_ndtiff(tmp_path, places(SIZES))
    for whole in writer:
        if whole == PLANES + 1:
            break
    source = inspect_folder(tmp_path).source
    before = [source.identity(0, c) for c in range(2)]
    for _ in writer:
        assert [source.identity(0, c) for c in range(2)] == before


def test_a_reserved_plane_at_the_end_is_not_shown(tmp_path: Path) -> None:
    """Nothing but the index tells of the last plane yet."""
    path = tmp_path / "cell_1_MMStack_Pos0.ome.tif"
    refused = 0
    for whole in grow_mmstack(path, places((1, 1, 1, 3))):
        source = opened(tmp_path)
        if source is None or source.spec.shape[0] < 3:
            continue
        if whole < 3:
            with pytest.raises(FileError, match=r"being written|no such plane"):
                source.read(0, 0)
            refused += 1
    assert refused == 2
    np.testing.assert_array_equal(inspect_folder(tmp_path).source.read(0, 0), truth(0, 0))


def test_a_time_point_that_lost_a_plane_is_a_hole(tmp_path: Path) -> None:
    here = [place for place in places(SIZES) if place != (0, 1, 1, 2)]
    write_ndtiff(tmp_path, here[:7])
    watcher = GrowingFileWatcher(inspect_folder(tmp_path).source)
    for count in range(8, len(here) + 1):
        write_ndtiff(tmp_path, here[:count])
        watcher.poll()
    source = watcher.poll().source
    assert source.sizes == (4, 2)
    np.testing.assert_array_equal(source.read(1, 0), truth(1, 0))
    with pytest.raises(FileError, match="2 of 3 planes are there for t=1, c=1"):
        source.read(1, 1)
    np.testing.assert_array_equal(source.read(3, 1), truth(3, 1))


def test_more_planes_or_channels_than_at_first_ask_to_open_anew(tmp_path: Path) -> None:
    here = places(SIZES)
    write_ndtiff(tmp_path, here[:2])
    watcher = GrowingFileWatcher(inspect_folder(tmp_path).source)
    assert not watcher.poll().outdated
    write_ndtiff(tmp_path, here[:5])
    look = watcher.poll()
    assert look.outdated == "NDTiff.index holds 3 planes x 2 channels by now, not 2 x 1"
    assert not look.grown


def test_another_recording_asks_to_open_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ndtiff(tmp_path, places(SIZES)[:12])
    watcher = GrowingFileWatcher(inspect_folder(tmp_path).source)
    watcher.poll()
    monkeypatch.setitem(SUMMARY, "Prefix", "another")
    write_ndtiff(tmp_path, places(SIZES)[:12])
    assert watcher.poll().outdated == "NDTiff.index is another recording now"


def test_a_share_that_goes_away_comes_back(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "run", tmp_path / "away"
    folder.mkdir()
    write_ndtiff(folder, places(SIZES)[:12])
    watcher = GrowingFileWatcher(inspect_folder(folder).source)
    assert watcher.poll().source.sizes == (2, 2)
    folder.rename(elsewhere)
    assert watcher.poll().unreachable == "is not there"
    elsewhere.rename(folder)
    write_ndtiff(folder, places(SIZES))
    looks = [watcher.poll() for _ in range(4)]
    assert not looks[-1].unreachable and looks[-1].source.sizes == (4, 2)


def test_an_index_with_room_but_no_plane(tmp_path: Path) -> None:
    next(grow_mmstack(tmp_path / "a_MMStack_Pos0.ome.tif", places(SIZES)))
    with pytest.raises(FolderError, match="names no plane yet"):
        inspect_folder(tmp_path)


def test_an_index_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_ndtiff(tmp_path, places(SIZES))
    path = tmp_path / "NDTiff.index"
    path.write_bytes(path.read_bytes()[:-3])
    source = inspect_folder(tmp_path).source
    np.testing.assert_array_equal(source.read(2, 1), truth(2, 1))
    with pytest.raises(FileError, match="2 of 3 planes"):
        source.read(3, 1)


def test_plain_files_are_watched_as_before(raw_folder: Path) -> None:
    assert isinstance(stack_watcher(inspect_folder(raw_folder).source), FolderWatcher)


class TestZarr:
    """Time points are added by resizing, or were reserved from the beginning."""

    data = np.random.default_rng(1).integers(1, 99, (4, 2, 3, 6, 8)).astype(np.uint16)

    def array(self, path: Path, version: int, shape: tuple[int, ...], shards: bool = False) -> Any:
        library = pytest.importorskip("zarr")
        group = library.open_group(str(path), mode="w", zarr_format=version)
        axes = [{"name": axis, "type": "space"} for axis in "tczyx"]
        scale = [{"type": "scale", "scale": [1, 1, 0.4, 0.1, 0.1]}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
        said = {"multiscales": [image]}
        group.attrs.update({"ome": said} if version == 3 else said)
        packed = {"shards": (1, 1, 3, 6, 8)} if shards else {}
        return group.create_array(
            "0", shape=shape, chunks=(1, 1, 2 if not shards else 1, 6, 8), dtype="uint16", **packed
        )

    def assert_right(self, source: FileSource) -> None:
        for t, c in np.ndindex(source.sizes):
            np.testing.assert_array_equal(source.read(t, c), self.data[t, c])

    @pytest.mark.parametrize("reserved", [True, False])
    @pytest.mark.parametrize(("version", "shards"), [(2, False), (3, False), (3, True)])
    def test_the_axis_follows(
        self, version: int, reserved: bool, shards: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "live.ome.zarr"
        array = self.array(path, version, (4 if reserved else 1, *self.data.shape[1:]), shards)
        array[0] = self.data[0]
        watcher = stack_watcher(inspect_folder(path).source)
        first = watcher.poll().source
        assert first.sizes == (1, 2)
        before = [first.identity(0, c) for c in range(2)]
        for t in range(1, 4):
            if not reserved:
                array.resize((t + 1, *self.data.shape[1:]))
            for c in range(2):
                array[t, c] = self.data[t, c]
                look = watcher.poll()
                # The last one has to stay as it is for a moment.
                assert look.source.sizes[0] == t
                self.assert_right(look.source)
        assert watcher.poll().source.sizes == (4, 2)
        self.assert_right(watcher.poll().source)
        assert [look.source.identity(0, c) for c in range(2)] == before

    def test_what_is_filled_in_later_is_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "live.ome.zarr"
        array = self.array(path, 3, self.data.shape)
        array[0] = self.data[0]
        source = inspect_folder(path).source
        before = source.identity(2, 1)
        assert not source.read(2, 1).any()
        array[2, 1] = self.data[2, 1]
        assert source.identity(2, 1) != before
        np.testing.assert_array_equal(source.read(2, 1), self.data[2, 1])

    def test_without_time_there_is_nothing_to_add(self, tmp_path: Path) -> None:
        library = pytest.importorskip("zarr")
        library.save(str(tmp_path / "a.zarr"), self.data[0, 0])
        assert isinstance(stack_watcher(inspect_folder(tmp_path / "a.zarr").source), FolderWatcher)


def test_entries_of_an_index(tmp_path: Path) -> None:
    """What is read piece by piece is what a reader of whole files finds."""
    tifffile = pytest.importorskip("tifffile")
    write_ndtiff(tmp_path, places(SIZES))
    path = tmp_path / "NDTiff.index"
    found = list(tifffile.tifffile.read_ndtiff_index(path))
    source = inspect_folder(tmp_path).source
    assert source.sizes == (4, 2) and len(found) == 4 * PLANES
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data)
    assert json.loads(data[4 : 4 + length]) == found[0][0]
