"""Background: the counts of a camera where there is no sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.estimate._recorded import recorded
from napari_lazy_pipeline.image import Shape

_COUNTS = 64  # what varies by less, and is of a type with fractions, is not in counts of a camera


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
        known = recorded(stack.spec.volume, _distances(stack.spec.shape))
        for c, name in enumerate(names):
            counts[name] = estimate_background(stack.read(stack.t, c), known)
            stack.advance((c + 1) / len(names))
        several = ", ".join(f"{name}: {value:g}" for name, value in counts.items())
        one = counts[names[0]]
        words = f"{one:g} counts" if len(names) == 1 else f"these counts: {several}"
        return Estimate(
            {"value": counts if len(names) > 1 else one},
            f"Most voxels have {words}",
            f"time point {stack.t}, every second pixel of up to 32 planes",
        )


def _distances(shape: Sequence[int]) -> Shape:
    """Distance (z, y, x) of the voxels that are looked at."""
    return max(shape[0] // 32, 1), 2, 2


def estimate_background(volume: np.ndarray, known: np.ndarray | None = None) -> float:
    """Find the value that most voxels (z, y, x) without a sample have: the top of the histogram.

    It is taken among the darker three quarters of every second pixel of up to 32 planes, of those
    that are ``known`` to be recorded, to a whole count; of small numbers, which are no counts, to a
    part of their range. Planes, rows and
    columns of nothing but zeros, as beside the smaller frame of another camera, were not recorded.
    A `GeometryError` is raised if there is not a single finite voxel.
    """
    step, *_ = _distances(volume.shape)
    part = volume[::step, ::2, ::2]
    seen = np.isfinite(part) if known is None else np.isfinite(part) & known
    for axis in range(3 if part[seen].any() else 0):
        others = tuple({0, 1, 2} - {axis})
        seen &= part.any(axis=others, keepdims=True, where=seen)
    sample = np.sort(part[seen].astype(np.float64))
    if not sample.size:
        raise GeometryError("The volume has no finite values", hint="Choose another time point")
    darker = sample[: max(sample.size * 3 // 4, 1)]
    low, span = float(darker[0]), float(darker[-1] - darker[0])
    width = max(span / 4096, 1.0)
    if volume.dtype.kind == "f" and 0 < span < _COUNTS:
        width = span / _COUNTS
    else:
        low = float(np.rint(low))
    histogram = np.bincount(np.rint((darker - low) / width).astype(int).clip(0))
    # Neighbours vote along: one count more or less is chance.
    votes = np.convolve(np.pad(histogram, 2), [1, 2, 3, 2, 1], mode="valid")
    return max(float(f"{low + width * int(votes.argmax()):.5g}"), 0.0)
