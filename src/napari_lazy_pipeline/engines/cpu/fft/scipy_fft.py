"""Scipy FFT: transforms of the CPU engine wherever scipy is; compiled ones do the same faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.engine import Method
from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft
from napari_lazy_pipeline.image import Shape

# Those of the compiled transforms: they are wanted before anything is compiled.
COMPILED_VOXEL_BYTES: dict[Method, int] = {
    "rl": 18,
    "accelerated": 30,
    "fast": 22,
    "auto": 42,
}


class ScipyFft(ArrayFft):
    """Transforms a volume (z, y, x) with scipy, and lays pixels and factors out for that."""

    def __init__(self, shape: Shape, threads: Threads, check: Callable[[], object]) -> None:
        super().__init__(np, fft, check)
        self.shape, self.threads = shape, threads

    @staticmethod
    def factor(grid: np.ndarray, shape: Shape) -> np.ndarray:
        """Lay out what a spectrum is multiplied by: complex64 (z, y, x // 2 + 1)."""
        return grid

    @staticmethod
    def empty(shape: Shape) -> np.ndarray:
        """Make a volume of pixels of any content, its planes along the first axis."""
        return pool().empty(shape, np.float32)

    @staticmethod
    def put_plane(
        plane: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
        background: np.float32,
        out: np.ndarray,
    ) -> None:
        """Put rows and columns of a plane (0 where negative), less the background, into another."""
        np.maximum(plane[np.ix_(rows, columns)] - background, 0, out=out)
        out[rows < 0], out[:, columns < 0] = 0, 0

    @staticmethod
    def crop(pixels: np.ndarray, window: Sequence[slice], threads: Threads) -> np.ndarray:
        """Take a part (z, y, x) out of a volume of pixels."""
        part = pixels[tuple(window)]
        out = pool().empty(part.shape, np.float32)
        out[...] = part
        return out

    def filter(self, factor: np.ndarray, conjugate: bool = False) -> None:
        with fft.set_workers(self.threads.count):
            super().filter(factor, conjugate)
