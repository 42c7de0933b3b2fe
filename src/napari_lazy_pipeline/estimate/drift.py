"""Drift: how far the sample has moved at each time point, estimated from projections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import fft, ndimage, sparse
from scipy.sparse import csgraph, linalg

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.image import Shape

_BAND = (1.0, 8.0)  # sigmas of the Gaussians whose difference is detail [voxel]
_PLANES = 8  # of a volume in which a pattern can be told from the sample
_DEEP = 12  # planes; in fewer, most of what moves along z leaves the volume
_LARGEST = 512  # pixels along an axis of a projection: larger ones are binned
_BEFORE = (1, 2)  # time points back that each is compared with, besides the first
_ALIKE = 0.65  # of the usual likeness; a time point that is less like all others is bad
_LEAST = 0.45  # likeness that two pictures of noise do not reach
_CONFIRMED = 1.0  # voxel; so near to the rest are comparisons that agree with them
_SURE, _FEWEST = 0.7, 2  # part and number of the comparisons that confirm a way that is sure
_ONE = ". Unsure: the brightest objects move without the rest"
_ROUNDS = 20  # of the robust fit
_TOLERANCE = 0.25  # voxel; differences beyond it count less and less

# The axes (z, y, x) that a projection keeps.
_VIEWS = ((1, 2), (0, 2), (0, 1))


class Drift(Estimator):
    """Estimates the drift of the sample from projections of one channel, at all time points."""

    kind: ClassVar[str] = "drift"
    title: ClassVar[str] = "Estimate drift"
    tooltip: ClassVar[str] = (
        "Compare the projections of each time point with those of the first and of the two before; "
        "reads the channel on screen at all time points"
    )

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        if stack.spec.times < 2:
            raise GeometryError(
                "There is one time point", hint="Drift needs two or more: open a time series"
            )
        voxel = stack.spec.voxel_size  # refused here, before anything is read, while it is unknown
        links, even, blank = _links(stack)
        way, bad, doubt = _positions(stack.spec.times, links, blank)
        doubt = doubt or _contradicted(way, bad, even, blank)
        planes = stack.spec.shape[0]
        if 1 < planes < _DEEP:
            way[:, 0] = 0.0
            doubt += f". Not measured along z: {planes} planes are too few"
        way *= np.multiply(_bins(stack.spec.shape), voxel)
        drift = np.round(way, 4) + 0.0
        largest = float(np.linalg.norm(drift, axis=1).max())
        channel = stack.spec.channels[stack.c]
        return Estimate(
            {"drift": tuple(map(tuple, drift.tolist()))},
            f"Channel {channel} drifts by up to {largest:.3g} µm{_in_words(bad)}{doubt}",
            f"projections of channel {channel}, all {stack.spec.times} time points",
        )


@dataclass(frozen=True)
class _Link:
    """How far the content moves between two time points (z, y, x) [pixel], and how surely."""

    first: int
    second: int
    way: np.ndarray
    likeness: float


def _links(stack: StackSample) -> tuple[list[_Link], list[_Link], list[int]]:
    """Compare each time point with others; also those that cannot be read, or are blank.

    The second ones are of the same details, all of them as bright as the usual ones are.
    """
    kept: dict[int, list[np.ndarray]] = {}
    links, even, bad, reference = list[_Link](), list[_Link](), list[int](), None
    for t in range(stack.spec.times):
        views = _views(stack, t)
        if views is None:
            bad.append(t)
        else:
            kept = {k: one for k, one in kept.items() if k == reference or t - k <= max(_BEFORE)}
            for k, one in kept.items():
                links.append(_Link(k, t, *_movement(one, views)))
                even.append(
                    _Link(k, t, *_movement(*([*map(_even, seen)] for seen in (one, views))))
                )
            kept[t] = views
            reference = t if reference is None else reference
        stack.advance((t + 1) / stack.spec.times)
    if reference is None:
        raise GeometryError(
            f"Channel {stack.spec.channels[stack.c]} shows nothing at any time point",
            hint="Show another channel, or estimate after other steps",
        )
    return links, even, bad


def _views(stack: StackSample, t: int) -> list[np.ndarray] | None:
    """Detail in the projections along z, y and x; None if there is none, or a bad file."""
    try:
        pixels = stack.read(t, stack.c).astype(np.float32)
    except FileError:
        return None
    pixels = np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    sample = pixels[:: max(len(pixels) // 32, 1), ::2, ::2]
    seen = sample[sample != 0]
    if not seen.size:
        return None
    # What does not move must not count: the edges of a deskewed block in empty voxels, and the
    # pattern of a camera, which is the same in all planes.
    pixels = np.maximum(pixels, np.median(seen))
    if len(pixels) >= _PLANES:
        pixels -= np.percentile(pixels[:: max(len(pixels) // 32, 1)], 25, axis=0)
    smooth = ndimage.uniform_filter(pixels, 3, mode="nearest")
    bins = _bins(stack.spec.shape)
    views = [
        _detail(_binned(smooth.max(axis=axis), [bins[a] for a in axes]))
        for axis, axes in enumerate(_VIEWS)
    ]
    return views if any(view.any() for view in views) else None


def _bins(shape: Shape) -> list[int]:
    """How many voxels of a large volume become one (z, y, x)."""
    return [-(-n // _LARGEST) for n in shape]


def _binned(image: np.ndarray, factors: list[int]) -> np.ndarray:
    """The means of blocks of an image."""
    (height, width), (p, q) = image.shape, factors
    cut = image[: height // p * p, : width // q * q]
    return np.asarray(cut.reshape(height // p, p, width // q, q).mean(axis=(1, 3), dtype=float))


def _detail(image: np.ndarray) -> np.ndarray:
    """What is fine in an image; 0 if there is nothing."""
    fine, coarse = (
        ndimage.gaussian_filter(image, [min(sigma, n / 6) for n in image.shape], mode="nearest")
        for sigma in _BAND
    )
    detail = np.asarray(fine - coarse)
    return np.where(np.abs(detail).max() > 1e-6 * np.abs(image).max(), detail, 0.0)


def _even(detail: np.ndarray) -> np.ndarray:
    """Detail cut off at what a quarter of it reaches: no object outweighs the others."""
    most = np.percentile(np.abs(detail), 75)
    return detail.clip(-most, most)


def _movement(before: list[np.ndarray], after: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """How far the content moves (z, y, x) [pixel], and how alike it is then, up to 1."""
    total, weight, alike = np.zeros(3), np.full(3, 1e-12), []
    for axes, one, other in zip(_VIEWS, before, after, strict=True):
        if min(one.shape) > 1:
            way, likeness = _shift(one, other)
            sure = max(likeness, 1e-3) ** 2
            total[list(axes)] += sure * way
            weight[list(axes)] += sure
            alike.append(likeness)
    return total / weight, float(np.mean(alike)) if alike else 0.0


def _shift(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, float]:
    """How far the second image is moved against the first [pixel], and how alike they are then.

    To whole pixels from all of them, then to fractions from what both show.
    """
    whole = np.rint(_peak(one, other)).astype(int)
    whole = np.clip(whole, -(np.array(one.shape) - 2), np.array(one.shape) - 2)
    here, there = _overlap(one, whole), _overlap(other, -whole)
    rest = np.clip(_peak(here, there, reach=2), -1.5, 1.5)
    norm = np.sqrt(np.sum(here**2) * np.sum(there**2))
    moved = ndimage.shift(there, -rest, order=1, mode="nearest")
    return whole + rest, float(np.sum(here * moved) / norm) if norm > 0 else 0.0


def _overlap(image: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The part of an image that is still in view once it has moved so far."""
    return image[
        tuple(
            slice(max(-w, 0), n - max(w, 0)) for w, n in zip(way.tolist(), image.shape, strict=True)
        )
    ]


