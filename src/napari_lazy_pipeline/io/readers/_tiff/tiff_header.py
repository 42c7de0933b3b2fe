"""Header of a TIFF: what it holds, where its pixels lie, and whether it can hold them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import (
    OFFSETS,
    UNFINISHED,
    Directory,
    check_alike,
    strip_starts,
    tile_voxels,
    walk,
)
from napari_lazy_pipeline.io.readers._tiff.tiff_hyperstack import hyperstack
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

_HEAD = 65536
_LARGE, _RATIO = 2**30, 10_000


def probe_open(file: BinaryIO, size: int, path: str) -> FileInfo:
    """Read the header of an open TIFF of so many bytes; ``path`` is what errors call it."""
    directories = walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        header = metadata(tif, os.path.basename(path), len(directories))
        info = hyperstack(tif, header, path, size)
        _check_size(tif, info, directories, path)
        offset, page = _places(tif, directories, np.dtype(info.dtype))
        order = tif.byteorder
    info = replace(info, offset=offset, page=page, byteorder=order)
    return replace(
        info,
        landmarks=_landmarks(file, directories[0], offset),
        last_plane=_last_plane(directories, info),
    )


def check_open(file: BinaryIO, size: int, path: str, info: FileInfo) -> FileInfo:
    """Check that an open TIFF is whole, as ``info`` states; return where its own pixels lie."""
    # tifffile follows planes that refer to each other in a circle without end.
    directories = walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        header = metadata(tif, os.path.basename(path), len(directories))
        own = hyperstack(tif, header, path, size)
        if info.merged:
            own = own.as_planes()
        alike = (own.shape[1:], own.dtype) == (info.shape[1:], info.dtype)
        fewer = alike and own.shape[0] < info.shape[0]
        other = "It belongs to another data set, or the first file does"
        info.check(own.shape, own.dtype, path, UNFINISHED if fewer else other)
        if own.inner != info.inner or info.scene >= len(own.firsts):
            one, two = (f"{t} time points x {c} channels" for t, c in (own.inner, info.inner))
            raise FileError(f"The file holds {one}, not {two} as {info.name}", path, UNFINISHED)
        _check_size(tif, own, directories, path)
        offset = tif.series[0].dataoffset if len(tif.series) == 1 else None
        return replace(info, offset=-1 if offset is None else int(offset), byteorder=tif.byteorder)


def _check_size(
    tif: tifffile.TiffFile, info: FileInfo, directories: list[Directory], path: str
) -> None:
    """Refuse a header that promises more than the file can hold."""
    dtype, size = np.dtype(info.dtype), info.size
    promised = int(np.prod(info.shape, dtype=object)) * dtype.itemsize
    page = tif.pages.first
    plain = page.compression == 1 and page.bitspersample == 8 * dtype.itemsize
    if plain and promised > size:
        what = f"The header promises {promised} bytes of pixels, the file has {size}"
        raise FileError(what, path, UNFINISHED)
    # A tile is unpacked as a whole, however small the plane is that it is for.
    tile = tile_voxels(directories[0]) * dtype.itemsize
    check_promise(max(promised, tile), size, path)
    for series in tif.series:
        if series.dataoffset is None:
            check_alike(directories, path)
        _check_segments(series, size, path)


def check_promise(promised: int, size: int, path: str) -> None:
    """Raise FileError if a file of a size cannot be unpacked to what it promises [byte]."""
    if promised > max(_LARGE, _RATIO * size):
        what = f"The header promises {promised} bytes of pixels in a file of {size}"
        raise FileError(what, path, "The header is damaged")


def _check_segments(series: tifffile.TiffPageSeries, size: int, path: str) -> None:
    """Check that every piece of every plane lies inside the file."""
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            raise FileError("The file ends before its pixels do", path, UNFINISHED)
        return
    for index, page in enumerate(series.pages):
        pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True)) if page else []
        if not pieces or any(start <= 0 or count <= 0 for start, count in pieces):
            raise FileError(f"Plane {index} has no pixels", path, UNFINISHED)
        if max(start + count for start, count in pieces) > size:
            raise FileError(f"The file ends within plane {index}", path, UNFINISHED)


def _places(
    tif: tifffile.TiffFile, directories: list[Directory], dtype: np.dtype
) -> tuple[int, tuple[int, ...]]:
    """Offset of pixels in one plain piece, else what each page of plain planes says."""
    page = tif.pages.first
    if page.compression != 1 or page.bitspersample != 8 * dtype.itemsize or page.fillorder != 1:
        return -1, ()
    offset = tif.series[0].dataoffset
    if len(tif.series) == 1 and offset is not None:
        return int(offset), ()
    first = directories[0].page
    if page.is_final and page.databytecounts == (page.nbytes,) and page.nbytes in first:
        return -1, first if strip_starts(directories, first) else ()
    return -1, ()


def _last_plane(directories: list[Directory], info: FileInfo) -> int:
    """Where the last plane starts, if it is that of the only volume and lies plain; else -1."""
    if info.inner != (1, 1) or len(info.firsts) > 1:
        return -1
    if info.offset >= 0:
        depth, height, width = info.shape
        return info.offset + (depth - 1) * height * width * np.dtype(info.dtype).itemsize
    return directories[-1].tags[OFFSETS] if info.page else -1


def _landmarks(file: BinaryIO, first: Directory, offset: int) -> tuple[tuple[int, bytes], ...]:
    """Pieces of the header that make another file of the same size equal to this one."""
    pieces = [(0, 4)] if offset < 0 else [(0, min(offset, _HEAD)), (first.start, first.stop)]
    marks = []
    for start, stop in pieces:
        file.seek(start)
        marks.append((start, file.read(stop - start)))
    return tuple(marks)
