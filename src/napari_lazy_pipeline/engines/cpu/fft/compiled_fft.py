"""Compiled FFT: the passes of an iteration over a volume in blocks of columns.

An iteration is four passes over the volume. Those over planes go from the spectrum along z to
pixels and back, 16 columns of pixels at a time, so that the arithmetic between two FFTs finds
its data in the cache; those over columns apply a factor (see `passes`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.cpu.fft.blocks import blocks_of, from_blocks, to_blocks
from napari_lazy_pipeline.engines.cpu.fft.passes import (
    ACCELERATE,
    COMPARE,
    CORRECT,
    PREDICT,
    SQUARE,
    TAKE,
    columns,
    planes,
)
from napari_lazy_pipeline.engines.cpu.fft.scipy_fft import COMPILED_VOXEL_BYTES, ScipyFft
from napari_lazy_pipeline.engines.cpu.fft.spectrum import SpectrumLayout, aligned_empty, lay_out
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.image.scan_geometry import Shape

# Bytes of the planes, and of the columns, that are done between two checks.
PLANES = 1 << 18
COLUMNS = 1 << 20
# Columns filtered beside each other: fewer are read from too short pieces of memory, and more do
# not stay in the nearest cache.
GROUPS = 6
NO_VOLUME = np.empty(0, np.float32)
NO_STEP = np.float32(0)


class CompiledFft(ScipyFft):
    """Does what `ScipyFft` does in compiled loops: pixels are float32 (z, x, y, 16)."""

    voxel_bytes = COMPILED_VOXEL_BYTES
    put_plane = staticmethod(to_blocks)

    def __init__(self, shape: Shape, threads: Threads, check: Callable[[], object]) -> None:
        self.shape, self.threads, self.check = shape, threads, check
        self.layout = SpectrumLayout.of(shape)
        self.spectrum = self.layout.empty()
        self.sums = np.empty((shape[0], 2))

    @staticmethod
    def factor(grid: np.ndarray, shape: Shape) -> np.ndarray:
        return lay_out(grid, shape)

    @staticmethod
    def empty(shape: Shape) -> np.ndarray:
        return aligned_empty(blocks_of(shape))

    @staticmethod
    def crop(pixels: np.ndarray, window: Sequence[slice], threads: Threads) -> np.ndarray:
        out = pool().empty([part.stop - part.start for part in window], np.float32)
        z, y, x = (part.start for part in window)
        threads.for_each(lambda k: from_blocks(pixels[z + k], y, x, out[k]), len(out))
        return out

    def begin(self, pixels: np.ndarray) -> None:
        self._planes(TAKE, pixels)

    def filter(self, factor: np.ndarray, conjugate: bool = False) -> None:
        sign = np.float32(-1 if conjugate else 1)
        column_bytes = self.layout.z.n * BLOCK * factor.itemsize

        def run(part: slice) -> None:
            columns(self.spectrum, self.layout, factor, sign, part.start, part.stop, GROUPS)

        self._for_parts(run, self.layout.blocks * self.layout.columns, column_bytes, COLUMNS)

    def compare(self, image: np.ndarray) -> None:
        self._planes(COMPARE, image)

    def correct(
        self,
        prediction: np.ndarray,
        squared: bool = False,
        last: bool = False,
        in_place: bool = False,
    ) -> np.ndarray:
        estimate = prediction if in_place else self.empty(self.shape)
        self._planes(SQUARE if squared else CORRECT, prediction, estimate, onward=not last)
        return estimate

    def accelerate(
        self, prediction: np.ndarray, change: np.ndarray | None, last: bool
    ) -> tuple[np.ndarray, np.ndarray, float, float]:
        estimate = self.empty(self.shape)
        change = self.empty(self.shape) if change is None else change
        self.sums[...] = 0
        self._planes(ACCELERATE, prediction, estimate, change, onward=not last)
        agreement, norm = (math.fsum(column) for column in self.sums.T)
        return estimate, change, agreement, norm

    def extrapolate(self, estimate: np.ndarray, before: np.ndarray, step: float) -> np.ndarray:
        prediction = self.empty(self.shape)
        self._planes(PREDICT, estimate, before, prediction, step=np.float32(step))
        return prediction

    def _planes(
        self,
        operation: int,
        *volumes: np.ndarray,
        step: np.float32 = NO_STEP,
        onward: bool = True,
    ) -> None:
        """Do an operation with up to three volumes on all planes (see `planes`)."""
        flat = tuple(v.reshape(-1) for v in (*volumes, *[NO_VOLUME] * (3 - len(volumes))))

        def run(part: slice) -> None:
            planes(
                self.spectrum,
                self.layout,
                part.start,
                part.stop,
                operation,
                flat,
                step,
                self.sums,
                onward,
            )

        self._for_parts(run, self.shape[0], volumes[0][0].nbytes, PLANES)

    def _for_parts(
        self, function: Callable[[slice], object], count: int, item_bytes: int, most: int
    ) -> None:
        """Call a function with parts of ``count`` items that have about a number of bytes."""
        length = max(1, most // item_bytes)
        parts = [slice(i, min(i + length, count)) for i in range(0, count, length)]
        self.threads.for_each(lambda i: function(parts[i]), len(parts), self.check)
