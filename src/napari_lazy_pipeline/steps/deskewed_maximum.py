"""Deskewed maximum: what is brightest along z of the deskewed volume, which is never made."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine, Box, affine, slices
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.steps._base import Context
from napari_lazy_pipeline.steps._resampling_fields import Fill
from napari_lazy_pipeline.steps._scan_step import DESKEWED, ScanStep, as_movable, movable

PLANES = 8  # that are deskewed at a time


class DeskewedMaximum(ScanStep):
    """Make the maximum along z of what Deskew would make, straight from the raw planes.

    The result is, to the last bit, that of Deskew and a projection after it. It takes the memory of
    some planes instead of that of a deskewed volume, which is often twice the raw one.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((88, 320, 256), voxel_size=(0.3, 0.1, 0.1)))
    >>> DeskewedMaximum(angle=31.5).output(spec).shape
    (1, 320, 481)
    """

    summary: ClassVar[str] = "Maximum along z, deskewed, from the raw planes"
    order: ClassVar[int] = 21
    depends_on: ClassVar[frozenset[str]] = frozenset({"scan"})

    fill: Fill = 0.0

    def output(self, before: StackSpec) -> StackSpec:
        spec, plan, scan = before.volume, self._plan(before), self._scan
        z, y, x = spec.voxel_size
        planes, height, width = plan.out_shape
        step = scan.normal_step(z)
        start = scan.deskewing(spec.voxel_size) @ spec.translate
        start[scan.axis] += spec.voxel_size[scan.axis] * plan.origin
        start[0] += (planes - 1) / 2 * step
        return before.replace(
            shape=(1, height, width),
            dtype=movable(spec.dtype),
            voxel_size=(planes * step, y, x),
            translate=tuple(start.tolist()),
            scan=None,
            camera=None,
            outline=(),
            frame="sample",
        )

    def caution(self, before: StackSpec) -> str:
        done = DESKEWED.get(before.volume.frame)
        if done:
            return f"The volume is {done} already: use Project"
        return super().caution(before)

    def world(self, before: StackSpec, c: int) -> Affine:
        """Positions along the stage become positions in the sample."""
        return affine(self._scan.deskewing(before.voxel_size))

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """All planes, and all of the lines that are displaced."""
        box = list(wanted.box)
        for axis in (0, self._scan.axis):
            box[axis] = (0, before.shape[axis])
        return (wanted.replace(box=cast(Box, tuple(box))),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        axis, part = self._scan.axis, as_movable(parts[0])
        start, stop = at.wanted.box[axis]
        plan = self._plan(at.before).window(start, stop, part.shape)
        brightest = None
        for first in range(0, len(part), PLANES):
            planes = (first, min(first + PLANES, len(part)))
            some = at.engine.deskew(part[slice(*planes)], plan, fill=self.fill, planes=planes)
            top = np.fmax.reduce(some, axis=0, keepdims=True)
            brightest = top if brightest is None else np.fmax(brightest, top)
            at.progress(planes[1] / len(part))
        inner = [(0, b - a) for a, b in at.wanted.box]
        return np.asarray(brightest)[slices(cast(Box, tuple(inner)))]

    def need(self, before: StackSpec, engine: str) -> Need:
        """Some deskewed planes."""
        plane = self.output(before).volume.nbytes
        return Need(super().need(before, engine).memory + (PLANES + 2) * plane)

    def _plan(self, before: StackSpec) -> DeskewPlan:
        return DeskewPlan.of(before.shape, before.voxel_size, self._scan)
