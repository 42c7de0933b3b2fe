"""Crop: keeps a box of the volume."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import Box, spec_of
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._ends import Ends, resolved

_PART = (
    " On screen, a deconvolution before it then works on this part and what is about it only: "
    "quicker, and mostly within 0.1 % of the brightest voxel of the result for everything, which "
    "exports make (of a few bright points within 1 %; accelerated: 3 %)."
)
Range = Annotated[Ends, Unit("voxels")]


class Crop(Step):
    """Keep the voxels from ``start`` to just before ``stop`` along each axis.

    Bounds are counted in voxels of the volume that the step meets, negative ones from its end; a
    ``stop`` of 0, or beyond the volume, means to the end. The place of the rest in the sample is
    kept.

    Steps before it only make what is kept, where they can. A deconvolution makes everything, but
    on screen: what it makes there of a part agrees with that to 0.1 % of the brightest voxel, of a
    few bright points to 1 %; to 0.5 and 3 %, if it is accelerated: its steps are as long as all of
    what it works on allows.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((10, 20, 30), voxel_size=(0.3, 0.1, 0.1)))
    >>> cropped = Crop(z=(2, 6), x="10:-5").output(spec).volume
    >>> cropped.shape, cropped.translate
    ((4, 20, 15), (0.6, 0.0, 1.0))
    """

    title: ClassVar[str] = "Crop"
    summary: ClassVar[str] = "Crop to a box"
    group: ClassVar[str] = "Size"
    order: ClassVar[int] = 40

    z: Annotated[
        Range,
        Field(
            title="z from - to",
            description="First plane, and the plane after the last; 0: to the end." + _PART,
        ),
    ] = (0, 0)
    y: Annotated[
        Range,
        Field(
            title="y from - to",
            description="First row, and the row after the last; 0: to the end." + _PART,
        ),
    ] = (0, 0)
    x: Annotated[
        Range,
        Field(
            title="x from - to",
            description="First column, and the column after the last; 0: to the end." + _PART,
        ),
    ] = (0, 0)

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(volume=spec_of(self.box(before.shape), before.volume))

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        starts = (start for start, _ in self.box(before.shape))
        box = tuple((a + n, b + n) for (a, b), n in zip(wanted.box, starts, strict=True))
        return (wanted.replace(box=box),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Copy the box, so that the rest can be forgotten."""
        return parts[0].copy()

    def brief(self) -> str:
        """The axes that are cut, and where."""
        cuts = ((axis, getattr(self, axis)) for axis in "zyx")
        texts = [
            f"{axis} {start}\u2013{stop or 'end'}" for axis, (start, stop) in cuts if start or stop
        ]
        return ", ".join(texts) or "keeps everything"

    def box(self, shape: Shape) -> Box:
        """(start, stop) along z, y and x in a volume of a shape; an error if nothing is left."""
        axes = zip("zyx", (self.z, self.y, self.x), shape, strict=True)
        return cast(Box, tuple(resolved(ends, n, "crop", axis) for axis, ends, n in axes))
