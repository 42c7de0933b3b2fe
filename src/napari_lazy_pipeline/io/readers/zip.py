"""Zip: TIFFs in it, one volume as ImageJ saves it, or a time series in natural order."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.free_memory import require
from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo, Reader, file_errors, file_stamp
from napari_lazy_pipeline.io.readers._tiff.tiff_header import check_promise, probe_open
from napari_lazy_pipeline.io.readers.tiff import decode_open

_PIECE = 2**20  # bytes that are unpacked in one go
_TIFF = (".tif", ".tiff")
_HINT = "It is still being copied, or was cut off"


class ZipReader(Reader):
    """Unpacks, in memory, the one TIFF that is wanted."""

    suffixes = (".zip",)
    by_pages = True

    def probe(self, path: str) -> FileInfo:
        with _member(path, 0) as (file, size, title):
            info = probe_open(file, size, title)
            count = len(_members(path, file_stamp(path)))
        if count > 1 and (info.inner != (1, 1) or len(info.scenes) > 1):
            what = "The zip holds several TIFFs of several volumes each"
            raise FileError(what, path, "Unpack it")
        inner = info.inner if count == 1 else (count, 1)
        return replace(
            info, name=os.path.basename(path), size=os.path.getsize(path), inner=inner,
            offset=-1, page=(), last_plane=-1, overhead=size,
        )  # fmt: skip

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        with file_errors(path, _HINT):
            several = len(_members(path, file_stamp(path))) > 1
        with _member(path, info.part[0] if several else 0) as (file, size, title):
            alone = replace(info, inner=(1, 1), part=(0, 0)) if several else info
            return decode_open(file, size, title, alone)


@lru_cache(maxsize=64)
def _members(path: str, changed: tuple[int, int]) -> tuple[str, ...]:
    """Names of the TIFFs in a zip; ``changed`` tells one file from the next."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(_TIFF)]
    # What macOS packs beside each file is no image.
    names = [name for name in names if not name.rpartition("/")[2].startswith("._")]
    if not names:
        raise FileError("There is no TIFF in the zip", path)
    return tuple(tifffile.natural_sorted(names))


@contextmanager
def _member(path: str, index: int) -> Iterator[tuple[io.BytesIO, int, str]]:
    """Unpack one TIFF; its content, its size [byte] and what to call it in errors."""
    with file_errors(path, _HINT):
        names = _members(path, file_stamp(path))
        if index >= len(names):
            raise FileError(f"There are {len(names)} TIFFs in the zip, not {index + 1}", path)
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            size = archive.getinfo(names[index]).file_size
            check_promise(size, os.path.getsize(path), path)
            require(size)
            content = io.BytesIO()
            with archive.open(names[index]) as member:
                shutil.copyfileobj(member, content, _PIECE)
        yield content, content.tell(), f"{path}: {names[index]}"


READER = ZipReader()
