"""Binning: coarser voxels for drafts, and their values repeated on the voxels they stand for."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Workers
from napari_lazy_pipeline.image.scan_geometry import Shape


def binned(volume: np.ndarray, factors: Shape) -> np.ndarray:
    """Average pixels, and take every n-th plane; whole numbers are rounded.

    Parameters
    ----------
    volume
        (z, y, x).
    factors
        Distance of the planes taken, and size (y, x) of the bins [voxel]; odd rests are left out.

    Examples
    --------
    >>> binned(np.arange(8, dtype="uint8").reshape(1, 2, 4), (1, 2, 2)).tolist()
    [[[2, 4]]]
    """
    step, fy, fx = factors
    planes, height, width = volume.shape
    out = np.empty((-(-planes // step), height // fy, width // fx), volume.dtype)
    height, width = fy * out.shape[1], fx * out.shape[2]

    def run(k: int) -> None:
        plane = volume[k * step]
        rows = [plane[i:height:fy].astype(np.float32) for i in range(fy)]
        lines = sum(rows[1:], rows[0])
        columns = [lines[:, j:width:fx] for j in range(fx)]
        mean = sum(columns[1:], columns[0]) / np.float32(fy * fx)
        out[k] = np.rint(mean) if out.dtype.kind in "ui" else mean

    Workers().each(run, len(out))
    return out


def repeated(
    coarse: np.ndarray, factors: Shape, shape: tuple[int, ...], window: tuple[slice, ...]
) -> np.ndarray:
    """Repeat coarse voxels, the last of them over odd rests, and take a window.

    Parameters
    ----------
    coarse
        (z, y, x).
    factors
        By how much (z, y, x) the voxels are larger.
    shape
        Of the volume (z, y, x) that was binned.
    window
        What to take of such a volume (z, y, x).

    Examples
    --------
    >>> repeated(np.array([[[2, 4]]]), (1, 2, 2), (1, 2, 5), (slice(0, 1), slice(1, 2), slice(0, 5)))
    array([[[2, 2, 4, 4, 4]]])
    """
    planes, rows, columns = (
        np.minimum(np.arange(*part.indices(n)) // factor, size - 1)
        for part, n, factor, size in zip(window, shape, factors, coarse.shape, strict=True)
    )
    out = pool().empty((len(planes), len(rows), len(columns)), coarse.dtype)
    starts = np.flatnonzero(np.diff(planes, prepend=-1))

    def run(i: int) -> None:
        first, *others = out[starts[i] : starts[i + 1] if i + 1 < len(starts) else None]
        # The rows that there are are few: they stay in the cache while they are repeated.
        first[...] = coarse[planes[starts[i]]].take(columns, axis=1).take(rows, axis=0)
        for other in others:
            other[...] = first

    Workers().each(run, len(starts))
    return out
