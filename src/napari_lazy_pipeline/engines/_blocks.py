"""Volumes whose planes are cut into blocks of 16 columns, as the transforms along y want them.

Two blocks of eight columns lie side by side, as the real and the imaginary part of one.
"""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.engines._jit import compiled
from napari_lazy_pipeline.engines._stages import BLOCK
from napari_lazy_pipeline.geometry import Shape


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
    blocks: np.ndarray,
) -> None:
    """Put pixels of a plane (y, x) into blocks (x, y, 16), as `place` does; the rest is 0."""
    zero = np.float32(0)
    for b in range(len(blocks)):
        part = columns[b * BLOCK : (b + 1) * BLOCK]
        first, whole = part[0], len(part) == BLOCK
        for j in range(len(part)):
            whole = whole and part[j] == first + j >= 0
        for i in range(len(rows)):
            target = blocks[b, i]
            target[:] = zero
            if rows[i] < 0:
                continue
            source = plane[rows[i]]
            if whole:
                for j in range(BLOCK):
                    value = source[first + j] - background
                    target[j] = value if value > zero else zero
                continue
            for j in range(len(part)):
                value = source[part[j]] - background if part[j] >= 0 else zero
                target[j] = value if value > zero else zero


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
            source, target = blocks[b, first_row + i], plane[i]
            for x in range(low, high):
                target[x - first_column] = source[x - b * BLOCK]
