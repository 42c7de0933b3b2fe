"""Directories of a TIFF: where its planes lie, and whether all are there."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from napari_lazy_pipeline.errors import FileError

OFFSETS = 273
UNFINISHED = "It is still being written, or was cut off: wait, or copy it again"
# width, length, bits, compression, photometric, fill order, samples, bytes, planar,
# predictor, tile width, sample format
_PAGE_TAGS = (256, 257, 258, 259, 262, 266, 277, 279, 284, 317, 322, 339)
_SCALARS = {1: "B", 3: "H", 4: "I", 16: "Q"}
# width, length, samples, depth: tifffile counts planes without end if one of them is negative
_SIZES = (256, 257, 277, 32997)
# What pixels are unpacked by, and the values that tags have where they are left out: bits,
# compression, photometric, fill order, samples, rows of a strip, planar, predictor, width and
# length of a tile, sample format, depth, depth of a tile
_PACKING = {
    258: 1, 259: 1, 262: -1, 266: 1, 277: 1, 278: 2**32 - 1, 284: 1, 317: 1, 322: 0, 323: 0, 339: 1,
    32997: 1, 32998: 1,
}  # fmt: skip
_ROWS = 278
_OTHER = -2  # a tag that holds no single integer
_PLACES = {273, 279, 324, 325}  # offsets and lengths of strips and tiles
_MATTER = {*_PACKING, 256, 257}
_SUBTYPE, _REDUCED = 254, 1


@dataclass(frozen=True)
class Directory:
    """One image file directory, from ``start`` to ``stop`` in the file [byte]."""

    start: int
    stop: int
    tags: dict[int, int]  # those that hold a single integer
    # Tags that say where pixels lie, and others that stand there twice: readers take either.
    places: tuple[int, ...] = ()

    @property
    def page(self) -> tuple[int, ...]:
        """The tags that tell how the pixels of a plane of one strip lie; -1 for those it lacks."""
        return tuple(self.tags.get(tag, -1) for tag in _PAGE_TAGS)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.tags.get(257, 0), self.tags.get(256, 0)

    @property
    def packing(self) -> tuple[int, ...]:
        """What its pixels are unpacked by, and how much memory that takes."""
        values = {tag: self.tags.get(tag, usual) for tag, usual in _PACKING.items()}
        values[_ROWS] = min(values[_ROWS], self.size[0])
        return *values.values(), *self.places

    @property
    def reduced(self) -> bool:
        """Whether it says that it is a smaller version of another image."""
        return bool(self.tags.get(_SUBTYPE, 0) & _REDUCED)


@dataclass(frozen=True)
class _Layout:
    """Byte order and widths of classic TIFF or BigTIFF."""

    order: str
    pointer: str
    first: int
    count: str
    entry: int
    inline: int

    def number(self, data: bytes, code: str, start: int = 0) -> int:
        return int(struct.unpack_from(self.order + code, data, start)[0])


def walk(file: BinaryIO, size: int, path: str) -> list[Directory]:
    """Follow the directories of a TIFF of so many bytes from the first to the last.

    Raise FileError if it is no TIFF, if a plane has no size, or if the chain leaves the file, as
    it does in one that is still being written.
    """
    if size == 0:
        raise FileError("The file is empty (0 bytes)", path, "It may still be being written")
    layout = _layout(_bytes(file, 0, 16), path)
    position = layout.number(_bytes(file, 0, 16).ljust(16, b"\0"), layout.pointer, layout.first)
    directories: list[Directory] = []
    visited: set[int] = set()
    while position:
        if position in visited:
            raise FileError("The planes of the file refer to each other in a circle", path)
        visited.add(position)
        directory, position = _directory(file, layout, position, size)
        if directory is None:
            what = f"The file ends after {len(directories)} of its planes"
            raise FileError(what, path, UNFINISHED)
        if any(directory.tags.get(tag, 1) < 1 for tag in _SIZES):
            what = f"The header of plane {len(directories)} is damaged"
            raise FileError(what, path, "It has no size")
        directories.append(directory)
    return directories


def strip_starts(directories: list[Directory], page: tuple[int, ...]) -> list[int]:
    """Where the planes lie, if each is one plain strip with the tags ``page``; else nothing."""
    starts = [directory.tags.get(OFFSETS, 0) for directory in directories]
    alike = all(directory.page == page for directory in directories)
    return starts if alike and min(starts) > 0 else []


def tile_voxels(directory: Directory) -> int:
    """Number of pixels of a tile of a plane; 0 if it has none."""
    width, length = (directory.tags.get(tag, 0) for tag in (322, 323))
    return width * length


def directory_at(file: BinaryIO, start: int, path: str) -> Directory | None:
    """Read the directory at a place in a TIFF; None if it is not inside the file."""
    layout = _layout(_bytes(file, 0, 16), path)
    return _directory(file, layout, start, os.fstat(file.fileno()).st_size)[0]


def _layout(head: bytes, path: str) -> _Layout:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    kind = struct.unpack_from((order or "<") + "H", head.ljust(4, b"\0"), 2)[0]
    if order and kind == 42:
        return _Layout(order, "I", 4, "H", 12, 4)
    if order and kind == 43:
        return _Layout(order, "Q", 8, "Q", 20, 8)
    raise FileError("The file is not a TIFF", path, "Its first bytes say something else")


def _bytes(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _directory(
    file: BinaryIO, layout: _Layout, start: int, size: int
) -> tuple[Directory | None, int]:
    width = struct.calcsize("<" + layout.count)
    if start + width > size:
        return None, 0
    entries = layout.number(_bytes(file, start, width), layout.count)
    length = entries * layout.entry + struct.calcsize("<" + layout.pointer)
    stop = start + width + length
    if stop > size:
        return None, 0
    body = _bytes(file, start + width, length)
    if len(body) < length:
        return None, 0
    tags, places = _scalars(body[: entries * layout.entry], layout)
    link = layout.number(body, layout.pointer, entries * layout.entry)
    return Directory(start, stop, tags, places), link


def _scalars(body: bytes, layout: _Layout) -> tuple[dict[int, int], tuple[int, ...]]:
    """Tags that hold a single integer, and those that say where pixels lie, or stand there twice.

    Those that sizes or packing depend on, and that hold something else, are told by what no
    number of theirs can be.
    """
    tags: dict[int, int] = {}
    seen: set[int] = set()
    places: list[int] = []
    form = f"{layout.order}HH{layout.pointer}{layout.inline}s"
    for tag, kind, count, value in struct.iter_unpack(form, body):
        if tag in _PLACES or (tag in seen and tag in _MATTER):
            places.append(tag)
        seen.add(tag)
        code = _SCALARS.get(kind)
        if code and count == 1 and struct.calcsize("<" + code) <= layout.inline:
            tags[tag] = layout.number(value, code)
        elif tag in _SIZES:
            tags[tag] = 0
        elif tag in _PACKING:
            tags[tag] = _OTHER
    return tags, tuple(places)
