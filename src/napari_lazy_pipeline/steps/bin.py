"""Bin: makes one voxel of several."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import respaced, shape_of
from napari_lazy_pipeline.image.pixel_type import convert, sum_type
from napari_lazy_pipeline.steps._base import Context, Step, Unit

Factor = Annotated[int, Field(ge=1, le=1000)]


class Bin(Step):
    """Make one voxel of some neighbours along each axis: their mean, or their sum.

    The mean keeps the type of the data; whole numbers are rounded to the nearest. The sum of whole
    numbers is of a wider type, uint32 for uint16. What does not fill a bin at the end is left out.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.array([[[1, 2, 50000], [3, 6, 50000]]], "uint16")
    >>> Pipeline([Bin(factors=(1, 2, 1), method="sum")]).apply(volume).volume().tolist()
    [[[4, 8, 100000]]]
    """

    summary: ClassVar[str] = "Make one voxel of several, by mean or sum"
    group: ClassVar[str] = "Size"
    order: ClassVar[int] = 45

    factors: Annotated[
        tuple[Factor, Factor, Factor],
        Field(title="Factors", description="How many voxels along z, y and x become one."),
        Unit("voxels"),
    ] = (1, 2, 2)
    method: Annotated[
        Literal["mean", "sum"],
        Field(title="Method", description="The sum widens whole numbers, so that none overflows."),
    ] = "mean"

    def brief(self) -> str:
        return f"{' x '.join(map(str, self.factors))}, {self.method}"

    def output(self, before: StackSpec) -> StackSpec:
        for axis, n, factor in zip("zyx", before.shape, self.factors, strict=True):
            if n < factor:
                raise GeometryError(
                    f"Bins of {factor} along {axis} do not fit into {n} voxels",
                    hint=f"Choose a factor of at most {n}",
                )
        pairs = zip(before.shape, self.factors, strict=True)
        shape = cast(Shape, tuple(n // factor for n, factor in pairs))
        z, y, x = self.factors
        middle = ((z - 1) / 2, (y - 1) / 2, (x - 1) / 2)
        volume = respaced(before.volume, shape, self.factors, middle)
        dtype = before.dtype
        if self.method == "sum":
            dtype = sum_type(dtype, math.prod(self.factors))
        return before.replace(volume=volume.replace(dtype=dtype))

    def caution(self, before: StackSpec) -> str:
        if before.volume.scan is None or self.factors[0] == 1:
            return ""
        return "The planes are still skewed: neighbours in z lie apart. Put Bin after Deskew"

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        pairs = zip(wanted.box, self.factors, strict=True)
        return (wanted.replace(box=tuple((a * n, b * n) for (a, b), n in pairs)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        (fz, fy, fx), (z, y, x) = self.factors, shape_of(at.wanted.box)
        bins, dtype = parts[0].reshape(z, fz, y, fy, x, fx), at.after.dtype
        # Plane after plane of each bin: the same sum, to the last bit, whatever part is made.
        exact = np.dtype(sum_type(bins.dtype.name, fz * fy * fx))
        total = np.zeros((z, y, x), np.float64 if exact.kind == "f" else exact)
        for k, j, i in np.ndindex(fz, fy, fx):
            total += bins[:, k, :, j, :, i]
        if self.method == "mean":
            return convert(total / (fz * fy * fx), dtype)
        return total.astype(dtype, copy=False)
