"""Readers of files of volumes: one module each, found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io.readers._page_axes import axes_in_words, possible_axes, with_axes
from napari_lazy_pipeline.io.readers._reader import (
    FileInfo,
    GrowingReader,
    GrowthState,
    PlaneReader,
    Reader,
    file_errors,
    file_stamp,
    file_stamp_or_empty,
)
from napari_lazy_pipeline.io.readers._user_function import (
    UserReader,
    installed_readers,
    reader_by_name,
)
from napari_lazy_pipeline.io.readers.raw import RawReader

__all__ = [
    "FileInfo", "GrowingReader", "GrowthState", "PlaneReader", "Reader", "ReaderArgument",
    "axes_in_words", "choose_reader", "file_errors", "file_stamp", "file_stamp_or_empty", "hidden",
    "possible_axes", "reader_for", "readers", "suffixes", "with_axes",
]  # fmt: skip

# What `open_stack` takes as its reader; the text is "module:function".
ReaderArgument = Reader | Callable[[str], Any] | str


@lru_cache(maxsize=1)
def readers() -> tuple[Reader, ...]:
    """Every reader: TIFF, those of this package by name, those of other packages."""
    own = {
        module.name: importlib.import_module(f"{__name__}.{module.name}").READER
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_")
    }
    return (own.pop("tiff"), *own.values(), *installed_readers())


def choose_reader(
    reader: ReaderArgument | None,
    trust: bool = False,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
) -> Reader | None:
    """Return the reader that a person asked for; None if the names are to decide."""
    if isinstance(reader, str):
        return reader_by_name(reader, trust)
    if reader is not None:
        return reader if isinstance(reader, Reader) else UserReader(reader)
    return None if shape is None else _raw_reader(shape, dtype)


def _raw_reader(shape: Sequence[int], dtype: str | None) -> RawReader:
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise FolderError(f"shape has to be three positive numbers (z, y, x), not {shape!r}")
    z, y, x = shape
    try:
        pixel_type = np.dtype(dtype or "<u2").str
    except TypeError as error:
        raise FolderError(f"There is no dtype {dtype!r}", hint="For instance uint16") from error
    return RawReader((z, y, x), pixel_type)


@lru_cache(maxsize=1)
def suffixes() -> tuple[str, ...]:
    """Endings, in lower case, of the names of files that can be read."""
    return tuple(suffix for reader in readers() for suffix in reader.suffixes)


def reader_for(path: str) -> Reader:
    """Return the reader for a file; raise FileError if none accepts it."""
    for reader in readers():
        if reader.accepts(path):
            return reader
    known = ", ".join(suffixes())
    raise FileError("No reader for this kind of file", path, f"Readable are {known}")


def hidden(names: Sequence[str]) -> set[str]:
    """Those among the names of files that are read by way of another of them."""
    # One search in all names at once costs a tenth of one in each.
    text = "\0".join(names)
    return set().union(*(reader.hidden(names) for reader in readers() if reader.mark in text))
