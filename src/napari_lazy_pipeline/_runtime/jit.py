"""Jit: one decorator for the compiled loops of the CPU engine, and the cache of their code."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from napari_lazy_pipeline.errors import one_line

Function = TypeVar("Function", bound=Callable[..., object])

# Nothing is made that is not used: half of what a compiler does for a short loop is around it.
_SETTINGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "no_rewrites": True,
    "_nrt": False,
}
_LEFT_OUT = ("no_compile", "no_cpython_wrapper", "no_cfunc_wrapper", "no_rewrites")
# The parts that a caller has already, by function and types.
_parts: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


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
    several Python threads at once. They allocate nothing, which is given to them: then there are
    no references to count, and less to compile. Without numba, functions stay as they are: right,
    and slow.
    """

    def decorate(function: Function) -> Function:
        if numba_problem():
            return function
        dispatcher = importlib.import_module("numba").njit(**_SETTINGS, **options)(function)
        with suppress(RuntimeError):  # numba finds no folder it may write to
            dispatcher._cache = _kernel_cache()(function)
        return cast(Function, dispatcher)

    return decorate


def inlined(function: Function) -> Function:
    """Have a short function written into the compiled functions that call it."""
    if numba_problem():
        return function
    return cast(Function, importlib.import_module("numba").njit(inline="always")(function))


def compiled_part(
    constants: Sequence[str] = (), **options: object
) -> Callable[[Function], Function]:
    """Make a function without a result a part of the compiled functions that call it.

    It is compiled once into each of them, however often it is called there; anew only where
    another constant is given for one of the ``constants``. What `compiled` makes for Python to
    call it is left out, and so is code of its own that nobody calls.
    """

    def decorate(function: Function) -> Function:
        if numba_problem():
            return function
        types, extending = map(importlib.import_module, ("numba.types", "numba.extending"))
        signature = inspect.signature(function)

        @wraps(function)
        def define(_: Any, *kinds: Any) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
                part = _part(context, function, kinds, options)
                context.call_internal(builder, part, kinds, arguments)
                return context.get_dummy_value()

            named = zip(signature.parameters, kinds, strict=True)
            known = [kind if name in constants else types.unliteral(kind) for name, kind in named]
            return types.void(*known), generate

        # Numba reads the signature: it takes no variable arguments, and its own one is the first.
        own = inspect.Parameter("_", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        define.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[own, *signature.parameters.values()]
        )
        return cast(Function, extending.intrinsic(prefer_literal=True)(define))

    return decorate


def _part(context: Any, function: Function, kinds: Any, options: dict[str, object]) -> Any:
    """Compile a part into the code of its caller, unless it is there already."""
    compiler = importlib.import_module("numba.core.compiler")
    library = context.active_code_library  # that of the caller
    parts = _parts.setdefault(library, {})
    if (function, kinds) not in parts:
        flags = compiler.Flags()
        fixed = dict.fromkeys(_LEFT_OUT, True) | {"error_model": _SETTINGS["error_model"]}
        for name, value in {**fixed, **options}.items():
            setattr(flags, name, value)
        where = context.typing_context, context, library
        part = compiler.compile_internal(
            *where, function, kinds.args, kinds.return_type, flags, locals={}
        )
        parts[function, kinds] = part.fndesc
    return parts[function, kinds]


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
