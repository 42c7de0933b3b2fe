"""Background: the counts of a camera where there is no sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample


class Background(Estimator):
    """Estimates the background of each channel at the time point on screen."""

    kind: ClassVar[str] = "subtract_background"
    title: ClassVar[str] = "Estimate background"
    tooltip: ClassVar[str] = (
        "Set the background of each channel to the count that most voxels have; "
        "reads the time point on screen"
    )

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        names, counts = stack.spec.channels, dict[str, float]()
        for c, name in enumerate(names):
            counts[name] = estimate_background(stack.read(stack.t, c))
            stack.advance((c + 1) / len(names))
        several = ", ".join(f"{name}: {value:g}" for name, value in counts.items())
        one = counts[names[0]]
        words = f"{one:g} counts" if len(names) == 1 else f"these counts: {several}"
        return Estimate(
            {"value": counts if len(names) > 1 else one},
            f"Most voxels have {words}",
            f"time point {stack.t}, every second pixel of up to 32 planes",
        )


def estimate_background(volume: np.ndarray) -> float:
    """Find the counts that most voxels (z, y, x) without a sample have: the top of the histogram.

    It is taken among the darker three quarters, to a whole count. Planes, rows and columns of
    nothing but zeros, as beside the smaller frame of another camera, were not recorded. A
    `GeometryError` is raised if there is not a single finite voxel.
    """
    step = max(volume.shape[0] // 32, 1)
    part = volume[::step, ::2, ::2]
    for axis in range(3 if part.any() else 0):
        others = tuple({0, 1, 2} - {axis})
        part = part.compress(part.any(axis=others), axis=axis)
    sample = part.astype(np.float64).ravel()
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
