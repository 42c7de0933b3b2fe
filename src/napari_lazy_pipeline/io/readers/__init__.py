"""Readers of files of volumes: one module each, found by being here."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.image.scan_geometry import Shape, Triple


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
    inner
        Number of time points and channels in the file.
    part
        Which of them, (t, c), is to be read; see `at`.
    strides
        Number of pages from one time point, channel and plane of the file to the next.
    scenes
        Names of the positions in the file, if there are several.
    scene
        Which of them is to be read.
    firsts
        First page of each position.
    channel_names
        Names of the channels in the file; empty if it does not say.
    merged
        Whether `as_planes` made the planes out of time points or channels.
    indexed
        Whether an index, or the names of chunks, tells where the planes are, in this file and
        in others; more may come.
    last_plane
        Position of the first pixel of the last plane [byte], if the file holds one volume and
        its planes lie plain; else -1.
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
    inner: tuple[int, int] = (1, 1)
    part: tuple[int, int] = (0, 0)
    strides: tuple[int, int, int] = (0, 0, 1)
    scenes: tuple[str, ...] = ()
    scene: int = 0
    firsts: tuple[int, ...] = (0,)
    channel_names: tuple[str, ...] = ()
    merged: bool = False
    indexed: bool = False
    last_plane: int = -1

    def at(self, t: int, c: int) -> FileInfo:
        """Say that the volume at (t, c) of the file is to be read."""
        return self if self.part == (t, c) else replace(self, part=(t, c))

    def as_planes(self) -> FileInfo:
        """Take what the file calls time points, or channels, of one plane each for planes."""
        times, channels = self.inner
        if self.shape[0] > 1 or (times > 1) == (channels > 1):
            return self
        return replace(
            self, shape=(times * channels, *self.shape[1:]), inner=(1, 1),
            strides=(0, 0, self.strides[0] if times > 1 else self.strides[1]), merged=True,
        )  # fmt: skip

    @property
    def planes(self) -> range:
        """The pages of the volume that is to be read, by `strides`."""
        t, c = self.part
        first = self.firsts[self.scene] + t * self.strides[0] + c * self.strides[1]
        return range(first, first + self.shape[0] * self.strides[2], self.strides[2])


@runtime_checkable
class Reader(Protocol):
    """Reads files that hold one volume, or ``info.inner`` volumes; pickles."""

    suffixes: tuple[str, ...]

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this reader is for the file."""

    def probe(self, path: str) -> FileInfo:
        """Read the header of this one file, and no pixel; raise FileError if it is bad."""

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read volume ``info.part`` (z, y, x); raise FileError if it is not as ``info`` says."""


@runtime_checkable
class PlaneReader(Reader, Protocol):
    """Reads some planes of a volume without the others."""

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read planes ``start`` to ``stop - 1`` of volume ``info.part``; otherwise like `read`.

        What is checked may not cost more than the planes do, save for the first of a file.
        """


@runtime_checkable
class FileSetReader(Reader, Protocol):
    """Reads files that belong to others: one of them is named, the others are found by it."""

    def hidden(self, names: Sequence[str]) -> set[str]:
        """Those among the names that are read by way of another of them."""

    def companions(self, path: str, info: FileInfo) -> tuple[str, ...]:
        """Paths of the files that are read with this one."""


@dataclass(frozen=True)
class GrowthState:
    """How much there is of a file that grows from within.

    Attributes
    ----------
    sure
        Number of time points to which nothing is added any more.
    seen
        The same, with a last one that may just look whole.
    planes, channels
        Number of planes of a volume, and of channels, as far as they are known by now.
    run
        Names the run that recorded it.
    mark
        Another one whenever something was added.
    """

    sure: int
    seen: int
    planes: int
    channels: int
    run: Hashable
    mark: Hashable


@runtime_checkable
class GrowingReader(Reader, Protocol):
    """Reads files that grow from within, time point by time point."""

    def grows(self, info: FileInfo) -> bool:
        """Whether this is such a file."""

    def recorded(self, path: str, info: FileInfo) -> GrowthState:
        """Look how much there is of the file now; no pixel is read."""

    def state(self, path: str, info: FileInfo) -> Hashable:
        """What volume ``info.part`` is made from; stays the same while other volumes come."""


@lru_cache(maxsize=1)
def readers() -> tuple[Reader, ...]:
    """Every reader: TIFF, those of this package by name, those of other packages."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found[module.name] = importlib.import_module(f"{__name__}.{module.name}").READER
    functions = importlib.import_module(f"{__name__}._user_function")
    return (found.pop("tiff"), *found.values(), *functions.installed_readers())


def choose_reader(
    reader: Reader | str | None,
    trust: bool = False,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
) -> Reader | None:
    """Return the reader that a person asked for; None if the names are to decide.

    Raises
    ------
    FolderError
        If it cannot be used.
    """
    if isinstance(reader, str):
        functions = importlib.import_module(f"{__name__}._user_function")
        named: Reader = functions.named_reader(reader, trust)
        return named
    if shape is None or reader is not None:
        return reader
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise FolderError(f"shape has to be three positive numbers (z, y, x), not {shape!r}")
    try:
        kind = np.dtype(dtype or "<u2").str
    except TypeError as error:
        raise FolderError(f"There is no dtype {dtype!r}", hint="For instance uint16") from error
    raw = importlib.import_module(f"{__name__}.raw")
    plain: Reader = raw.RawReader(tuple(shape), kind)
    return plain


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


def hidden(names: Sequence[str]) -> set[str]:
    """Those among the names of files that are read by way of another of them."""
    found: set[str] = set()
    for reader in readers():
        if isinstance(reader, FileSetReader):
            found |= reader.hidden(names)
    return found


def os_problem(error: OSError, path: str) -> FileError:
    """Say in plain words why the system does not hand out a file."""
    if isinstance(error, FileNotFoundError):
        return FileError("The file is gone", path, "It was there when the folder was opened")
    if isinstance(error, PermissionError):
        return FileError("The file may not be read", path, "Ask for permission to read it")
    if isinstance(error, IsADirectoryError):
        return FileError("This is a folder, not a file", path, "Open the folder itself")
    return FileError(f"The file cannot be read: {error.strerror or error}", os.fspath(path))
