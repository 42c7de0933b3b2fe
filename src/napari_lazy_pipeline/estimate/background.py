"""Background: the counts of a camera where there is no sample."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.errors import GeometryError


def estimate_background(volume: np.ndarray) -> float:
    """Find the counts that most voxels (z, y, x) without a sample have: the top of the histogram.

    It is taken among the darker three quarters, to a whole count. A `GeometryError` is raised if
    there is not a single finite voxel.
    """
    step = max(volume.shape[0] // 32, 1)
    sample = volume[::step, ::2, ::2].astype(np.float64).ravel()
    sample = np.sort(sample[np.isfinite(sample)])
    if not sample.size:
        raise GeometryError("The volume has no finite values", hint="Choose another time point")
    counts = np.rint(sample[: max(sample.size * 3 // 4, 1)])
    low = counts[0]
    width = max((counts[-1] - low) / 4096, 1.0)
    histogram = np.bincount(((counts - low) / width).astype(int))
    # Neighbours vote along: one count more or less is chance.
    votes = np.convolve(np.pad(histogram, 2), [1, 2, 3, 2, 1], mode="valid")
    return float(max(low + width * int(votes.argmax()), 0.0))
