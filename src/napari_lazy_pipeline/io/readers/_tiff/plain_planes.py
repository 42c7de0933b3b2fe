"""Plain planes: pixels of a TIFF that are read from where they lie, without decoding."""

from __future__ import annotations

import math
import os
import sys
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import UNFINISHED, strip_starts, walk


def plain_starts(
    file: BinaryIO, size: int, path: str, info: FileInfo, pages: Sequence[int]
) -> list[int]:
    """Return where some plain pages start, or all of them; empty if tifffile has to decode them."""
    if info.pages:
        return []  # not all are there, or their order is that of this very file
    plain = info.offset >= 0 and size == info.size
    if not (plain or info.page) or not _is_alike(file, info):
        return []
    if plain:
        return contiguous_starts(info, pages)
    chain = _chain(path, size, os.fstat(file.fileno()).st_mtime_ns, info.page)
    alone = info.inner == (1, 1) and len(info.firsts) == 1
    # A file of fewer planes may lack any of them: its own text tells which.
    count = info.shape[0] * math.prod(info.inner) * len(info.firsts)
    enough = len(chain) == count if alone else len(chain) >= count
    return [chain[index] for index in pages] if enough else []


def contiguous_starts(info: FileInfo, pages: Sequence[int]) -> list[int]:
    """Return where pages start that lie one after the other; one start if none is left out."""
    plane = int(np.prod(info.shape[1:], dtype=object)) * np.dtype(info.dtype).itemsize
    if len(pages) == 1 or (isinstance(pages, range) and pages.step == 1):
        return [info.offset + plane * pages[0]]
    return [info.offset + plane * index for index in pages]


def read_plain(
    file: BinaryIO, starts: list[int], path: str, info: FileInfo, count: int
) -> np.ndarray:
    """Read the pixels of a number of planes (z, y, x) from where they start."""
    stored = np.dtype(info.dtype)
    swapped = (info.byteorder == "<") != (sys.byteorder == "little")
    order = stored.newbyteorder() if swapped else stored
    volume = pool().empty((count, *info.shape[1:]), order)
    pieces = volume[np.newaxis] if len(starts) == 1 else volume
    for start, piece in zip(starts, pieces, strict=True):
        file.seek(start)
        # readinto of a buffered file ends early only where the file ends.
        if file.readinto(memoryview(piece).cast("B")) != piece.nbytes:  # type: ignore[attr-defined]
            raise FileError("The file ends before its pixels do", path, UNFINISHED)
    return native(volume)


def native(volume: np.ndarray) -> np.ndarray:
    """The volume in the byte order of this machine, C-contiguous; it may be changed in place."""
    if not volume.dtype.isnative:
        volume = volume.byteswap(inplace=True).view(volume.dtype.newbyteorder("="))
    return np.ascontiguousarray(volume)


def _is_alike(file: BinaryIO, info: FileInfo) -> bool:
    """Return whether the header is that of the first file."""
    for start, expected in info.landmarks:
        file.seek(start)
        if file.read(len(expected)) != expected:
            return False
    return True


@lru_cache(maxsize=32)
def _chain(path: str, size: int, changed: int, page: tuple[int, ...]) -> array[int]:
    """Return where the planes of a file lie; ``changed`` tells one file from the next."""
    with open_regular(path) as file:
        return array("Q", strip_starts(walk(file, size, path), page))
