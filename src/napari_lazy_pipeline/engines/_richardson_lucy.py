"""Richardson-Lucy iterations of the CPU engine: plain, accelerated, or with another way back.

An iteration is four passes over the volume. Those over planes go from the spectrum along z to
pixels and back, one handful of planes at a time, so that the arithmetic between two FFTs finds
its data in the cache; those over columns apply the OTF.

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

from napari_lazy_pipeline.engines._fft import transforms
from napari_lazy_pipeline.engines._jit import compiled
from napari_lazy_pipeline.engines._workers import Workers

# Bytes of one block of planes and of one slab of columns: both stay in a core's cache.
PLANES = 1 << 18
COLUMNS = 300_000
EPSILON = np.float32(1.1920929e-07)


def richardson_lucy(
    image: np.ndarray,
    otf: np.ndarray,
    back_projectors: Sequence[np.ndarray | None],
    accelerated: bool,
    workers: Workers,
    check: Callable[[], object],
    progress: Callable[[float], object],
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Deconvolve a periodic volume with the constants and the order of cudaDecon.

    Parameters
    ----------
    image
        float32 (z, y, x), not negative; left alone.
    otf
        complex64 (z, y, x // 2 + 1).
    back_projectors
        One for each iteration, at least 1: complex64 like the OTF, or None for the conjugate of
        the OTF, which is that of Richardson and Lucy. A correction by another one is squared.
    accelerated
        Whether to extrapolate, from the third iteration on.
    workers
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
        float32 (z, y, x), not negative.
    """
    state = _Iteration(image, otf, accelerated, workers, check, start)
    iterations = len(back_projectors)
    state.forward()
    for done, back_projector in enumerate(back_projectors, start=1):
        state.columns(otf)
        state.compare()
        if back_projector is None:
            state.columns(otf, conjugate=True)
        else:
            state.columns(back_projector)
        state.update(last=done == iterations, squared=back_projector is not None)
        progress(done / iterations)
    return state.estimate


class _Iteration:
    """The arrays of a running deconvolution, and the passes over them."""

    def __init__(
        self,
        image: np.ndarray,
        otf: np.ndarray,
        accelerated: bool,
        workers: Workers,
        check: Callable[[], object],
        start: np.ndarray | None,
    ) -> None:
        self.image, self.workers, self.check = image, workers, check
        self.fft = transforms()
        self.spectrum = np.empty(otf.shape, np.complex64)
        self.planes = _blocks(len(image), image[0].nbytes, PLANES)
        self.rows = _blocks(otf.shape[1], otf[:, 0].nbytes, COLUMNS)
        self.estimate = self.prediction = image if start is None else start
        self.spare = np.empty_like(image) if start is None else start
        self.accelerated = accelerated
        self.done = 0
        if accelerated:
            self.change = np.zeros_like(image)
            self.sums = np.zeros((len(self.planes), 2))

    def forward(self) -> None:
        """Take the first prediction to the spectrum."""
        self._each_plane(lambda i, block: self._to_spectrum(block, self.prediction[block]))

    def columns(self, factor: np.ndarray, conjugate: bool = False) -> None:
        """Multiply the spectrum by a factor, or its conjugate."""

        def run(i: int) -> None:
            rows = self.rows[i]
            slab = self.fft.along_z(self.spectrum[:, rows])
            multiply = _multiply_conjugate if conjugate else _multiply
            multiply(slab, factor, rows.start)
            self.fft.back_along_z(slab, self.spectrum[:, rows])

        self.workers.each(run, len(self.rows), self.check)

    def compare(self) -> None:
        """Replace the blurred prediction by the image divided by it."""

        def run(i: int, block: slice) -> None:
            blurred = self._to_pixels(block)
            _ratio(self.image[block], blurred)
            self._to_spectrum(block, blurred)

        self._each_plane(run)

    def update(self, last: bool, squared: bool) -> None:
        """Correct the prediction, and take the next one to the spectrum."""
        self.done += 1
        extrapolate = self.accelerated and self.done >= 2 and not last
        target = self.spare

        def run(i: int, block: slice) -> None:
            correction = self._to_pixels(block)
            if squared:
                correction *= np.abs(correction)
            predicted = self.prediction[block]
            if self.accelerated:
                self.sums[i] = _correct(predicted, correction, target[block], self.change[block])
            else:
                _correct_plain(predicted, correction, target[block])
            if not (last or extrapolate):
                self._to_spectrum(block, target[block])

        self._each_plane(run)
        before, self.estimate = self.estimate, target
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
            self.spare = np.empty_like(self.image) if before is self.image else before
            return
        self._extrapolate(before)

    def _extrapolate(self, before: np.ndarray) -> None:
        """Predict from the last two estimates, by as much as the last changes agree."""
        agreement, norm = (math.fsum(column) for column in self.sums.T)
        # Unlike cudaDecon, nothing is added to the norm: dim float images are accelerated as well.
        step = np.float32(min(max(agreement / norm, 0.0), 1.0) if norm else 0.0)
        if self.prediction is self.image or self.prediction is before:
            self.prediction = np.empty_like(self.image)

        def run(i: int, block: slice) -> None:
            predicted = self.prediction[block]
            _predict(self.estimate[block], before[block], step, predicted)
            self._to_spectrum(block, predicted)

        self._each_plane(run)
        self.spare = before

    def _to_spectrum(self, block: slice, pixels: np.ndarray) -> None:
        self.fft.to_spectrum(pixels, self.spectrum[block])

    def _to_pixels(self, block: slice) -> np.ndarray:
        return self.fft.to_pixels(self.spectrum[block], self.image.shape[2])

    def _each_plane(self, function: Callable[[int, slice], object]) -> None:
        self.workers.each(lambda i: function(i, self.planes[i]), len(self.planes), self.check)


