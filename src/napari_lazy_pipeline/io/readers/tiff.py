"""Reads the volumes in TIFF files, and refuses what is not whole."""

from __future__ import annotations

import logging
import os
import sys
import threading
from array import array
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.io.readers import FileInfo, GrowthState, os_problem
from napari_lazy_pipeline.io.readers._tiff import mmstack as _mmstack
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import OFFSETS, Directory, walk
from napari_lazy_pipeline.io.readers._tiff.tiff_hyperstack import UNFINISHED, Grid, grid
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

_HEAD = 65536
# Threads that unpack one file: more than a few wait for the disk.
_DECODERS = min(os.cpu_count() or 1, 4)
_LARGE, _RATIO = 2**30, 10_000

_here = threading.local()


def _wanted(record: logging.LogRecord) -> bool:
    return not getattr(_here, "quiet", False)


# tifffile only logs what it finds broken; each of these is checked below and
# becomes an error, so the log would say it twice.
logging.getLogger("tifffile").addFilter(_wanted)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Open a file, turning whatever goes wrong with it into a FileError."""
    _here.quiet = True
    try:
        with open(path, "rb") as file:
            yield file
    except FileError:
        raise
    except OSError as error:
        raise os_problem(error, path) from error
    except MemoryError as error:
        raise FileError("There is not enough memory to read the file", path) from error
    except Exception as error:
        # A damaged TIFF makes the decoders raise nearly anything.
        raise FileError(
            f"The file is damaged ({type(error).__name__}: {error})", path, UNFINISHED
        ) from error
    finally:
        _here.quiet = False


@dataclass(frozen=True)
class TiffReader:
    """Reads TIFF and BigTIFF, ImageJ and OME-TIFF, one volume a file."""

    suffixes: tuple[str, ...] = (".tif", ".tiff")

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is a TIFF."""
        return os.fspath(path).lower().endswith(self.suffixes)

    def hidden(self, names: Sequence[str]) -> set[str]:
        """The files that continue another one: those of an MMStack."""
        return _mmstack.continuations(names)

    def companions(self, path: str, info: FileInfo) -> tuple[str, ...]:
        """The files that continue this one."""
        return _mmstack.siblings(path) if info.indexed else ()

    def grows(self, info: FileInfo) -> bool:
        """An MMStack does."""
        return info.indexed

    def recorded(self, path: str, info: FileInfo) -> GrowthState:
        """Look into the indices of an MMStack; see `GrowingReader.recorded`."""
        with _opened(path):
            return _mmstack.recorded(path, info)

    def state(self, path: str, info: FileInfo) -> Hashable:
        """The places of planes in an MMStack; see `GrowingReader.state`."""
        with _opened(path):
            return _mmstack.state(path, info)

    def probe(self, path: str) -> FileInfo:
        """Read the header of one file; see `Reader.probe`.

        Raises
        ------
        FileError
            If the file is not one whole volume.
        """
        with _opened(path) as file:
            if _is_mmstack(file):
                # While it is recorded, the chain of its planes has no end.
                return _mmstack.probe(path)
            return probe_open(file, os.fstat(file.fileno()).st_size, path)

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read one volume; see `Reader.read`.

        Returns
        -------
        numpy.ndarray
            (z, y, x), C-contiguous, in the byte order of this machine.

        Raises
        ------
        FileError
            If the file is not a whole volume of the shape and type of ``info``.
        """
        with _opened(path) as file:
            size = _size(file, path)
            if info.indexed:
                return _mmstack.read(path, info, 0, info.shape[0])
            starts = _planes(file, size, path, info)
            if starts:
                return _read_plain(file, starts, path, info, info.shape[0])
            return decode_open(file, size, path, info)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some planes of a volume; see `PlaneReader.read_planes`.

        Of a file like the first one, to the byte, that is its header and these planes. Of any
        other, all directories are looked through first, once as long as it does not change.

        Returns
        -------
        numpy.ndarray
            (z, y, x), C-contiguous, in the byte order of this machine.

        Raises
        ------
        FileError
            If the file is not a whole volume of the shape and type of ``info``, as far as its
            size and its directories tell.
        """
        with _opened(path) as file:
            size = _size(file, path)
            if info.indexed:
                return _mmstack.read(path, info, start, stop)
            starts = _some_planes(file, size, path, info, info.planes[start:stop])
            if starts:
                return _read_plain(file, starts, path, info, stop - start)
            changed = os.fstat(file.fileno()).st_mtime_ns
            return _decode_some(file, _checked(path, size, changed, info), path, start, stop)


