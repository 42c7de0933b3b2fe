"""Bleaching: how bright the sample is at each time point, against the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import ndimage

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.estimate._recorded import recorded

_BLOCK = 4  # pixels along y and x that are one value: noise is less, detail still there
_MOST_PLANES = 64  # of a volume that are looked at
_FEWEST = 64  # values that say something
_SPOTS = 1000  # of so many values the brightest is left out: single bright spots come and go
# Blocks are weighed with those beside them, along each axis: objects are larger than blocks, and
# noise is not. Weighing leaves a part of its variance, and makes neighbours vary together.
_BESIDE = (0.25, 0.5, 0.25)
_LEFT, _TOGETHER = 3 / 8, 35 / 18
_SURE = 4.0  # times its own error that the light has to be, or there is no sample
_TOLD = 0.005  # noise that makes more of what is left than this is told
_MISSING = 0.1  # part of the light that a background may be darker by; else it is none
_NEAR = 0.05  # of the bright values; what is darker is near 0
_DARK = 0.3  # of the brightness around; what is darker was not recorded as it should


class Bleaching(Estimator):
    """Estimates the brightness of the sample in each channel at each time point."""

    kind: ClassVar[str] = "bleach_correction"
    title: ClassVar[str] = "Measure brightness"
    tooltip: ClassVar[str] = (
        "Compare how far the sample stands out from the background at all time points; reads every "
        "time point and channel, and looks at up to 64 planes of each"
    )

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        times, names = stack.spec.times, stack.spec.channels
        if times < 2:
            raise GeometryError(
                "There is one time point", hint="Bleaching shows in two or more: open a time series"
            )
        brightness, background = dict[str, tuple[float, ...]](), dict[str, float]()
        sentences, bad = list[str](), set[int]()
        for c, name in enumerate(names):
            light, doubt, background[name] = _strengths(stack, c)
            usual = ndimage.median_filter(np.nan_to_num(light), 5, mode="nearest")
            dark = ~(light > _DARK * usual)  # also those that cannot be read
            t = np.arange(times)
            light = np.interp(t, t[~dark], light[~dark])
            brightness[name] = tuple(np.round(light / light[0], 5).tolist())
            bad |= set(np.flatnonzero(dark).tolist())
            left = brightness[name][-1]
            unsure = left * float(np.hypot(doubt[~dark][0], doubt[~dark][-1]))
            words = f" \u00b1 {unsure:.0%}" if unsure > _TOLD else ""
            sentences.append(f"{name}: {left:.0%}{words}")
        one = len(names) == 1
        return Estimate(
            {
                "brightness": brightness[names[0]] if one else brightness,
                "background": background[names[0]] if one else background,
            },
            f"Left at the last time point: {', '.join(sentences)}{_in_words(sorted(bad))}",
            f"up to {_MOST_PLANES} planes of every time point and channel",
        )


def _strengths(stack: StackSample, c: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Strength of the light (t) in each volume, NaN if it has none; and the background [counts].

    The second array is what part of the strength noise may make of it, as one standard deviation.

    It is the root of the sum of the squares of all that is above the background: proportional to
    the light, wherever the sample has moved to. Squares of noise are not in it, since the two
    factors of each are measured with different pixels.
    """
    times, background = stack.spec.times, None
    step = max(-(-stack.spec.shape[0] // _MOST_PLANES), 1)
    strength, doubt = np.full(times, np.nan), np.zeros(times)
    missing, inside = np.zeros(times), recorded(stack.spec.volume, (step, 1, 1))
    for t in range(times):
        stack.advance((c + t / times) / len(stack.spec.channels))
        try:
            halves = _blocks(stack.read(t, c)[::step], inside)
        except FileError:
            continue
        known = ~np.isnan(halves[0])
        if known.sum() < _FEWEST:
            continue
        share = _weighed(known.astype(float))[known]
        one, other = (_weighed(np.where(known, half, 0))[known] / share for half in halves)
        if background is None:
            background = _background(one, other, known)
        light = _Light.of(one, other, background, known)
        if light.is_sure:
            strength[t], doubt[t] = np.sqrt(light.total), light.error / (2 * light.total)
            missing[t] = light.missing
    if background is None or np.isnan(strength).all():
        raise GeometryError(
            f"Channel {stack.spec.channels[c]} has nothing brighter than its background",
            hint="Estimate after other steps, or type the brightness",
        )
    if np.median(missing[~np.isnan(strength)]) > _MISSING:
        raise GeometryError(
            f"No part of channel {stack.spec.channels[c]} is background at all time points",
            hint="Measure brightness where the picture shows some, or enter the brightness",
        )
    return strength, doubt, background


def _blocks(planes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Means of the pixels of blocks, of every other pixel and of those between (2, z, y, x).

    NaN where there are no data, and in blocks at their edge: steps that move voxels leave 0 there.
    Where there are zeros everywhere, or other values near them, they are values.
    """
    first = np.indices((_BLOCK, _BLOCK)).sum(axis=0) % 2 == 0
    blocks = _in_blocks(planes.astype(np.float64))
    halves = np.stack([blocks[..., half].mean(axis=-1) for half in (first, ~first)])
    known = np.isfinite(halves).all(axis=0) & _in_blocks(inside).all(axis=(3, 4))
    if not _are_values(planes):
        near_edge = ndimage.maximum_filter(planes == 0, (1, 3, 3))
        known &= halves.any(axis=0)
        inner = known & ~_in_blocks(near_edge).any(axis=(3, 4))
        known = inner if inner.sum() > known.sum() / 2 else known
    halves[:, ~known] = np.nan
    return halves


def _are_values(planes: np.ndarray) -> bool:
    """Whether zeros are as dark as the darkest of the others, as where a background was subtracted.

    Where they are not, an offset of the camera is in all that was recorded.
    """
    some = planes[:, ::_BLOCK, ::_BLOCK]
    others = some[np.isfinite(some) & (some != 0)]
    low, high = np.percentile(others, (5, 99)) if others.size else (1, 1)
    return bool(low < _NEAR * high)


def _in_blocks(planes: np.ndarray) -> np.ndarray:
    """Parts of planes (z, y, x) as blocks (z, y, x, y in it, x in it)."""
    height, width = (n // _BLOCK * _BLOCK for n in planes.shape[1:])
    cut = planes[:, :height, :width]
    shape = len(planes), height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK
    return cut.reshape(shape).swapaxes(2, 3)


def _weighed(blocks: np.ndarray) -> np.ndarray:
    for axis in range(blocks.ndim):
        blocks = ndimage.correlate1d(blocks, _BESIDE, axis, mode="nearest")
    return blocks


@dataclass(frozen=True)
class _Light:
    """What stands out from a background: the sum of its squares."""

    total: float
    error: float  # what noise may make of that, as one standard deviation
    missing: float  # part of the total that is darker than the background

    @property
    def is_sure(self) -> bool:
        return self.total > _SURE * self.error

    @classmethod
    def of(cls, one: np.ndarray, other: np.ndarray, level: float, known: np.ndarray) -> _Light:
        """That of both measures of blocks, which are those of a volume that are ``known``."""
        kept = np.argsort(one + other)[: len(one) - -(-len(one) // _SPOTS)]
        products = ((one - level) * (other - level))[kept]
        noise = (one - other)[kept] ** 2 / 2  # variance of either
        axes = np.count_nonzero(np.array(known.shape) > 1)
        of_light = 2 * np.sum(noise * products.clip(0)) / _LEFT**axes
        error = np.sqrt(of_light + len(kept) * noise.mean() ** 2 * _TOGETHER**axes)
        total, darker = products.sum(), products[(one + other)[kept] < 2 * level].sum()
        return cls(float(total), float(error), float(darker / total) if total > 0 else 0.0)


def _background(one: np.ndarray, other: np.ndarray, known: np.ndarray) -> float:
    """The value that most blocks have, or else most of those that are darker than it.

    Where the sample fills most of the picture, most blocks are its own: then light is missing.
    """
    values = (one + other) / 2
    while True:
        level = _level(values)
        values = values[values < level]
        light = _Light.of(one, other, level, known)
        if not (light.is_sure and light.missing > _MISSING and len(values) > _FEWEST):
            return level


def _level(values: np.ndarray) -> float:
    """The background: the middle of the quarter of the values that lie closest together."""
    values = np.sort(values)
    count = max(len(values) // 4, 1)
    start = int((values[count - 1 :] - values[: len(values) - count + 1]).argmin())
    return float(np.median(values[start : start + count]))


def _in_words(bad: list[int]) -> str:
    """What is said of bad time points."""
    if not bad:
        return ""
    several = ", ".join(map(str, bad[:6])) + (" and more" if len(bad) > 6 else "")
    points = f"Time point {several} is" if len(bad) == 1 else f"Time points {several} are"
    return f". {points} dark or missing, and taken from the neighbours"
