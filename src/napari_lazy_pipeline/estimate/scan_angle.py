"""Scan angle: estimated from how neighbouring planes of a raw stack are displaced."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

from napari_lazy_pipeline.errors import Cancelled, GeometryError
from napari_lazy_pipeline.image import Scan, Triple
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StepKind

LAGS = 4  # neighbours of a plane that it is compared with
_LINES = 128  # lines of a plane that are used: more make it slower, not better
_STEP = 0.05  # of the search for the shear [pixel]
_FINE = 64  # parts of a pixel in which lines are compared
_BAND = (0.7, 3.0)  # sigmas of the Gaussians whose difference is what counts as detail [pixel]
_LOBE = 2.0  # shears this close to the best one belong to the same peak [pixel]

# Noise reaches about 5 deviations in a search this long, two beads in a thousand tries 8.
_DEVIATIONS = 10.0
_AHEAD = 1.3


@dataclass(frozen=True)
class ScanEstimate:
    """Scan of a raw stack, as far as its planes tell."""

    scans: tuple[Scan, ...]  # the angle for each meaning of the z step; none if it is unclear
    skew_axis: SkewAxis
    shear: float  # of each plane against the last [pixel]; negative as in `DeskewPlan`
    score: float  # how much neighbouring planes are alike once they are moved: 1 is the same
    clear: bool  # whether one displacement stands out
    reason: str  # a sentence: the result, or why the data do not tell


@dataclass(frozen=True)
class _Peak:
    """The best shear along one axis, and how far it stands out."""

    axis: SkewAxis
    shear: float
    score: float
    deviations: float
    second: float


def estimate_scan(
    volume: np.ndarray, voxel_size: Triple, cancelled: Callable[[], bool] = lambda: False
) -> ScanEstimate:
    """Find the shear that makes neighbouring planes (z, y, x) of a raw stack alike.

    Each plane is correlated with its next neighbours, line by line along y and along x (a slant
    stack). What the planes have in common moves on by the same distance from each to the next: the
    shear whose multiples meet the correlations of all neighbours best is the result. What does not
    move (the pattern of a camera, uneven light) is subtracted first; fine detail counts more than
    coarse, because the outline of a cell leans with the coverslip and not with the planes.
    Compare M. Guizar-Sicairos et al., Optics Letters 33, 156 (2008).
    """
    if volume.ndim != 3 or volume.shape[0] <= LAGS or min(volume.shape[1:]) < 16:
        raise GeometryError(
            f"A stack of shape {volume.shape} is too small to tell how it was scanned",
            hint=f"Use one of more than {LAGS} planes of at least 16 x 16 pixels",
        )
    peaks = [_peak(volume, axis, cancelled) for axis in ("x", "y")]
    best, other = sorted(peaks, key=lambda peak: peak.score, reverse=True)
    return _estimate(best, max(best.second, other.score), voxel_size)


def _estimate(best: _Peak, second: float, voxel_size: Triple) -> ScanEstimate:
    """Make the estimate of a peak, if it stands out."""
    scans: tuple[Scan, ...] = ()
    if best.deviations < _DEVIATIONS:
        reason = "Neighbouring planes have too little in common to estimate the angle"
    elif abs(best.shear) < 0.25:
        reason = "The planes do not shift: the stack is deskewed already, or not oblique"
    elif best.score < _AHEAD * second:
        reason = "Several shifts match about equally well: the angle is not clear"
    else:
        scans = scans_of(best.shear, best.axis, voxel_size)
        match = f"match {100 * best.score:.0f} %"
        reason = f"Planes shift {best.shear:.2f} px along {best.axis} ({match})"
    return ScanEstimate(scans, best.axis, best.shear, best.score, bool(scans), reason)


def scans_of(shear: float, skew_axis: SkewAxis, voxel_size: Triple) -> tuple[Scan, ...]:
    """The scans that displace consecutive planes by ``shear`` pixels; voxel size (z, y, x) [um].

    >>> [(round(scan.angle, 1), scan.step) for scan in scans_of(2.5, "x", (0.5, 0.1, 0.1))]
    [(60.0, 'stage'), (63.4, 'perpendicular')]
    """
    distance = abs(shear) * voxel_size["zyx".index(skew_axis)]
    angles: dict[StepKind, float] = {
        "stage": math.degrees(math.acos(min(distance / voxel_size[0], 1.0))),
        "perpendicular": math.degrees(math.atan2(voxel_size[0], distance)),
    }
    return tuple(
        Scan(math.copysign(angle, shear), skew_axis, step)
        for step, angle in angles.items()
        if angle >= 1
    )


def shear_of_line(
    start: tuple[float, float],
    end: tuple[float, float],
    voxel_size: Triple,
    skew_axis: SkewAxis,
) -> float:
    """Shear [pixel] that sets a line upright which leans in a raw stack, or a `GeometryError`.

    Its ends are (z, position along the skew axis) [um], z as it was recorded.

    >>> shear_of_line((0.0, 4.0), (3.0, 1.5), (0.3, 0.1, 0.1), "x")
    2.5
    """
    planes = (end[0] - start[0]) / voxel_size[0]
    if abs(planes) < 1:
        raise GeometryError("Draw the line across several planes")
    pixels = (end[1] - start[1]) / voxel_size["zyx".index(skew_axis)]
    return -pixels / planes


def _peak(volume: np.ndarray, axis: SkewAxis, cancelled: Callable[[], bool]) -> _Peak:
    """Find the shear along an axis that neighbouring planes agree on best."""
    lines = _lines(volume, axis)
    reach = math.floor(lines.shape[2] / 2 / LAGS / _STEP)
    shears = np.arange(-reach, reach + 1) * _STEP
    correlations = _correlations(lines, cancelled)
    scores = _scores(correlations, shears)
    best = float(shears[scores.argmax()])
    near = best + np.linspace(-_STEP, _STEP, 41)
    fine = _scores(correlations, near)
    rest = scores[np.abs(shears - best) > _LOBE]
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) if rest.size else 0.0
    top = float(fine.max())
    deviations = (top - float(np.median(rest))) / spread if spread > 0 else 0.0
    second = float(rest.max()) if rest.size else top
    return _Peak(axis, float(near[fine.argmax()]), top, deviations, second)


def _lines(volume: np.ndarray, axis: SkewAxis) -> np.ndarray:
    """Lines (z, line, pixel) along an axis, less what is the same in all planes."""
    planes = volume if axis == "x" else volume.swapaxes(1, 2)
    step = max(planes.shape[1] // _LINES, 1)
    lines: np.ndarray = planes[:, ::step].astype(np.float32)
    lines = np.nan_to_num(lines, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    lines -= lines.mean(axis=0)
    lines *= _taper(lines.shape[2])
    return lines


def _taper(length: int) -> np.ndarray:
    """Window that fades out the ends of a line: they are no detail."""
    from scipy.signal.windows import tukey  # which imports scipy.stats, too: the dock need not wait

    return np.asarray(tukey(length, 0.1), np.float32)


def _correlations(lines: np.ndarray, cancelled: Callable[[], bool]) -> list[np.ndarray]:
    """Correlation of planes 0, 1, ... apart, with lines this far apart [1 / _FINE pixel].

    Only detail counts, at all frequencies about equally. That lines overlap less the more they are
    moved is compensated, or all shears would come out too small.
    """
    length = fft.next_fast_len(2 * lines.shape[2], real=True)
    spectrum = fft.rfft(lines, length, axis=2)
    frequency = fft.rfftfreq(length)
    fine, coarse = (np.exp(-2 * (math.pi * sigma * frequency) ** 2) for sigma in _BAND)
    powers = []
    for lag in range(LAGS + 1):
        if cancelled():
            raise Cancelled
        first, second = spectrum[: len(spectrum) - lag], spectrum[lag:]
        power = np.einsum("zlf,zlf->f", first.conj(), second) / len(first)
        powers.append(power.astype(np.complex128))
    own = powers[0].real
    weight = (fine - coarse) ** 2 / np.sqrt(own + 1e-3 * own.max() + 1e-30)
    overlap = fft.irfft(np.abs(fft.rfft(_taper(lines.shape[2]), length)) ** 2, length * _FINE)
    overlap = np.maximum(overlap / overlap[0], 0.25)
    return [fft.irfft(power * weight, length * _FINE) / overlap for power in powers]


def _scores(correlations: list[np.ndarray], shears: np.ndarray) -> np.ndarray:
    """Score each shear by how well it aligns the planes: mean correlation with the neighbours."""
    total = correlations[0][0]
    scores = np.zeros(shears.size)
    if not total > 0:
        return scores
    for lag, correlation in enumerate(correlations[1:], start=1):
        # A shear of s moves the content by -s from each raw plane to the next.
        place = -lag * shears * _FINE
        scores += np.interp(
            place, np.arange(correlation.size), correlation, period=correlation.size
        )
    return scores / float(LAGS * total)
