"""Readers made of any function that takes a path and returns an array."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io.readers import FileInfo, Reader
from napari_lazy_pipeline.io.readers._file_errors import guarded

GROUP = "napari_lazy_pipeline.readers"


@dataclass(frozen=True)
class NamedReader:
    """Reads with a function, or with a reader, that is known by its name.

    Parameters
    ----------
    target
        ``"module:name"``; imported when the first file is looked at, not before.
    suffixes
        How the names of the files end; empty: any file.
    """

    target: str
    suffixes: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, object]:
        """What `open_stack` has to be told to make this reader."""
        return {} if self.suffixes else {"reader": self.target}

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is for the file."""
        return not self.suffixes or os.fspath(path).lower().endswith(self.suffixes)

    def probe(self, path: str) -> FileInfo:
        """Ask the reader, or call the function: only its result tells the shape.

        Raises
        ------
        FileError
            If it fails, or if its result is no volume.
        """
        with guarded(path):
            size, found = os.stat(path).st_size, _load(self.target)
            if isinstance(found, Reader):
                return found.probe(path)
            volume = _volume(found(path), path)
            shape = (volume.shape[0], volume.shape[1], volume.shape[2])
            return FileInfo(os.path.basename(path), shape, volume.dtype.name, size)

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read the volume (z, y, x).

        Raises
        ------
        FileError
            If it is not as ``info`` says.
        """
        with guarded(path):
            found = _load(self.target)
            volume = found.read(path, info) if isinstance(found, Reader) else found(path)
            volume = _volume(volume, path)
            if (volume.shape, volume.dtype.name) != (info.shape, info.dtype):
                raise FileError(
                    f"{self.target} made {volume.shape} {volume.dtype}, not {info.shape} "
                    f"{info.dtype} as of {info.name}",
                    path,
                )
            return volume


def named_reader(target: str, trust: bool) -> NamedReader:
    """Make a reader of ``"module:function"``.

    Raises
    ------
    FolderError
        If it is not such a name, or if nobody confirmed that its code may be run.
    """
    module, colon, name = target.partition(":")
    if not (colon and name.isidentifier() and all(map(str.isidentifier, module.split(".")))):
        raise FolderError(
            f"A reader is named as module:function, not {target!r}",
            hint="For instance my_package.files:read",
        )
    if not trust:
        raise FolderError(
            f"Opening the folder would run code: {target}",
            hint="If you know it, confirm with trust=True",
        )
    return NamedReader(target)


def installed_readers() -> Iterator[NamedReader]:
    """Yield what other packages registered: the name of an entry point is an ending."""
    for point in entry_points(group=GROUP):
        yield NamedReader(point.value, ("." + point.name.lower().lstrip("."),))


@lru_cache(maxsize=32)
def _load(target: str) -> Callable[[str], Any] | Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _volume(made: Any, path: str) -> np.ndarray:
    """Check that something is a grey volume; one plane is one, too."""
    volume = np.asarray(made)
    if volume.ndim == 2:
        volume = volume[np.newaxis]
    if volume.ndim != 3 or volume.dtype.kind not in "buif":
        raise FileError(f"The reader made {volume.shape} {volume.dtype}, no volume (z, y, x)", path)
    return np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
