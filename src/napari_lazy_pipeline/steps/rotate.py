"""Rotate: turns the volume so that the coverslip lies flat."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.image.box import Box, shape_of
from napari_lazy_pipeline.image.scan_geometry import RotationPlan, Shape
from napari_lazy_pipeline.image.stack import VolumeSpec
from napari_lazy_pipeline.steps._base import Context, Unit
from napari_lazy_pipeline.steps._scan_step import TiltedStep, kept


class Rotate(TiltedStep):
    """Turn to coverslip coordinates: z is its normal, and the scan runs along the skewed axis.

    A volume that is still skewed (no Deskew stands before) is deskewed and turned in one
    interpolation, the quicker and the sharper way; a deskewed one is only turned. The voxels
    of the result are as deep, and as long along the scan, as a pixel, and it is no larger than
    the data. Positions in the result are those of the deskewed sample, turned about the centre
    of the first pixel of the first plane recorded.

    Examples
    --------
    >>> from napari_lazy_pipeline.image.scan_geometry import Scan
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
            dtype=kept(spec.dtype),
            voxel_size=(pixel, *spec.voxel_size[1:]),
            translate=tuple(translate.tolist()),
            scan=None,
            outline=(),
        )

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Turn the volume."""
        volume = volume.astype(kept(volume.dtype.name), copy=False)
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
        part = part.astype(kept(part.dtype.name), copy=False)
        return context.engine.rotate(part, plan, fill=self.fill)

    def cache_key(self, spec: VolumeSpec) -> Hashable:
        """The result depends on the voxel size too, and on what is skewed or empty."""
        return self, spec.voxel_size, spec.scan, spec.translate, spec.outline

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
