"""Slider grid: numbers with which napari's sliders reach the last plane."""

from __future__ import annotations

import math

_BITS = 36  # of a scale; the other 17 of a float count planes


def slider_grid(scale: float, translate: float) -> tuple[float, float]:
    """Scale and translate of an axis, rounded so that the place of each plane is exact.

    napari counts the steps of a slider as ``int((last - first) / scale) + 1``: a rounding error in
    the place of the last plane makes it unreachable. Nothing moves by more than 1e-6 voxel, in up
    to 65 000 planes.

    Examples
    --------
    >>> scale, translate = slider_grid(0.3, 7.1)
    >>> ((translate + 99 * scale) - translate) / scale
    99.0
    """
    unit = math.ldexp(1.0, math.frexp(scale)[1] - _BITS)
    return round(scale / unit) * unit, round(translate / unit) * unit
