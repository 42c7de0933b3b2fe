"""Readers of one-file volumes: one module each, found by being here."""

from __future__ import annotations

import importlib
import os
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.geometry import Shape, Triple


@dataclass(frozen=True)
class FileInfo:
    """What the header of one file says, and what the other files are checked against.

    Attributes
    ----------
    name
        Name of the file that was looked at.
    shape
        Shape of the volume (z, y, x) [voxel].
    dtype
        Name of the numpy type, in the byte order of this machine.
    size
        Size of the file [byte].
    voxel_size
        Spacing (z, y, x) [um]; None if the file does not say.
    voxel_source
        Who says so: ``"ImageJ"``, ``"OME"``, ...; empty if nobody does.
    time_interval
        Time between two time points [s]; None if the file does not say.
    notes
        Sentences a person should read.
    offset
        Position of the first pixel [byte] if all lie plain, one after the other; else -1.
    landmarks
        Pieces (position, bytes) that a file must share for its pixels to lie there, too.
    page
        What the directory of each plane must say for the plane to lie plain in the file;
        empty if planes have to be decoded.
    byteorder
        ``"<"`` or ``">"``: how the pixels lie in the file.
    last_plane
        Position of the first pixel of the last plane [byte] if it lies plain; else -1.
    """

    name: str
    shape: Shape
    dtype: str
    size: int
    voxel_size: Triple | None = None
    voxel_source: str = ""
    time_interval: float | None = None
    notes: tuple[str, ...] = ()
    offset: int = -1
    landmarks: tuple[tuple[int, bytes], ...] = ()
    page: tuple[int, ...] = ()
    byteorder: str = "<"
    last_plane: int = -1


@runtime_checkable
class Reader(Protocol):
    """Reads files that hold one volume each; keeps no state and pickles."""

    suffixes: tuple[str, ...]

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this reader is for the file."""

    def probe(self, path: str) -> FileInfo:
        """Read the header of this one file, and no pixel; raise FileError if it is bad."""

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read the volume (z, y, x); raise FileError if it is not as ``info`` says."""


@lru_cache(maxsize=1)
def readers() -> tuple[Reader, ...]:
    """Every reader of this package, in the order of the names of their modules."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found.append(importlib.import_module(f"{__name__}.{module.name}").READER)
    return tuple(found)


@lru_cache(maxsize=1)
def suffixes() -> tuple[str, ...]:
    """Endings, in lower case, of the names of files that can be read."""
    return tuple(suffix for reader in readers() for suffix in reader.suffixes)


def reader_for(path: str) -> Reader:
    """Return the reader for a file.

    Raises
    ------
    FileError
        If no reader accepts it.
    """
    for reader in readers():
        if reader.accepts(path):
            return reader
    known = ", ".join(suffixes())
    raise FileError("No reader for this kind of file", path, f"Readable are {known}")


def os_problem(error: OSError, path: str) -> FileError:
    """Say in plain words why the system does not hand out a file."""
    if isinstance(error, FileNotFoundError):
        return FileError("The file is gone", path, "It was there when the folder was opened")
    if isinstance(error, PermissionError):
        return FileError("The file may not be read", path, "Ask for permission to read it")
    if isinstance(error, IsADirectoryError):
        return FileError("This is a folder, not a file", path, "Open the folder itself")
    return FileError(f"The file cannot be read: {error.strerror or error}", os.fspath(path))
