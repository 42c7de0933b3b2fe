"""Rotate: turns the volume so that the coverslip lies flat."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from napari_lazy_pipeline.boxes import Box, shape_of
from napari_lazy_pipeline.geometry import RotationPlan, Scan, Shape, SkewAxis, StepKind
from napari_lazy_pipeline.stack import VolumeSpec
from napari_lazy_pipeline.step import Context, Step, Unit


def _not_flat(angle: float) -> float:
    if abs(angle) < 1:
        raise ValueError("the angle must be at least 1 degree from 0: such a scan has no depth")
    return angle


class Rotate(Step):
    """Turn to coverslip coordinates: z is its normal, and the scan runs along the skewed axis.

    A volume that is still skewed (no Deskew stands before) is deskewed and turned in one
    interpolation, the quicker and the sharper way; a deskewed one is only turned. The voxels
    of the result are as deep, and as long along the scan, as a pixel, and it is no larger than
    the data. Positions in the result are those of the deskewed sample, turned about the centre
    of the first pixel of the first plane recorded.

    Examples
    --------
    >>> scan = Scan(31.5)
    >>> spec = VolumeSpec((64, 256, 280), voxel_size=(0.5, 0.1, 0.1), scan=scan)
    >>> turned = Rotate(angle=31.5).output_spec(spec)
    >>> turned.shape, turned.voxel_size
    ((146, 256, 553), (0.1, 0.1, 0.1))

    References
    ----------
    E. Sapoznik et al., eLife 9, e57681 (2020); X. Ruan et al., Nature Methods 21, 2342 (2024).
    """

    title: ClassVar[str] = "Rotate"
    summary: ClassVar[str] = "Turns the volume so that the coverslip lies flat"
    order: ClassVar[int] = 35

    kind: Literal["rotate"] = "rotate"
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
            description="What the z step of the data means: the way of the stage, or the "
            "distance perpendicular to the planes; a deskewed volume takes no notice.",
            json_schema_extra={
                "words": {"stage": "way of the stage", "perpendicular": "distance of planes"}
            },
        ),
    ] = "stage"
    fill: Annotated[
        float,
        Field(
            ge=0,
            le=65535,
            title="Fill",
            description="Value where there are no data: 0 after the background is subtracted.",
        ),
        Unit("counts"),
    ] = 0.0

    def output_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """Shape, voxel size and place of the turned volume."""
        plan, axis = self._plan(spec), self.scan().axis
        pixel = spec.voxel_size[axis]
        translate = self.frame(spec) @ spec.translate
        translate[[0, axis]] += pixel * np.array(plan.origin)
        return spec.replace(
            shape=plan.out_shape,
            dtype=_kept(spec.dtype),
            voxel_size=(pixel, *spec.voxel_size[1:]),
            translate=tuple(translate.tolist()),
            scan=None,
            outline=(),
        )

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Turn the volume."""
        volume = volume.astype(_kept(volume.dtype.name), copy=False)
        return context.engine.rotate(volume, self._plan(context.spec), fill=self.fill)

    def halo(self, spec: VolumeSpec) -> Shape:
        """The two planes around a position, and the pixels of both along their normal."""
        skewed = spec.scan is not None
        along = 1 + (math.ceil(abs(self.scan().shear(spec.voxel_size))) if skewed else 0)
        return (1, 0, along) if self.skew_axis == "x" else (1, along, 0)

    def run_box(self, part: np.ndarray, inner: Box, box: Box, context: Context) -> np.ndarray:
        """Turn what the voxels of the box are made from."""
        axis, shape = self.scan().axis, shape_of(box)
        plan = self._plan(context.spec).window(
            (box[0][0], box[axis][0]),
            (shape[0], shape[axis]),
            (inner[0][0], inner[axis][0]),
            (part.shape[0], part.shape[1], part.shape[2]),
        )
        part = part.astype(_kept(part.dtype.name), copy=False)
        return context.engine.rotate(part, plan, fill=self.fill)

    def brief(self) -> str:
        """Angle and axis."""
        return f"{self.angle:g}° along {self.skew_axis}"

    def cache_key(self, spec: VolumeSpec) -> Hashable:
        """The result depends on the voxel size too, and on what is skewed or empty."""
        return self, spec.voxel_size, spec.scan, spec.translate, spec.outline

    def scan(self) -> Scan:
        """Angle, axis and meaning of the step."""
        return Scan(self.angle, self.skew_axis, self.step)

    def frame(self, spec: VolumeSpec) -> np.ndarray:
        """Positions are deskewed if they have to be, and turned."""
        turning = self.scan().turning()
        return turning if spec.scan is None else turning @ self.scan().deskewing(spec.voxel_size)

    def _plan(self, spec: VolumeSpec) -> RotationPlan:
        scan, skewed = self.scan(), spec.scan is not None
        outline = []
        if not skewed:
            away = np.subtract(np.reshape(spec.outline, (-1, 3)), spec.translate)
            outline = [(p[0], p[scan.axis]) for p in away / spec.voxel_size[scan.axis]]
        return RotationPlan.of(spec.shape, spec.voxel_size, scan, skewed, outline)


def _kept(dtype: str) -> str:
    """Types that engines turn as they are; all others become float32."""
    return dtype if dtype in ("uint16", "float32") else "float32"
