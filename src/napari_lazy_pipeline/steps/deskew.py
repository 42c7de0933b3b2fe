"""Deskew: puts the planes of a tilted scan where they belong in the sample."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import Rounding
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine, Box, affine, shape_of, slices, whole, widened
from napari_lazy_pipeline.image.resampling import Interpolation
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.steps._base import Context, Unit
from napari_lazy_pipeline.steps._resampling_fields import Fill
from napari_lazy_pipeline.steps._scan_step import DESKEWED, ScanStep, as_movable, movable


class Deskew(ScanStep):
    """Displace each plane as the stage moved it, interpolating linearly along one axis.

    Later planes move towards higher coordinates for angles from 0 to 90 degrees, towards
    lower ones for negative angles and for those above 90. The planes themselves stay what they
    are: the new z is perpendicular to them. Same geometry as cudaDecon's deskew.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((88, 320, 256), voxel_size=(0.3, 0.1, 0.1)))
    >>> Deskew(angle=31.5).output(spec).shape
    (88, 320, 481)

    References
    ----------
    B.-C. Chen et al., Science 346, 1257998 (2014);
    T. Lambert and L. Shao, cudaDecon, https://github.com/scopetools/cudadecon
    """

    title: ClassVar[str] = "Deskew"
    summary: ClassVar[str] = "Shear stage-scanned planes into place"
    order: ClassVar[int] = 20

    width: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            title="Output width",
            description="Length of the result along the scan axis; auto (0) keeps everything.",
            json_schema_extra={"zero": "auto", "advanced": True},
        ),
        Unit("px"),
    ] = 0
    shift: Annotated[
        int,
        Field(
            ge=-1_000_000,
            le=1_000_000,
            title="Output shift",
            description="Moves the window of the result; positive moves the picture left.",
            json_schema_extra={"advanced": True},
        ),
        Unit("px"),
    ] = 0
    fill: Fill = 0.0
    rounding: Annotated[
        Rounding,
        Field(
            title="Rounding",
            description="How whole numbers are made: to the nearest, or down as cudaDecon "
            "does (which loses half a count on average).",
            json_schema_extra={
                "words": {"nearest": "to the nearest", "down": "down"},
                "advanced": True,
            },
        ),
    ] = "nearest"

    def output(self, before: StackSpec) -> StackSpec:
        spec, plan, scan = before.volume, self._plan(before), self._scan
        z, y, x = spec.voxel_size
        # A volume that was cropped in z starts at a plane that is displaced already.
        frame = scan.deskewing(spec.voxel_size)
        start = frame @ spec.translate
        outline = start + spec.corners() @ frame.T
        start[scan.axis] += spec.voxel_size[scan.axis] * plan.origin
        return before.replace(
            shape=plan.out_shape,
            dtype=movable(spec.dtype),
            voxel_size=(scan.normal_step(z), y, x),
            translate=tuple(start.tolist()),
            scan=None,
            outline=tuple(map(tuple, outline.tolist())),
            camera=None,
            frame="sample",
        )

    def caution(self, before: StackSpec) -> str:
        """The planes can be put in place once, and before the volume is turned."""
        done = DESKEWED.get(before.volume.frame)
        if done:
            return f"The volume is {done} already: this step would shear it once more"
        return super().caution(before)

    def world(self, before: StackSpec, c: int) -> Affine:
        """Positions along the stage become positions in the sample."""
        return affine(self._scan.deskewing(before.voxel_size))

    def interpolates(self, before: StackSpec, c: int) -> tuple[Interpolation, float] | None:
        return ("linear", self.fill) if self.rounding == "nearest" else None

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """Of each plane, the pixels between which is interpolated."""
        axis, plan = self._scan.axis, self._plan(before)
        (first, last), (low, high) = wanted.box[0], wanted.box[axis]
        ends = [plan.position(o, k) for o in (low, high - 1) for k in (first, last - 1)]
        box = list(wanted.box)
        box[axis] = (math.floor(min(ends)) - 1, math.ceil(max(ends)) + 2)
        return (wanted.replace(box=widened(cast(Box, tuple(box)), (0, 0, 0), before.shape)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Shear the planes of the box, and make no more pixels than there are in it."""
        axis, box = self._scan.axis, at.wanted.box
        lines = _lengthened(parts[0], at.given[0].box, axis, at.before.shape[axis])
        plan, planes = self._plan(at.before).window(*box[axis], lines.shape), box[0]
        result = at.engine.deskew(
            as_movable(lines),
            plan,
            fill=self.fill,
            rounding=self.rounding,
            planes=None if planes == (0, at.before.shape[0]) else planes,
        )
        return result[slices(whole(shape_of(box)))]

    def _plan(self, before: StackSpec) -> DeskewPlan:
        return DeskewPlan.of(before.shape, before.voxel_size, self._scan, self.width, self.shift)


def _lengthened(part: np.ndarray, inner: Box, axis: int, length: int) -> np.ndarray:
    """The part with zeros for the rest of each line: where a line starts rounds its positions."""
    start, stop = inner[axis]
    if stop - start == length:
        return part
    shape = (*part.shape[:axis], length, *part.shape[axis + 1 :])
    lines = np.zeros(shape, part.dtype)
    lines[(slice(None),) * axis + (slice(start, stop),)] = part
    return lines
