"""Resample kernels of the CPU engine: any affine transform of a volume, in one interpolation.

Planes that are displaced are interpolated within each of them, then along their normal, however far
they are displaced: E. Sapoznik et al., eLife 9, e57681 (2020). Values near an edge fade to the fill
over one voxel, as linear interpolation does between the last voxel and the fill beside it.
"""

from __future__ import annotations

import math

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.image.box import Box, shape_of
from napari_lazy_pipeline.image.pixel_type import convert
from napari_lazy_pipeline.image.resampling import Resampling


def resample(
    threads: Threads, part: np.ndarray, given: Box, wanted: Box, how: Resampling, dtype: str
) -> np.ndarray:
    """Make a box of the result from the part of the volume that `Resampling.box_before` names.

    A box is, bit for bit, what it is in the whole. Integers are rounded and clipped.
    """
    if how.whole_shift is not None:
        return _moved(part, given, wanted, how).astype(dtype, copy=False)
    shape, whole = shape_of(wanted), np.array(how.before.shape)
    out, first = np.empty(shape, dtype), np.array([start for start, _ in given])
    displacement, cubic = np.array(how.displacement), how.interpolation == "cubic"
    fill, (z, y, x) = np.float32(how.fill), (start for start, _ in wanted)
    source = np.ascontiguousarray(
        part, np.uint16 if part.dtype.newbyteorder("=") == np.uint16 else np.float32
    )

    source = source.view()
    source.flags.writeable = False  # loops are compiled for one kind

    def run(k: int) -> None:
        plane = np.empty((1, *shape[1:]), np.float32)
        place = np.array([z + k, y, x])
        weights = np.empty((3, 4), np.float32)
        settings = how.matrix, displacement, cubic, fill, weights
        _resample(source, first, whole, plane[0], place, *settings)
        out[k] = convert(plane, dtype)[0]

    threads.for_each(run, len(out))
    return out


def _moved(part: np.ndarray, given: Box, wanted: Box, how: Resampling) -> np.ndarray:
    """The part where a shift by whole voxels puts it; the fill elsewhere."""
    fill = convert(np.full((1, 1, 1), how.fill), part.dtype.name)
    out = np.full(shape_of(wanted), fill, part.dtype)
    source, target = [], []
    for (a, b), (low, high), by in zip(wanted, given, how.whole_shift or (), strict=True):
        start, stop = max(low + by, a), min(high + by, b)
        stop = max(start, stop)
        target.append(slice(start - a, stop - a))
        source.append(slice(start - by - low, stop - by - low))
    out[tuple(target)] = part[tuple(source)]
    return out


@compiled()
def _inside(position: float, length: int) -> float:  # pragma: no cover
    """How much of what is at a position belongs to a line: 1 on it, 0 beyond its next voxel."""
    return max(min(position + 1.0, length - position, 1.0), 0.0)


@compiled()
def _weights(offset: float, cubic: bool, out: np.ndarray) -> int:  # pragma: no cover
    """Fill in the weights of the neighbours; return how many of them lie before the position."""
    t = offset
    if cubic:
        out[0] = t * (-0.5 + t * (1.0 - 0.5 * t))
        out[1] = 1.0 + t * t * (-2.5 + 1.5 * t)
        out[2] = t * (0.5 + t * (2.0 - 1.5 * t))
        out[3] = t * t * (-0.5 + 0.5 * t)
        return 1
    out[0], out[1] = 1.0 - t, t
    return 0


@compiled()
def _value(  # pragma: no cover
    plane: np.ndarray, y: float, x: float, cubic: bool, rows: np.ndarray, columns: np.ndarray
) -> np.float32:
    """Interpolate in a plane; beyond its edge, its edge."""
    taps = 4 if cubic else 2
    top, left = math.floor(y), math.floor(x)
    above, before = _weights(y - top, cubic, rows), _weights(x - left, cubic, columns)
    bottom, right = plane.shape[0] - 1, plane.shape[1] - 1
    total = np.float32(0)
    for a in range(taps):
        if rows[a] == 0:
            continue  # what does not count may be NaN
        row = plane[min(max(top - above + a, 0), bottom)]
        line = np.float32(0)
        for b in range(taps):
            if columns[b] != 0:
                line += columns[b] * np.float32(row[min(max(left - before + b, 0), right)])
        total += rows[a] * line
    return total


@compiled()
def _resample(  # pragma: no cover
    source: np.ndarray,
    first: np.ndarray,
    whole: np.ndarray,
    out: np.ndarray,
    place: np.ndarray,
    matrix: np.ndarray,
    displacement: np.ndarray,
    cubic: bool,
    fill: np.float32,
    weights: np.ndarray,
) -> None:
    """Fill a plane (y, x) of the result that begins at a place (z, y, x) of it.

    Positions are worked out in the whole volume: a box must not round them otherwise. ``source``
    begins at the voxel ``first`` of that. The weights of the neighbours along z, y, x are kept in
    float32 (3, 4).
    """
    taps, deepest = 4 if cubic else 2, len(source) - 1
    planes, rows, columns = weights[0], weights[1], weights[2]
    z = place[0]
    for i in range(out.shape[0]):
        y = place[1] + i
        start_z = matrix[0, 0] * z + matrix[0, 1] * y + matrix[0, 3]
        start_y = matrix[1, 0] * z + matrix[1, 1] * y + matrix[1, 3]
        start_x = matrix[2, 0] * z + matrix[2, 1] * y + matrix[2, 3]
        for j in range(out.shape[1]):
            x = place[2] + j
            at_z = start_z + matrix[0, 2] * x
            depth = _inside(at_z, whole[0])
            if depth == 0:
                out[i, j] = fill
                continue
            at_y, at_x = start_y + matrix[1, 2] * x, start_x + matrix[2, 2] * x
            front = math.floor(at_z)
            before = _weights(at_z - front, cubic, planes)
            total, known = np.float32(0), np.float32(0)
            for a in range(taps):
                if planes[a] == 0:
                    continue
                k = min(max(front - before + a - first[0], 0), deepest)
                in_y = at_y - displacement[0] * (first[0] + k)
                in_x = at_x - displacement[1] * (first[0] + k)
                share = np.float32(depth * _inside(in_y, whole[1]) * _inside(in_x, whole[2]))
                if share > 0:
                    share *= planes[a]
                    known += share
                    total += share * _value(
                        source[k], in_y - first[1], in_x - first[2], cubic, rows, columns
                    )
            out[i, j] = total + (np.float32(1) - known) * fill
