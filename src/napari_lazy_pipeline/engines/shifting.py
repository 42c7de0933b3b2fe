"""Shifting: moves volumes by fractions of voxels, the same for a part as for the whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.box import Box, widened
from napari_lazy_pipeline.image.pixel_type import convert

Interpolation = Literal["none", "linear", "cubic"]
_WHOLE = 1e-4  # voxel; a shift this close to whole voxels is one


def exact_shift(shift: np.ndarray, interpolation: Interpolation) -> tuple[float, ...]:
    """The shift [voxel] that is carried out: whole where it is nearly so, or has to be.

    >>> exact_shift(np.array([0.3, 1.00001, -2.6]), "none")
    (0.0, 1.0, -3.0)
    """
    whole = np.rint(shift)
    near = (interpolation == "none") | (np.abs(shift - whole) < _WHOLE)
    return tuple((np.where(near, whole, shift) + 0.0).tolist())


def needed_box(wanted: Box, shift: Sequence[float], how: Interpolation, shape: Shape) -> Box:
    """Which voxels are needed for a box of what is moved: voxel i becomes what was at i + shift."""
    ends = []
    for (start, stop), way in zip(wanted, shift, strict=True):
        taps = [tap for tap, _ in _taps(way, how)]
        ends.append((start + taps[0], stop + taps[-1]))
    return widened(cast(Box, tuple(ends)), (0, 0, 0), shape)


def shifted(
    part: np.ndarray,
    given: Box,
    wanted: Box,
    shift: Sequence[float],
    how: Interpolation,
    shape: Shape,
) -> np.ndarray:
    """Make a box of the moved volume from the part that is needed for it; 0 from outside.

    Linear, or the cubic convolution of R. Keys, IEEE Trans. ASSP 29, 1153 (1981): both see a few
    neighbours only. Whole numbers are rounded, and clipped to their type.
    """
    pixels, dtype, blank = part, part.dtype, np.zeros((1, 1, 1), bool)
    for axis, way in enumerate(shift):
        (start, stop), (first, last), n = wanted[axis], given[axis], shape[axis]
        places = np.arange(start, stop)
        total: np.ndarray | None = None
        for tap, weight in _taps(way, how):
            # At the edge, what would be beyond it is like the edge.
            moved = np.take(pixels, np.clip(places + tap, first, last - 1) - first, axis)
            if weight != 1:
                moved = moved.astype(float_type(dtype), copy=False) * weight
            total = moved if total is None else np.add(total, moved, out=total)
        assert total is not None
        pixels = total
        outside = (places + way < -_WHOLE) | (places + way > n - 1 + _WHOLE)
        blank = blank | np.moveaxis(outside.reshape(-1, 1, 1), 0, axis)
    pixels = convert(pixels, dtype.name)
    pixels[blank] = 0
    return pixels


def float_type(dtype: np.dtype | str) -> np.dtype:
    """The floats that hold the numbers of a type."""
    return np.result_type(np.dtype(dtype), np.float32)


def _taps(way: float, how: Interpolation) -> tuple[tuple[int, float], ...]:
    """Which voxels, from the one in place on, a voxel is made of; and the weight of each."""
    whole = math.floor(way)
    rest = way - whole
    if not rest:
        return ((whole, 1.0),)
    if how != "cubic":
        return (whole, 1 - rest), (whole + 1, rest)
    return tuple((whole + j, _keys(abs(rest - j))) for j in (-1, 0, 1, 2))


def _keys(x: float) -> float:
    """Keys's kernel, of a = -1/2."""
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
