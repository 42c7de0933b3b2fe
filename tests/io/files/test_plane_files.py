"""Planes from files: no more is read than they need, and what is not whole is never shown."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.errors import FileError, MissingFileError
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.steps import Crop, Deskew, SubtractBackground
from napari_lazy_pipeline.steps._base import Step
from stacks import source_of

SHAPE = (6, 16, 20)


def volume(t: int = 0) -> np.ndarray:
    generator = np.random.default_rng(t)
    return generator.integers(100, 1000, SHAPE).astype("uint16")


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "one block": lambda path, data: tifffile.imwrite(path, data),
    "imagej": lambda path, data: tifffile.imwrite(
        path, data, imagej=True, metadata={"axes": "ZYX"}
    ),
    "big endian": lambda path, data: tifffile.imwrite(path, data, byteorder=">"),
    "bigtiff": lambda path, data: tifffile.imwrite(path, data, bigtiff=True),
    "strips": lambda path, data: tifffile.imwrite(path, data, rowsperstrip=3),
    "compressed": lambda path, data: tifffile.imwrite(path, data, compression="zlib"),
    "page by page": lambda path, data: [
        tifffile.imwrite(path, plane, append=z > 0, metadata=None) for z, plane in enumerate(data)
    ],
}  # type: ignore[dict-item]


def folder_of(tmp_path: Path, kind: str, times: int = 3) -> Path:
    folder = tmp_path / "cell"
    folder.mkdir()
    for t in range(times):
        WRITERS[kind](folder / f"s_t{t}.tif", volume(t))
    return folder


def files_of(folder: Path, pattern: str = "s_t{t}.tif") -> FileSource:
    source = open_stack(folder, pattern, voxel_size=(0.3, 0.1, 0.1)).source
    assert isinstance(source, FileSource)
    return source


@pytest.mark.parametrize("kind", WRITERS)
def test_planes_of_tiffs_are_those_of_the_volume(tmp_path: Path, kind: str) -> None:
    source = files_of(folder_of(tmp_path, kind))
    assert source.by_planes
    for t in range(3):
        for start, stop in ((0, 1), (5, 6), (2, 5), (0, 6)):
            planes = source.read_planes(t, 0, start, stop)
            assert planes.flags.c_contiguous and planes.dtype == np.uint16
            np.testing.assert_array_equal(planes, volume(t)[start:stop])


def test_a_plane_is_one_plane_and_once_the_last(tmp_path: Path) -> None:
    source = files_of(folder_of(tmp_path, "one block"))
    plane = volume()[0].nbytes
    source.read_planes(0, 0, 2, 3)
    assert (source.reads, source.bytes_read) == (1, 2 * plane)
    source.read_planes(0, 0, 3, 4)
    assert (source.reads, source.bytes_read) == (2, 3 * plane)
    source.read(0, 0)
    assert (source.reads, source.bytes_read) == (3, 9 * plane)
    remembered = IdentityCache(source)
    assert remembered.by_planes
    np.testing.assert_array_equal(remembered.read_planes(1, 0, 1, 2), volume(1)[1:2])
    assert source.reads == 4


def test_a_file_a_plane_is_read_alone(tmp_path: Path) -> None:
    for z, plane in enumerate(volume()):
        tifffile.imwrite(tmp_path / f"s_z{z}.tif", plane)
    source = files_of(tmp_path, "s_z{z}.tif")
    np.testing.assert_array_equal(source.read_planes(0, 0, 2, 4), volume()[2:4])
    assert (source.reads, source.bytes_read) == (2, volume()[2:4].nbytes)
    (tmp_path / "s_z5.tif").unlink()
    np.testing.assert_array_equal(source.read_planes(0, 0, 1, 2), volume()[1:2])
    again = files_of(tmp_path, "s_z{z}.tif")
    assert again.spec.shape[0] == 5


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "0 bytes": lambda path: path.write_bytes(b""),
    "still being written": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "not a TIFF": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "holds": lambda path: tifffile.imwrite(path, volume()[:, :, :-1].copy()),
    "float32": lambda path: tifffile.imwrite(path, volume().astype("float32")),
}


@pytest.mark.parametrize("message", DAMAGE)
@pytest.mark.parametrize("kind", ["one block", "strips", "compressed", "page by page"])
def test_a_plane_of_a_bad_file_is_never_shown(tmp_path: Path, kind: str, message: str) -> None:
    folder = folder_of(tmp_path, kind)
    source = files_of(folder)
    source.read_planes(1, 0, 0, 1)
    DAMAGE[message](folder / "s_t1.tif")
    with pytest.raises(FileError, match=f"{message}|damaged"):
        source.read_planes(1, 0, 0, 1)
    shown = source_of(source, Deskew(angle=31.5), cache=StageCache())
    blank = shown.planes(1, 0, 0, 1)
    assert blank.shape == (1, *shown.spec.shape[1:]) and not blank.any()
    assert len(source.problems) == 1
    np.testing.assert_array_equal(source.read_planes(2, 0, 0, 1), volume(2)[:1])


@pytest.mark.parametrize("kind", ["one block", "page by page"])
def test_a_file_that_is_reserved_but_not_written_is_refused(tmp_path: Path, kind: str) -> None:
    folder = folder_of(tmp_path, kind)
    source = files_of(folder)
    half = volume(1)
    half[3:] = 0
    WRITERS[kind](folder / "s_t1.tif", half)
    with pytest.raises(FileError, match="not all of its pixels are written"):
        source.read_planes(1, 0, 0, 1)
    WRITERS[kind](folder / "s_t1.tif", volume(1))
    np.testing.assert_array_equal(source.read_planes(1, 0, 0, 1), volume(1)[:1])


def test_a_time_point_nobody_recorded_is_missing(tmp_path: Path) -> None:
    for t, c in ((0, 0), (0, 1), (1, 0)):
        tifffile.imwrite(tmp_path / f"s_t{t}_c{c}.tif", volume(t))
    source = files_of(tmp_path, "s_t{t}_c{c}.tif")
    with pytest.raises(MissingFileError):
        source.read_planes(1, 1, 0, 1)
    shown = source_of(source)
    assert not shown.planes(1, 1, 0, 1).any()
    assert len(source.problems) == 0


@pytest.mark.parametrize(
    "steps", [(), (SubtractBackground(), Deskew(angle=31.5), Crop(y=(100, 1000)))]
)
def test_a_plane_of_a_large_file_costs_a_plane(tmp_path: Path, steps: tuple[Step, ...]) -> None:
    """3 GB that take no space on the disk: whoever reads them all is seen."""
    shape = (1500, 1024, 1024)
    path = tmp_path / "large.tif"
    data = tifffile.memmap(path, shape=shape, dtype="uint16", metadata={"axes": "ZYX"})
    generator = np.random.default_rng(0)
    data[700] = generator.integers(100, 1000, shape[1:])
    data[-1] = 1
    del data
    source = files_of(tmp_path, "large.tif")
    made = source_of(source, *steps, cache=StageCache())
    plane = 2 * 1024 * 1024
    assert not made.read_planes(0, 0, 3, 4).any()
    assert source.bytes_read == 2 * plane, "the plane, and the last one to see that it is there"
    before = _bytes_of_this_process()
    tracemalloc.start()
    shown = made.read_planes(0, 0, 700, 701)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shown.max() > 500
    assert source.bytes_read == 3 * plane
    if before is not None:
        assert _bytes_of_this_process() - before < plane + 2**20
    assert peak < 2 * plane + 4 * made.spec.replace(shape=(1, *made.spec.shape[1:])).nbytes + 2**20


def _bytes_of_this_process() -> int | None:
    """Bytes this process asked the system for, where it counts them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return int(lines[0].removeprefix("rchar:"))
