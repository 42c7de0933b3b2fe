"""Jit: one decorator for the compiled loops of the CPU engine, and the cache of their code."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from napari_lazy_pipeline.errors import one_line

Function = TypeVar("Function", bound=Callable[..., object])


@cache
def numba_problem() -> str | None:
    """Say in one line why numba cannot be imported, for instance beside this numpy; or None."""
    try:
        importlib.import_module("numba")
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return one_line(error)
    return None


def compiled(**options: object) -> Callable[[Function], Function]:
    """Compile a function at its first call, or load its code from disk; it runs without the GIL.

    Loops are split over threads by the caller: numba's own threads must not be entered from
    several Python threads at once. Without numba, functions stay as they are: right, and slow.
    """

    def decorate(function: Function) -> Function:
        if numba_problem():
            return function
        settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", **options}
        dispatcher = importlib.import_module("numba").njit(**settings)(function)
        with suppress(RuntimeError):  # numba finds no folder it may write to
            dispatcher._cache = _kernel_cache()(function)
        return cast(Function, dispatcher)

    return decorate


@cache
def _kernel_cache() -> Any:
    caching = importlib.import_module("numba.core.caching")

    class KernelCache(caching.FunctionCache):  # type: ignore[name-defined, misc]
        """Code on disk that is made anew where it is damaged, or of another version.

        After a class of this package is renamed, not even the stamp of the source can be unpickled.
        """

        def __init__(self, function: Callable[..., object]) -> None:
            super().__init__(function)
            file = self._cache_file
            file._source_stamp = file._source_stamp, _folder_stamp(inspect.getfile(function))

        def load_overload(self, *arguments: Any) -> Any:
            try:
                return super().load_overload(*arguments)
            except Exception:  # noqa: BLE001 - damaged pickles raise anything
                self._write(self.flush)
                return None

        def save_overload(self, *arguments: Any) -> None:
            self._write(super().save_overload, *arguments)

        def _write(self, write: Callable[..., None], *arguments: Any) -> None:
            try:
                write(*arguments)
            except OSError:
                self.disable()  # no room: the next process compiles again

    return KernelCache


@cache
def _folder_stamp(file: str) -> tuple[tuple[str, int, int], ...]:
    """Another one if any file beside it changes, or in a package that holds its own.

    Loops hold the code of those they call, and the constants that they import.
    """
    folder, *above = Path(file).parents
    folders = [folder, *(one for one in above if (one / "__init__.py").exists())]
    files = [(path.name, path.stat()) for one in folders for path in sorted(one.glob("*.py"))]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in files)
