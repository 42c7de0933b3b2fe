"""Richardson-Lucy iterations: plain, accelerated, or with another back projector.

W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_lazy_pipeline.engines.array_fft import ArrayFft
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.engines.fast_method import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.psf import RadialOtf


def richardson_lucy(
    fft: ArrayFft,
    plan: DeconvolutionPlan,
    factors: tuple[Any, Any],
    image: Any,
    start: Any,
    progress: Callable[[float], object],
) -> Any:
    """Deconvolve a periodic volume with the constants and the order of cudaDecon.

    What a volume of pixels is, and a factor, is up to ``fft``. The image is not changed; the first
    estimate is the image itself, or another volume, which may be written over. ``progress`` is
    called with the finished fraction after each iteration.
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
    """How far to extrapolate: by as much as the last two changes agree.

    Unlike in cudaDecon, nothing is added to the norm: dim float images are accelerated as well.
    """
    return min(max(agreement / norm, 0.0), 1.0) if norm else 0.0