def _blocks(count: int, item_bytes: int, block_bytes: int) -> list[slice]:
    """Cut ``count`` items into runs of about a number of bytes."""
    length = max(1, block_bytes // item_bytes)
    return [slice(i, min(i + length, count)) for i in range(0, count, length)]


@compiled()
def _multiply(  # pragma: no cover
    slab: np.ndarray, factor: np.ndarray, first: int
) -> None:
    for z in range(slab.shape[0]):
        for y in range(slab.shape[1]):
            for x in range(slab.shape[2]):
                slab[z, y, x] *= factor[z, first + y, x]


@compiled()
def _multiply_conjugate(  # pragma: no cover
    slab: np.ndarray, factor: np.ndarray, first: int
) -> None:
    for z in range(slab.shape[0]):
        for y in range(slab.shape[1]):
            for x in range(slab.shape[2]):
                slab[z, y, x] *= np.conj(factor[z, first + y, x])


@compiled()
def _ratio(image: np.ndarray, blurred: np.ndarray) -> None:  # pragma: no cover
    top = np.float32(10)
    source, target = image.ravel(), blurred.ravel()
    for i in range(len(target)):
        below = target[i] if target[i] != 0 else EPSILON
        target[i] = min(max(source[i] / below + EPSILON, -top), top)


@compiled()
def _correct_plain(  # pragma: no cover
    predicted: np.ndarray, correction: np.ndarray, estimate: np.ndarray
) -> None:
    a, b, out = predicted.ravel(), correction.ravel(), estimate.ravel()
    for i in range(len(out)):
        out[i] = max(a[i] * b[i], np.float32(0))


@compiled(fastmath={"reassoc", "nsz"})
def _correct(  # pragma: no cover
    predicted: np.ndarray, correction: np.ndarray, estimate: np.ndarray, change: np.ndarray
) -> tuple[float, float]:
    """Correct, renew the change in place; return its product with the old one, and that's own."""
    a, b, out, g = predicted.ravel(), correction.ravel(), estimate.ravel(), change.ravel()
    product, norm = 0.0, 0.0
    for i in range(len(out)):
        value = max(a[i] * b[i], np.float32(0))
        new, old = value - a[i], g[i]
        product += np.float64(new) * np.float64(old)
        norm += np.float64(old) * np.float64(old)
        out[i] = value
        g[i] = new
    return product, norm


@compiled()
def _predict(  # pragma: no cover
    estimate: np.ndarray, before: np.ndarray, step: np.float32, prediction: np.ndarray
) -> None:
    a, b, out = estimate.ravel(), before.ravel(), prediction.ravel()
    for i in range(len(out)):
        out[i] = max(a[i] + step * (a[i] - b[i]), np.float32(0))
