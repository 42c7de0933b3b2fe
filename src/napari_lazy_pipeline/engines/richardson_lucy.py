"""Richardson-Lucy iterations, plain, accelerated or with another back projector, and their FFT.

W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Method
from napari_lazy_pipeline.engines.fast_method import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.psf import RadialOtf

# Constants of cudaDecon.
EPSILON = np.float32(1.1920929e-07)
LARGEST_RATIO = np.float32(10)


def richardson_lucy(
    fft: ArrayFft,
    plan: DeconvolutionPlan,
    factors: tuple[Any, Any],
    image: Any,
    start: Any,
    progress: Callable[[float], object],
) -> Any:
    """Deconvolve a periodic volume with the constants and the order of cudaDecon.

    What a volume of pixels is, and a factor, is up to ``fft``. The first estimate is the image
    itself, which is not changed, or another volume, which may be.
    """
    otf, backward = factors
    # The fast method ends with a plain iteration: it brings back the light that others lose or add.
    fast = plan.method == "fast"
    iterations = FAST_ITERATIONS + 1 if fast else plan.iterations
    change = before = None
    prediction = estimate = start
    fft.begin(prediction)
    for done in range(1, iterations + 1):
        last = done == iterations
        squared = fast and not last
        fft.filter(otf)
        fft.compare(image)
        fft.filter(backward if squared else otf, conjugate=not squared)
        if last or plan.method != "accelerated":
            in_place = prediction is not image
            estimate = prediction = fft.correct(prediction, squared, last, in_place)
        else:
            # Names are bound so that each volume is let go of before the next is made.
            before, extrapolated = estimate, done >= 2
            estimate, change, *sums = fft.accelerate(prediction, change, extrapolated)
            prediction = estimate
            if extrapolated:
                prediction = fft.extrapolate(estimate, before, _step(*sums))
        progress(done / iterations)
    return estimate


def factors_of(plan: DeconvolutionPlan, factor: Callable[[RadialOtf], Any]) -> tuple[Any, Any]:
    """Make the factors that blur and go back, from OTFs; None for the conjugate of the first."""
    fast = plan.method == "fast"
    return factor(plan.otf), factor(back_projector(plan.otf)) if fast else None


def _step(agreement: float, norm: float) -> float:
    """Size of the extrapolation; unlike in cudaDecon, nothing is added to the norm of dim ones."""
    return min(max(agreement / norm, 0.0), 1.0) if norm else 0.0


class ArrayFft:
    """Transforms volumes of any array library ``xp`` that follows numpy, one at a time.

    Volumes of pixels are float32 (z, y, x), not negative; factors of a spectrum are complex64
    (z, y, x // 2 + 1). ``check`` is called before each transform and ends the work by raising.
    """

    # While a volume is deconvolved: its arrays, the result, and what an FFT takes besides.
    voxel_bytes: ClassVar[dict[Method, int]] = {"rl": 30, "accelerated": 44, "fast": 36}

    def __init__(self, xp: Any, fft: Any, check: Callable[[], object]) -> None:
        self.xp, self.fft, self.check = xp, fft, check
        self.current: Any = None

    def begin(self, pixels: Any) -> None:
        """Make the first prediction the current volume; it is not changed."""
        self.current = pixels

    def filter(self, factor: Any, conjugate: bool = False) -> None:
        """Multiply the spectrum of the current volume by a factor, or by its conjugate."""
        self.check()
        shape = self.current.shape
        spectrum = self.fft.rfftn(self.current)
        self.current = None
        if conjugate:
            # In place: a conjugate factor would be one more array.
            self.xp.conjugate(spectrum, out=spectrum)
        spectrum *= factor
        if conjugate:
            self.xp.conjugate(spectrum, out=spectrum)
        self.current = self.fft.irfftn(spectrum, s=shape, overwrite_x=True)

    def compare(self, image: Any) -> None:
        """Make the ratio of the image to the current volume, limited, the current volume."""
        ratio = self.current
        ratio[ratio == 0] = EPSILON
        self.xp.divide(image, ratio, out=ratio)
        ratio += EPSILON
        self.xp.clip(ratio, -LARGEST_RATIO, LARGEST_RATIO, out=ratio)

    def correct(
        self, prediction: Any, squared: bool = False, last: bool = False, in_place: bool = False
    ) -> Any:
        """Multiply a prediction by the current volume, or by its square with its sign.

        The estimate becomes the current volume but for the last step; in place, the prediction may
        be overwritten.
        """
        estimate = self.current
        if squared:
            estimate *= self.xp.abs(estimate)
        estimate *= prediction
        self.xp.maximum(estimate, np.float32(0), out=estimate)
        self.current = None if last else estimate
        return estimate

    def accelerate(self, prediction: Any, change: Any, last: bool) -> tuple[Any, Any, float, float]:
        """Correct a prediction: the estimate, its change, agreement and norm.

        These are the sums of the products of the change before (None the first time, may be written
        over) with this one, and with itself.
        """
        estimate = self.correct(prediction, last=last)
        latest = estimate - prediction
        if change is None:
            return estimate, latest, 0.0, 0.0
        return estimate, latest, self._product(latest, change), self._product(change, change)

    def extrapolate(self, estimate: Any, before: Any, step: float) -> Any:
        """Go on from the estimate before to this one and beyond: the new current volume."""
        prediction = estimate - before
        prediction *= np.float32(step)
        prediction += estimate
        self.current = self.xp.maximum(prediction, np.float32(0), out=prediction)
        return prediction

    def _product(self, a: Any, b: Any) -> float:
        return float((a * b).sum(dtype=self.xp.float64))
