"""Deconvolution: what a deconvolution and its draft share: their values, and the plan of both."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar, cast

from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.errors import PsfError, PsfIncompleteError
from napari_lazy_pipeline.image import Shape, StackSpec, Triple, VolumeSpec
from napari_lazy_pipeline.image.box import Box, shape_of, whole, widened
from napari_lazy_pipeline.psf import RadialOtf, make_otf
from napari_lazy_pipeline.psf.kernel import halo as surroundings
from napari_lazy_pipeline.psf.psf_file import PsfArray, is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._deconvolution_fields import (
    UNKNOWN,
    Background,
    EdgesChoice,
    Iterations,
    MethodChoice,
    Psf,
    PsfVoxelSize,
    StartChoice,
)

# How many times what surrounds a volume has to surround a part of it: iterations carry what they
# see at its edges further than the PSF reaches. A periodic part is surrounded by nothing else.
# Nearer to an edge than what surrounds a volume, light of the opposite one comes in as well.
WIDER = {"reflect": 2, "background": 2, "periodic": 3}
# Less is not saved by working on a part.
SAVING = 0.2


class Deconvolution(Step):
    """A step that undoes the blur of a PSF, one way or another."""

    title: ClassVar[str] = "Deconvolve"
    exact: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = True
    depends_on: ClassVar[frozenset[str]] = frozenset({"scan"})

    psf: Psf = ""
    psf_voxel_size: PsfVoxelSize = UNKNOWN
    method: MethodChoice = "auto"
    iterations: Iterations = 10
    background: Background = 0.0
    edges: EdgesChoice = "reflect"
    start: StartChoice = "image"

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(dtype="float32")

    def plan(self, spec: VolumeSpec) -> DeconvolutionPlan:
        """Return what an engine needs to deconvolve a volume of a spec."""
        z, y, x = spec.voxel_size
        scan = spec.scan
        return DeconvolutionPlan(
            otf=self._otf(),
            voxel_size=(scan.normal_step(z) if scan else z, y, x),
            method=self.method,
            iterations=self.iterations,
            start=self.start,
            background=self.background,
            edges=self.edges,
            shear=scan.shear(spec.voxel_size) if scan else 0.0,
            skew_axis=scan.skew_axis if scan else "x",
        )

    def _otf(self) -> RadialOtf:
        if isinstance(self.psf, PsfArray):
            return _otf_of(self.psf, self.psf_voxel_size)
        return read_psf_or_otf(self.psf, self.psf_spacing())

    def psf_spacing(self) -> Triple:
        """Spacing of the PSF (z, y, x) [um]."""
        try:
            return psf_spacing(self.psf, self.psf_voxel_size)
        except PsfError:
            # Of two faults, tell that of the file first: it may be no PSF at all.
            if not is_otf(self.psf):
                load_psf(self.psf)
            raise


def reach(plan: DeconvolutionPlan) -> Shape:
    """About the extent of the PSF, and as far as iterations carry what they see."""
    margin = surroundings(plan.otf, plan.voxel_size, plan.shear, plan.skew_axis)
    return cast(Shape, tuple(WIDER[plan.edges] * n for n in margin))


def part_to_make(wanted: Box, shape: Shape, plan: DeconvolutionPlan) -> Box:
    """The box and what surrounds it; everything, if that is hardly more work."""
    inner, everything = widened(wanted, reach(plan), shape), whole(shape)
    margin = surroundings(plan.otf, plan.voxel_size, plan.shear, plan.skew_axis)
    near = inner if plan.edges == "periodic" else widened(wanted, margin, shape)
    inner = _around(inner, near, shape)
    part, full = (math.prod(Frame.of(shape_of(b), plan).shape) for b in (inner, everything))
    return inner if part <= (1 - SAVING) * full else everything


def _around(box: Box, near: Box, shape: Shape) -> Box:
    """The box, with all of each axis of which an edge is near: beyond it comes the other one."""
    ends = ((0, n) if first == 0 or last == n else side
            for side, (first, last), n in zip(box, near, shape, strict=True))  # fmt: skip
    return cast(Box, tuple(ends))


@lru_cache(maxsize=16)
def _otf_of(psf: PsfArray, voxel_size: Triple) -> RadialOtf:
    """The OTF of a PSF that is in memory."""
    if not all(voxel_size):
        raise PsfIncompleteError(
            "The voxel size of the PSF is not known: an array does not say it",
            hint="State psf_voxel_size",
        )
    return make_otf(psf.array, voxel_size).centred()
