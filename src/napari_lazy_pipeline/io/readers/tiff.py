"""TIFF and BigTIFF, ImageJ and OME-TIFF; refuses what is not whole."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.free_memory import require
from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.io.readers._reader import (
    FileInfo,
    GrowingReader,
    GrowthState,
    file_errors,
)
from napari_lazy_pipeline.io.readers._tiff import mmstack, plain_planes
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import UNFINISHED, walk
from napari_lazy_pipeline.io.readers._tiff.tiff_header import check_open, check_promise, probe_open

# Threads that unpack one file: more than a few wait for the disk.
_DECODERS = min(os.cpu_count() or 1, 4)

_thread = threading.local()


def _is_logged(record: logging.LogRecord) -> bool:
    return not getattr(_thread, "quiet", False)


# tifffile only logs what it finds broken; each of these is checked below and
# becomes an error, so the log would say it twice.
logging.getLogger("tifffile").addFilter(_is_logged)


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Open a file, turning whatever goes wrong with it into a FileError."""
    _thread.quiet = True
    try:
        with file_errors(path, UNFINISHED), open_regular(path) as file:
            yield file
    finally:
        _thread.quiet = False


class TiffReader(GrowingReader):
    """Reads TIFF and BigTIFF, ImageJ, OME-TIFF and MMStack."""

    suffixes = (".tif", ".tiff", ".btf", ".tf8")
    by_pages = True
    mark = mmstack.MARK

    def hidden(self, names: Sequence[str]) -> set[str]:
        return mmstack.continuations(names)

    def companions(self, path: str, info: FileInfo) -> tuple[str, ...]:
        return mmstack.continuing_files(path) if info.indexed else ()

    def growth(self, path: str, info: FileInfo) -> GrowthState:
        with _open(path):
            return mmstack.plane_index(path).growth(info.scene)

    def state(self, path: str, info: FileInfo) -> Hashable:
        with _open(path):
            return mmstack.plane_index(path).state(info)

    def probe(self, path: str) -> FileInfo:
        with _open(path) as file:
            if mmstack.is_mmstack(file.read(16)):
                # While it is recorded, the chain of its planes has no end.
                return mmstack.probe(path)
            return probe_open(file, os.fstat(file.fileno()).st_size, path)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some planes of a volume; see `PlaneReader.read_planes`.

        Of a file like the first one, to the byte, that is its header and these planes. Of any
        other, all directories are walked first, once as long as it does not change.
        """
        with _open(path) as file:
            status = os.fstat(file.fileno())
            size, changed = status.st_size, status.st_mtime_ns
            if size == 0:
                raise FileError("The file is empty (0 bytes)", path, UNFINISHED)
            if info.indexed:
                index = mmstack.plane_index(path)
                return index.read(path, info, start, stop, mmstack.pixels_at)
            pages = info.planes[start:stop]
            starts = plain_planes.plain_starts(file, size, path, info, pages)
            if starts:
                return plain_planes.read_plain(file, starts, path, info, stop - start)
            if stop - start == info.shape[0]:
                return decode_open(file, size, path, info)
            return _decode(file, _checked(path, size, changed, info), path, start, stop)


def decode_open(file: BinaryIO, size: int, path: str, info: FileInfo) -> np.ndarray:
    """Read a volume of an open TIFF of so many bytes, once its header agrees with ``info``."""
    return _decode(file, check_open(file, size, path, info), path, 0, info.shape[0])


def _decode(file: BinaryIO, info: FileInfo, path: str, start: int, stop: int) -> np.ndarray:
    """Read some planes of a file that ``info`` was found to describe; blank if they are missing."""
    pages = info.planes[start:stop]
    if info.pages and min(pages) < 0:
        present = [page for page in pages if page >= 0]
        spec = VolumeSpec((len(pages), *info.shape[1:]), info.dtype)
        volume = spec.blank()
        if present:
            where = [index for index, page in enumerate(pages) if page >= 0]
            volume[where] = _decode_pages(file, info, path, present)
        return volume
    return _decode_pages(file, info, path, pages)


def _decode_pages(file: BinaryIO, info: FileInfo, path: str, pages: Sequence[int]) -> np.ndarray:
    if info.offset >= 0:
        starts = plain_planes.contiguous_starts(info, pages)
        return plain_planes.read_plain(file, starts, path, info, len(pages))
    file.seek(0)
    with tifffile.TiffFile(file, is_ome=False) as tif:
        # Planes that are not packed are read one by one: there, threads only cost time.
        packed = tif.pages.first.compression != 1
        _check_compression(tif.pages.first.compression, path)
        volume = tif.asarray(key=pages, maxworkers=_DECODERS if packed else 1)
    return plain_planes.native(np.asarray(volume).reshape(len(pages), *info.shape[1:]))


def _check_compression(compression: int, path: str) -> None:
    """Raise FileError for a file that is whole, but that nothing here can unpack."""
    if compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(compression, "name", compression)
        what = f"The file is compressed by a method that cannot be read ({name})"
        raise FileError(what, path, "Save it without compression, or with LZW, Deflate or ZSTD")


@lru_cache(maxsize=32)
def _checked(path: str, size: int, changed: int, info: FileInfo) -> FileInfo:
    """Check a file as `check_open` does; ``changed`` tells one file from the next."""
    with open_regular(path) as file:
        return check_open(file, size, path, info)


def check_tiff(path: str) -> None:
    """Raise FileError unless a file is a TIFF of which all, whatever it holds, can be read."""
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        walk(file, size, path)
        file.seek(0)
        with tifffile.TiffFile(file, is_ome=False) as tif:
            promised = sum(series.nbytes for series in tif.series)
        check_promise(promised, size, path)
        require(promised)


READER = TiffReader()
