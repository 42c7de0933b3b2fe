"""Project: makes one voxel of all along an axis."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import Box, respaced
from napari_lazy_pipeline.image.pixel_type import sum_type
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._ends import Ends, resolved


class Project(Step):
    """Make one voxel of all along an axis, or of a range: maximum, mean, sum or deviation.

    The result is one voxel thick and lies in the middle of what it is made of: a projection along
    z is one plane, seen from above; one along y is seen in the x-z view. Voxels that are not a
    number are left out. Mean and standard deviation are float32; sums of whole numbers are of a
    wider type.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.array([[[1, 7]], [[5, 3]]], "uint16")
    >>> Pipeline([Project()]).apply(volume).volume().tolist()
    [[[5, 7]]]
    """

    summary: ClassVar[str] = "Maximum, mean, sum or deviation along an axis"
    group: ClassVar[str] = "Size"
    order: ClassVar[int] = 50

    axis: Annotated[
        Literal["z", "y", "x"],
        Field(title="Along", description="The axis that becomes one voxel."),
    ] = "z"
    method: Annotated[
        Literal["max", "mean", "sum", "std"],
        Field(
            title="Method",
            description="What becomes of the voxels along it.",
            json_schema_extra={
                "words": {
                    "max": "maximum",
                    "mean": "mean",
                    "sum": "sum",
                    "std": "standard deviation",
                }
            },
        ),
    ] = "max"
    range: Annotated[
        Ends,
        Field(
            title="From - to",
            description="First voxel along the axis, and the one after the last; 0: to the end.",
        ),
        Unit("voxels"),
    ] = (0, 0)

    def brief(self) -> str:
        start, stop = self.range
        part = f" {start}\u2013{stop or 'end'}" if start or stop else ""
        return f"{self.method} along {self.axis}{part}"

    def output(self, before: StackSpec) -> StackSpec:
        (start, stop), axis = self._range(before), "zyx".index(self.axis)
        factors, first, shape = [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], list(before.shape)
        factors[axis], first[axis], shape[axis] = stop - start, (start + stop - 1) / 2, 1
        volume = respaced(before.volume, cast(Shape, tuple(shape)), tuple(factors), tuple(first))  # type: ignore[arg-type]
        dtype = before.dtype
        if self.method in ("mean", "std"):
            dtype = "float64" if dtype == "float64" else "float32"
        if self.method == "sum":
            dtype = sum_type(dtype, stop - start)
        return before.replace(volume=volume.replace(dtype=dtype, scan=None, outline=()))

    def caution(self, before: StackSpec) -> str:
        if before.volume.scan is None:
            return ""
        return "The planes are still skewed: this is no view along an axis. Put it after Deskew"

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = list(wanted.box)
        box["zyx".index(self.axis)] = self._range(before)
        return (wanted.replace(box=cast(Box, tuple(box))),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        axis, dtype = "zyx".index(self.axis), at.after.dtype
        planes = np.moveaxis(parts[0], axis, 0)
        if self.method == "max":
            made = np.fmax.reduce(planes, axis=0)
        elif self.method == "sum":
            made, _ = _sum(planes, 0.0, 1)
        else:
            total, count = _sum(planes, 0.0, 1)
            with np.errstate(invalid="ignore"):
                made = total / count
                if self.method == "std":
                    made = np.sqrt(_sum(planes, made, 2)[0] / count)
        return np.expand_dims(made.astype(dtype), axis)

    def need(self, before: StackSpec, engine: str) -> Need:
        """Planes in double precision: the sum, how many numbers it has, and what is added."""
        one = self.output(before).volume.replace(dtype="float64").nbytes
        return Need(6 * one)

    def _range(self, before: StackSpec) -> tuple[int, int]:
        length = before.shape["zyx".index(self.axis)]
        return resolved(self.range, length, "projection", self.axis)


def _sum(
    planes: np.ndarray, centre: np.ndarray | float, power: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of (plane - centre) ** power, plane after plane, without what is NaN.

    Plane after plane, each sum is the same to the last bit, whatever part of the planes is made.
    """
    whole = planes.dtype.kind in "iub" and power == 1
    total = np.zeros(planes.shape[1:], np.int64 if whole else np.float64)
    if whole and planes.dtype == np.uint64:
        total = total.astype(np.uint64)
    count = np.zeros(planes.shape[1:])
    for plane in planes:
        added = plane if whole else (plane.astype(np.float64) - centre) ** power
        there = np.ones(plane.shape, bool) if whole else ~np.isnan(added)
        total += np.where(there, added, 0).astype(total.dtype)
        count += there
    if not whole:
        total[count == 0] = np.nan
    return total, count
