"""Binning: coarser voxels for drafts, and their values repeated on the voxels they stand for."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.image import Shape


def binned(volume: np.ndarray, factors: Shape) -> np.ndarray:
    """Average pixels (z, y, x), and take every n-th plane; odd rests are left out.

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

    Threads().for_each(run, len(out))
    return out


def repeated(
    coarse: np.ndarray,
    factors: Shape,
    shape: tuple[int, ...],
    window: tuple[slice, ...],
    back: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Repeat coarse voxels (z, y, x) over a window of the volume of a ``shape`` that was binned.

    The same place lies ``back`` (y, x) further back in the next plane [pixel]; the last voxels fill
    odd rests.

    >>> window = slice(0, 1), slice(1, 2), slice(0, 5)
    >>> repeated(np.array([[[2, 4]]]), (1, 2, 2), (1, 2, 5), window)
    array([[[2, 2, 4, 4, 4]]])
    """
    planes, rows, columns = (
        np.arange(*part.indices(n)) for part, n in zip(window, shape, strict=True)
    )
    step, fy, fx = factors
    _, height, width = coarse.shape
    out = pool().empty((len(planes), len(rows), len(columns)), coarse.dtype)

    def run(k: int) -> None:
        number = min(planes[k] // step, len(coarse) - 1)
        y, x = (round((planes[k] - number * step) * distance) for distance in back)
        inner_rows = np.clip((rows + y) // fy, 0, height - 1)
        inner_columns = np.clip((columns + x) // fx, 0, width - 1)
        # The rows that there are are few: they stay in the cache while they are repeated.
        wide = coarse[number].take(inner_columns, axis=1)
        wide.take(inner_rows, axis=0, out=out[k], mode="clip")

    Threads().for_each(run, len(planes))
    return out
