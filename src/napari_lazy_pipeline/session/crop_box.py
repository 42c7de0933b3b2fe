"""Cropping: which voxels a box in the sample keeps, and where in a pipeline its crop belongs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps.crop import Crop

Extent = tuple[float, float]
Range = tuple[int, int]
Ranges = tuple[Range, Range, Range]


def crop_bounds(spec: VolumeSpec, box: Sequence[Extent | None]) -> Ranges:
    """Voxels whose centre lies inside a box, as (start, stop) along z, y and x for a `Crop`.

    Parameters
    ----------
    spec
        The volume.
    box
        Lowest and highest position along z, y and x [um], in any order; None for all there is.
        What reaches beyond the volume is cut off.

    Raises
    ------
    GeometryError
        If the box lies outside the volume, or between the centres of two voxels.

    Examples
    --------
    >>> spec = VolumeSpec((10, 20, 30), voxel_size=(0.5, 0.1, 0.1))
    >>> crop_bounds(spec, (None, (0.25, 0.75), (-1, 1.05)))
    ((0, 0), (3, 8), (0, 11))
    """
    ranges = [
        (0, 0) if extent is None else _inside(spec, axis, *sorted(extent))
        for axis, extent in enumerate(box)
    ]
    return cast(Ranges, tuple(ranges))


def _inside(spec: VolumeSpec, axis: int, low: float, high: float) -> Range:
    """Voxels along one axis whose centre lies at ``low`` or above, and below ``high``."""
    name, length = "zyx"[axis], spec.shape[axis]
    first, last = extents(spec, ((0, 0),) * 3)[axis]
    if not (low < last and high > first):
        raise GeometryError(
            f"The box lies outside the volume: along {name} it goes from {low:.2f} to "
            f"{high:.2f} µm, the volume from {first:.2f} to {last:.2f} µm",
            hint="Draw it over the picture",
        )
    start, stop = (
        min(max(_ceil((end - spec.translate[axis]) / spec.spacing[axis]), 0), length)
        for end in (low, high)
    )
    if start >= stop:
        raise GeometryError(
            f"The box is smaller than a voxel along {name}", hint="Draw a larger one"
        )
    return start, stop


def _ceil(index: float) -> int:
    """The next whole number; what is whole but for rounding errors stays as it is."""
    nearest = round(index)
    return nearest if math.isclose(index, nearest, abs_tol=1e-9) else math.ceil(index)


def extents(spec: VolumeSpec, ranges: Sequence[Range]) -> tuple[Extent, Extent, Extent]:
    """Outer edges (z, y, x) of the voxels that a crop keeps [um]; the inverse of `crop_bounds`.

    Examples
    --------
    >>> spec = VolumeSpec((10, 20, 30), voxel_size=(0.5, 1.0, 1.0))
    >>> extents(spec, ((0, 0), (3, 8), (0, 11)))
    ((-0.25, 4.75), (2.5, 7.5), (-0.5, 10.5))
    """
    z, y, x = ranges
    edges = [
        tuple(origin + (end - 0.5) * size for end in ends)
        for ends, size, origin in zip(
            Crop(z=z, y=y, x=x).box(spec.shape), spec.spacing, spec.translate, strict=True
        )
    ]
    return cast(tuple[Extent, Extent, Extent], tuple(edges))


def ranges_of(crop: Crop) -> Ranges:
    """The bounds of a crop along z, y and x."""
    return crop.z, crop.y, crop.x


@dataclass(frozen=True)
class CropPlace:
    """Where a crop belongs in a pipeline: the index of the one there, or of where to insert one."""

    index: int
    exists: bool

    @classmethod
    def of(cls, pipeline: Pipeline, until: int | None = None) -> CropPlace:
        """Find the crop for a box that is drawn over the picture of the first ``until`` steps.

        The crop that made the picture smaller, if the last thing that was done to it was that;
        else the crop that comes next, even if it is off; else a new one.

        Examples
        --------
        >>> from napari_lazy_pipeline.steps import Crop, Deskew
        >>> steps = Pipeline(steps=[Deskew(angle=31.5), Crop(enabled=False)])
        >>> CropPlace.of(steps), CropPlace.of(steps, until=0)
        (CropPlace(index=1, exists=True), CropPlace(index=0, exists=False))
        """
        steps = pipeline.steps
        count = len(steps) if until is None else min(until, len(steps))
        before = _crops(steps, range(count - 1, -1, -1))
        crops = before or _crops(steps, range(count, len(steps)))
        if not crops:
            return cls(count, exists=False)
        return cls(next((i for i in crops if steps[i].enabled), crops[0]), exists=True)

    def put(self, pipeline: Pipeline, ranges: Ranges) -> Pipeline:
        """Return the pipeline with a crop to these bounds at this place, switched on."""
        bounds = dict(zip("zyx", ranges, strict=True))
        if self.exists:
            step = pipeline.steps[self.index].replace(**bounds, enabled=True)
            return pipeline.replace_step(self.index, step)
        steps = list(pipeline.steps)
        steps.insert(self.index, Crop(**bounds))
        return Pipeline(steps)


def _crops(steps: Sequence[Step], indices: range) -> list[int]:
    """The crops that are met before a step that does something else."""
    crops = []
    for index in indices:
        if isinstance(steps[index], Crop):
            crops.append(index)
        elif steps[index].enabled:
            break
    return crops


def in_frame(plan: Plan, index: int, until: int | None = None) -> bool:
    """Whether positions in the picture of the first ``until`` steps are those that a step meets.

    A `StepError` if a step does not fit the volume it meets.
    """
    count = len(plan.steps) if until is None else until
    first, last = min(index, count), max(index, count)
    plan.until(last).check()
    return all(
        np.array_equal(stage.steps[0].world_at(stage.before, t, 0), np.eye(4))
        for stage in plan.stages
        if first <= stage.index < last
        for t in range(stage.before.times if "t" in stage.step.depends_on else 1)
    )
