"""Bead profile: how bright a bead is along an axis, and the Gaussian that fits it best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.image.curve import Curve, Series

_FWHM = 2.3548
_SIGMA = 0.3  # um, of the first guess
_FURTHEST = 2  # voxels of the centre from the middle
_POINTS = 201  # of the line of a fit


@dataclass(frozen=True)
class GaussianFit:
    """A Gaussian on a constant base."""

    height: float
    centre: float  # [voxel] from the middle
    sigma: float  # [voxel]
    base: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at some places [voxel] from the middle."""
        return _gauss(x, self.height, self.centre, self.sigma, self.base)

    def width(self, step: float) -> float:
        """Full width at half maximum, where voxels are so far apart."""
        return _FWHM * self.sigma * step


def axis_profile(bead: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the 3 x 3 lines through the middle of a bead (z, y, x), along an axis."""
    others = tuple(slice(n // 2 - 1, n // 2 + 2) for i, n in enumerate(bead.shape) if i != axis)
    lines = np.moveaxis(bead, axis, 0)[(slice(None), *others)]
    return np.asarray(lines.mean(axis=(1, 2)))


def fit_gaussian(profile: np.ndarray, step: float) -> GaussianFit | None:
    """Fit a profile whose voxels are so far apart [um]; None if it is not that of a bead.

    Examples
    --------
    >>> x = np.arange(-10, 11)
    >>> fit = fit_gaussian(5 + 100 * np.exp(-((x - 0.5) ** 2) / 8), 0.1)
    >>> round(fit.centre, 3), round(fit.sigma, 3), round(fit.width(0.1), 3)
    (0.5, 2.0, 0.471)
    """
    middle = len(profile) // 2
    x = np.arange(len(profile)) - middle
    start = (float(profile.max()), 0.0, _SIGMA / step, 0.0)
    fit = optimize.least_squares(
        lambda p: _gauss(x, *p) - profile,
        start,
        lambda p: _slopes(x, *p),
        method="lm",
        max_nfev=200,
    )
    height, centre, sigma, base = (float(value) for value in fit.x)
    found = GaussianFit(height, centre, abs(sigma), base)
    good = fit.success and height > 0 and abs(centre) <= _FURTHEST and 0.3 < found.sigma < middle
    return found if good else None


def _gauss(x: np.ndarray, height: float, centre: float, sigma: float, base: float) -> np.ndarray:
    return np.asarray(height * np.exp(-(((x - centre) / sigma) ** 2) / 2) + base)


def _slopes(x: np.ndarray, height: float, centre: float, sigma: float, base: float) -> np.ndarray:
    """Derivatives of `_gauss` by height, centre, sigma and base."""
    distance = (x - centre) / sigma
    bell = np.exp(-(distance**2) / 2)
    along = height * bell * distance / sigma
    return np.stack([bell, along, along * distance, np.ones_like(bell)], axis=1)


def profile_curve(psf: np.ndarray, voxel_size: Triple, beads: int) -> Curve:
    """Plot the profiles of an averaged PSF (z, y, x) along its axes, and a fit of each."""
    dots, lines = dict[str, Series](), dict[str, Series]()
    for axis, (name, step) in enumerate(zip("zyx", voxel_size, strict=True)):
        profile = axis_profile(psf, axis)
        x, fit = np.arange(len(profile)) - len(profile) // 2, fit_gaussian(profile, step)
        base, height = (0.0, float(profile.max())) if fit is None else (fit.base, fit.height)
        dots[name] = x * step, (profile - base) / height
        if fit is not None:
            fine = np.linspace(x[0], x[-1], _POINTS)
            lines[name] = fine * step, (fit(fine) - base) / height
    title = f"Mean profiles of {beads} beads, and Gaussian fits"
    return Curve(title, "Distance (µm)", "Brightness (peak = 1)", lines, dots)
