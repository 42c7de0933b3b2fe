"""Blocks of 16 columns that the planes of a volume are cut into, for the transforms along y.

Two blocks of eight columns lie side by side, as the real and the imaginary part of one.
"""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.image import Shape


def blocks_of(shape: Shape) -> tuple[int, int, int, int]:
    """Shape of a volume (z, y, x) that is in blocks: (z, x, y, 16)."""
    z, y, x = shape
    return z, -(-x // BLOCK), y, BLOCK


@compiled()
def to_blocks(  # pragma: no cover
    plane: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    background: np.float32,
    out: np.ndarray,
) -> None:
    """Put pixels of a plane (y, x) into blocks (x, y, 16), see `ScipyFft`; the rest is 0."""
    zero = np.float32(0)
    for b in range(len(out)):
        part = columns[b * BLOCK : (b + 1) * BLOCK]
        first, contiguous = part[0], len(part) == BLOCK
        for j in range(len(part)):
            contiguous = contiguous and part[j] == first + j >= 0
        for i in range(len(rows)):
            row = np.uintp(rows[i])  # numba checks each signed index for its sign
            if rows[i] < 0:
                for j in range(BLOCK):
                    out[b, i, j] = zero
            elif contiguous:
                for j in range(BLOCK):
                    value = plane[row, np.uintp(first + j)] - background
                    out[b, i, j] = value if value > zero else zero
            else:
                for j in range(BLOCK):
                    value = zero
                    if j < len(part) and part[j] >= 0:
                        value = plane[row, np.uintp(part[j])] - background
                    out[b, i, j] = value if value > zero else zero


@compiled()
def from_blocks(  # pragma: no cover
    blocks: np.ndarray, first_row: int, first_column: int, plane: np.ndarray
) -> None:
    """Fill a plane (y, x) with what is in blocks (x, y, 16) from a row and a column on."""
    height, width = plane.shape
    for b in range(len(blocks)):
        low = max(first_column, b * BLOCK)
        high = min(first_column + width, (b + 1) * BLOCK)
        for i in range(height):
            row = np.uintp(first_row + i)
            if high - low == BLOCK:
                for j in range(BLOCK):
                    plane[i, np.uintp(low - first_column + j)] = blocks[b, row, j]
                continue
            for x in range(low, high):
                plane[i, np.uintp(x - first_column)] = blocks[b, row, np.uintp(x - b * BLOCK)]
