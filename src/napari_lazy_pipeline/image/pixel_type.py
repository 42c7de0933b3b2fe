"""Pixel type: brings values to another type, without a silent wrap."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_lazy_pipeline.image.quantity_text import format_count


def convert(volume: np.ndarray, dtype: str) -> np.ndarray:
    """Convert pixels to another type: integers are rounded and clipped, NaN becomes 0."""
    final: np.dtype[Any] = np.dtype(dtype)
    if final.kind == "b":
        return np.asarray(volume > 0.5)
    if volume.dtype == final or final.kind == "f":
        return volume.astype(final, copy=False)
    converted = np.empty(volume.shape, final)
    for index, plane in enumerate(volume):  # copies of a plane are small
        converted[index] = _rounded(plane, final)
    return converted


def clipping(volume: np.ndarray, dtype: str, scale: tuple[float, float] = (0.0, 1.0)) -> str:
    """Tell how many voxels `convert` changes by more than it rounds them; empty: none.

    ``scale`` is what 0 and 1 were before the volume was scaled: limits are told in these values.

    Examples
    --------
    >>> clipping(np.array([[-1.0, 3.2, 300.0, np.nan]]), "uint8")
    '1 voxel (25 %) below 0 became 0, 1 voxel (25 %) above 255 became 255, 1 voxel (25 %) that \
was not a number became 0'
    """
    final: np.dtype[Any] = np.dtype(dtype)
    if final.kind == "f" or np.can_cast(volume.dtype, final):
        return ""
    limits, counts = np.iinfo(final), np.zeros(3, int)
    least, most = (scale[0] + n * (scale[1] - scale[0]) for n in (limits.min, limits.max))
    # Half floats do not hold the limits of 16 bits.
    wide = np.float32 if volume.dtype == np.float16 else volume.dtype
    for plane in (plane.astype(wide, copy=False) for plane in volume):
        counts += (
            np.count_nonzero(plane < limits.min - 0.5),
            np.count_nonzero(plane >= limits.max + 0.5),
            np.count_nonzero(plane != plane),
        )
    texts = (
        f"below {least:.10g} became {limits.min}",
        f"above {most:.10g} became {limits.max}",
        "that {} not a number became 0",
    )
    return ", ".join(
        f"{format_count(n, 'voxel')} ({100 * n / volume.size:.2g} %) "
        + text.format("was" if n == 1 else "were")
        for n, text in zip(counts.tolist(), texts, strict=True)
        if n
    )


def sum_type(dtype: str, count: int) -> str:
    """Name of the type that holds the sum of so many pixels: integers and masks are widened.

    Examples
    --------
    >>> sum_type("uint16", 4), sum_type("uint16", 100_000), sum_type("float32", 4)
    ('uint32', 'uint64', 'float32')
    """
    kind = np.dtype("uint8" if dtype == "bool" else dtype)
    if kind.kind not in "iu":
        return dtype
    limits = np.iinfo(kind)
    for bits in (16, 32, 64):
        wide = np.dtype(f"{kind.kind}{bits // 8}")
        bounds = np.iinfo(wide)
        fits = count * int(limits.max) <= bounds.max and count * int(limits.min) >= bounds.min
        if wide.itemsize >= kind.itemsize and fits:
            return wide.name
    return wide.name


def _rounded(plane: np.ndarray, final: np.dtype[Any]) -> np.ndarray:
    """Values that a type of integers can hold."""
    limits = np.iinfo(final)
    if plane.dtype.kind == "f":
        # The largest integers of 32 bit are no float32.
        exact = plane.astype(np.float64) if final.itemsize > 2 else plane
        plane = np.nan_to_num(np.rint(exact))
    clipped: np.ndarray = np.clip(plane, limits.min, limits.max)
    return clipped
