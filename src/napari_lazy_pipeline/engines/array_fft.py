"""Array FFT: Fourier transforms of a volume, and what Richardson-Lucy does between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines.engine import Method

# Constants of cudaDecon.
EPSILON = np.float32(1.1920929e-07)
LARGEST_RATIO = np.float32(10)
# Bytes per voxel while a volume is deconvolved: its arrays, and what an FFT takes besides.
VOXEL_BYTES: dict[Method, int] = {"rl": 30, "accelerated": 44, "fast": 36}


class ArrayFft:
    """Transforms volumes of any array library that follows numpy, one volume at a time.

    Volumes of pixels are float32 (z, y, x), not negative; factors, that a spectrum is multiplied
    by, complex64 (z, y, x // 2 + 1). ``xp`` is the array library, ``fft`` its counterpart of
    `scipy.fft`; ``check`` is called before each transform and ends the work by raising.
    """

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

        The estimate becomes the current volume but for the last step; in place, it may overwrite
        the prediction.
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
