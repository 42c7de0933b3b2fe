"""Compiled FFT: the four passes of an iteration over a volume in blocks of columns.

Those over planes go from the spectrum along z to pixels and back, 16 columns of pixels at a
time: the arithmetic between finds them in the cache. Those over columns apply a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.cpu.fft.blocks import blocks_of, from_blocks, to_blocks
from napari_lazy_pipeline.engines.cpu.fft.pixel_operations import (
    ACCELERATE,
    COMPARE,
    COMPARE_AND_KEEP,
    CORRECT,
    FIRST,
    FOLLOW,
    PREDICT,
    SQUARE,
    SQUARE_CHANGE,
    SQUARE_RESIDUAL,
    TAKE,
    WEIGH,
    operate,
)
from napari_lazy_pipeline.engines.cpu.fft.scipy_fft import COMPILED_VOXEL_BYTES, ScipyFft
from napari_lazy_pipeline.engines.cpu.fft.spectrum import (
    SpectrumLayout,
    aligned_empty,
    along_x,
    lay_out,
    merge,
    split,
)
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.engines.cpu.fft.transforms import Line, backward, filter_lines, forward
from napari_lazy_pipeline.image import Shape

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
    put_plane, factor = staticmethod(to_blocks), staticmethod(lay_out)

    def __init__(self, shape: Shape, threads: Threads, check: Callable[[], object]) -> None:
        self.shape, self.threads, self.check = shape, threads, check
        self.layout = SpectrumLayout.of(shape)
        self.spectrum = self.layout.empty()
        self.sums = np.empty((shape[0], 2))

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
        line, pitch = self.layout.z, self.layout.pitch
        column_bytes = line.n * BLOCK * factor.itemsize

        def run(part: slice) -> None:
            columns(self.spectrum, line, pitch, factor, sign, part.start, part.stop, GROUPS)

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
        self._planes(SQUARE if squared else CORRECT, prediction, estimate, to_spectrum=not last)
        return estimate

    def accelerate(
        self, prediction: np.ndarray, change: np.ndarray | None, last: bool
    ) -> tuple[np.ndarray, np.ndarray, float, float]:
        estimate = self.empty(self.shape)
        change = self.empty(self.shape) if change is None else change
        self.sums[...] = 0
        self._planes(ACCELERATE, prediction, estimate, change, to_spectrum=not last)
        agreement, norm = (math.fsum(column) for column in self.sums.T)
        return estimate, change, agreement, norm

    def extrapolate(self, estimate: np.ndarray, before: np.ndarray, step: float) -> np.ndarray:
        prediction = self.empty(self.shape)
        self._planes(PREDICT, estimate, before, prediction, step=np.float32(step))
        return prediction

    def first_estimate(self) -> np.ndarray:
        return self._new(FIRST)

    def compare_and_keep(self, image: np.ndarray) -> np.ndarray:
        return self._new(COMPARE_AND_KEEP, image)

    def square_change(self, prediction: np.ndarray) -> np.ndarray:
        return self._new(SQUARE_CHANGE, prediction)

    def square_residual(self, prediction: np.ndarray, image: np.ndarray) -> np.ndarray:
        self._planes(SQUARE_RESIDUAL, prediction, image)
        return prediction

    def weigh(
        self, estimate: np.ndarray, change: np.ndarray, asked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        self._planes(WEIGH, estimate, change, asked)
        return estimate, asked

    def follow(self, estimate: np.ndarray, weight: np.ndarray) -> np.ndarray:
        self._planes(FOLLOW, estimate, weight)
        return estimate

    def _new(self, operation: int, *volumes: np.ndarray) -> np.ndarray:
        """Do an operation whose result is a volume of its own."""
        out = self.empty(self.shape)
        self._planes(operation, out, *volumes)
        return out

    def _planes(
        self,
        operation: int,
        *volumes: np.ndarray,
        step: np.float32 = NO_STEP,
        to_spectrum: bool = True,
    ) -> None:
        """Do an operation with up to three volumes on all planes (see `planes`)."""
        flat = tuple(v.reshape(-1) for v in (*volumes, *[NO_VOLUME] * (3 - len(volumes))))
        rest = operation, flat, step, self.sums, to_spectrum

        def run(part: slice) -> None:
            columns = np.zeros((self.layout.y.n + 1) * BLOCK, np.float32)
            planes(self.spectrum, self.layout, columns, part.start, part.stop, *rest)

        self._for_parts(run, self.shape[0], volumes[0][0].nbytes, PLANES)

    def _for_parts(
        self, function: Callable[[slice], object], count: int, item_bytes: int, most: int
    ) -> None:
        """Call a function with parts of ``count`` items that have about a number of bytes."""
        length = max(1, most // item_bytes)
        parts = [slice(i, min(i + length, count)) for i in range(0, count, length)]
        self.threads.for_each(lambda i: function(parts[i]), len(parts), self.check)


@compiled()
def planes(  # pragma: no cover
    spectrum: np.ndarray,
    layout: SpectrumLayout,
    columns: np.ndarray,
    first: int,
    last: int,
    operation: int,
    volumes: tuple[np.ndarray, ...],
    step: np.float32,
    sums: np.ndarray,
    to_spectrum: bool,
) -> None:
    """Take planes from the spectrum to pixels, operate on them, and take them to the spectrum.

    The operation is to `TAKE` the pixels of the first volume; to `COMPARE` the first volume, the
    image, with the pixels; to `CORRECT` the first volume by the pixels, or by their `SQUARE`, the
    second one being the result; to `ACCELERATE`, as to correct, and the third one is how much was
    changed; to `PREDICT` the third volume from the first and the second one before it, by a step.
    Those of gradient consensus make the `FIRST` estimate, and so on (see `ArrayFft`); what they
    keep is the first volume.
    The spectrum, float32 (n,), is not transformed along z; it is spoilt unless the pixels are
    transformed again. The volumes are float32 (n,) (see `blocks`), empty where there are fewer. To
    accelerate adds to the sums, float64 (z, 2): the products of the change with the one before, and
    of that with itself.
    """
    size, stages = layout.y.n * BLOCK, len(layout.y.radices)
    to_pixels = operation not in (TAKE, PREDICT)
    for z in range(first, last):
        at = z * layout.pitch
        if to_pixels:
            along_x(spectrum, at, layout, False)
        for block in range(layout.columns // BLOCK):
            tile = at + block * BLOCK * BLOCK
            if to_pixels:
                merge(spectrum, tile, columns, layout)
                backward(columns, 0, BLOCK, 1, layout.y, stages)
            start = (z * layout.columns // BLOCK + block) * size
            operate(operation, columns[:size], volumes, start, step, sums[z])
            if to_spectrum:
                forward(columns, 0, BLOCK, 1, layout.y, stages)
                split(spectrum, tile, columns, layout)
        if to_spectrum:
            along_x(spectrum, at, layout, True)


@compiled()
def columns(  # pragma: no cover
    spectrum: np.ndarray,
    line: Line,
    pitch: int,
    factor: np.ndarray,
    sign: np.float32,
    first: int,
    last: int,
    groups: int,
) -> None:
    """Multiply columns of the spectrum, each of eight rows, with a factor (see `lay_out`).

    ``groups`` of them are transformed along z beside each other; the sign is -1 for the conjugate
    of the factor, or else 1.
    """
    size = line.n * BLOCK
    for column in range(first, last, groups):
        count = min(groups, last - column)
        filter_lines(spectrum, column * BLOCK, pitch, count, line, factor, column * size, sign)
