"""Reads TIFF files that hold one volume each, and refuses what is not whole."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.geometry import Shape
from napari_lazy_pipeline.readers import FileInfo, os_problem
from napari_lazy_pipeline.readers._directories import OFFSETS, Directory, walk
from napari_lazy_pipeline.readers._metadata import Metadata, metadata

_UNFINISHED = "It is still being written, or was cut off: wait, or copy it again"
_HEAD = 65536
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
            f"The file is damaged ({type(error).__name__}: {error})", path, _UNFINISHED
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

    def probe(self, path: str) -> FileInfo:
        """Read the header of one file; see `Reader.probe`.

        Raises
        ------
        FileError
            If the file is not one whole volume.
        """
        with _opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            directories = walk(file, size, path)
            file.seek(0)
            with tifffile.TiffFile(file, is_ome=False) as tif:
                said = metadata(tif)
                shape, dtype = _volume(tif, said, path)
                _check_size(tif, shape, dtype, size, path)
                offset, page = _places(tif, directories, shape, dtype)
                order = tif.byteorder
            marks = _landmarks(file, directories[0], offset)
            last = _last_plane(directories, shape, dtype, offset, page)
        return FileInfo(
            os.path.basename(path), shape, dtype.name, size, said.voxel_size,
            said.source if said.voxel_size else "", said.time_interval, said.notes,
            offset, marks, page, order, last,
        )  # fmt: skip

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
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise FileError("The file is empty (0 bytes)", path, _UNFINISHED)
            starts = _planes(file, size, path, info)
            if starts:
                return _read_plain(file, starts, path, info)
            return _decode(file, size, path, info)


def _volume(tif: tifffile.TiffFile, said: Metadata, path: str) -> tuple[Shape, np.dtype]:
    """Shape (z, y, x) and type of the one volume in a file."""
    series = tif.series
    shape, axes = tuple(series[0].shape), series[0].axes
    if len(series) > 1:
        if len({(one.shape, one.dtype) for one in series}) > 1 or len(shape) != 2:
            raise FileError("The file holds images of several sizes", path, "Split it")
        shape, axes = (len(series), *shape), "Z" + axes
    if max(said.channels, 1) * max(said.frames, 1) > 1 or "S" in axes or series[0].dtype is None:
        raise _several(shape, axes, said, path)
    planes, axes = _squeezed(shape[:-2], axes[:-2]), axes[-2:]
    if axes != "YX" or len(planes) > 1 or any(axis in "TC" for axis, _ in planes):
        raise _several(shape, series[0].axes, said, path)
    depth = planes[0][1] if planes else 1
    if said.planes > depth:
        raise FileError(f"The file holds {depth} of {said.planes} planes", path, _UNFINISHED)
    return (depth, shape[-2], shape[-1]), np.dtype(series[0].dtype).newbyteorder("=")


def _squeezed(shape: tuple[int, ...], axes: str) -> list[tuple[str, int]]:
    return [(axis, length) for axis, length in zip(axes, shape, strict=True) if length != 1]


def _several(shape: tuple[int, ...], axes: str, said: Metadata, path: str) -> FileError:
    what = f"The file holds {shape} ({axes})"
    if said.channels > 1 or said.frames > 1:
        what = f"The file holds {said.frames or 1} time points x {said.channels or 1} channels"
    return FileError(
        f"{what}: more than one grey volume (z, y, x)",
        path,
        "Save one file per time point and channel; if these are planes, label them so (axes ZYX)",
    )


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
            _UNFINISHED,
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
            raise FileError("The file ends before its pixels do", path, _UNFINISHED)
        return
    for index, page in enumerate(series.pages):
        pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True)) if page else []
        if not pieces or any(start <= 0 or count <= 0 for start, count in pieces):
            raise FileError(f"Plane {index} has no pixels", path, _UNFINISHED)
        if max(start + count for start, count in pieces) > size:
            raise FileError(f"The file ends within plane {index}", path, _UNFINISHED)


def _places(
    tif: tifffile.TiffFile, directories: list[Directory], shape: Shape, dtype: np.dtype
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
        return -1, first if _starts(directories, shape, first) else ()
    return -1, ()


def _starts(directories: list[Directory], shape: Shape, page: tuple[int, ...]) -> list[int]:
    """Where the planes lie, if each is one plain strip; else nothing."""
    starts = [one.tags.get(OFFSETS, 0) for one in directories]
    alike = all(one.page == page for one in directories)
    return starts if alike and len(starts) == shape[0] and min(starts) > 0 else []


def _last_plane(
    directories: list[Directory], shape: Shape, dtype: np.dtype, offset: int, page: tuple[int, ...]
) -> int:
    """Where the last plane starts, if it lies plain; else -1."""
    if offset >= 0:
        return offset + (shape[0] - 1) * shape[1] * shape[2] * dtype.itemsize
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
    plain = info.offset >= 0 and size == info.size
    if not (plain or info.page):
        return []
    for start, expected in info.landmarks:
        file.seek(start)
        if file.read(len(expected)) != expected:
            return []
    return [info.offset] if plain else _starts(walk(file, size, path), info.shape, info.page)


def _read_plain(file: BinaryIO, starts: list[int], path: str, info: FileInfo) -> np.ndarray:
    """Read pixels from where they lie, without decoding."""
    stored = np.dtype(info.dtype)
    swapped = (info.byteorder == "<") != (sys.byteorder == "little")
    volume = np.empty(info.shape, stored.newbyteorder() if swapped else stored)
    pieces = volume[np.newaxis] if len(starts) == 1 else volume
    for start, piece in zip(starts, pieces, strict=True):
        file.seek(start)
        # readinto of a buffered file ends early only where the file ends.
        if file.readinto(memoryview(piece).cast("B")) != piece.nbytes:  # type: ignore[attr-defined]
            raise FileError("The file ends before its pixels do", path, _UNFINISHED)
    return _native(volume)


def _native(volume: np.ndarray) -> np.ndarray:
    if not volume.dtype.isnative:
        volume = volume.byteswap(inplace=True).view(volume.dtype.newbyteorder("="))
    return np.ascontiguousarray(volume)


def _decode(file: BinaryIO, size: int, path: str, info: FileInfo) -> np.ndarray:
    """Let tifffile read the pixels, once the header agrees with ``info``."""
    # tifffile follows planes that refer to each other in a circle without end.
    walk(file, size, path)
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        said = replace(metadata(tif), planes=0)
        shape, dtype = _volume(tif, said, path)
        if (shape, dtype.name) != (info.shape, info.dtype):
            raise _other(shape, dtype.name, info, path)
        _check_size(tif, shape, dtype, size, path)
        one = len(tif.series) == 1
        volume = tif.series[0].asarray() if one else tif.asarray(key=slice(None))
    return _native(np.asarray(volume).reshape(shape))


def _other(shape: Shape, dtype: str, info: FileInfo, path: str) -> FileError:
    hint = "It belongs to another data set, or the first file does"
    if shape[1:] == info.shape[1:] and dtype == info.dtype and shape[0] < info.shape[0]:
        hint = _UNFINISHED
    return FileError(
        f"The file holds {shape} {dtype}, not {info.shape} {info.dtype} as {info.name}",
        path,
        hint,
    )


READER = TiffReader()
