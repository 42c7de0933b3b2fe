"""LazyArray: a dask array that answers napari's slicer at once, and everybody else truly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import dask.array as da  # noqa: TID253 - napari has imported it already
import numpy as np

# Whoever else slices the array (saving, a histogram, the console) gets computed values.
_SLICER = "napari.layers._scalar_field._slice"

Serve = Callable[[int, int | None], np.ndarray]


class LazyArray(da.Array):
    """A dask array (t, z, y, x), a block a time point, whose volumes on screen come from elsewhere.

    ``serve`` is called with the time point that napari wants to show, and with a plane if that is
    all it wants. It must return at once a volume (z, y, x) of the right shape, or the plane
    (1, y, x): the true one, or a stand-in while that is computed. If napari wants to show several
    time points, ``at_hand`` is called for each: what there is of it, or zeros.
    """

    __slots__ = ("_at_hand", "_serve")
    _serve: Serve | None
    _at_hand: Serve

    def __new__(cls, array: da.Array, serve: Serve, at_hand: Serve | None = None) -> LazyArray:
        self = super().__new__(
            cls, array.dask, array.name, array.chunks, dtype=array.dtype, meta=array._meta
        )
        self._serve, self._at_hand = serve, at_hand or serve
        return self

    def __getitem__(self, key: Any) -> Any:
        slicer = sys._getframe(1).f_globals.get("__name__") == _SLICER
        if self._serve is not None and slicer and isinstance(key, tuple) and len(key) == 4:
            time_point, plane = _single(key[0]), _single(key[1])
            if time_point is not None:
                return _cut(self._serve(time_point, plane), key)
            times: Any = np.arange(self.shape[0])[key[0]]
            one = (slice(0, 1), *key[1:])
            return np.concatenate([_cut(self._at_hand(int(t), plane), one) for t in times])
        return super().__getitem__(key)

    def release(self) -> None:
        """Nobody serves any more: from now on napari computes, too."""
        self._serve = None

    def __reduce__(self) -> Any:
        """Elsewhere, this is a plain dask array."""
        return da.Array, (self.dask, self.name, self.chunks, self.dtype, self._meta)


def _cut(volume: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    """What a key selects of the volume, or the plane, that was served for it: the first of it."""
    t, z = (slice(0, 1) if isinstance(part, slice) else 0 for part in key[:2])
    return volume[np.newaxis][t, key[1] if _single(key[1]) is None else z, *key[2:]]


def _single(key: Any) -> int | None:
    """The one time point or plane that a key selects; None if it selects several."""
    if isinstance(key, int | np.integer):
        return int(key)
    if isinstance(key, slice) and key.start is not None and key.stop == key.start + 1:
        return int(key.start)
    return None