def _peak(one: np.ndarray, other: np.ndarray, reach: int | None = None) -> np.ndarray:
    """Where two images correlate best [pixel], to a fraction; compare Guizar-Sicairos 2008."""
    from scipy.signal.windows import tukey  # which imports scipy.stats, too: the dock need not wait

    windows = [tukey(n + 2, 0.2)[1:-1] for n in one.shape]
    window = windows[0][:, None] * windows[1]
    size = [fft.next_fast_len(2 * n, real=True) for n in one.shape]
    spectra = [fft.rfft2(image * window, size) for image in (one, other)]
    found = fft.fftshift(fft.irfft2(spectra[0].conj() * spectra[1], size))
    centre = np.array(size) // 2
    margin = [min(n // 2 if reach is None else reach, n - 1) for n in one.shape]
    cut = [slice(c - m, c + m + 1) for c, m in zip(centre, margin, strict=True)]
    near = found[tuple(cut)]
    top = np.array(np.unravel_index(int(near.argmax()), near.shape))
    return np.subtract(top, margin) + [_parabola(near, top, axis) for axis in (0, 1)]


def _parabola(values: np.ndarray, top: np.ndarray, axis: int) -> float:
    """Where the parabola through the maximum and its neighbours along an axis has its own."""
    line = values[tuple(slice(None) if a == axis else int(top[a]) for a in (0, 1))]
    k = int(top[axis])
    if not 0 < k < len(line) - 1:
        return 0.0
    left, middle, right = (float(v) for v in line[k - 1 : k + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0


def _positions(times: int, links: list[_Link], bad: list[int]) -> tuple[np.ndarray, list[int], str]:
    """Positions (t, 3) [voxel] that agree with the links best, from the first one on; bad ones.

    Links that disagree with the others count less and less. Bad time points are those that are like
    no other one: they get what lies between their neighbours. Also says if it is not sure.
    """
    best = np.zeros(times)
    for link in links:
        for t in (link.first, link.second):
            best[t] = max(best[t], link.likeness)
    good = [t for t in range(times) if t not in bad]
    usual = float(np.median(best[good])) if good else 0.0
    known = np.array([t for t in good if best[t] >= max(_ALIKE * usual, _LEAST)], int)
    known, links = _connected(known, links)
    found, off = _robust_fit(known, links) if len(known) > 1 else (np.zeros((0, 3)), np.zeros(0))
    # So many comparisons make a way, whatever they show: the others tell whether it is one.
    spare = len(links) - (len(known) - 1)
    confirmed = np.count_nonzero(off < _CONFIRMED) - (len(known) - 1)
    if len(known) < 2 or confirmed < spare / 2:
        raise GeometryError(
            "The time points have too little in common to tell how the sample moves",
            hint="Show another channel, or estimate after other steps",
        )
    sure = confirmed >= max(_SURE * spare, _FEWEST)
    doubt = "" if sure else ". Unsure: too few time points confirm each other"
    every = np.arange(times)
    way = np.stack([np.interp(every, known, found[:, axis]) for axis in range(3)], axis=1)
    return way - way[0], sorted({*range(times)} - {*known.tolist()}), doubt


def _contradicted(way: np.ndarray, bad: list[int], even: list[_Link], blank: list[int]) -> str:
    """Say that the sample does not move as its brightest objects do; empty: it does."""
    try:
        other, worse, _ = _positions(len(way), even, blank)
    except GeometryError:
        return _ONE
    both = sorted({*range(len(way))} - {*bad} - {*worse})
    off = np.linalg.norm(way[both] - other[both], axis=1)
    return _ONE if off.max(initial=0.0) > _CONFIRMED else ""


def _connected(known: np.ndarray, links: list[_Link]) -> tuple[np.ndarray, list[_Link]]:
    """The most time points that links lead from one to the other, and the links of these."""
    links = [one for one in links if {one.first, one.second} <= {*known.tolist()}]
    ends = [one.first for one in links], [one.second for one in links]
    size = int(known.max(initial=-1)) + 1
    _, group = csgraph.connected_components(
        sparse.csr_array((np.ones(len(links)), ends), (size, size))
    )
    known = known[group[known] == np.bincount(group[known]).argmax()] if known.size else known
    return known, [one for one in links if one.first in known]


def _robust_fit(known: np.ndarray, links: list[_Link]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (t, 3) of the known time points, and how far off each link is [voxel].

    Least squares, weighted anew each round.
    """
    place = {int(t): i for i, t in enumerate(known)}
    rows = np.arange(len(links)).repeat(2)
    columns = np.array([place[t] for link in links for t in (link.second, link.first)])
    signs = np.tile([1.0, -1.0], len(links))
    # The last row keeps the first position where it is.
    rows, columns, signs = np.r_[rows, len(links)], np.r_[columns, 0], np.r_[signs, 1.0]
    design = sparse.csr_array((signs, (rows, columns)))
    ways = np.array([*(link.way for link in links), np.zeros(3)])
    sure = np.array([*(max(link.likeness, 0.01) for link in links), 1.0]) ** 2
    weights = sure
    for _ in range(_ROUNDS):
        weighted = design.T.multiply(weights).tocsr()
        found = np.asarray(linalg.spsolve((weighted @ design).tocsc(), weighted @ ways))
        off = np.linalg.norm(design @ found - ways, axis=1)
        weights = sure / (1 + (off / _TOLERANCE) ** 2)
    return found, off[:-1]


def _in_words(bad: list[int]) -> str:
    """What is said of bad time points."""
    if not bad:
        return ""
    several = ", ".join(map(str, bad[:6])) + (" and more" if len(bad) > 6 else "")
    points = f"Time point {several} is" if len(bad) == 1 else f"Time points {several} are"
    return f". {points} unlike the others, and taken from the neighbours"
