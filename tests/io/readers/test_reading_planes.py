"""Planes of every kind of file: those of the volume, without reading the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hyperstack_files import WRITERS
from micromanager_files import places, write_mmstack, write_ndtiff
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io import open_stack, readers
from napari_lazy_pipeline.io.files.file_source import FileSource

SIZES = (1, 3, 2, 4)
DATA = np.random.default_rng(0).integers(1, 200, (3, 4, 6, 8)).astype(np.uint16)


def _split_mmstack(folder: Path) -> None:
    here = places(SIZES)
    for number, (start, stop) in enumerate(((0, 10), (10, 19), (19, 24))):
        suffix = f"_{number}" if number else ""
        write_mmstack(folder / f"cell_1_MMStack_Pos0{suffix}.ome.tif", here[start:stop], SIZES)


def _raw(folder: Path) -> None:
    for t, volume in enumerate(DATA):
        volume.astype("<u2").tofile(folder / f"s_t{t}.raw")


def _zarr(folder: Path) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        folder / "a.zarr", shape=(3, 2, 4, 6, 8), chunks=(1, 1, 2, 6, 8), dtype="uint16"
    )
    array[:] = np.stack([DATA, DATA + 1], axis=1)


def _planes(folder: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    for t, z in itertools.product(range(3), range(4)):
        imageio.imwrite(folder / f"a_t{t}_z{z}.png", DATA[t, z].astype(np.uint8))


def _continued(folder: Path) -> None:
    """Volumes that go on in a second, shorter file."""
    for t, volume in enumerate(DATA):
        for z, part in enumerate((volume[:3], volume[3:])):
            tifffile.imwrite(folder / f"a_t{t}_z{z}.tif", part, photometric="minisblack")


FOLDERS: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    **{f"tiff, {name}": (lambda folder, write=write: write(folder / "a.tif"), {})
       for name, write in WRITERS.items()},
    "mmstack": (_split_mmstack, {}),
    "ndtiff": (lambda folder: write_ndtiff(folder, places(SIZES)), {}),
    "raw": (_raw, {"shape": (4, 6, 8)}),
    "zarr": (_zarr, {}),
    "pictures": (_planes, {}),
    "continued": (_continued, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_planes_are_those_of_the_volume(name: str, tmp_path: Path) -> None:
    write, options = FOLDERS[name]
    write(tmp_path)
    source = open_stack(tmp_path, **options).source
    assert isinstance(source, FileSource) and source.by_planes
    times, channels = source.sizes
    depth, *plane = source.spec.shape
    nbytes = int(np.prod(plane)) * np.dtype(source.spec.dtype).itemsize
    for t, c in itertools.product(range(times), range(channels)):
        volume = source.read(t, c)
        for start, stop in itertools.combinations(range(depth + 1), 2):
            before = source.bytes_read
            planes = source.read_planes(t, c, start, stop)
            assert planes.flags.c_contiguous
            assert planes.dtype == source.spec.dtype
            np.testing.assert_array_equal(planes, volume[start:stop])
            # Once of each file, the last plane besides.
            assert source.bytes_read - before in (
                (stop - start) * nbytes,
                (stop - start + 1) * nbytes,
            )


@pytest.mark.parametrize("name", FOLDERS)
def test_other_planes_are_not_touched(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the whole volume is seen."""
    write, options = FOLDERS[name]
    write(tmp_path)
    source = open_stack(tmp_path, **options).source
    assert isinstance(source, FileSource)
    expected = source.read(0, 0)[1:2]

    def refuse(*_: object) -> np.ndarray:
        raise AssertionError("the volume was read")

    if name != "pictures":
        monkeypatch.setattr(type(source.reader), "read", refuse)
    np.testing.assert_array_equal(source.read_planes(0, 0, 1, 2), expected)


def test_who_reads_no_planes_reads_the_volume(tmp_path: Path) -> None:
    for t, volume in enumerate(DATA):
        np.save(tmp_path / f"scan_{t}.npy", volume)
    source = open_stack(tmp_path, "scan_{t}.npy", reader="numpy:load", trust=True).source
    assert isinstance(source, FileSource) and not source.by_planes
    np.testing.assert_array_equal(source.read_planes(1, 0, 1, 3), DATA[1, 1:3])
    assert source.bytes_read == DATA[1].nbytes


@pytest.mark.parametrize(
    "reader",
    [r for r in readers.readers() if isinstance(r, readers.PlaneReader)],
    ids=lambda reader: reader.suffixes[0],
)
@pytest.mark.parametrize("content", [None, b"", b"\0" * 1000])
def test_what_is_no_volume_has_no_planes(
    reader: readers.PlaneReader, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / f"a{reader.suffixes[0]}"
    if content is not None:
        path.write_bytes(content)
    info = readers.FileInfo("b", (4, 6, 8), "uint16", 384, offset=0)
    with pytest.raises(FileError) as caught:
        reader.read_planes(str(path), info, 1, 2)
    assert str(path) in str(caught.value)
