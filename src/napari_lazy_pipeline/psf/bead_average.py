"""Bead average: a PSF from a stack of many beads, and how large the beads are.

Beads are bright maxima, as far from each other and from the edges as the PSF reaches. Each is cut
out, moved to its centre by a fraction of a voxel, and brought to the same height; the PSF is their
median, which neither neighbours nor dirt move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.errors import Cancelled, PsfError
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.image.curve import Curve
from napari_lazy_pipeline.psf.bead_profile import axis_profile, fit_gaussian, profile_curve
from napari_lazy_pipeline.psf.psf_file import read_image
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing

# Size of the PSF that is made (z, y, x) [um], unless it is stated: some times what lenses of
# NA 0.5 to 1.1 make of a point.
SIZE = (6.0, 4.0, 4.0)
# Bright is so many times the robust spread of the background above it.
_SIGNIFICANT = 8.0
_SMOOTH = 0.15  # um; as wide as noise is smoothed before maxima are looked for
_MOST = 400  # beads; more tell nothing new
_FEWEST = 3
# A bead is set aside if its height or a width is so many robust spreads from the median.
_UNUSUAL = 4.0
_SLAB = 16  # planes that are searched at a time
_SAMPLE = 1_000_000  # voxels; as many tell what the background is
_SEARCH = 0.4  # of the work
_FILLED = 0.1, 0.95  # of all voxels have one value: those have no data

_Length = Annotated[float, Field(ge=0, le=100)]
_Size = Annotated[float, Field(gt=0, le=100)]


class BeadStack(BaseModel):
    """A stack of beads in a file, and how large the PSF of them shall be."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: Annotated[
        str,
        Field(
            title="Bead stack",
            description="TIFF of one volume (z, y, x) with many separate beads, deskewed.",
            json_schema_extra={"format": "path"},
        ),
    ] = ""
    voxel_size: Annotated[
        tuple[_Length, _Length, _Length],
        Field(
            title="Voxel size",
            description="Spacing of the bead stack along z, y and x; 0: as its file states.",
            json_schema_extra={"step": 0.01, "zero": "file"},
        ),
        Unit("µm"),
    ] = (0.0, 0.0, 0.0)
    size: Annotated[
        tuple[_Size, _Size, _Size],
        Field(
            title="Size of the PSF",
            description="Extent along z, y and x. Beads nearer to each other are left out.",
            json_schema_extra={"step": 0.5},
        ),
        Unit("µm"),
    ] = SIZE

    def average(
        self,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> BeadAverage:
        """Read the file and make a PSF of its beads (see `average_beads`)."""
        if not self.path:
            raise PsfError("No bead stack is chosen", hint="Choose a TIFF file with many beads")
        size = psf_spacing(self.path, self.voxel_size)
        volume = read_image(self.path).squeeze()
        try:
            return average_beads(volume, size, self.size, cancelled, progress)
        except PsfError as error:
            raise PsfError(error.what, str(Path(self.path)), error.hint) from error


@dataclass(frozen=True, eq=False)
class BeadAverage:
    """What was made of a bead stack.

    Attributes
    ----------
    psf
        float32 (z, y, x), without background, of height 1, its centre in the middle voxel.
    voxel_size
        (z, y, x) [um].
    centres
        (beads, 3) [voxel], of those that were used.
    widths
        (beads, 3) full widths at half maximum of each bead along z, y, x [um], by a Gaussian fit.
    found
        How many maxima there were, used or not.
    """

    psf: np.ndarray
    voxel_size: Triple
    centres: np.ndarray
    widths: np.ndarray
    found: int

    @property
    def width(self) -> Triple:
        """Median width along z, y and x [um]."""
        z, y, x = (float(w) for w in np.median(self.widths, axis=0))
        return z, y, x

    @property
    def spread(self) -> Triple:
        """Robust standard deviation of the widths along z, y and x [um]."""
        z, y, x = (1.4826 * float(np.median(np.abs(w - np.median(w)))) for w in self.widths.T)
        return z, y, x

    def table(self) -> list[tuple[str, str, str]]:
        """Axis, width and its spread among beads, as text [um]."""
        rows = zip("zyx", self.width, self.spread, strict=True)
        return [(axis, f"{width:.3f}", f"{spread:.3f}") for axis, width, spread in rows]

    @cached_property
    def average_width(self) -> tuple[float | None, ...]:
        """Widths of the averaged PSF along z, y and x [um]: larger where centring was poor."""
        steps = enumerate(self.voxel_size)
        fits = ((fit_gaussian(axis_profile(self.psf, axis), step), step) for axis, step in steps)
        return tuple(None if fit is None else fit.width(step) for fit, step in fits)

    @cached_property
    def profiles(self) -> Curve:
        """The averaged PSF along z, y and x, as dots, and the Gaussians that fit it best."""
        return profile_curve(self.psf, self.voxel_size, len(self.widths))


def average_beads(
    stack: np.ndarray,
    voxel_size: Triple,
    size: Triple = SIZE,
    cancelled: Callable[[], bool] = not_cancelled,
    progress: Callable[[float], None] = no_progress,
) -> BeadAverage:
    """Make a PSF from the beads of a stack.

    Parameters
    ----------
    stack
        (z, y, x) of any real type, not skewed.
    voxel_size
        (z, y, x) [um].
    size
        Extent of the PSF (z, y, x) [um]: beads nearer to each other are not used.

    Raises
    ------
    PsfError
        If there are fewer than three beads that can be used.
    Cancelled
        As soon as ``cancelled`` returns true.

    Examples
    --------
    >>> stack = np.zeros((40, 60, 60))
    >>> stack[20, [15, 15, 45], [15, 45, 30]] = 1000
    >>> stack = ndimage.gaussian_filter(stack, (2, 1.3, 1.3))
    >>> average_beads(stack, (0.1, 0.1, 0.1), (2.0, 2.0, 2.0)).psf.shape
    (21, 21, 21)
    """
    if stack.ndim != 3 or stack.dtype.kind not in "uif":
        raise PsfError(f"A bead stack is one volume (z, y, x), not {stack.dtype} {stack.shape}")
    reach = tuple(max(3, round(s / v / 2)) for s, v in zip(size, voxel_size, strict=True))
    found = _maxima(stack, voxel_size, reach, cancelled, lambda done: progress(_SEARCH * done))
    chosen = _apart(found, reach, stack.shape)[:_MOST]
    cuts, centres, widths = [], [], []
    for number, place in enumerate(chosen):
        if cancelled():
            raise Cancelled
        progress(_SEARCH + (1 - _SEARCH) * number / len(chosen))
        cut = _cut(stack, place, reach)
        fit = _gaussian_fit(cut, voxel_size)
        if fit is None:
            continue
        offset, width = fit
        height = cut.max()
        cuts.append(_centred(cut, offset) / height)
        centres.append(place + offset)
        widths.append(width)
    if len(cuts) < _FEWEST:
        raise PsfError(
            f"Only {len(cuts)} of {len(found)} bright spots can be used as beads",
            hint="They have to be bright, alone within the size of the PSF, and off the edges",
        )
    usual = _usual(np.array(widths))
    psf = np.median(np.array(cuts)[usual], axis=0).astype(np.float32)
    psf /= psf.max()
    progress(1.0)
    return BeadAverage(
        psf, voxel_size, np.array(centres)[usual], np.array(widths)[usual], len(found)
    )


def _maxima(
    stack: np.ndarray,
    voxel_size: Triple,
    reach: tuple[int, ...],
    cancelled: Callable[[], bool],
    progress: Callable[[float], None],
) -> np.ndarray:
    """Places (n, 3) of bright local maxima, the brightest first."""
    sigma = [_SMOOTH / v for v in voxel_size]
    near = tuple(2 * max(1, r // 4) + 1 for r in reach)

    def smoothed(part: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(part.astype(np.float32), sigma))

    smooth = np.empty(stack.shape, np.float32)
    for start, slab in _slabs(stack, int(4 * sigma[0] + 1), smoothed, cancelled):
        progress(start / len(stack))
        smooth[start : start + len(slab)] = slab
    middle, spread = _background(smooth)
    places = np.argwhere(smooth > middle + _SIGNIFICANT * max(spread, 1e-6))
    found = _largest_around(smooth, places, near)
    progress(1.0)
    brightest = np.argsort(-smooth[tuple(found.T)], kind="stable")
    return np.asarray(found[brightest])


def _background(smooth: np.ndarray) -> tuple[float, float]:
    """Level and robust spread of the background, of voxels that have data.

    Where a stack was deskewed, many voxels are filled with one value.
    """
    every = max(1, round((smooth.size / _SAMPLE) ** (1 / 3)))
    sample = smooth[::every, ::every, ::every].ravel()
    values, counts = np.unique(sample.round(3), return_counts=True)
    most = int(counts.argmax())
    if _FILLED[0] < counts[most] / sample.size < _FILLED[1]:
        sample = sample[sample.round(3) != values[most]]
    middle = float(np.median(sample))
    return middle, 1.4826 * float(np.median(np.abs(sample - middle)))


def _largest_around(volume: np.ndarray, places: np.ndarray, near: tuple[int, ...]) -> np.ndarray:
    """Those places (n, 3) that are the brightest of a box of this size around them."""
    reach, last = np.floor_divide(near, 2), np.subtract(volume.shape, 1)
    steps = np.argwhere(np.ones(near, bool)) - reach
    # The nearest first: they leave few places to be looked at further.
    for step in steps[np.argsort((steps**2).sum(axis=1), kind="stable")]:
        around = np.clip(places + step, 0, last)
        places = places[volume[tuple(places.T)] >= volume[tuple(around.T)]]
    return places


def _centred(cut: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Move what lies beside the middle by an offset [voxel] there, by cubic splines."""
    moved = ndimage.spline_filter(cut, 3, output=np.float32)
    for axis, shift in enumerate(offset.tolist()):
        distance = np.abs(shift - np.arange(-4, 5))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = (2 - distance).clip(0) ** 3 / 6
        moved = ndimage.correlate1d(moved, np.where(distance < 1, near, far), axis, mode="mirror")
    return np.asarray(moved)


def _slabs(
    volume: np.ndarray,
    halo: int,
    work: Callable[[np.ndarray], np.ndarray],
    cancelled: Callable[[], bool],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first plane, and what a filter that reaches so far makes of a few planes."""
    for start in range(0, len(volume), _SLAB):
        if cancelled():
            raise Cancelled
        first = max(start - halo, 0)
        made = work(volume[first : start + _SLAB + halo])
        yield start, made[start - first : start - first + min(_SLAB, len(volume) - start)]


def _apart(places: np.ndarray, reach: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Those whose surroundings are whole and hold no other maximum."""
    inside = ((places >= reach) & (places < np.subtract(shape, reach))).all(axis=1)
    alone = np.array(
        [(np.abs(places - one) <= reach).all(axis=1).sum() == 1 for one in places], bool
    )
    return places[inside & alone] if len(places) else places


def _cut(stack: np.ndarray, place: np.ndarray, reach: tuple[int, ...]) -> np.ndarray:
    """Surroundings of a place, without background."""
    window = tuple(slice(p - r, p + r + 1) for p, r in zip(place, reach, strict=True))
    cut = stack[window].astype(np.float32)
    faces = [cut[0].ravel(), cut[-1].ravel(), cut[:, 0].ravel(), cut[:, -1].ravel()]
    cut -= np.float32(np.median(np.concatenate(faces)))
    return cut


def _gaussian_fit(cut: np.ndarray, voxel_size: Triple) -> tuple[np.ndarray, np.ndarray] | None:
    """Offset of the bead from the middle [voxel] and widths [um]; None if it is no bead."""
    offset, widths = np.empty(3), np.empty(3)
    for axis, step in enumerate(voxel_size):
        fit = fit_gaussian(axis_profile(cut, axis), step)
        if fit is None:
            return None
        offset[axis], widths[axis] = fit.centre, fit.width(step)
    return offset, widths


def _usual(widths: np.ndarray) -> np.ndarray:
    """Beads none of whose widths is unusual: no clusters, no dust."""
    middle = np.median(widths, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(widths - middle), axis=0), 0.02 * middle)
    return np.asarray((np.abs(widths - middle) < _UNUSUAL * spread).all(axis=1))
