"""Phase correlation: by how much one image is moved against another, to a fraction of a pixel.

References: M. Guizar-Sicairos et al., Optics Letters 33, 156 (2008), for the refinement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

_SMOOTH = 1.0  # pixel; what is finer is mostly noise
_TAPER = 16  # pixel; over which images fade towards their edges
_FINE = 50  # parts of a pixel to which the top is found
_WIDE = 3  # pixel; how far a top reaches
_LEAST = 8  # pixel; images that overlap by less tell nothing


@dataclass(frozen=True, eq=False)
class ImageShift:
    """By how much an image has to be moved to lie on another.

    Attributes
    ----------
    distance
        Along each axis [pixel].
    deviations
        How many robust spreads the correlation there is above that elsewhere: noise reaches 6.
    ahead
        By what factor it is above all that is further away along an axis, for each axis: 1 where
        structures repeat, or go on, along it. inf where nothing is so far away.
    """

    distance: np.ndarray
    deviations: float
    ahead: np.ndarray


def find_shift(moving: np.ndarray, reference: np.ndarray) -> ImageShift:
    """Find the shift that lays a moving image on another of the same shape.

    What is exactly 0 at the edges, as beside a deskewed volume, and what is not finite, has no
    say. The second look is at the parts only that show the same.
    """
    first = _shift(moving, reference)
    whole = np.rint(first.distance).astype(int)
    moved, still = [], []
    for by, n in zip(whole.tolist(), moving.shape, strict=True):
        if n - abs(by) < min(_LEAST, n):
            return first
        moved.append(slice(max(-by, 0), n - max(by, 0)))
        still.append(slice(max(by, 0), n + min(by, 0)))
    second = _shift(moving[tuple(moved)], reference[tuple(still)])
    return ImageShift(second.distance + whole, second.deviations, first.ahead)


def _shift(moving: np.ndarray, reference: np.ndarray) -> ImageShift:
    a, b = (fft.fftn(_prepared(image)) for image in (moving, reference))
    power = b * a.conj()
    size = np.abs(power)
    power /= size + 1e-3 * size.mean() + 1e-30
    frequencies = [fft.fftfreq(n) for n in power.shape]
    for axis, frequency in enumerate(frequencies):
        weight = np.exp(-2 * (np.pi * _SMOOTH * frequency) ** 2)
        power *= weight.reshape([-1 if i == axis else 1 for i in range(power.ndim)])
    correlation = fft.ifftn(power).real
    middle = float(np.median(correlation))
    spread = 1.4826 * float(np.median(np.abs(correlation - middle)))
    top = np.array(np.unravel_index(int(correlation.argmax()), correlation.shape))
    half = np.array(correlation.shape) // 2
    rough = (top + half) % correlation.shape - half
    height = float(correlation.max()) - middle
    deviations = height / spread if spread > 0 else 0.0
    ahead = np.array([_ahead(correlation - middle, top, axis) for axis in range(top.size)])
    return ImageShift(_refined(power, frequencies, rough), deviations, ahead)


def _ahead(correlation: np.ndarray, top: np.ndarray, axis: int) -> float:
    """By what factor the top is above all that is further away along an axis, round the edges."""
    n = correlation.shape[axis]
    away = np.abs((np.arange(n) - top[axis] + n // 2) % n - n // 2) > _WIDE
    others = correlation.compress(away, axis=axis)
    return float(correlation.max() / max(others.max(), 1e-30)) if others.size else np.inf


def _prepared(image: np.ndarray) -> np.ndarray:
    """The image without its mean, faded out where its data end."""
    known = np.isfinite(image) & (image != 0)
    inner = np.pad(np.logical_or.reduce([_between(known, k) for k in range(image.ndim)]), 1)
    depth = ndimage.distance_transform_edt(inner)[(slice(1, -1),) * image.ndim]
    taper = np.minimum(depth / max(min(_TAPER, min(image.shape) / 4), 1), 1)
    window = np.sin(np.pi / 2 * taper) ** 2
    values = np.where(np.isfinite(image), image, 0).astype(np.float64)
    total = float(window.sum())
    mean = float((values * window).sum()) / total if total else 0.0
    return np.asarray((values - mean) * window)


def _between(known: np.ndarray, axis: int) -> np.ndarray:
    """What lies on a line between two pixels that have data."""
    after = np.logical_or.accumulate(known, axis=axis)
    before = np.flip(np.logical_or.accumulate(np.flip(known, axis), axis=axis), axis)
    return np.asarray(after & before)


def _refined(power: np.ndarray, frequencies: list[np.ndarray], rough: np.ndarray) -> np.ndarray:
    """The top of the correlation near a pixel, which is worked out between the pixels."""
    fine = power
    places = []
    for frequency, near, n in zip(frequencies, rough, power.shape, strict=True):
        at = near + np.linspace(-1, 1, 2 * _FINE + 1) * (n > 1)
        places.append(at)
        waves = np.exp(2j * np.pi * at[:, None] * frequency)
        fine = np.tensordot(fine, waves, axes=(0, 1))  # the axis that is done comes last
    top = np.unravel_index(int(fine.real.argmax()), fine.shape)
    return np.array([at[k] for at, k in zip(places, top, strict=True)])
