"""Header of a TIFF: what it holds, where its pixels lie, and whether it can hold them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError, MissingFileError, NotRecordedError
from napari_lazy_pipeline.io.readers._page_axes import with_axes
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import (
    OFFSETS,
    UNFINISHED,
    Directory,
    strip_starts,
    tile_voxels,
    walk,
)
from napari_lazy_pipeline.io.readers._tiff.tiff_hyperstack import hyperstack
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

_HEAD = 65536
_PIXELS = re.compile(rb"<(?:\w+:)?Pixels\b[^<>]*>")
_LINES = 1024  # bytes of a text that tell the order, where they are no XML
_LARGE, _RATIO = 2**30, 10_000


def probe_open(file: BinaryIO, size: int, path: str) -> FileInfo:
    """Read the header of an open TIFF of so many bytes; ``path`` is what errors call it."""
    directories = walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        header = metadata(tif, path, len(directories))
        info = hyperstack(tif, header, directories, path, size)
        _check_size(tif, info, directories, path)
        offset, page = _places(tif, directories, np.dtype(info.dtype))
        order = tif.byteorder
        text = tif.pages.first.tags.get(270)
        place = (text.valueoffset, text.count) if text else (0, 4)
    info = replace(info, offset=offset, page=page, byteorder=order)
    return replace(
        info,
        landmarks=_landmarks(file, directories[0], info, place),
        last_plane=_last_plane(directories, info),
    )


def check_open(file: BinaryIO, size: int, path: str, info: FileInfo) -> FileInfo:
    """Check that an open TIFF is whole, as ``info`` states; return where its own pixels lie."""
    # tifffile follows planes that refer to each other in a circle without end.
    directories = walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        header = metadata(tif, path, len(directories))
        own = hyperstack(tif, header, directories, path, size).at_scene(info.scene)
        if info.restated:
            own = with_axes(own, info.axes, info.depth)
        alike = (own.shape[1:], own.dtype) == (info.shape[1:], info.dtype)
        fewer = alike and own.shape[0] < info.shape[0]
        other = "It belongs to another data set, or the first file does"
        info.check(own.shape, own.dtype, path, UNFINISHED if fewer else other)
        _check_part(own, info, path)
        _check_size(tif, own, directories, path)
        offset = _contiguous(tif, directories)
        return replace(
            own, offset=offset, byteorder=tif.byteorder, part=info.part, scene=info.scene
        )


def _check_part(own: FileInfo, info: FileInfo, path: str) -> None:
    """Check that a file has the planes of the wanted volume, save for those nobody has.

    One with fewer time points than the first, as the last of a run that was split, has its own.
    """
    fewer = own.inner[1] == info.inner[1] and own.inner[0] < info.inner[0]
    if own.inner != info.inner or info.scene >= len(own.firsts):
        one, two = (f"{t} time points x {c} channels" for t, c in (own.inner, info.inner))
        what = f"The file holds {one}, not {two} as {info.name}"
        if not fewer or info.scene >= len(own.firsts):
            raise FileError(what, path, UNFINISHED)
        if info.part[0] >= own.inner[0]:
            never = info.pages and max(info.planes) < 0
            raise (NotRecordedError if never else MissingFileError)(what, path)
    if not own.pages:
        return
    planes = replace(own, part=info.part, scene=info.scene).planes
    gone = sum(a < 0 <= b for a, b in zip(planes, info.planes, strict=True))
    if gone:
        t, c = info.part
        what = f"{info.shape[0] - gone} of {info.shape[0]} planes are there for t={t}, c={c}"
        raise FileError(what, path, UNFINISHED)


def _check_size(
    tif: tifffile.TiffFile, info: FileInfo, directories: list[Directory], path: str
) -> None:
    """Refuse a header that promises more than the file can hold."""
    dtype, size = np.dtype(info.dtype), info.size
    plane = math.prod(info.shape[1:]) * dtype.itemsize
    page = tif.pages.first
    plain = page.compression == 1 and page.bitspersample == 8 * dtype.itemsize
    table = info.page_table
    held = min(info.shape[0], int(table.max()) + 1) * plane
    if plain and held > size:
        what = f"The header promises {held} bytes of pixels, the file has {size}"
        raise FileError(what, path, UNFINISHED)
    # A tile is unpacked as a whole, however small the plane is that it is for.
    tile = tile_voxels(directories[0]) * dtype.itemsize
    check_promise(max(info.shape[0] * plane, tile), size, path)
    offset = _contiguous(tif, directories)
    if offset >= 0:
        if offset + plane * (int(table.max()) + 1) > size:
            raise FileError("The file ends before its pixels do", path, UNFINISHED)
        return
    _check_segments(tif, np.unique(table[table >= 0]).tolist(), size, path)


def _contiguous(tif: tifffile.TiffFile, directories: list[Directory]) -> int:
    """Offset of the pixels if all planes lie one after the other, none left out; else -1."""
    series = tif.series[0]
    count = math.prod(series.shape[:-2])
    whole = len(tif.series) == 1 and len(directories) in (1, count)
    return int(series.dataoffset) if whole and series.dataoffset is not None else -1


def check_promise(promised: int, size: int, path: str) -> None:
    """Raise FileError if a file of a size cannot be unpacked to what it promises [byte]."""
    if promised > max(_LARGE, _RATIO * size):
        what = f"The header promises {promised} bytes of pixels in a file of {size}"
        raise FileError(what, path, "The header is damaged")


def _check_segments(tif: tifffile.TiffFile, pages: list[int], size: int, path: str) -> None:
    """Check that every piece of every plane lies inside the file."""
    for index in pages:
        page = tif.pages[index]
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
    offset = _contiguous(tif, directories)
    if offset >= 0:
        return offset, ()
    first = directories[0].page
    if page.is_final and page.databytecounts == (page.nbytes,) and page.nbytes in first:
        return -1, first if strip_starts(directories, first) else ()
    return -1, ()


def _last_plane(directories: list[Directory], info: FileInfo) -> int:
    """Where the last plane starts, if it is that of the only volume and lies plain; else -1."""
    if info.inner != (1, 1) or len(info.firsts) > 1 or info.pages:
        return -1
    if info.offset >= 0:
        depth, height, width = info.shape
        return info.offset + (depth - 1) * height * width * np.dtype(info.dtype).itemsize
    return directories[-1].tags[OFFSETS] if info.page else -1


def _landmarks(
    file: BinaryIO, first: Directory, info: FileInfo, text: tuple[int, int]
) -> tuple[tuple[int, bytes], ...]:
    """Pieces of the header that make another file of the same size equal to this one.

    If it holds several volumes, what its text says of their order is one of them.
    """
    offset = info.offset
    pieces = [(0, 4)] if offset < 0 else [(0, min(offset, _HEAD)), (first.start, first.stop)]
    if offset < 0 and (info.inner != (1, 1) or len(info.firsts) > 1):
        pieces.append(_order_text(file, *text))
    marks = []
    for start, stop in pieces:
        file.seek(start)
        marks.append((start, file.read(stop - start)))
    return tuple(marks)


def _order_text(file: BinaryIO, start: int, length: int) -> tuple[int, int]:
    """Where a text tells the order of the planes: OME-XML by an element, others as a whole."""
    file.seek(start)
    match = _PIXELS.search(file.read(min(length, _HEAD)))
    return (
        (start + match.start(), start + match.end())
        if match
        else (start, start + min(length, _LINES))
    )
