"""Subtract background: takes the offset of the camera away."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.steps._base import Context, Unit, VoxelStep
from napari_lazy_pipeline.steps._derived_channel import twice
from napari_lazy_pipeline.steps._per_channel import PerChannel

Counts = Annotated[float, Field(ge=0, le=65535)]


class SubtractBackground(VoxelStep):
    """Subtract a constant; what would be negative becomes 0.

    The type of the data is kept. The offset of scientific cameras is about 100 counts, see
    J. Huang et al., Nature Methods 10, 653 (2013), for why it varies from pixel to pixel.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.array([[[90, 100, 120]]], "uint16")
    >>> Pipeline([SubtractBackground(value=100)]).apply(volume).volume().tolist()
    [[[0, 0, 20]]]
    """

    title: ClassVar[str] = "Subtract background"
    summary: ClassVar[str] = "Subtract camera offset"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 10

    value: Annotated[
        PerChannel[Counts],
        Field(
            title="Background",
            description="Counts that the camera shows without light; typically about 100.",
            json_schema_extra={"step": 1, "slider": [0, 500]},
        ),
        Unit("counts"),
    ] = 100.0

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(background_subtracted=True)

    def caution(self, before: StackSpec) -> str:
        return twice(before) if any(self.for_channel(c).value for c in before.channels) else ""

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        if pixels.dtype == bool:
            return pixels & (round(self.value) < 1)
        if np.issubdtype(pixels.dtype, np.integer):
            value = pixels.dtype.type(min(round(self.value), np.iinfo(pixels.dtype).max))
            above: np.ndarray = np.maximum(pixels, value)
            above -= value
        else:
            above = pixels - pixels.dtype.type(self.value)
            np.maximum(above, 0, out=above)
        return above
