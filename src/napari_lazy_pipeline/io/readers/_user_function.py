"""Readers made of any function that takes a path and returns an array."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import NotAFileError, refuse_special
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io.readers._reader import FileInfo, Reader, os_problem

GROUP = "napari_lazy_pipeline.readers"


@dataclass(frozen=True)
class UserReader(Reader):
    """Reads with a function of a person or of another package; or with their reader."""

    # The function (path -> array), or its name "module:function", imported for the first file.
    target: Callable[[str], Any] | str
    suffixes: tuple[str, ...] = ()  # endings of the names of the files; empty: any file

    @cached_property
    def name(self) -> str:
        """Name of the function, as errors and recipes give it."""
        if isinstance(self.target, str):
            return self.target
        function = getattr(self.target, "func", self.target)  # of a functools.partial
        title = getattr(function, "__qualname__", type(function).__qualname__)
        return f"{function.__module__}:{title}"

    @property
    def options(self) -> dict[str, object]:
        return {} if self.suffixes else {"reader": self.name}

    @cached_property
    def token(self) -> str:
        from dask.base import tokenize

        # Two functions of a notebook may have one name.
        return self.name if isinstance(self.target, str) else str(tokenize(self.target))

    def accepts(self, path: str) -> bool:
        return not self.suffixes or super().accepts(path)

    def probe(self, path: str) -> FileInfo:
        """Call the function: only its result tells the shape. See `Reader.probe`."""
        target = self._loaded(path)
        if hasattr(target, "probe"):
            info: FileInfo = self._call(target.probe, path)
            return info
        volumes = self._volumes(self._call(target, path), path)
        return FileInfo.of(path, volumes.shape[2:], volumes.dtype, inner=volumes.shape[:2])

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        target = self._loaded(path)
        of_reader = hasattr(target, "read")
        result = self._call(target.read, path, info) if of_reader else self._call(target, path)
        volumes = self._volumes(result, path)
        expected = (1, 1) if of_reader else info.inner
        made = volumes.shape[:2], volumes.shape[2:], volumes.dtype.name
        if made != (expected, info.shape, info.dtype):
            shape = volumes.shape if expected != (1, 1) else volumes.shape[2:]
            what = f"{self.name} made {shape} {volumes.dtype}, not {info.content} as of {info.name}"
            raise FileError(what, path)
        volume = volumes[(0, 0) if of_reader else info.part]
        return np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))

    def _loaded(self, path: str) -> Any:
        if not isinstance(self.target, str):
            return self.target
        try:
            return _imported(self.target)
        except Exception as error:
            what = f"The reader {self.name} cannot be imported ({type(error).__name__}: {error})"
            raise FileError(what, path) from error

    def _call(self, function: Callable[..., Any], path: str, *rest: Any) -> Any:
        """Call a function; what it raises is its own, and no fault of the file."""
        try:
            refuse_special(path)
            return function(path, *rest)
        except FileError:
            raise
        except NotAFileError as error:
            raise os_problem(error, path) from error
        except Exception as error:
            if isinstance(error, OSError) and not os.path.exists(path):
                raise os_problem(error, path) from error
            what = f"The reader {self.name} raised {type(error).__name__}{_line(error)}: {error}"
            raise FileError(what, path) from error

    def _volumes(self, result: Any, path: str) -> np.ndarray:
        """Check that a result is grey: (t, c, z, y, x), or a volume, or a plane; all axes of it.

        Of four axes the first may be t or c, unless it has a length of 1.
        """
        array = np.asarray(result)
        clear = array.ndim in (2, 3, 5) or (array.ndim == 4 and array.shape[0] == 1)
        if not clear or array.dtype.kind not in "buif" or not array.size:
            what = f"The reader {self.name} made {array.shape} {array.dtype}, no volume (z, y, x)"
            hint = "Several volumes have the axes (t, c, z, y, x)"
            if array.dtype.kind == "c":
                hint = "Only real numbers have a picture: return their magnitude, or another part"
            raise FileError(what, path, hint)
        return array.reshape((1,) * (5 - array.ndim) + array.shape)


def reader_by_name(target: str, trust: bool) -> UserReader:
    """Make a reader of ``"module:function"``, if somebody confirmed that its code may be run."""
    module, colon, name = target.partition(":")
    if not (colon and name.isidentifier() and all(map(str.isidentifier, module.split(".")))):
        what = f"A reader is named as module:function, not {target!r}"
        raise FolderError(what, hint="For instance my_package.files:read")
    if not trust:
        what = f"Opening the folder would run code: {target}"
        raise FolderError(what, hint="If you know it, confirm with trust=True")
    return UserReader(target)


def installed_readers() -> Iterator[UserReader]:
    """Yield what other packages registered: the name of an entry point is an ending."""
    for point in entry_points(group=GROUP):
        yield UserReader(point.value, ("." + point.name.lower().lstrip("."),))


@lru_cache(maxsize=32)
def _imported(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _line(error: Exception) -> str:
    """Line of the function, or of what it calls in the same file, that raised an error."""
    # The first frame is the call of the function.
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return f" in line {own[-1].lineno} of {os.path.basename(own[-1].filename)}" if own else ""
