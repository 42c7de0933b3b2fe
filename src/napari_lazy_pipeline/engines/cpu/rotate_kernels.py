"""Rotate kernels of the CPU engine: deskew and turn to the coverslip in one interpolation.

It is linear within the two planes around a position, then between them along their normal,
however far they are displaced: E. Sapoznik et al., eLife 9, e57681 (2020).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.cpu.deskew_kernels import fill_value, rounding_offset
from napari_lazy_pipeline.engines.engine import Rounding, check_rotation
from napari_lazy_pipeline.image.scan_geometry import RotationPlan

# Rows that share the weights of a line while these are in the cache.
ROWS = 8
# Lines of the tables that are made in one go: what that takes shall not grow with the volume.
LINES = 16
# Positions that lie outside by no more than rounding are inside [pixel].
TOLERANCE = 1e-6


def rotate(
    threads: Threads,
    volume: np.ndarray,
    plan: RotationPlan,
    fill: float = 0.0,
    rounding: Rounding = "nearest",
) -> np.ndarray:
    """Turn a volume (z, y, x) to the coverslip."""
    check_rotation(volume, plan)
    volume = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
    out = pool().empty(plan.out_shape, volume.dtype)
    if not volume.size:
        out[:] = fill
        return out
    value, half = fill_value(fill, out.dtype, rounding), rounding_offset(out.dtype, rounding)
    source, offsets, weights = volume.ravel(), *_tables(plan)
    source.flags.writeable = False  # loops are compiled for one kind
    if plan.skew_axis == "x":
        row = volume.shape[2]
        blocks = math.ceil(volume.shape[1] / ROWS)

        def run(block: int) -> None:
            rows = min((block + 1) * ROWS, volume.shape[1])
            _turn_x(source, out, offsets, weights, block * ROWS, rows, row, value, half)

    else:
        blocks = len(out)

        def run(block: int) -> None:
            _turn_y(source, out[block], offsets[block], weights[block], value, half)

    threads.for_each(run, blocks)
    return out


@lru_cache(maxsize=1)  # the next time point is turned alike
def _tables(plan: RotationPlan) -> tuple[np.ndarray, np.ndarray]:
    """Return where the four neighbours of each output position are, and what they weigh.

    Offsets are int64 (normal, along, 4) into the flat volume, without the third axis; weights are
    float32 (normal, along, 5), the last one that of the fill.
    """
    offsets, weights = np.empty((*plan.size, 4), np.int64), np.empty((*plan.size, 5), np.float32)
    for first in range(0, plan.size[0], LINES):
        lines = slice(first, first + LINES)
        _fill(plan, first, offsets[lines], weights[lines])
    return offsets, weights


def _fill(plan: RotationPlan, line: int, offsets: np.ndarray, weights: np.ndarray) -> None:
    """Fill some lines of the tables, from one on."""
    planes, height, width = plan.shape
    length, stride = (width, 1) if plan.skew_axis == "x" else (height, width)
    cosine, sine = math.cos(math.radians(plan.angle)), math.sin(math.radians(plan.angle))
    normal = plan.origin[0] + np.arange(line, line + len(offsets))[:, None]
    along = plan.origin[1] + np.arange(plan.size[1])
    position = (cosine * normal + sine * along) / plan.plane_step
    first = np.floor(position + TOLERANCE)
    missing, outside = np.zeros(position.shape), np.zeros(position.shape, int)
    for n in range(2):
        plane, share = first.astype(np.int64) + n, np.maximum(position - first, 0)
        share = share if n else 1 - share
        place = cosine * along - sine * normal - plan.shear * plane
        inside = (plane >= 0) & (plane < planes)
        inside &= (place >= -TOLERANCE) & (place <= length - 1 + TOLERANCE)
        place = np.clip(place, 0.0, length - 1.0)
        left = np.minimum(place.astype(np.int64), max(length - 2, 0))
        start = np.clip(plane, 0, planes - 1) * height * width
        sides = (left, share * (1 - (place - left))), (left + 1, share * (place - left))
        for k, (column, weight) in enumerate(sides, start=2 * n):
            offsets[..., k] = start + np.minimum(column, length - 1) * stride
            weights[..., k] = np.where(inside, weight, 0)
        missing += np.where(inside, 0, share)
        outside += ~inside
    weights[..., 4] = np.where(outside < 2, missing, 1)


@compiled()
def _turn_x(  # pragma: no cover
    source: np.ndarray,
    out: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    begin: int,
    end: int,
    row: int,
    fill: np.generic,
    half: np.float32,
) -> None:
    background = np.float32(fill)
    for z in range(out.shape[0]):
        for y in range(begin, end):
            target = out[z, y]
            start = y * row
            for x in range(len(target)):
                w = weights[z, x]
                if w[4] == 1:
                    target[x] = fill
                    continue
                at = offsets[z, x]
                value = w[0] * np.float32(source[start + at[0]])
                value += w[1] * np.float32(source[start + at[1]])
                value += w[2] * np.float32(source[start + at[2]])
                value += w[3] * np.float32(source[start + at[3]])
                target[x] = value + w[4] * background + half


@compiled()
def _turn_y(  # pragma: no cover
    source: np.ndarray,
    out: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    fill: np.generic,
    half: np.float32,
) -> None:
    background = np.float32(fill)
    length = out.shape[1]
    for y in range(len(out)):
        target = out[y]
        if weights[y, 4] == 1:
            target[:] = fill
            continue
        w = weights[y]
        a, b, c, d, rest = w[0], w[1], w[2], w[3], w[4] * background + half
        first = source[offsets[y, 0] : offsets[y, 0] + length]
        second = source[offsets[y, 1] : offsets[y, 1] + length]
        third = source[offsets[y, 2] : offsets[y, 2] + length]
        fourth = source[offsets[y, 3] : offsets[y, 3] + length]
        for x in range(length):
            value = a * np.float32(first[x]) + b * np.float32(second[x])
            value += c * np.float32(third[x]) + d * np.float32(fourth[x])
            target[x] = value + rest
