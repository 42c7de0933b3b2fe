"""Subtract background: takes the offset of the camera away."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.image.stack import VolumeSpec
from napari_lazy_pipeline.steps._base import Context, Step, Unit


class SubtractBackground(Step):
    """Subtract a constant; what would be negative becomes 0.

    The type of the data is kept. The offset of scientific cameras is about 100 counts, see
    J. Huang et al., Nature Methods 10, 653 (2013), for why it varies from pixel to pixel.

    Examples
    --------
    >>> volume = np.array([[[90, 100, 120]]], "uint16")
    >>> step = SubtractBackground(value=100)
    >>> step.run(volume, Context(VolumeSpec((1, 1, 3)))).tolist()
    [[[0, 0, 20]]]
    """

    title: ClassVar[str] = "Subtract background"
    summary: ClassVar[str] = "Takes the camera offset away"
    order: ClassVar[int] = 10
    plane_local: ClassVar[bool] = True

    kind: Literal["subtract_background"] = "subtract_background"
    value: Annotated[
        float,
        Field(
            ge=0,
            le=65535,
            title="Background",
            description="Counts that the camera shows without light; typically about 100.",
            json_schema_extra={"step": 1, "slider": [0, 500]},
        ),
        Unit("counts"),
    ] = 100.0

    def brief(self) -> str:
        """What is subtracted."""
        return f"{self.value:g}"

    def output_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """Nothing changes."""
        return spec

    def halo(self, spec: VolumeSpec) -> Shape:
        """Each voxel by itself."""
        return (0, 0, 0)

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Subtract, clamp at 0."""
        if np.issubdtype(volume.dtype, np.integer):
            value = volume.dtype.type(min(round(self.value), np.iinfo(volume.dtype).max))
            return np.asarray(np.maximum(volume, value) - value)
        return np.asarray(np.maximum(volume - volume.dtype.type(self.value), 0))
