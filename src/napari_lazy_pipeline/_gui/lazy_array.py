"""LazyArray: a dask array that answers napari's slicer at once, and everybody else truly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import dask.array as da  # noqa: TID253 - napari has imported it already
import numpy as np

# Whoever else slices the array (saving, a histogram, the console) gets computed values.
_SLICER = "napari.layers._scalar_field._slice"

Serve = Callable[[int], np.ndarray]


class LazyArray(da.Array):
    """A dask array (t, z, y, x) whose volumes on screen come from elsewhere.

    Parameters
    ----------
    array
        The array, one block a time point.
    serve
        Called with a time point when napari wants to show it. Must return at once a volume
        (z, y, x) of the right shape: the true one, or a stand-in while that is computed.
    """

    __slots__ = ("_serve",)
    _serve: Serve

    def __new__(cls, array: da.Array, serve: Serve) -> LazyArray:
        self = super().__new__(
            cls, array.dask, array.name, array.chunks, dtype=array.dtype, meta=array._meta
        )
        self._serve = serve
        return self

    def __getitem__(self, key: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") == _SLICER:
            time_point = _single(key[0]) if isinstance(key, tuple) and len(key) == 4 else None
            if time_point is not None:
                volume = self._serve(time_point)
                return (
                    volume[key[1:]]
                    if isinstance(key[0], int)
                    else volume[None][(slice(None), *key[1:])]
                )
        return super().__getitem__(key)

    def __reduce__(self) -> Any:
        """Elsewhere, this is a plain dask array."""
        return da.Array, (self.dask, self.name, self.chunks, self.dtype, self._meta)


def _single(key: Any) -> int | None:
    """The one time point that a key selects; None if it selects several."""
    if isinstance(key, int | np.integer):
        return int(key)
    if isinstance(key, slice) and key.start is not None and key.stop == key.start + 1:
        return int(key.start)
    return None
