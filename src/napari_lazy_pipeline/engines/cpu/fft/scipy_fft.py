"""Scipy FFT: does with scipy what the compiled transforms do; slower, and wherever scipy is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from scipy import fft

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.array_fft import VOXEL_BYTES, ArrayFft
from napari_lazy_pipeline.engines.cpu.fft.cpu_fft import CpuFft
from napari_lazy_pipeline.engines.engine import Method
from napari_lazy_pipeline.image.scan_geometry import Shape


class ScipyFft(ArrayFft, CpuFft):
    """Transforms whole arrays with scipy; its results are those of `CompiledFft` to float32."""

    voxel_bytes: ClassVar[Mapping[Method, int]] = VOXEL_BYTES

    def __init__(self, shape: Shape, threads: Threads, check: Callable[[], object]) -> None:
        super().__init__(np, fft, check)
        self.threads = threads

    @staticmethod
    def factor(grid: np.ndarray, shape: Shape) -> np.ndarray:
        return grid

    @staticmethod
    def empty(shape: Shape) -> np.ndarray:
        return pool().empty(shape, np.float32)

    @staticmethod
    def put_plane(
        plane: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
        background: np.float32,
        out: np.ndarray,
    ) -> None:
        np.maximum(plane[np.ix_(rows, columns)] - background, 0, out=out)
        out[rows < 0], out[:, columns < 0] = 0, 0

    @staticmethod
    def crop(pixels: np.ndarray, window: Sequence[slice], threads: Threads) -> np.ndarray:
        part = pixels[tuple(window)]
        out = pool().empty(part.shape, np.float32)
        out[...] = part
        return out

    def filter(self, factor: np.ndarray, conjugate: bool = False) -> None:
        with fft.set_workers(self.threads.count):
            super().filter(factor, conjugate)
