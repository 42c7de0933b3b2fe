"""Rotate: turns the volume so that the coverslip lies flat."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.image import Block, StackSpec, VolumeSpec
from napari_lazy_pipeline.image.box import Affine, affine, box_before, shape_of, whole, widened
from napari_lazy_pipeline.image.resampling import Interpolation
from napari_lazy_pipeline.image.scan_geometry import RotationPlan
from napari_lazy_pipeline.steps._base import Context
from napari_lazy_pipeline.steps._resampling_fields import Fill
from napari_lazy_pipeline.steps._scan_step import ScanStep, as_movable, movable

# Bytes for a position: where its four neighbours are, and what these and the fill weigh.
_TABLE = 4 * 8 + 5 * 4


class Rotate(ScanStep):
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
    >>> turned = Rotate(angle=31.5).output(StackSpec(spec))
    >>> turned.shape, turned.voxel_size
    ((146, 256, 553), (0.1, 0.1, 0.1))

    References
    ----------
    E. Sapoznik et al., eLife 9, e57681 (2020); X. Ruan et al., Nature Methods 21, 2342 (2024).
    """

    title: ClassVar[str] = "Rotate"
    summary: ClassVar[str] = "Rotate to the coverslip frame"
    order: ClassVar[int] = 35
    exact: ClassVar[bool] = False
    depends_on: ClassVar[frozenset[str]] = frozenset({"scan"})

    fill: Fill = 0.0

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(volume=self._turned(before.volume))

    def caution(self, before: StackSpec) -> str:
        if before.volume.frame == "coverslip":
            return "The volume is rotated already: this step would turn it once more"
        if before.volume.frame == "other":
            return (
                "Since Deskew, z was exchanged, or some channels were mirrored: this step turns "
                "them the wrong way. Put Transpose and Flip after Rotate"
            )
        return super().caution(before)

    def world(self, before: StackSpec, c: int) -> Affine:
        """Positions are deskewed if they have to be, and turned."""
        return affine(self._frame(before.volume))

    def interpolates(self, before: StackSpec, c: int) -> tuple[Interpolation, float]:
        return "linear", self.fill

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """The two planes around a position, and the pixels of both along their normal."""
        spec, scan = before.volume, self._scan
        box = box_before(wanted.box, self._turned(spec), spec, affine(self._frame(spec)))
        along = 1 + (math.ceil(abs(scan.shear(spec.voxel_size))) if spec.scan else 0)
        halo = (1, 0, along) if self.skew_axis == "x" else (1, along, 0)
        return (wanted.replace(box=widened(box, halo, spec.shape)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Turn what the voxels of the box are made from."""
        axis, box, inner = self._scan.axis, at.wanted.box, at.given[0].box
        plan, shape = self._plan(at.before.volume), shape_of(box)
        if inner != whole(at.before.shape) or box != whole(at.after.shape):
            plan = plan.window(
                (box[0][0], box[axis][0]),
                (shape[0], shape[axis]),
                (inner[0][0], inner[axis][0]),
                shape_of(inner),
            )
        return at.engine.rotate(as_movable(parts[0]), plan, fill=self.fill)

    def need(self, before: StackSpec, engine: str) -> Need:
        """A copy for the engine, and the table that every row is turned by."""
        table = _TABLE * math.prod(self._plan(before.volume).size)
        return Need(super().need(before, engine).memory + table)

    def _turned(self, spec: VolumeSpec) -> VolumeSpec:
        """Shape, voxel size and place of the turned volume."""
        plan, axis = self._plan(spec), self._scan.axis
        pixel = spec.voxel_size[axis]
        translate = self._frame(spec) @ spec.translate
        translate[[0, axis]] += pixel * np.array(plan.origin)
        return spec.replace(
            shape=plan.out_shape,
            dtype=movable(spec.dtype),
            voxel_size=(pixel, *spec.voxel_size[1:]),
            translate=tuple(translate.tolist()),
            scan=None,
            outline=(),
            camera=None,
            frame="coverslip",
        )

    def _frame(self, spec: VolumeSpec) -> np.ndarray:
        """Matrix (3, 3) from positions before the step to those after it."""
        turning = self._scan.turning()
        return turning if spec.scan is None else turning @ self._scan.deskewing(spec.voxel_size)

    def _plan(self, spec: VolumeSpec) -> RotationPlan:
        scan, skewed = self._scan, spec.scan is not None
        outline = []
        if not skewed:
            corners = np.subtract(np.reshape(spec.outline, (-1, 3)), spec.translate)
            outline = [(p[0], p[scan.axis]) for p in corners / spec.voxel_size[scan.axis]]
        return RotationPlan.of(spec.shape, spec.voxel_size, scan, skewed, outline)
