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
_SURE = 4.0  # times its own error that the light has to be, or there is no sample
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
            light, background[name] = _strengths(stack, c)
            usual = ndimage.median_filter(np.nan_to_num(light), 5, mode="nearest")
            dark = ~(light > _DARK * usual)  # also those that cannot be read
            t = np.arange(times)
            light = np.interp(t, t[~dark], light[~dark])
            brightness[name] = tuple(np.round(light / light[0], 5).tolist())
            bad |= set(np.flatnonzero(dark).tolist())
            sentences.append(f"{name}: {brightness[name][-1]:.0%}")
        one = len(names) == 1
        return Estimate(
            {
                "brightness": brightness[names[0]] if one else brightness,
                "background": background[names[0]] if one else background,
            },
            f"Left at the last time point: {', '.join(sentences)}{_in_words(sorted(bad))}",
            f"up to {_MOST_PLANES} planes of every time point and channel",
        )


def _strengths(stack: StackSample, c: int) -> tuple[np.ndarray, float]:
    """Strength of the light (t) in each volume, NaN if it has none; and the background [counts].

    It is the root of the sum of the squares of all that is above the background: proportional to
    the light, wherever the sample has moved to. Squares of noise are not in it, since the two
    factors of each are measured with different pixels.
    """
    times, background = stack.spec.times, None
    strength = np.full(times, np.nan)
    for t in range(times):
        stack.advance((c + t / times) / len(stack.spec.channels))
        try:
            halves = _blocks(stack, t, c)
        except FileError:
            continue
        count = halves.shape[1]
        if count < _FEWEST:
            continue
        both = halves.mean(axis=0)
        background = _level(both) if background is None else background
        kept = np.argsort(both)[: count - -(-count // _SPOTS)]
        products = np.prod(halves[:, kept] - background, axis=0)
        total, error = products.sum(), products.std() * np.sqrt(len(kept))
        strength[t] = np.sqrt(total) if total > _SURE * error else np.nan
    if background is None or np.isnan(strength).all():
        raise GeometryError(
            f"Channel {stack.spec.channels[c]} has nothing brighter than its background",
            hint="Estimate after other steps, or type the brightness",
        )
    return strength, background


def _blocks(stack: StackSample, t: int, c: int) -> np.ndarray:
    """Means of the pixels of blocks, of every other pixel and of those between (2, block).

    Blocks where there are no data are left out, and those at their edge: steps that move voxels
    leave 0 there. Where there are zeros everywhere, they are values.
    """
    planes = stack.read(t, c)[:: max(-(-stack.spec.shape[0] // _MOST_PLANES), 1)]
    near_edge = ndimage.maximum_filter(planes == 0, (1, 3, 3))
    first = np.indices((_BLOCK, _BLOCK)).sum(axis=0) % 2 == 0
    blocks = _in_blocks(planes.astype(np.float64))
    halves = np.stack([blocks[:, half].mean(axis=1) for half in (first, ~first)])
    known = np.isfinite(halves).all(axis=0) & halves.any(axis=0)
    inner = known & ~_in_blocks(near_edge).any(axis=(1, 2))
    return halves[:, inner if inner.sum() > known.sum() / 2 else known]


def _in_blocks(planes: np.ndarray) -> np.ndarray:
    """Parts of planes (z, y, x) as blocks (block, y, x)."""
    height, width = (n // _BLOCK * _BLOCK for n in planes.shape[1:])
    cut = planes[:, :height, :width]
    rows = cut.reshape(-1, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).swapaxes(2, 3)
    return rows.reshape(-1, _BLOCK, _BLOCK)


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
