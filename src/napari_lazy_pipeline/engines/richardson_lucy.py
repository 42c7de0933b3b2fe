"""Richardson-Lucy iterations: plain, accelerated, or with another back projector.

References
----------
W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997). M. Guo et al., Nature Biotechnology
38, 1337 (2020), on back projectors that do not match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_lazy_pipeline.engines.array_fft import ArrayFft
from napari_lazy_pipeline.engines.back_projector import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.psf.radial_otf import RadialOtf


def richardson_lucy(
    fft: ArrayFft,
    image: Any,
    otf: Any,
    back_projectors: Sequence[Any],
    accelerated: bool,
    progress: Callable[[float], object],
    start: Any = None,
) -> Any:
    """Deconvolve a periodic volume with the constants and the order of cudaDecon.

    Parameters
    ----------
    fft
        Computes everything; what is a volume of pixels, and a factor, is up to it.
    image
        The volume of pixels; not changed.
    otf
        Factor that blurs.
    back_projectors
        One factor for each iteration, at least 1; None for the conjugate of the OTF, which is
        that of Richardson and Lucy. A correction by another one is squared.
    accelerated
        Whether to extrapolate, from the third iteration on.
    progress
        Called with the finished fraction after each iteration.
    start
        The first estimate; may be written over. None for the image itself.

    Returns
    -------
    estimate
        Like the image.
    """
    change = before = None
    prediction = estimate = image if start is None else start
    fft.begin(prediction)
    iterations = len(back_projectors)
    for done, factor in enumerate(back_projectors, start=1):
        fft.filter(otf)
        fft.compare(image)
        fft.filter(otf if factor is None else factor, conjugate=factor is None)
        last = done == iterations
        if last or not accelerated:
            in_place = prediction is not image
            estimate = prediction = fft.correct(prediction, factor is not None, last, in_place)
        else:
            # Names are bound so that each volume is let go of before the next is made.
            before, extrapolated = estimate, done >= 2
            estimate, change, *sums = fft.accelerate(prediction, change, extrapolated)
            prediction = estimate
            if extrapolated:
                prediction = fft.extrapolate(estimate, before, _step(*sums))
        progress(done / iterations)
    return estimate


def _step(agreement: float, norm: float) -> float:
    """How far to extrapolate: by as much as the last two changes agree.

    Unlike in cudaDecon, nothing is added to the norm: dim float images are accelerated as well.
    """
    return min(max(agreement / norm, 0.0), 1.0) if norm else 0.0


def back_projectors_of(plan: DeconvolutionPlan) -> list[RadialOtf | None]:
    """What each iteration of a plan goes back with; None for the conjugate of the OTF.

    The last one of the method ``fast`` matches: it brings back the light that the others lose
    or add.
    """
    if plan.method == "fast":
        return [back_projector(plan.otf)] * FAST_ITERATIONS + [None]
    return [None] * plan.iterations
