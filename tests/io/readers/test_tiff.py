"""TIFF: any writer's volumes come back exactly; nothing broken looks whole."""

from __future__ import annotations

import logging
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers import tiff
from napari_lazy_pipeline.io.readers.tiff import READER

VOLUME = np.random.default_rng(0).integers(1, 60_000, (7, 12, 16)).astype(np.uint16)
Writer = Callable[[Path, np.ndarray], None]


def _pages(path: Path, volume: np.ndarray) -> None:
    with tifffile.TiffWriter(path) as writer:
        for plane in volume:
            writer.write(plane, contiguous=False)


def _described_pages(path: Path, volume: np.ndarray) -> None:
    # As LabVIEW does it: each plane has its own text, so the distances differ.
    with tifffile.TiffWriter(path) as writer:
        for index, plane in enumerate(volume):
            writer.write(plane, contiguous=False, metadata=None, description="x" * (9 + index))


def _ome(path: Path, volume: np.ndarray) -> None:
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.11, "PhysicalSizeZ": 300}
    said = {"axes": "ZYX", "PhysicalSizeZUnit": "nm", "TimeIncrement": 500, **sizes}
    tifffile.imwrite(path, volume, ome=True, metadata={**said, "TimeIncrementUnit": "ms"})


def _imagej(path: Path, volume: np.ndarray) -> None:
    said = {"axes": "ZYX", "spacing": 0.3, "unit": "um", "finterval": 2.0}
    tifffile.imwrite(path, volume, imagej=True, resolution=(10, 8), metadata=said)


def _with(**options: object) -> Writer:
    return lambda path, volume: tifffile.imwrite(path, volume, **options)


