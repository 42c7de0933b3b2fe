"""Camera pixels: which of them are hot, and how much brighter or darker each of them sees."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from napari_lazy_pipeline.errors import GeometryError

# Quartiles of a normal distribution are this part of their distance apart, in standard deviations.
_NORMAL = 0.7413


@dataclass(frozen=True)
class CameraImages:
    """Dark and flat image of a camera (y, x); equal if their keys are."""

    key: Hashable
    dark: Any = field(compare=False)  # an image, or the same counts everywhere
    flat: Any = field(compare=False)
    flat_path: str = ""


def median_around(image: np.ndarray) -> np.ndarray:
    """Median of the 3 x 3 pixels around each pixel of an image, or of each plane (..., y, x)."""
    size = (1,) * (image.ndim - 2) + (3, 3)
    return np.asarray(ndimage.median_filter(image, size, mode="mirror"))


@lru_cache(maxsize=8)
def hot_pixels(images: CameraImages, times: float) -> np.ndarray:
    """Find the pixels that stand out in the dark image, as a mask (y, x).

    They differ from the median around by more than so many times what is usual in the image, and by
    more than so many counts.
    """
    distance = np.abs(images.dark - median_around(images.dark))
    usual = float(np.median(distance)) / 0.6745
    return np.asarray(distance > times * max(usual, 1.0))


def without_outliers(planes: np.ndarray, times: float, least: float) -> np.ndarray:
    """Replace the pixels that stand out of their plane (z, y, x) by the median around.

    These are above or below all eight around them, and differ from the median of the 3 x 3 by more
    than so many times the spread of the 5 x 5 around, or `least` if that is more. What becomes of
    a pixel depends on what is up to two pixels away.
    """
    result = np.empty_like(planes)
    for plane, out in zip(planes, result, strict=True):
        middle = median_around(plane)
        highest = ndimage.maximum_filter(plane, 3, mode="mirror")
        lowest = ndimage.minimum_filter(plane, 3, mode="mirror")
        extreme = ((plane == highest) | (plane == lowest)) & (plane != middle)
        y, x = np.nonzero(extreme)
        windows = sliding_window_view(np.pad(plane, 2, "reflect"), (5, 5))[y, x].reshape(len(y), 25)
        windows.sort(axis=1)  # quicker than a partition
        spread = np.maximum(_NORMAL * (windows[:, 18] - windows[:, 6]), least)
        hot = np.abs(plane[y, x] - middle[y, x]) > times * spread
        out[...] = plane
        out[y[hot], x[hot]] = middle[y[hot], x[hot]]
    return result


@lru_cache(maxsize=8)
def flat_gain(images: CameraImages) -> np.ndarray:
    """Return what to multiply pixels (y, x) by to undo what the flat image shows.

    Raises
    ------
    GeometryError
        If a pixel of the flat image is not brighter than the dark one.
    """
    light = images.flat - images.dark
    dim = np.argwhere(~(np.isfinite(light) & (light > 0)))
    if len(dim):
        (y, x), count = dim[0], f"{len(dim)} pixels" if len(dim) > 1 else "1 pixel"
        raise GeometryError(
            f"The flat image is not brighter than the dark in {count}, as at y = {y}, x = {x}",
            images.flat_path,
            "Choose one that is bright everywhere, with the dark counts still in it",
        )
    return np.asarray(light.mean(dtype=np.float64) / light, np.float32)
