"""One decorator for the compiled loops of the CPU engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(**options: object) -> Callable[[Function], Function]:
    """Compile a function at its first call; it then runs without the GIL.

    The machine code is kept on disk for the next process, where there is a place to write it.
    Loops are split over threads by the caller: numba's own threads must not be entered from
    several Python threads at once.
    """

    def decorate(function: Function) -> Function:
        settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", **options}
        try:
            return cast(Function, numba.njit(cache=True, **settings)(function))
        except RuntimeError:  # numba finds no folder it may write to
            return cast(Function, numba.njit(**settings)(function))

    return decorate
