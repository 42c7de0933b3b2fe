"""Gradient consensus: Richardson-Lucy iterations that end, voxel by voxel, where noise begins.

What an iteration asks of a voxel is followed as far as it is more than the noise in the image
would ask by chance. J. Manton and A. York (https://zenodo.org/records/10278919) split the counts by
a coin, and follow what both halves agree on. The mean over all coins can be written down: the
square of the change that is asked for, less its variance, both blurred twice. The variance is that
of H. White, Econometrica 48, 817 (1980), from what is left of the image after the prediction: it
takes no gain and no noise of the camera, and holds for data that were resampled, too. Both are
multiplied by the prediction, or what is dark would drown in the rounding errors of float32 what is
bright.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft as transforms

from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft
from napari_lazy_pipeline.image import Shape

# Later ones sharpen beyond what a measured PSF is good for, with few photons or many.
ITERATIONS = 18
# What is followed changes slowly: it is asked for in every second iteration.
EVERY = 2


def consensus_lucy(
    fft: ArrayFft, factors: tuple[Any, Any, Any], image: Any, progress: Callable[[float], object]
) -> Any:
    """Deconvolve a periodic volume from a flat start; the image is not changed.

    The last iteration is a plain one: it brings back light that was not followed.
    """
    otf, twice, noise = factors
    fft.begin(image)
    fft.filter(otf, conjugate=True)
    # What the first iteration makes of a flat estimate, whatever its level.
    estimate, weight = fft.first_estimate(), None
    for done in range(2, ITERATIONS + 1):
        last = done == ITERATIONS
        fft.filter(otf)
        if done % EVERY == 0 and not last:
            weight = None  # its memory is needed
            prediction = fft.compare_and_keep(image)
            fft.filter(otf, conjugate=True)
            change = fft.square_change(prediction)
            fft.filter(twice)
            asked = fft.square_residual(prediction, image)
            fft.filter(noise)
            estimate, weight = fft.weigh(estimate, change, asked)
        else:
            fft.compare(image)
            fft.filter(otf, conjugate=True)
            if last:
                estimate = fft.correct(estimate, last=True, in_place=True)
            else:
                estimate = fft.follow(estimate, weight)
        progress(done / ITERATIONS)
    return estimate


def blur_twice(grid: np.ndarray) -> np.ndarray:
    """Make what blurs a volume and blurs it back of an OTF on its grid, in place."""
    grid *= np.conj(grid)
    return grid


def blur_noise(grid: np.ndarray, shape: Shape) -> np.ndarray:
    """Make what turns squared residuals into the variance of a change, blurred twice.

    ``grid`` is the OTF on the grid of a volume of that shape, and is written over.
    """
    psf = transforms.irfftn(grid, shape)
    psf *= psf
    factor: np.ndarray = transforms.rfftn(psf, overwrite_x=True)
    del psf
    np.conjugate(factor, out=factor)
    factor *= grid
    factor *= np.conjugate(grid, out=grid)
    return factor
