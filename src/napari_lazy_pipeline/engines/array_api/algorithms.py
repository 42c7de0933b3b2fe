"""Algorithms: deskew, and what comes before a deconvolution, for any array library like numpy.

What the CPU engine does in compiled loops, on whole arrays: the same formulas and constants, so
that results agree to float32. ``xp`` is the library: `numpy`, or one whose arrays are on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines.cpu.deskew_kernels import fill_value, rounding_offset
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Rounding
from napari_lazy_pipeline.engines.fast_method import Blur
from napari_lazy_pipeline.engines.padding import Frame, apodize, clean, mirrored
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

# Voxels of the output handled in one go: enough to keep a GPU busy, little beside the volume.
BATCH = 1 << 22


def deskew(
    xp: Any,
    volume: Any,
    plan: DeskewPlan,
    fill: float = 0.0,
    rounding: Rounding = "nearest",
    start: int = 0,
) -> Any:
    """Shear planes (z, y, x) of uint16 or float32, from number ``start`` on, like the CPU engine.

    The volume is an array of the library.
    """
    out = xp.empty((len(volume), *plan.out_shape[1:]), volume.dtype)
    tables = sample_positions(plan, start, start + len(volume))
    value, half = fill_value(fill, out.dtype, rounding), rounding_offset(out.dtype, rounding)
    axis = 2 if plan.skew_axis == "x" else 1
    planes = max(1, BATCH * len(out) // max(out.size, 1))
    for first in range(0, len(out), planes):
        block = slice(first, first + planes)
        index, weight, covered = (
            xp.expand_dims(xp.asarray(table[block]), 3 - axis) for table in tables
        )
        sheared = _interpolate(xp, volume[block], axis, index, weight) + half
        out[block] = xp.where(covered, sheared.astype(volume.dtype), value)
    return out


def sample_positions(
    plan: DeskewPlan, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each plane and output pixel (z, width): left neighbour, weight, and if it is covered."""
    z, o = np.ogrid[start:stop, : plan.width]
    shifted = (o - plan.width / 2 + plan.shift) - plan.shear * (z - plan.shape[0] / 2)
    position = (shifted + plan.length / 2).astype(np.float32)
    covered = (position >= 0) & (position < plan.length - 1)
    index = np.where(covered, position, np.float32(0)).astype(np.int64)
    return index, position - index.astype(np.float32), covered


def _interpolate(xp: Any, planes: Any, axis: int, index: Any, weight: Any) -> Any:
    """(1 - weight) left + weight right, its last multiply-add with one rounding."""
    following = xp.minimum(index + 1, planes.shape[axis] - 1)
    left, right = (xp.take_along_axis(planes, i, axis) for i in (index, following))
    total = (weight * right.astype(xp.float32)).astype(xp.float64)
    total += (1 - weight).astype(xp.float64) * left
    return total.astype(xp.float32)


def prepare(
    xp: Any,
    put: Callable[[np.ndarray], Any],
    volume: np.ndarray,
    plan: DeconvolutionPlan,
    frame: Frame,
) -> tuple[Any, Any]:
    """Blend the edges if they are periodic, subtract the background, and fill the frame.

    What is not finite, or above 1e18, counts as background; what is below, as 0. Returned are image
    and first estimate, float32 of the shape of the frame: one array, but for the method ``fast``.
    """
    fast, background = plan.method == "fast", np.float32(plan.background)
    whole_planes = plan.edges == "periodic" or fast
    part, indices = _used_part(volume, grid_indices(plan, frame), whole_planes)
    light = clean(xp, put(np.ascontiguousarray(part)), background)
    if plan.edges == "periodic":
        apodize(xp, light, plan.apodize)
    light -= background
    light = xp.maximum(light, np.float32(0), out=light)
    positions = tuple(xp.asarray(index) for index in indices)
    image = _voxels_at(light, positions)
    if not fast:
        return image, image
    blur = Blur(plan)
    light = _blur(xp, _blur(xp, light, blur.along_y, 1), blur.along_x, 2)
    return image, _voxels_at(light, positions)


def _voxels_at(light: Any, positions: tuple[Any, ...]) -> Any:
    """Voxels at positions, 0 where one is negative."""
    out = light[positions]
    for position in positions:
        out *= position >= 0
    return out


def _blur(xp: Any, image: Any, weights: np.ndarray, axis: int) -> Any:
    """Blur along an axis, beyond whose ends is the mirror image."""
    n = image.shape[axis]
    reach = len(weights) // 2
    index = xp.asarray(mirrored(n, -reach, n + reach))
    out = xp.zeros_like(image)
    for k, weight in enumerate(weights):
        out += weight * xp.take(image, index[k : k + n], axis=axis)
    return out


def _used_part(
    volume: np.ndarray, indices: tuple[np.ndarray, ...], whole_planes: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Cut out what indices point to, whole planes if they are to be blended; shift these."""
    window, shifted = [], []
    for axis, index in enumerate(indices):
        used = index[index >= 0]
        if (axis and whole_planes) or not used.size:
            first, stop = 0, volume.shape[axis]
        else:
            first, stop = int(used.min()), int(used.max()) + 1
        window.append(slice(first, stop))
        shifted.append(np.where(index >= 0, index - first, -1))
    return volume[tuple(window)], shifted


def grid_indices(plan: DeconvolutionPlan, frame: Frame) -> tuple[np.ndarray, ...]:
    """Index into the volume along z, y and x, each to be broadcast; -1 is background."""
    z_index = frame.indices(0)[:, None, None]
    if not plan.shear:
        return z_index, frame.indices(1)[None, :, None], frame.indices(2)[None, None, :]
    _, rows, columns = zip(*(frame.plane(k, plan) for k in range(len(z_index))), strict=True)
    return z_index, np.stack(rows)[:, :, None], np.stack(columns)[:, None, :]
