"""Richardson-Lucy iterations of the CPU engine: plain, accelerated, or with another way back.

An iteration is four passes over the volume. Those over planes go from the spectrum along z to
pixels and back, 16 columns of pixels at a time, so that the arithmetic between two FFTs finds
its data in the cache; those over columns apply the OTF (see `_passes`).

References
----------
W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997). M. Guo et al., Nature Biotechnology
38, 1337 (2020), on back projectors that do not match.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from napari_lazy_pipeline._runtime.threads import Threads
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
from napari_lazy_pipeline.engines.cpu.fft.spectrum import SpectrumLayout, aligned
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK

# Bytes of the planes, and of the columns, that are done without asking whether to go on.
PLANES = 1 << 18
COLUMNS = 1 << 20
# Columns filtered beside each other: fewer are read from too short pieces of memory, and more do
# not stay in the nearest cache.
GROUPS = 6
NOTHING = np.empty(0, np.float32)
NO_STEP = np.float32(0)


def richardson_lucy(
    image: np.ndarray,
    width: int,
    otf: np.ndarray,
    back_projectors: Sequence[np.ndarray | None],
    accelerated: bool,
    threads: Threads,
    check: Callable[[], object],
    progress: Callable[[float], object],
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Deconvolve a periodic volume with the constants and the order of cudaDecon.

    Parameters
    ----------
    image
        float32 (z, x, y, 16): in blocks of columns (see `_blocks`); not negative; left alone.
    width
        Number of columns.
    otf
        Laid out for the passes (see `_spectrum.laid`).
    back_projectors
        One for each iteration, at least 1: laid out like the OTF, or None for the conjugate of
        the OTF, which is that of Richardson and Lucy. A correction by another one is squared.
    accelerated
        Whether to extrapolate, from the third iteration on.
    threads
        Threads to use. The result does not depend on how many.
    check
        Called many times an iteration; ends the work by raising.
    progress
        Told the finished fraction after each iteration.
    start
        The first estimate, like the image; written over. None for the image itself.

    Returns
    -------
    ndarray
        float32 (z, x, y, 16), not negative.
    """
    state = _Iteration(image, width, accelerated, threads, check, start)
    iterations = len(back_projectors)
    state.forward()
    for done, back_projector in enumerate(back_projectors, start=1):
        state.filter(otf)
        state.compare()
        if back_projector is None:
            state.filter(otf, conjugate=True)
        else:
            state.filter(back_projector)
        state.update(last=done == iterations, squared=back_projector is not None)
        progress(done / iterations)
    return state.estimate


class _Iteration:
    """The arrays of a running deconvolution, and the passes over them."""

    def __init__(
        self,
        image: np.ndarray,
        width: int,
        accelerated: bool,
        threads: Threads,
        check: Callable[[], object],
        start: np.ndarray | None,
    ) -> None:
        self.image, self.threads, self.check = image, threads, check
        self.layout = SpectrumLayout.of((image.shape[0], image.shape[2], width))
        self.spectrum = self.layout.empty()
        self.estimate = self.prediction = image if start is None else start
        self.spare = aligned(image.shape) if start is None else start
        self.accelerated = accelerated
        self.done = 0
        self.change = aligned(image.shape) if accelerated else NOTHING
        self.sums = np.empty((len(image), 2))

    def forward(self) -> None:
        """Take the first prediction to the spectrum."""
        self._planes(TAKE, self.prediction)

    def filter(self, factor: np.ndarray, conjugate: bool = False) -> None:
        """Multiply the spectrum by a factor, or its conjugate."""
        sign = np.float32(-1 if conjugate else 1)
        column_bytes = self.layout.z.n * BLOCK * factor.itemsize

        def run(part: slice) -> None:
            columns(self.spectrum, self.layout, factor, sign, part.start, part.stop, GROUPS)

        self._each(run, self.layout.blocks * self.layout.columns, column_bytes, COLUMNS)

    def compare(self) -> None:
        """Replace the blurred prediction by the image divided by it."""
        self._planes(COMPARE, self.image)

    def update(self, last: bool, squared: bool) -> None:
        """Correct the prediction, and take the next one to the spectrum."""
        self.done += 1
        extrapolate = self.accelerated and self.done >= 2 and not last
        correct = SQUARE if squared else CORRECT
        operation = ACCELERATE if self.accelerated else correct
        onward = not (last or extrapolate)
        self.sums[...] = 0
        self._planes(operation, self.prediction, self.spare, self.change, onward=onward)
        before, self.estimate = self.estimate, self.spare
        self._keep(before, last, extrapolate)

    def _keep(self, before: np.ndarray, last: bool, extrapolate: bool) -> None:
        """Sort the arrays for the next iteration, extrapolating into one of them."""
        if last:
            return
        if not self.accelerated:
            self.prediction = self.estimate
            return
        if not extrapolate:
            self.prediction = self.estimate
            self.spare = aligned(self.image.shape) if before is self.image else before
            return
        self._extrapolate(before)

    def _extrapolate(self, before: np.ndarray) -> None:
        """Predict from the last two estimates, by as much as the last changes agree."""
        agreement, norm = (math.fsum(column) for column in self.sums.T)
        # Unlike cudaDecon, nothing is added to the norm: dim float images are accelerated as well.
        step = np.float32(min(max(agreement / norm, 0.0), 1.0) if norm else 0.0)
        if self.prediction is self.image or self.prediction is before:
            self.prediction = aligned(self.image.shape)
        self._planes(PREDICT, self.estimate, before, self.prediction, step=step)
        self.spare = before

    def _planes(
        self,
        operation: int,
        *volumes: np.ndarray,
        step: np.float32 = NO_STEP,
        onward: bool = True,
    ) -> None:
        """Do an operation with up to three volumes on all planes (see `planes`)."""
        first, second, third = (v.reshape(-1) for v in (*volumes, *[NOTHING] * (3 - len(volumes))))

        def run(part: slice) -> None:
            planes(
                self.spectrum,
                self.layout,
                part.start,
                part.stop,
                operation,
                (first, second, third),
                step,
                self.sums,
                onward,
            )

        self._each(run, len(self.image), self.image[0].nbytes, PLANES)

    def _each(
        self, function: Callable[[slice], object], count: int, item_bytes: int, most: int
    ) -> None:
        """Call a function with parts of ``count`` items that have about a number of bytes."""
        length = max(1, most // item_bytes)
        parts = [slice(i, min(i + length, count)) for i in range(0, count, length)]
        self.threads.for_each(lambda i: function(parts[i]), len(parts), self.check)
