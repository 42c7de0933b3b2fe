"""Bleaching: how bright the sample is at each time point, against the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy import ndimage

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample

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
    strength, doubt = np.full(times, np.nan), np.zeros(times)
    for t in range(times):
        stack.advance((c + t / times) / len(stack.spec.channels))
        try:
            halves = _blocks(stack, t, c)
        except FileError:
            continue
        known = ~np.isnan(halves[0])
        count = int(known.sum())
        if count < _FEWEST:
            continue
        share = _weighed(known.astype(float))[known]
        one, other = (_weighed(np.where(known, half, 0))[known] / share for half in halves)
        background = _level((one + other) / 2) if background is None else background
        kept = np.argsort(one + other)[: count - -(-count // _SPOTS)]
        products = ((one - background) * (other - background))[kept]
        total = products.sum()
        noise = (one - other)[kept] ** 2 / 2  # variance of either
        axes = np.count_nonzero(np.array(known.shape) > 1)
        of_light = 2 * np.sum(noise * products.clip(0)) / _LEFT**axes
        error = np.sqrt(of_light + len(kept) * noise.mean() ** 2 * _TOGETHER**axes)
        if total > _SURE * error:
            strength[t], doubt[t] = np.sqrt(total), error / (2 * total)
    if background is None or np.isnan(strength).all():
        raise GeometryError(
            f"Channel {stack.spec.channels[c]} has nothing brighter than its background",
            hint="Estimate after other steps, or type the brightness",
        )
    return strength, doubt, background


def _blocks(stack: StackSample, t: int, c: int) -> np.ndarray:
    """Means of the pixels of blocks, of every other pixel and of those between (2, z, y, x).

    NaN where there are no data, and in blocks at their edge: steps that move voxels leave 0 there.
    Where there are zeros everywhere, they are values.
    """
    planes = stack.read(t, c)[:: max(-(-stack.spec.shape[0] // _MOST_PLANES), 1)]
    near_edge = ndimage.maximum_filter(planes == 0, (1, 3, 3))
    first = np.indices((_BLOCK, _BLOCK)).sum(axis=0) % 2 == 0
    blocks = _in_blocks(planes.astype(np.float64))
    halves = np.stack([blocks[..., half].mean(axis=-1) for half in (first, ~first)])
    known = np.isfinite(halves).all(axis=0) & halves.any(axis=0)
    inner = known & ~_in_blocks(near_edge).any(axis=(3, 4))
    halves[:, ~(inner if inner.sum() > known.sum() / 2 else known)] = np.nan
    return halves


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
