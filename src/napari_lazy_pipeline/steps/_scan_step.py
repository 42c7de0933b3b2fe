"""Scan step: what the steps that undo the skew of a stage scan have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StepKind
from napari_lazy_pipeline.steps._base import Step, Unit


def _not_flat(angle: float) -> float:
    if abs(angle) < 1:
        raise ValueError("the angle must be at least 1 degree from 0: such a scan has no depth")
    return angle


class ScanStep(Step):
    """A step that states how the planes were scanned."""

    group: ClassVar[str] = "Geometry"

    angle: Annotated[
        float,
        Field(
            ge=-179,
            le=179,
            title="Angle",
            description="Angle between the light sheet and the direction of the scan.",
            json_schema_extra={"step": 0.1, "slider": [1, 90]},
        ),
        Unit("°"),
        AfterValidator(_not_flat),
    ] = 31.5
    skew_axis: Annotated[
        SkewAxis,
        Field(
            title="Skewed along",
            description="Image axis along which the planes are, or were, displaced: "
            "x for most lattice light-sheets, y for Zeiss Lattice Lightsheet 7.",
        ),
    ] = "x"
    step: Annotated[
        StepKind,
        Field(
            title="Z step is",
            description="What the z step of the raw data means: the way of the stage, "
            "or the distance perpendicular to the planes.",
            json_schema_extra={
                "words": {"stage": "way of the stage", "perpendicular": "distance of planes"}
            },
        ),
    ] = "stage"

    def brief(self) -> str:
        return f"{self.angle:g}° along {self.skew_axis}"

    def scan(self) -> Scan:
        return Scan(self.angle, self.skew_axis, self.step)


def movable(dtype: str) -> str:
    """Types that engines move as they are; all others become float32."""
    return dtype if dtype in ("uint16", "float32") else "float32"


def as_movable(part: np.ndarray) -> np.ndarray:
    """The voxels, in a type that engines move."""
    return part.astype(movable(part.dtype.name), copy=False)
