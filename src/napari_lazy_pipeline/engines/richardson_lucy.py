"""Richardson-Lucy iterations: plain, accelerated, or with another back projector.

References
----------
W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972). L. B. Lucy, Astron. J. 79, 745 (1974).
D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997). M. Guo et al., Nature Biotechnology
38, 1337 (2020), on back projectors that do not match.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from napari_lazy_pipeline.engines.back_projector import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.psf.radial_otf import RadialOtf

# Constants of cudaDecon.
EPSILON = np.float32(1.1920929e-07)
LARGEST_RATIO = np.float32(10)


class VolumeFft(Protocol):
    """Fourier transforms of a periodic volume, and the arithmetic of an iteration between them.

    Volumes of pixels are float32 arrays, not negative, in whatever library and layout the
    transforms want; so are the factors that a spectrum is multiplied by. One volume at a time is
    worked on: the `current` one.
    """

    @abstractmethod
    def begin(self, pixels: Any) -> None:
        """Make the first prediction the current volume; it is not changed."""

    @abstractmethod
    def filter(self, factor: Any, conjugate: bool = False) -> None:
        """Multiply the spectrum of the current volume by a factor, or by its conjugate."""

    @abstractmethod
    def compare(self, image: Any) -> None:
        """Make the ratio of the image to the current volume, limited, the current volume."""

    @abstractmethod
    def correct(self, prediction: Any, squared: bool, last: bool, in_place: bool) -> Any:
        """Multiply the prediction by the current volume: the estimate, and the new current volume.

        Parameters
        ----------
        prediction
            What is corrected.
        squared
            Whether by the square of the current volume, which keeps its sign.
        last
            Whether no other iteration follows: there need be no current volume any more.
        in_place
            Whether the estimate may be written over the prediction.
        """

    @abstractmethod
    def accelerate(
        self, prediction: Any, change: Any, extrapolated: bool
    ) -> tuple[Any, Any, float, float]:
        """Correct as `correct` does, and compare what was changed with the iteration before.

        Parameters
        ----------
        prediction
            What is corrected.
        change
            By what the last prediction was; may be written over. None in the first iteration.
        extrapolated
            Whether `extrapolate` follows: there need be no current volume before.

        Returns
        -------
        estimate, change
            Volumes of pixels.
        agreement, norm
            Sums of the products of the last change with this one, and with itself.
        """

    @abstractmethod
    def extrapolate(self, estimate: Any, before: Any, step: float) -> Any:
        """Go on from the estimate before to this one and beyond: the new current volume."""


def richardson_lucy(
    fft: VolumeFft,
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
        Computes everything.
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
