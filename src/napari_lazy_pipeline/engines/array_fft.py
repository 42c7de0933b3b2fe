"""Array FFT: Richardson-Lucy iterations written for any array library that follows numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines.engine import Method
from napari_lazy_pipeline.engines.richardson_lucy import EPSILON, LARGEST_RATIO, VolumeFft

# Bytes per voxel while a volume is deconvolved: its arrays, and what an FFT takes besides.
VOXEL_BYTES: dict[Method, int] = {"rl": 30, "accelerated": 44, "fast": 36}


class ArrayFft(VolumeFft):
    """Transforms whole arrays: pixels are (z, y, x), factors complex64 (z, y, x // 2 + 1).

    Parameters
    ----------
    xp, fft
        The array library, and its counterpart of `scipy.fft`.
    check
        Called before each transform; ends the work by raising.
    """

    def __init__(self, xp: Any, fft: Any, check: Callable[[], object]) -> None:
        self.xp, self.fft, self.check = xp, fft, check
        self.current: Any = None

    def begin(self, pixels: Any) -> None:
        self.current = pixels

    def filter(self, factor: Any, conjugate: bool = False) -> None:
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
        ratio = self.current
        ratio[ratio == 0] = EPSILON
        self.xp.divide(image, ratio, out=ratio)
        ratio += EPSILON
        self.xp.clip(ratio, -LARGEST_RATIO, LARGEST_RATIO, out=ratio)

    def correct(self, prediction: Any, squared: bool, last: bool, in_place: bool) -> Any:
        estimate = self.current
        if squared:
            estimate *= self.xp.abs(estimate)
        estimate *= prediction
        self.xp.maximum(estimate, np.float32(0), out=estimate)
        self.current = None if last else estimate
        return estimate

    def accelerate(
        self, prediction: Any, change: Any, extrapolated: bool
    ) -> tuple[Any, Any, float, float]:
        estimate = self.correct(prediction, squared=False, last=extrapolated, in_place=False)
        latest = estimate - prediction
        if change is None:
            return estimate, latest, 0.0, 0.0
        return estimate, latest, self._product(latest, change), self._product(change, change)

    def extrapolate(self, estimate: Any, before: Any, step: float) -> Any:
        prediction = estimate - before
        prediction *= np.float32(step)
        prediction += estimate
        self.current = self.xp.maximum(prediction, np.float32(0), out=prediction)
        return prediction

    def _product(self, a: Any, b: Any) -> float:
        return float((a * b).sum(dtype=self.xp.float64))
