"""Contrast: limits from what is seen, set anew only when a step changes the range of the values."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

Limits = tuple[float, float]

CHANGE = 2.0  # a range that is so many times as wide, or as narrow, needs other limits
_NOTICEABLE = 1.1  # by less than that, no step changed the range
_MOST = 300_000  # voxels that are looked at
_EMPTY = 0.01  # share of the voxels from which on the value of a corner means no data
_RARE = 0.05  # share of the voxels below which data are a few spots
_FAR = 3.0  # times the distance of the quartiles, beyond which a ratio is no ratio
_SPARSE = 0.1  # share of the range below which all but a thousandth is background


def contrast_limits(pixels: np.ndarray) -> Limits:
    """Limits that show data (z, y, x) well, whatever part of it is empty.

    All but the darkest and brightest voxels are between them; of a few bright spots on a dark
    background, the spots. Zeros, and the value with which empty corners are filled, do not count.

    Examples
    --------
    >>> plane = np.zeros((1, 100, 100))
    >>> plane[0, 40:80, 40:80] = np.linspace(200, 800, 1600).reshape(40, 40)
    >>> low, high = contrast_limits(plane)
    >>> 200 < low < 220 and 780 < high < 801
    True
    """
    everything = _sample(pixels)
    everything = everything[np.isfinite(everything)]
    sample = _data(everything, _ends(pixels))
    if not sample.size:
        return 0.0, 1.0
    low, middle, high = (float(value) for value in np.percentile(sample, (1.0, 50.0, 99.9)))
    # The brightest voxel of all may be a fault of the camera.
    rank = min(4, 1 + sample.size // 10_000)
    top = float(np.partition(sample, -rank)[-rank])
    if high - middle < _SPARSE * (top - middle):
        high = top
    if sample.size < _RARE * everything.size:
        low = float(everything.min())  # spots on nothing: not their own faintest part
    return (low, high) if high > low else (low, low + 1.0)


def without_tails(pixels: np.ndarray) -> np.ndarray:
    """Ratios without what small divisors make of them: cut far from where most of them lie.

    Examples
    --------
    >>> without_tails(np.array([[[1.0, 2.0, 3.0, 1e12]]])).max() < 1000
    True
    """
    sample = _sample(pixels)
    sample = sample[np.isfinite(sample) & (sample != 0)]
    if not sample.size:
        return pixels
    first, middle, third = np.percentile(sample, (25.0, 50.0, 75.0))
    # Where a quarter of them is at the far end, the distance to the near one is what counts.
    reach = _FAR * min(third - first, 2 * (middle - first) or np.inf)
    return np.clip(pixels, middle - reach, middle + reach) if reach > 0 else pixels


def has_content(volume: np.ndarray) -> bool:
    """Return whether a volume is more than a stand-in for one that could not be had."""
    sample = volume[volume.shape[0] // 2]
    return bool(np.nan_to_num(sample).any())


def _sample(pixels: np.ndarray) -> np.ndarray:
    """Some of the voxels, evenly spaced."""
    axes = sum(n > 1 for n in pixels.shape) or 1
    step = max(math.ceil((pixels.size / _MOST) ** (1 / axes)), 1)
    return pixels[::step, ::step, ::step]


def _ends(pixels: np.ndarray) -> set[float]:
    """Values of the corners."""
    corners = pixels[np.ix_(*((0, -1) if n > 1 else (0,) for n in pixels.shape))]
    return {float(value) for value in corners.flat}


def _data(values: np.ndarray, ends: set[float]) -> np.ndarray:
    """All but the values that mean that there are no data; all if nothing is left."""
    data = values
    for empty in {0.0, *ends}:
        is_empty = data == empty
        if np.count_nonzero(is_empty) > _EMPTY * values.size:
            data = data[~is_empty]
    return data if data.size else values


def _differ(one: Limits, other: Limits, factor: float) -> bool:
    """Return whether limits for one range show little of the other, or it takes little of them."""
    both = max(one[1], other[1]) - min(one[0], other[0])
    return both > factor * min(one[1] - one[0], other[1] - other[0])


class Contrast:
    """Looks after the contrast limits of a layer; those of raw and processed data apart.

    Limits that the person chose stay, as those that were set here do, until steps change the range
    of the values by more than `CHANGE`.
    """

    def __init__(self) -> None:
        self._work: Hashable = None  # what was done to the pixels seen last
        self._previewed = False  # of what was done, only a preview was seen so far
        self._raw: bool | None = None
        self._limits: Limits | None = None  # as they were set, or seen, last
        self._range: Limits = (0.0, 1.0)  # of the pixels when they were set
        self._last_range: Limits = (0.0, 1.0)  # of the pixels seen last
        self._stand_in = True  # set from a preview or a blank: the result may need others
        self._apart: dict[bool, tuple[Limits, Limits]] = {}  # raw or not: limits, range

    def update(
        self, layer: Any, before: np.ndarray, now: np.ndarray, work: Hashable, stand_in: bool
    ) -> bool:
        """Look at the pixels that take the place of others; True if the limits were set anew.

        ``work`` names what was done to them; ``stand_in`` tells that they are but a preview.
        """
        self.note_choice(layer)
        stand_in = stand_in or not has_content(now)
        if work == self._work and not (self._stand_in or self._previewed):
            return False
        first, self._work, self._previewed = self._work is None, work, stand_in
        self._last_range = present = contrast_limits(now)
        if first or self._stand_in:
            self._set(layer, present, present, stand_in)
            return False
        past = contrast_limits(before)
        if has_content(before) and not _differ(past, present, _NOTICEABLE):
            return False
        if stand_in and not has_content(now):
            return False
        if not _differ(self._range, present, CHANGE):
            return False
        self._set(layer, present, present, stand_in)
        return True

    def turn(self, layer: Any, raw: bool) -> None:
        """Raw data take the place of processed ones, or the other way round."""
        self.note_choice(layer)
        if self._raw is not None and raw != self._raw and self._limits is not None:
            self._apart[self._raw] = self._limits, self._range
            if raw in self._apart:
                self._set(layer, *self._apart[raw], self._stand_in)
        self._raw = raw

    def reset(self, layer: Any, pixels: np.ndarray) -> None:
        """Set the limits from what is seen."""
        self._last_range = present = contrast_limits(pixels)
        self._set(layer, present, present, stand_in=False)

    def fits(self, pixels: np.ndarray) -> bool:
        """Return whether no step changed the range of the values too much for the limits."""
        return not (has_content(pixels) and _differ(self._range, contrast_limits(pixels), CHANGE))

    def note_choice(self, layer: Any) -> None:
        """Limits that are others than were set are the person's, for the range seen last."""
        limits = _of(layer)
        if self._limits is not None and limits != self._limits:
            self._limits, self._range, self._stand_in = limits, self._last_range, False

    def _set(self, layer: Any, limits: Limits, of_range: Limits, stand_in: bool) -> None:
        layer.contrast_limits = limits
        self._limits, self._range, self._stand_in = _of(layer), of_range, stand_in


def _of(layer: Any) -> Limits:
    low, high = layer.contrast_limits
    return float(low), float(high)
