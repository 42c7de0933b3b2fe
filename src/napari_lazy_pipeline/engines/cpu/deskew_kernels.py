"""Deskew kernels of the CPU engine: linear interpolation along one axis, plane by plane."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.engine import Planes, Rounding, check_deskew
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

# Bytes of output handled in one go: some planes, so that small ones do not cost a call each.
BLOCK = 1 << 19


def deskew(
    threads: Threads,
    volume: np.ndarray,
    plan: DeskewPlan,
    fill: float = 0.0,
    rounding: Rounding = "nearest",
    planes: Planes = None,
) -> np.ndarray:
    """Shear a volume (z, y, x) as cudaDecon does, to the last bit but for its rounding."""
    start = check_deskew(volume, plan, planes)
    volume = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
    out = pool().empty((len(volume), *plan.out_shape[1:]), volume.dtype)
    if not out.size:
        return out
    value, half = fill_value(fill, out.dtype, rounding), rounding_offset(out.dtype, rounding)
    shear = _shear_x if plan.skew_axis == "x" else _shear_y
    count = max(1, BLOCK * len(out) // out.nbytes)
    volume = volume.view()
    volume.flags.writeable = False  # loops are compiled for one kind
    width = out.shape[2 if plan.skew_axis == "x" else 1]
    rest = plan.shape[0], plan.shear, plan.shift, value, half

    def run(block: int) -> None:
        part, first = slice(block * count, (block + 1) * count), start + block * count
        index, weight = np.empty(width, np.int64), np.empty(width, np.float32)
        shear(volume[part], out[part], index, weight, first, *rest)

    threads.for_each(run, math.ceil(len(out) / count))
    return out


def fill_value(fill: float, dtype: np.dtype, rounding: Rounding) -> np.generic:
    """Return the value of pixels no plane covers, rounded and limited to what the type holds."""
    if dtype.kind == "f":
        return cast(np.generic, dtype.type(fill))
    whole = math.floor(fill + 0.5) if rounding == "nearest" else math.trunc(fill)
    return cast(np.generic, dtype.type(min(max(whole, 0), np.iinfo(dtype).max)))


def rounding_offset(dtype: np.dtype, rounding: Rounding) -> np.float32:
    """Return what to add to a value before its decimals are cut off."""
    return np.float32(0.5 if rounding == "nearest" and dtype.kind == "u" else 0.0)


@compiled()
def _table(  # pragma: no cover
    index: np.ndarray, weight: np.ndarray, n: int, plane: int, planes: int, shear: float, shift: int
) -> tuple[int, int, bool]:
    """Sample positions of one plane: the covered outputs [first, stop), and if they are a run.

    Rounded to float32 once, as the device does: weights a few 1e-8 off would change counts.
    """
    width = len(index)
    first, stop = width, width
    for o in range(width):
        position = np.float32((o - width / 2 + shift) - shear * (plane - planes / 2) + n / 2)
        if position >= 0 and position < n - 1:
            if first == width:
                first = o
            index[o] = int(position)
            weight[o] = position - np.float32(index[o])
        elif first < width:
            stop = o
            break
    run = True
    for o in range(first, stop):
        run = run and index[o] - o == index[first] - first
    return first, stop, run


@compiled()
def _blend(a: Any, b: Any, w: Any, half: Any) -> Any:  # pragma: no cover
    """(1 - w) a + w b with one rounding in the last multiply-add, as the device has it."""
    second = np.float32(w * np.float32(b))
    rest = np.float64(np.float32(1) - w)
    return np.float32(rest * np.float64(a) + np.float64(second)) + half


@compiled()
def _shear_x(  # pragma: no cover
    volume: np.ndarray,
    out: np.ndarray,
    index: np.ndarray,
    weight: np.ndarray,
    start: int,
    total: int,
    shear: float,
    shift: int,
    fill: np.generic,
    half: np.float32,
) -> None:
    _, height, n = volume.shape
    for z in range(len(out)):
        first, stop, run = _table(index, weight, n, start + z, total, shear, shift)
        for y in range(height):
            row = volume[z, y]
            target = out[z, y]
            target[:first] = fill
            target[stop:] = fill
            if run and first < stop:
                count = stop - first
                left = row[index[first] : index[first] + count]
                right = row[index[first] + 1 : index[first] + 1 + count]
                inner = target[first:stop]
                w = weight[first:stop]
                for i in range(count):
                    inner[i] = _blend(left[i], right[i], w[i], half)
            else:
                for o in range(first, stop):
                    i = index[o]
                    target[o] = _blend(row[i], row[i + 1], weight[o], half)


@compiled()
def _shear_y(  # pragma: no cover
    volume: np.ndarray,
    out: np.ndarray,
    index: np.ndarray,
    weight: np.ndarray,
    start: int,
    total: int,
    shear: float,
    shift: int,
    fill: np.generic,
    half: np.float32,
) -> None:
    _, n, length = volume.shape
    for z in range(len(out)):
        first, stop, _ = _table(index, weight, n, start + z, total, shear, shift)
        out[z, :first] = fill
        out[z, stop:] = fill
        for o in range(first, stop):
            left = volume[z, index[o]]
            right = volume[z, index[o] + 1]
            target = out[z, o]
            w = weight[o]
            for x in range(length):
                target[x] = _blend(left[x], right[x], w, half)
