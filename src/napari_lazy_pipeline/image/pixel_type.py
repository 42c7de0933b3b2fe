"""Pixel type: brings values to another type, without a silent wrap."""

from __future__ import annotations

from typing import Any

import numpy as np


def convert(volume: np.ndarray, dtype: str) -> np.ndarray:
    """Convert pixels to another type: integers are rounded and clipped, NaN becomes 0."""
    final: np.dtype[Any] = np.dtype(dtype)
    if volume.dtype == final or final.kind == "f":
        return volume.astype(final, copy=False)
    converted = np.empty(volume.shape, final)
    for index, plane in enumerate(volume):  # copies of a plane are small
        converted[index] = _rounded(plane, final)
    return converted


def _rounded(plane: np.ndarray, final: np.dtype[Any]) -> np.ndarray:
    """Values that a type of integers can hold."""
    limits = np.iinfo(final)
    if plane.dtype.kind == "f":
        # The largest integers of 32 bit are no float32.
        exact = plane.astype(np.float64) if final.itemsize > 2 else plane
        plane = np.nan_to_num(np.rint(exact))
    clipped: np.ndarray = np.clip(plane, limits.min, limits.max)
    return clipped