WRITERS: dict[str, Writer] = {
    "contiguous": _with(),
    "imagej": _imagej,
    "ome": _ome,
    "pages": _pages,
    "described pages": _described_pages,
    "big-endian": _with(byteorder=">"),
    "bigtiff": _with(bigtiff=True),
    "strips": _with(rowsperstrip=5),
    "tiles": _with(tile=(16, 16)),
    "no metadata": _with(metadata=None),
    "zlib": _with(compression="zlib", predictor=True),
    "lzw": _with(compression="lzw"),
    "zstd": _with(compression="zstd"),
}
EACH_WRITER = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the files whose pixels tifffile had to decode."""
    paths: list[str] = []
    decode = tiff.decode_open

    def spy(file: object, size: int, path: str, info: object) -> np.ndarray:
        paths.append(path)
        return decode(file, size, path, info)  # type: ignore[arg-type]

    monkeypatch.setattr(tiff, "decode_open", spy)
    return paths


@EACH_WRITER
def test_volume_comes_back_exactly(write: Writer, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tif", tmp_path / "second.tif"
    write(first, VOLUME)
    write(second, VOLUME[::-1])
    info = READER.probe(str(first))
    assert (info.shape, info.dtype, info.name) == ((7, 12, 16), "uint16", "first.tif")
    for path, expected in ((first, VOLUME), (second, VOLUME[::-1])):
        read = READER.read(str(path), info)
        np.testing.assert_array_equal(read, expected)
        assert read.flags.c_contiguous and read.dtype.isnative and read.flags.writeable


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32", "float64"]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_types_pass_through(dtype: str, order: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    volume = (VOLUME % 100).astype(dtype)
    tifffile.imwrite(path, volume, byteorder=order, photometric="minisblack")
    read = READER.read(str(path), READER.probe(str(path)))
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, volume)


@pytest.mark.parametrize("shape", [(12, 16), (1, 12, 16), (2, 1, 1), (5, 1, 9), (1, 1, 1)])
def test_thin_volumes(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    volume = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(path, volume, photometric="minisblack", metadata=None)
    info = READER.probe(str(path))
    read = READER.read(str(path), info)
    assert read.shape == info.shape == (1,) * (3 - len(shape)) + shape
    np.testing.assert_array_equal(read.ravel(), volume.ravel())


def test_plain_pixels_are_not_decoded(tmp_path: Path, decoded: list[str]) -> None:
    for name in ("contiguous", "imagej", "ome", "described pages", "big-endian", "strips"):
        path = tmp_path / f"{name}.tif"
        WRITERS[name](path, VOLUME)
        READER.read(str(path), READER.probe(str(path)))
    assert decoded == []


def test_another_header_of_the_same_size_is_not_trusted(tmp_path: Path, decoded: list[str]) -> None:
    first, second = tmp_path / "first.tif", tmp_path / "second.tif"
    tifffile.imwrite(first, VOLUME)
    tifffile.imwrite(second, VOLUME.transpose(0, 2, 1).copy())
    assert first.stat().st_size == second.stat().st_size
    with pytest.raises(FileError, match=r"\(7, 16, 12\) uint16, not \(7, 12, 16\) uint16"):
        READER.read(str(second), READER.probe(str(first)))
    assert decoded == [str(second)]


@pytest.mark.parametrize("name", ["imagej", "ome"])
def test_metadata_of_imagej_and_ome(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    WRITERS[name](path, VOLUME)
    info = READER.probe(str(path))
    expected = {
        "imagej": ("ImageJ", (0.3, 0.125, 0.1), 2.0),
        "ome": ("OME", (0.3, 0.11, 0.1), 0.5),
    }
    source, voxel_size, interval = expected[name]
    assert info.voxel_source == source
    assert info.voxel_size == pytest.approx(voxel_size)
    assert info.time_interval == pytest.approx(interval)


def test_no_metadata_is_said_to_be_none(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, resolution=(72, 72), resolutionunit="inch")
    info = READER.probe(str(tmp_path / "a.tif"))
    nothing = ((None, None, None), "", None)
    assert (info.voxel_size, info.voxel_source, info.time_interval) == nothing


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"unit": "micron", "spacing": 0.5}, (0.5, 0.1, 0.1)),
        ({"unit": "\\u00B5m", "spacing": 0.5}, (0.5, 0.1, 0.1)),
        ({"unit": "nm", "spacing": 500}, (0.5, 0.0001, 0.0001)),
        ({"unit": "pixel", "spacing": 0.5}, (None, None, None)),
        ({"unit": "um", "spacing": "nan"}, (None, 0.1, 0.1)),
        ({"unit": "um"}, (None, 0.1, 0.1)),
        ({"unit": "pixel", "zunit": "um", "spacing": 0.5}, (0.5, None, None)),
    ],
)
def test_units_of_imagej(
    said: dict[str, object], expected: tuple[float | None, ...], tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, VOLUME, imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", **said}
    )
    info = READER.probe(str(path))
    assert info.voxel_size == pytest.approx(expected)
    assert info.voxel_source == ("ImageJ" if any(expected) else "")
    assert info.notes == ()


def test_colour_and_mixed_files_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.ones((8, 8, 3), np.uint8), photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as writer:
        writer.write(VOLUME)
        writer.write(VOLUME[0, :5])
    with pytest.raises(FileError, match="no grey volumes"):
        READER.probe(str(tmp_path / "rgb.tif"))
    with pytest.raises(FileError, match="images of several sizes"):
        READER.probe(str(tmp_path / "mixed.tif"))


@EACH_WRITER
def test_a_cut_file_never_shows_wrong_pixels(
    write: Writer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, cut = tmp_path / "whole.tif", tmp_path / "cut.tif"
    write(whole, VOLUME)
    data, info = whole.read_bytes(), READER.probe(str(whole))
    refused = 0
    for length in sorted({*range(0, len(data), len(data) // 60), *range(len(data) - 9, len(data))}):
        cut.write_bytes(data[:length])
        for look in (lambda: READER.read(str(cut), info), lambda: _probed(cut)):
            try:
                shown = look()
            except FileError as error:
                assert str(cut) in str(error)
                refused += 1
            else:
                np.testing.assert_array_equal(shown, VOLUME)
    assert refused >= 90
    assert caplog.records == []


def _probed(path: Path) -> np.ndarray:
    """Read a file by its own header: as the first of a folder."""
    return READER.read(str(path), READER.probe(str(path)))


@EACH_WRITER
def test_a_file_with_wrong_bytes_gives_a_volume_or_a_file_error(
    write: Writer, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    write(path, VOLUME)
    data, info = path.read_bytes(), READER.probe(str(path))
    random = np.random.default_rng(1)
    for _ in range(40):
        broken = bytearray(data)
        for position in random.integers(0, min(len(data), 400), 3):
            broken[position] = random.integers(256)
        path.write_bytes(broken)
        try:
            assert READER.read(str(path), info).shape == VOLUME.shape
        except FileError:
            continue


def test_fewer_planes_are_said_to_be_unfinished(tmp_path: Path) -> None:
    for count, name in ((7, "whole.tif"), (4, "short.tif")):
        _described_pages(tmp_path / name, VOLUME[:count])
    info = READER.probe(str(tmp_path / "whole.tif"))
    with pytest.raises(FileError, match=r"\(4, 12, 16\).*as whole\.tif.*still being written"):
        READER.read(str(tmp_path / "short.tif"), info)


def test_another_type_of_the_same_shape_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VOLUME)
    tifffile.imwrite(tmp_path / "b.tif", VOLUME.astype(np.int16))
    with pytest.raises(FileError, match="int16, not"):
        READER.read(str(tmp_path / "b.tif"), READER.probe(str(tmp_path / "a.tif")))


def test_reserved_space_without_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, compression="zlib", metadata=None)
    info = READER.probe(str(path))
    with tifffile.TiffFile(path) as tif:
        counts = tif.pages[3].tags["StripByteCounts"]
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, counts.offset + 8, 0)
    path.write_bytes(data)
    with pytest.raises(FileError, match="Plane 3 has no pixels"):
        READER.read(str(path), info)


def test_a_compression_that_is_not_known_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, compression="zlib", photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["Compression"].overwrite(32809)
    info = READER.probe(str(path))
    with pytest.raises(FileError, match=r"compressed by a method .*\(THUNDERSCAN\).*a\.tif"):
        READER.read(str(path), info)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_claims_of_terabytes_are_not_believed(compression: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME[0], compression=compression, metadata=None)
    with tifffile.TiffFile(path) as tif:
        tags = [tif.pages[0].tags[name] for name in ("ImageWidth", "ImageLength")]
    data = bytearray(path.read_bytes())
    for tag in tags:
        struct.pack_into("<HHII", data, tag.offset, tag.code, 4, 1, 1_300_000)
    path.write_bytes(data)
    with pytest.raises(FileError, match="The header promises 3380000000000 bytes"):
        READER.probe(str(path))


def test_circles_of_planes_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    _pages(path, VOLUME)
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    path.write_bytes(data)
    with pytest.raises(FileError, match="in a circle"):
        READER.probe(str(path))


def test_empty_vanished_folder_and_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME)
    info = READER.probe(str(path))
    path.write_bytes(b"")
    with pytest.raises(FileError, match="0 bytes"):
        READER.read(str(path), info)
    path.unlink()
    with pytest.raises(FileError, match="is gone"):
        READER.read(str(path), info)
    path.mkdir()
    with pytest.raises(FileError, match=r"folder|may not be read"):
        READER.read(str(path), info)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to this user"
)
def test_forbidden_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME)
    path.chmod(0)
    with pytest.raises(FileError, match="may not be read"):
        READER.probe(str(path))


def test_denied_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    with pytest.raises(FileError, match="may not be read"):
        READER.probe(str(tmp_path / "a.tif"))


def test_too_little_memory_is_a_file_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME)
    info = replace(READER.probe(str(path)), shape=(1 << 28, 1 << 14, 1 << 14))
    with pytest.raises(FileError, match=r"memory|damaged"):
        READER.read(str(path), info)


def test_the_log_of_tifffile_still_serves_others(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(FileError):
        READER.probe(os.devnull)
    logging.getLogger("tifffile").warning("for somebody else")
    assert [record.message for record in caplog.records] == ["for somebody else"]


def test_probing_reads_no_pixel_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, shape=(2000, 1024, 1024), dtype=np.uint16)
    assert READER.probe(str(path)).shape == (2000, 1024, 1024)
