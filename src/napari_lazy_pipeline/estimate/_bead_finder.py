"""Bead finder: places of small bright spots, to a fraction of a voxel."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_lazy_pipeline.image import Triple

# um (z, y, x): noise below the first is smoothed, light that varies over more than the second is
# background, and of spots nearer to each other than the third the brightest counts.
_FINE, _COARSE, _APART = (0.2, 0.1, 0.1), (1.0, 0.5, 0.5), (0.8, 0.4, 0.4)
_SIGNIFICANT = 8.0  # robust spreads of the background
_FAINTEST = 0.05  # of the bright ones
_BRIGHT = 20  # of them
MOST = 500  # more tell nothing new


def find_beads(volume: np.ndarray, voxel_size: Triple) -> np.ndarray:
    """Find places (n, 3) of bright spots in a volume (z, y, x), the brightest first [um].

    A spot is a local maximum of the volume without its background; the parabolas through the
    logarithms of it and its neighbours give its place, exactly so for a Gaussian. Spots on the
    border are left out; values that are not finite are taken as dark.
    """
    image = np.nan_to_num(volume.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    fine, coarse = (np.divide(size, voxel_size) for size in (_FINE, _COARSE))
    detail = ndimage.gaussian_filter(image, fine) - ndimage.gaussian_filter(image, coarse)
    middle = float(np.median(detail))
    spread = 1.4826 * float(np.median(np.abs(detail - middle)))
    around = [2 * max(1, round(a / v)) + 1 for a, v in zip(_APART, voxel_size, strict=True)]
    peaks = detail == ndimage.maximum_filter(detail, size=around)
    peaks &= detail > middle + _SIGNIFICANT * spread
    for axis, n in enumerate(detail.shape):
        if n > 2:
            peaks[(slice(None),) * axis + ([0, -1],)] = False
    places = np.argwhere(peaks)
    heights = detail[peaks]
    order = np.argsort(-heights, kind="stable")[:MOST]
    bright = float(np.median(heights[order[:_BRIGHT]])) if len(order) else 0.0
    places = places[order[heights[order] > _FAINTEST * bright]]
    return np.asarray((places + _offsets(detail, places)) * voxel_size)


def _offsets(detail: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Offsets (n, 3) of the spots from the voxels of their maxima [voxel]."""
    offsets, tiny = np.zeros(places.shape), np.float32(1e-6)
    for axis, n in enumerate(detail.shape):
        if n < 3:
            continue
        step = np.eye(3, dtype=int)[axis]
        before, at, after = (
            np.log(np.maximum(detail[tuple((places + k * step).T)], tiny)) for k in (-1, 0, 1)
        )
        bend = np.minimum(before - 2 * at + after, -tiny)
        offsets[:, axis] = np.clip(0.5 * (before - after) / bend, -0.6, 0.6)
    return offsets
