"""Deskew: puts the planes of a tilted scan where they belong in the sample."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import Rounding
from napari_lazy_pipeline.image.box import Box, shape_of, slices, whole
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, Shape
from napari_lazy_pipeline.image.stack import VolumeSpec, block_corners
from napari_lazy_pipeline.steps._base import Context, Unit
from napari_lazy_pipeline.steps._scan_step import TiltedStep, kept


class Deskew(TiltedStep):
    """Displace each plane by its way in the scan, interpolating linearly along one axis.

    Later planes move towards higher coordinates for angles from 0 to 90 degrees, towards
    lower ones for negative angles and for those above 90. The planes themselves stay what they
    are: the new z is perpendicular to them. Same geometry as cudaDecon's deskew.

    Examples
    --------
    >>> spec = VolumeSpec((88, 320, 256), voxel_size=(0.3, 0.1, 0.1))
    >>> Deskew(angle=31.5).output_spec(spec).shape
    (88, 320, 481)

    References
    ----------
    B.-C. Chen et al., Science 346, 1257998 (2014);
    T. Lambert and L. Shao, cudaDecon, https://github.com/scopetools/cudadecon
    """

    title: ClassVar[str] = "Deskew"
    summary: ClassVar[str] = "Puts the planes of a tilted scan in their place"
    order: ClassVar[int] = 20
    plane_local: ClassVar[bool] = True

    kind: Literal["deskew"] = "deskew"
    width: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            title="Width",
            description="Length of the result along the skewed axis; 0 keeps everything.",
        ),
        Unit("px"),
    ] = 0
    shift: Annotated[
        int,
        Field(
            ge=-1_000_000,
            le=1_000_000,
            title="Shift",
            description="Moves the window of the result; positive moves the picture left.",
        ),
        Unit("px"),
    ] = 0
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
    rounding: Annotated[
        Rounding,
        Field(
            title="Rounding",
            description="How whole numbers are made: to the nearest, or down as cudaDecon "
            "does (which loses half a count on average).",
            json_schema_extra={"words": {"nearest": "to the nearest", "down": "down"}},
        ),
    ] = "nearest"

    def output_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """Shape, voxel size and place of the deskewed volume."""
        plan, scan = self._plan(spec), self.scan()
        z, y, x = spec.voxel_size
        # A volume that was cropped in z starts at a plane that is displaced already.
        start = self.frame(spec) @ spec.translate
        outline = start + block_corners(spec) @ self.frame(spec).T
        start[scan.axis] += spec.voxel_size[scan.axis] * plan.origin
        return spec.replace(
            shape=plan.out_shape,
            dtype=kept(spec.dtype),
            voxel_size=(scan.normal_step(z), y, x),
            translate=tuple(start.tolist()),
            scan=None,
            outline=tuple(map(tuple, outline.tolist())),
        )

    def frame(self, spec: VolumeSpec) -> np.ndarray:
        """Positions along the stage become positions in the sample."""
        return self.scan().deskewing(spec.voxel_size)

    def windowless(self) -> Deskew:
        """Deskewed, with the full width."""
        return self.model_copy(update={"width": 0, "shift": 0})

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Shear the volume."""
        volume = volume.astype(kept(volume.dtype.name), copy=False)
        return context.engine.deskew(
            volume, self._plan(context.spec), fill=self.fill, rounding=self.rounding
        )

    def halo(self, spec: VolumeSpec) -> Shape:
        """Along the skewed axis, the pixels between which is interpolated."""
        return (0, 0, 1) if self.skew_axis == "x" else (0, 1, 0)

    def run_box(self, part: np.ndarray, inner: Box, box: Box, context: Context) -> np.ndarray:
        """Shear the planes of the box, and make no more pixels than there are in it."""
        axis = self.scan().axis
        lines = _lengthened(part, inner, axis, context.spec.shape[axis])
        lines = lines.astype(kept(part.dtype.name), copy=False)
        plan = self._plan(context.spec).window(*box[axis], lines.shape)
        made = context.engine.deskew(
            lines, plan, fill=self.fill, rounding=self.rounding, planes=box[0]
        )
        return made[slices(whole(shape_of(box)))]

    def cache_key(self, spec: VolumeSpec) -> Hashable:
        """The result depends on the voxel size too."""
        return self, spec.voxel_size

    def _plan(self, spec: VolumeSpec) -> DeskewPlan:
        return DeskewPlan.of(spec.shape, spec.voxel_size, self.scan(), self.width, self.shift)


def _lengthened(part: np.ndarray, inner: Box, axis: int, length: int) -> np.ndarray:
    """The part with zeros for the rest of each line: where a line starts rounds its positions."""
    start, stop = inner[axis]
    if stop - start == length:
        return part
    shape = list(part.shape)
    shape[axis] = length
    lines = np.zeros(shape, part.dtype)
    lines[(slice(None),) * axis + (slice(start, stop),)] = part
    return lines
