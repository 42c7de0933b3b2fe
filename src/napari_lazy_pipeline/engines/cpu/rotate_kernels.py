"""Rotate kernels of the CPU engine: deskew and turn to the coverslip in one interpolation.

References
----------
E. Sapoznik et al., eLife 9, e57681 (2020), for orthogonal interpolation: linear within the two
planes around a position, then between them along their normal, however far they are displaced.
"""

from __future__ import annotations

import math

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.cpu.deskew_kernels import fill_value, rounding_offset
from napari_lazy_pipeline.engines.engine import Rounding, check_rotation
from napari_lazy_pipeline.image.scan_geometry import RotationPlan

# Rows that share the weights of a line while these are in the cache.
ROWS = 8


def rotate(
    volume: np.ndarray, plan: RotationPlan, fill: float, rounding: Rounding, threads: Threads
) -> np.ndarray:
    """Turn a volume (z, y, x) to the coverslip."""
    check_rotation(volume, plan)
    volume = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
    out = pool().empty(plan.out_shape, volume.dtype)
    if not volume.size:
        out[:] = fill
        return out
    value, half = fill_value(fill, out.dtype, rounding), rounding_offset(out.dtype, rounding)
    source, offsets, weights = volume.ravel(), *_tables(plan, threads)
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


def _tables(plan: RotationPlan, threads: Threads) -> tuple[np.ndarray, np.ndarray]:
    """Where the four neighbours of each output position are, and what they weigh.

    Returns
    -------
    offsets
        int64 (normal, along, 4), into the flat volume, without the third axis.
    weights
        float32 (normal, along, 5), the last one that of the fill.
    """
    offsets = np.empty((*plan.size, 4), np.int64)
    weights = np.empty((*plan.size, 5), np.float32)
    planes, height, width = plan.shape
    length, stride = (width, 1) if plan.skew_axis == "x" else (height, width)
    turn = math.radians(plan.angle)

    def run(line: int) -> None:
        _table(
            offsets[line],
            weights[line],
            plan.origin[0] + line,
            plan.origin[1],
            math.cos(turn),
            math.sin(turn),
            plan.plane_step,
            plan.shear,
            planes,
            length,
            height * width,
            stride,
        )

    threads.for_each(run, plan.size[0])
    return offsets, weights


@compiled()
def _table(  # pragma: no cover
    offsets: np.ndarray,
    weights: np.ndarray,
    normal: float,
    along: float,
    cosine: float,
    sine: float,
    plane_step: float,
    shear: float,
    planes: int,
    length: int,
    plane_stride: int,
    stride: int,
) -> None:
    tolerance = 1e-6
    for o in range(len(offsets)):
        position = (cosine * normal + sine * (along + o)) / plane_step
        beside = cosine * (along + o) - sine * normal
        first = math.floor(position + tolerance)
        missing, outside = 0.0, 0
        for neighbour in range(2):
            plane = int(first) + neighbour
            share = max(position - first, 0.0)
            share = share if neighbour else 1 - share
            place = beside - shear * plane
            inside = 0 <= plane < planes and -tolerance <= place <= length - 1 + tolerance
            plane = min(max(plane, 0), planes - 1)
            place = min(max(place, 0.0), length - 1.0)
            left = min(int(place), max(length - 2, 0))
            part = place - left
            offsets[o, 2 * neighbour] = plane * plane_stride + left * stride
            offsets[o, 2 * neighbour + 1] = (
                plane * plane_stride + min(left + 1, length - 1) * stride
            )
            weights[o, 2 * neighbour] = share * (1 - part) if inside else 0
            weights[o, 2 * neighbour + 1] = share * part if inside else 0
            if not inside:
                missing += share
                outside += 1
        weights[o, 4] = missing if outside < 2 else 1


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
        a, b, c, d, rest = weights[y]
        rest = rest * background + half
        first = source[offsets[y, 0] : offsets[y, 0] + length]
        second = source[offsets[y, 1] : offsets[y, 1] + length]
        third = source[offsets[y, 2] : offsets[y, 2] + length]
        fourth = source[offsets[y, 3] : offsets[y, 3] + length]
        for x in range(length):
            value = a * np.float32(first[x]) + b * np.float32(second[x])
            value += c * np.float32(third[x]) + d * np.float32(fourth[x])
            target[x] = value + rest
