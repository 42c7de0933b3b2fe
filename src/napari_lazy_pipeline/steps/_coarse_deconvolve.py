"""Coarse deconvolve: a quicker deconvolution that gives about the same, for previews."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from napari_lazy_pipeline.engines.binning import binned, repeated
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import rounded, widened
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._deconvolution import Deconvolution

# Of a draft: voxels (z, y, x) taken along around a part, and planes of which all are taken.
DRAFT_HALO = (4, 8, 8)
FEW_PLANES = 16


class CoarseDeconvolve(Deconvolution):
    """A draft: pixels twice as large and, of many planes, every second one; voxels are repeated.

    Planes are not averaged: in a skewed volume, a place of the sample lies elsewhere in the next.
    """

    kind: ClassVar[str] = "deconvolve"

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """A part is made with little around it: enough to see which way a change goes."""
        planes, *_ = box = widened(wanted.box, DRAFT_HALO, before.shape)
        _, rows, columns = rounded(box, 2, before.shape)
        return (wanted.replace(box=(planes, rows, columns)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        part, box = parts[0], at.wanted.box
        planes = 2 if box[0][1] - box[0][0] > FEW_PLANES else 1
        factors = planes, min(2, part.shape[1]), min(2, part.shape[2])
        size = at.before.voxel_size
        coarse = at.before.volume.replace(voxel_size=tuple(np.multiply(size, factors).tolist()))
        plan = self.plan(coarse)
        result = at.engine.deconvolve(binned(part, factors), plan, at.cancelled, at.progress)
        # What lies in one plane of a skewed volume lies further back in the next.
        scan = at.before.volume.scan
        back = (0.0, 0.0) if scan is None else scan.displacement(size)
        return repeated(result, factors, part.shape, at.inner, back)

    def draft(self) -> Step:
        slow = self.iterations > 3 or self.method == "auto"
        return self.model_copy(update={"method": "fast"}) if slow else self