def probe_open(file: BinaryIO, size: int, path: str) -> FileInfo:
    """Read the header of an open TIFF of so many bytes; ``path`` is what errors call it."""
    directories = walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        said = metadata(tif, os.path.basename(path))
        found = grid(tif, said, path)
        _check_size(tif, found.shape, found.dtype, size, path)
        offset, page = _places(tif, directories, found.dtype)
        order = tif.byteorder
    marks = _landmarks(file, directories[0], offset)
    last = _last_plane(directories, found, offset, page)
    return FileInfo(
        os.path.basename(path), found.shape, found.dtype.name, size, said.voxel_size,
        said.source if said.voxel_size else "", said.time_interval, said.notes,
        offset, marks, page, order, found.inner, (0, 0), found.strides,
        found.scenes, 0, found.firsts, _names(said.channel_names, found),
        last_plane=last,
    )  # fmt: skip


def _size(file: BinaryIO, path: str) -> int:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise FileError("The file is empty (0 bytes)", path, UNFINISHED)
    return size


def _is_mmstack(file: BinaryIO) -> bool:
    file.seek(0)
    return _mmstack.is_mmstack(file.read(16))


def _names(channels: Sequence[str], found: Grid) -> tuple[str, ...]:
    """Names of those channels that are in the file."""
    if len(channels) <= max(found.channels, default=0):
        return ()
    return tuple(channels[index] for index in found.channels)


def _check_size(
    tif: tifffile.TiffFile, shape: Shape, dtype: np.dtype, size: int, path: str
) -> None:
    """Refuse a header that promises more than the file can hold."""
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    page = tif.pages.first
    plain = page.compression == 1 and page.bitspersample == 8 * dtype.itemsize
    if plain and promised > size:
        raise FileError(
            f"The header promises {promised} bytes of pixels, the file has {size}",
            path,
            UNFINISHED,
        )
    if promised > max(_LARGE, _RATIO * size):
        raise FileError(
            f"The header promises {promised} bytes of pixels in a file of {size}",
            path,
            "The header is damaged",
        )
    for series in tif.series:
        _check_segments(series, size, path)


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
        return -1, first if _starts(directories, first) else ()
    return -1, ()


def _starts(directories: list[Directory], page: tuple[int, ...]) -> list[int]:
    """Where the planes lie, if each is one plain strip; else nothing."""
    starts = [one.tags.get(OFFSETS, 0) for one in directories]
    alike = all(one.page == page for one in directories)
    return starts if alike and min(starts) > 0 else []


def _last_plane(
    directories: list[Directory], found: Grid, offset: int, page: tuple[int, ...]
) -> int:
    """Where the last plane starts, if it is that of the only volume and lies plain; else -1."""
    if found.inner != (1, 1) or len(found.firsts) > 1:
        return -1
    if offset >= 0:
        depth, height, width = found.shape
        return offset + (depth - 1) * height * width * found.dtype.itemsize
    return directories[-1].tags[OFFSETS] if page else -1


def _landmarks(file: BinaryIO, first: Directory, offset: int) -> tuple[tuple[int, bytes], ...]:
    """Pieces of the header that make another file of the same size equal to this one."""
    pieces = [(0, 4)] if offset < 0 else [(0, min(offset, _HEAD)), (first.start, first.stop)]
    marks = []
    for start, stop in pieces:
        file.seek(start)
        marks.append((start, file.read(stop - start)))
    return tuple(marks)


def _planes(file: BinaryIO, size: int, path: str, info: FileInfo) -> list[int]:
    """Where plain planes start, or the whole volume; empty if tifffile has to decode them."""
    if not (info.page and _is_alone(info)) or _is_plain(info, size):
        return _some_planes(file, size, path, info, info.planes)
    if not _is_alike(file, info):
        return []
    starts = _starts(walk(file, size, path), info.page)
    return starts if len(starts) == info.shape[0] else []


def _some_planes(file: BinaryIO, size: int, path: str, info: FileInfo, pages: range) -> list[int]:
    """Where some plain pages start, or all of them; empty if tifffile has to decode them."""
    plain = _is_plain(info, size)
    if not (plain or info.page) or not _is_alike(file, info):
        return []
    if plain:
        return _plain_starts(info, pages)
    chain = _chain(path, size, os.fstat(file.fileno()).st_mtime_ns, info.page)
    enough = len(chain) == info.shape[0] if _is_alone(info) else max(info.planes) < len(chain)
    return [chain[index] for index in pages] if enough else []


