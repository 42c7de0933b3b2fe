"""Zips of TIFFs: as ImageJ saves a stack, and a time series packed for the post."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder, open_stack

DATA = np.random.default_rng(3).integers(1, 999, (12, 4, 6, 8)).astype(np.uint16)


def packed(volume: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    said = {"spacing": 0.5, "unit": "um", "axes": "ZYX" if volume.ndim == 3 else "TZCYX"}
    tifffile.imwrite(file, volume, imagej=True, metadata=said, **options)
    return file.getvalue()


def write_zip(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def series(folder: str = "run/") -> dict[str, bytes]:
    """Time points in no order, their numbers without leading zeros, and what lies beside them."""
    names = {f"{folder}s_{t}.tif": packed(DATA[t]) for t in (3, 0, 11, 2, 1, 10, 4, 5, 6, 7, 8, 9)}
    return {"run/notes.txt": b"hello", "__MACOSX/run/._s_0.tif": b"?", **names}


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_time_series_in_a_zip(how: int, tmp_path: Path) -> None:
    write_zip(tmp_path / "run.zip", series(), how)
    stack = open_stack(tmp_path / "run.zip", voxel_size=(0.5, 0.1, 0.1))
    assert stack.shape == (12, 1, 4, 6, 8)
    for t in range(12):
        np.testing.assert_array_equal(stack.volume(t), DATA[t])


def test_one_zip_a_volume_as_imagej_saves_them(tmp_path: Path) -> None:
    for t in range(3):
        write_zip(tmp_path / f"cell_t{t}.zip", {"cell.tif": packed(DATA[t], resolution=(10, 10))})
    found = inspect_folder(tmp_path)
    assert (found.sizes, found.shape, found.voxel_source) == ((3, 1), (4, 6, 8), "ImageJ")
    assert found.voxel_size == pytest.approx((0.5, 0.1, 0.1))
    np.testing.assert_array_equal(found.stack().volume(2), DATA[2])


def test_a_hyperstack_in_a_zip(tmp_path: Path) -> None:
    movie = np.stack([DATA[:3], DATA[3:6]], axis=2)  # t, z, c, y, x
    write_zip(tmp_path / "movie.zip", {"movie.tif": packed(movie)})
    stack = open_stack(tmp_path / "movie.zip")
    assert stack.shape == (3, 2, 4, 6, 8)
    np.testing.assert_array_equal(stack.volume(1, 1), DATA[4])


def test_only_the_volume_that_is_wanted_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zip(tmp_path / "run.zip", series())
    unpacked: list[str] = []
    original = zipfile.ZipFile.open

    def open_member(self: zipfile.ZipFile, name: str) -> IO[bytes]:
        unpacked.append(name)
        return original(self, name)

    monkeypatch.setattr(zipfile.ZipFile, "open", open_member)
    stack = open_stack(tmp_path / "run.zip")
    assert unpacked == ["run/s_0.tif"]
    stack.volume(10)
    assert unpacked[1:] == ["run/s_10.tif"]


def test_a_zip_that_is_still_copied_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.zip"
    write_zip(path, series())
    source = open_stack(path).source
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 1, max(len(whole) // 40, 1)):
        path.write_bytes(whole[:cut])
        with pytest.raises(FileError):
            source.read(5, 0)
        with pytest.raises(FolderError):
            open_stack(path)


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    """The checksum of the zip tells, where that of a TIFF alone would not."""
    path = tmp_path / "run.zip"
    write_zip(path, series(), zipfile.ZIP_STORED)
    source = open_stack(path).source
    data = bytearray(path.read_bytes())
    place = data.find(DATA[5].astype("<u2").tobytes()[:64])
    assert place > 0
    data[place] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(FileError, match="CRC"):
        source.read(5, 0)


def test_without_a_tiff(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"readme.txt": b"nothing"})
    with pytest.raises(FolderError, match="no TIFF in the zip"):
        open_stack(tmp_path / "a.zip")


def test_another_shape_in_the_same_zip_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"s0.tif": packed(DATA[0]), "s1.tif": packed(DATA[1][:3])})
    source = open_stack(tmp_path / "a.zip").source
    with pytest.raises(FileError, match=r"s1\.tif|holds \(3, 6, 8\)"):
        source.read(1, 0)


def test_several_hyperstacks_are_not_guessed(tmp_path: Path) -> None:
    movie = packed(DATA[:3][:, :, np.newaxis])
    write_zip(tmp_path / "a.zip", {"a.tif": movie, "b.tif": movie})
    with pytest.raises(FolderError, match="several TIFFs of several volumes"):
        open_stack(tmp_path / "a.zip")
