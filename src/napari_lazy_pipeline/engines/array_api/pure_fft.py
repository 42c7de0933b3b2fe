"""Pure FFT: iterations for array libraries whose operations make new arrays, never change one.

The same formulas as in `ArrayFft`, in the same order. Some of these libraries put work off until a
result is asked for: whatever outlives an operation goes through `settle`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Method
from napari_lazy_pipeline.engines.richardson_lucy import (
    EPSILON,
    LARGEST_RATIO,
    LEAST_VARIANCE,
    STEEPNESS,
    ArrayFft,
)
from napari_lazy_pipeline.psf import RadialOtf

# Plain numbers: of those of numpy, some libraries make arrays of numpy.
_EPSILON, _LARGEST, _LEAST = float(EPSILON), float(LARGEST_RATIO), float(LEAST_VARIANCE)
_STEEPNESS = float(STEEPNESS)
_AXES = (0, 1, 2)


class PureFft(ArrayFft):
    """Transforms volumes of a library ``xp`` that has the functions of numpy used here."""

    voxel_bytes: ClassVar[dict[Method, int]] = {"rl": 36, "accelerated": 48, "fast": 40, "auto": 56}

    def settle(self, *arrays: Any) -> None:
        """Compute arrays now, in a library that puts work off."""

    def begin(self, pixels: Any) -> None:
        self.current = pixels

    def filter(self, factor: Any, conjugate: bool = False) -> None:
        self.check()
        shape = tuple(self.current.shape)
        spectrum = self.fft.rfftn(self.current, axes=_AXES)
        spectrum = spectrum * (self.xp.conjugate(factor) if conjugate else factor)
        self._make_current(self.fft.irfftn(spectrum, s=shape, axes=_AXES))

    def compare(self, image: Any) -> None:
        self._make_current(self._ratio(image, self.current))

    def correct(
        self, prediction: Any, squared: bool = False, last: bool = False, in_place: bool = False
    ) -> Any:
        estimate = self.current
        if squared:
            estimate = estimate * self.xp.abs(estimate)
        estimate = self._positive(estimate * prediction)
        self._make_current(estimate)
        if last:
            self.current = None
        return estimate

    def extrapolate(self, estimate: Any, before: Any, step: float) -> Any:
        return self._make_current(self._positive((estimate - before) * step + estimate))

    def first_estimate(self) -> Any:
        return self._make_current(self._positive(self.current))

    def compare_and_keep(self, image: Any) -> Any:
        prediction = self.current
        self.compare(image)
        return prediction

    def square_change(self, prediction: Any) -> Any:
        change = self.current - 1.0
        self.settle(change)
        self._make_current(change * change * prediction)
        return change

    def square_residual(self, prediction: Any, image: Any) -> Any:
        before, residual = self.current, self._ratio(image, prediction) - 1.0
        self._make_current(residual * residual * prediction)
        return before

    def weigh(self, estimate: Any, change: Any, asked: Any) -> tuple[Any, Any]:
        excess = asked / self._at_least(self.current, _LEAST) - 1.0
        weight = self._limited(excess * _STEEPNESS + 0.5, 0.0, 1.0)
        self.settle(weight)
        return self._make_current(self._positive((change * weight + 1.0) * estimate)), weight

    def follow(self, estimate: Any, weight: Any) -> Any:
        change = (self.current - 1.0) * weight + 1.0
        return self._make_current(self._positive(change * estimate))

    def _make_current(self, volume: Any) -> Any:
        self.settle(volume)
        self.current = volume
        return volume

    def _ratio(self, image: Any, blurred: Any) -> Any:
        below = self.xp.where(blurred == 0, _EPSILON, blurred)
        return self._limited(image / below + _EPSILON, -_LARGEST, _LARGEST)

    def _positive(self, volume: Any) -> Any:
        return self._at_least(volume, 0.0)

    def _at_least(self, volume: Any, least: float) -> Any:
        return self.xp.maximum(volume, least)

    def _limited(self, volume: Any, least: float, most: float) -> Any:
        return self.xp.clip(volume, least, most)

    def _product(self, a: Any, b: Any) -> float:
        """Rows are added up on the device, their sums in double precision, which few GPUs have."""
        return float(np.asarray((a * b).sum(2)).sum(dtype=np.float64))


def trial(deconvolve: Callable[..., np.ndarray]) -> str | None:
    """Compare a small deconvolution on a device with that of scipy."""
    volume = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8) % 50
    plan = DeconvolutionPlan(RadialOtf(np.ones((5, 8)), 1.0, 1.0), (1.0, 1.0, 1.0), iterations=3)
    out = deconvolve(volume, plan, not_cancelled, no_progress)
    expected = CpuEngine(1, fft=ScipyFft).deconvolve(volume, plan)
    if np.allclose(out, expected, rtol=1e-4, atol=1e-3):
        return None
    return "The GPU computes wrong values in a small trial: use the engine cpu"