def _is_plain(info: FileInfo, size: int) -> bool:
    """Whether all pixels lie one after the other where those of the first file do."""
    return info.offset >= 0 and size == info.size


def _is_alone(info: FileInfo) -> bool:
    """Whether there is one volume in the file."""
    return info.inner == (1, 1) and len(info.firsts) == 1


def _is_alike(file: BinaryIO, info: FileInfo) -> bool:
    """Whether the header is that of the first file."""
    for start, expected in info.landmarks:
        file.seek(start)
        if file.read(len(expected)) != expected:
            return False
    return True


def _plain_starts(info: FileInfo, pages: range) -> list[int]:
    """Where pages start that lie plain, one after the other; one start if none is left out."""
    plane = int(np.prod(info.shape[1:], dtype=object)) * np.dtype(info.dtype).itemsize
    if pages.step == 1 or len(pages) == 1:
        return [info.offset + plane * pages[0]]
    return [info.offset + plane * index for index in pages]


@lru_cache(maxsize=32)
def _chain(path: str, size: int, changed: int, page: tuple[int, ...]) -> array[int]:
    """Where the planes of a file of many volumes lie; ``changed`` tells one file from the next."""
    with open(path, "rb") as file:
        return array("Q", _starts(walk(file, size, path), page))


def _read_plain(
    file: BinaryIO, starts: list[int], path: str, info: FileInfo, count: int
) -> np.ndarray:
    """Read pixels of a number of planes from where they lie, without decoding."""
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
    return _native(volume)


def _native(volume: np.ndarray) -> np.ndarray:
    if not volume.dtype.isnative:
        volume = volume.byteswap(inplace=True).view(volume.dtype.newbyteorder("="))
    return np.ascontiguousarray(volume)


def decode_open(file: BinaryIO, size: int, path: str, info: FileInfo) -> np.ndarray:
    """Read a volume of an open TIFF of so many bytes, once its header agrees with ``info``."""
    return _decode_some(file, _check(file, size, path, info), path, 0, info.shape[0])


def _decode_some(file: BinaryIO, info: FileInfo, path: str, start: int, stop: int) -> np.ndarray:
    """Let tifffile read some planes of a file that ``info`` was found to describe."""
    pages = info.planes[start:stop]
    if info.offset >= 0:
        return _read_plain(file, _plain_starts(info, pages), path, info, len(pages))
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        # Planes that are not packed are read one by one: there, threads only cost time.
        packed = tif.pages.first.compression != 1
        volume = tif.asarray(key=pages, maxworkers=_DECODERS if packed else 1)
    return _native(np.asarray(volume).reshape(len(pages), *info.shape[1:]))


@lru_cache(maxsize=32)
def _checked(path: str, size: int, changed: int, info: FileInfo) -> FileInfo:
    """Check a file as `_check` does; ``changed`` tells one file from the next."""
    with open(path, "rb") as file:
        return _check(file, size, path, info)


def _check(file: BinaryIO, size: int, path: str, info: FileInfo) -> FileInfo:
    """Check that a file is as ``info`` says; return where its own pixels lie."""
    # tifffile follows planes that refer to each other in a circle without end.
    walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        found = grid(tif, metadata(tif, os.path.basename(path)), path)
        if info.merged:
            found = found.as_planes()
        if (found.shape, found.dtype.name) != (info.shape, info.dtype):
            raise _other(found.shape, found.dtype.name, info, path)
        if found.inner != info.inner or info.scene >= len(found.firsts):
            raise _fewer(found, info, path)
        _check_size(tif, found.shape, found.dtype, size, path)
        offset = tif.series[0].dataoffset if len(tif.series) == 1 else None
        return replace(info, offset=-1 if offset is None else int(offset), byteorder=tif.byteorder)


def _fewer(found: Grid, info: FileInfo, path: str) -> FileError:
    one, other = (f"{t} time points x {c} channels" for t, c in (found.inner, info.inner))
    return FileError(f"The file holds {one}, not {other} as {info.name}", path, UNFINISHED)


def _other(shape: Shape, dtype: str, info: FileInfo, path: str) -> FileError:
    hint = "It belongs to another data set, or the first file does"
    if shape[1:] == info.shape[1:] and dtype == info.dtype and shape[0] < info.shape[0]:
        hint = UNFINISHED
    return FileError(
        f"The file holds {shape} {dtype}, not {info.shape} {info.dtype} as {info.name}",
        path,
        hint,
    )


READER = TiffReader()
