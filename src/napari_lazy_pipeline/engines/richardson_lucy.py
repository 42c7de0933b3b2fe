"""Richardson-Lucy iterations, plain, accelerated or with another back projector, and their FFT.

W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Method
from napari_lazy_pipeline.engines.fast_method import FAST_ITERATIONS

# Constants of cudaDecon.
EPSILON = np.float32(1.1920929e-07)
LARGEST_RATIO = np.float32(10)
# A change is followed by half where its square is its variance, and wholly a little above.
STEEPNESS = np.float32(3)
LEAST_VARIANCE = np.float32(1e-12)
ONE, HALF = np.float32(1), np.float32(0.5)


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
    itself, which is not changed, or another volume, which may be; or a flat one, if the plan has
    it so.
    """
    otf, backward = factors
    # The fast method ends with a plain iteration: it brings back the light that others lose or add.
    fast = plan.method == "fast"
    iterations = FAST_ITERATIONS + 1 if fast else plan.iterations
    change = before = None
    flat = plan.start == "flat" and not fast
    if flat:
        fft.begin(image)
        fft.filter(otf, conjugate=True)
        start = fft.first_estimate()
    else:
        fft.begin(start)
    prediction = estimate = start
    for done in range(2 if flat else 1, iterations + 1):
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
            before, extrapolated = estimate, change is not None
            estimate, change, *sums = fft.accelerate(prediction, change, extrapolated)
            prediction = estimate
            if extrapolated:
                prediction = fft.extrapolate(estimate, before, _step(*sums))
        progress(done / iterations)
    return estimate


def _step(agreement: float, norm: float) -> float:
    """Size of the extrapolation; unlike in cudaDecon, nothing is added to the norm of dim ones."""
    return min(max(agreement / norm, 0.0), 1.0) if norm else 0.0


class ArrayFft:
    """Transforms volumes of any array library ``xp`` that follows numpy, one at a time.

    Volumes of pixels are float32 (z, y, x), not negative; factors of a spectrum are complex64
    (z, y, x // 2 + 1). ``check`` is called before each transform and ends the work by raising.
    """

    # While a volume is deconvolved: its arrays, the result, and what an FFT takes besides.
    voxel_bytes: ClassVar[dict[Method, int]] = {
        "rl": 30,
        "accelerated": 44,
        "fast": 36,
        "auto": 50,
    }

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

    # ---- gradient consensus ----------------------------------------------------------------

    def first_estimate(self) -> Any:
        """Make an estimate of the current volume: what is below 0 is cut off."""
        estimate = self.xp.maximum(self.current, np.float32(0), out=self.current)
        self.current = estimate
        return estimate

    def compare_and_keep(self, image: Any) -> Any:
        """Compare, as `compare` does, and return a copy of what was compared."""
        prediction = self.xp.array(self.current)
        self.compare(image)
        return prediction

    def square_change(self, prediction: Any) -> Any:
        """Return the change that the current volume asks for; make its square current.

        That is multiplied by the prediction.
        """
        change = self.current
        change -= ONE
        self.current = change * change
        self.current *= prediction
        return change

    def square_residual(self, prediction: Any, image: Any) -> Any:
        """Make the square of what an image differs from its prediction current.

        It is that of the ratio from 1, multiplied by the prediction, which may be written over.
        What was current before is returned.
        """
        before, self.current = self.current, self.xp.array(prediction)
        self.compare(image)
        self.current -= ONE
        self.current *= self.current
        self.current *= prediction
        return before

    def weigh(self, estimate: Any, change: Any, asked: Any) -> tuple[Any, Any]:
        """Follow a change as far as its square is above the variance, which is current.

        Returned are the estimate, which becomes the current volume, and the weights (0 to 1). All
        that is given may be written over.
        """
        variance = self.xp.maximum(self.current, LEAST_VARIANCE, out=self.current)
        asked /= variance
        asked -= ONE
        asked *= STEEPNESS
        asked += HALF
        weight = self.xp.clip(asked, np.float32(0), ONE, out=asked)
        self.current = None
        return self._follow(estimate, change, weight), weight

    def follow(self, estimate: Any, weight: Any) -> Any:
        """Correct an estimate by the current volume, each voxel by its weight."""
        self.current -= ONE
        return self._follow(estimate, self.current, weight)

    def _follow(self, estimate: Any, change: Any, weight: Any) -> Any:
        change *= weight
        change += ONE
        change *= estimate
        self.current = self.xp.maximum(change, np.float32(0), out=change)
        return self.current

    def _product(self, a: Any, b: Any) -> float:
        return float((a * b).sum(dtype=self.xp.float64))
