"""Deconvolve: undoes the blur of the microscope, given its point spread function."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import DeconvolutionPlan, Edges, Method, Need, get_engine
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.padding import halo as surroundings
from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image.box import Box, shape_of, slices, whole, widened
from napari_lazy_pipeline.image.scan_geometry import Shape, Triple
from napari_lazy_pipeline.image.stack import VolumeSpec
from napari_lazy_pipeline.psf.psf_file import is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf
from napari_lazy_pipeline.steps._base import Context, Step, Unit

# Values of that size are damage, as the engines have it.
LARGEST = 1e18
# How many times what surrounds a volume has to surround a part of it: iterations carry what they
# see at its edges further than the PSF reaches. A periodic part is surrounded by nothing else.
WIDER = {"reflect": 2, "background": 2, "periodic": 3}
# Less is not saved by working on a part.
SAVING = 0.2
# 0 stands for what is not stated.
Micrometre = Annotated[float, Field(ge=0, le=100)]


class Deconvolve(Step):
    """Richardson-Lucy deconvolution with the radially averaged OTF of a measured PSF.

    On a volume that is still skewed (the step stands before Deskew) the PSF is sheared like
    the data: the quality is the same, and there are about half as many voxels.
    The result is float32, in counts above the background, and their sum is kept.
    If a later step leaves only a part of it, only that part and what is about it as far as the
    PSF reaches are worked on.

    Examples
    --------
    >>> spec = VolumeSpec((88, 320, 481), voxel_size=(0.157, 0.1, 0.1))
    >>> Deconvolve(psf="psf.tif", psf_voxel_size=(0.1, 0.1, 0.1)).output_spec(spec).dtype
    'float32'

    References
    ----------
    W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972); L. B. Lucy, Astron. J. 79, 745 (1974);
    D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997);
    M. Guo et al., Nature Biotechnology 38, 1337 (2020).
    """

    title: ClassVar[str] = "Deconvolve"
    summary: ClassVar[str] = "Sharpens with the point spread function (Richardson-Lucy)"
    order: ClassVar[int] = 15

    kind: Literal["deconvolve"] = "deconvolve"
    psf: Annotated[
        str,
        Field(
            title="PSF or OTF file",
            description="TIFF of a bead image (z, y, x), or an OTF file of cudaDecon.",
            json_schema_extra={"format": "path"},
        ),
    ] = ""
    psf_voxel_size: Annotated[
        tuple[Micrometre, Micrometre, Micrometre],
        Field(
            title="PSF voxel size",
            description="Spacing of the PSF file along z, y and x; ? (0): as the file says. "
            "A file that does not say it cannot be used until you do.",
            json_schema_extra={"step": 0.01, "zero": "?"},
        ),
        Unit("µm"),
    ] = (0.0, 0.0, 0.0)
    method: Annotated[
        Method,
        Field(
            title="Method",
            description="rl: plain Richardson-Lucy; accelerated: Biggs-Andrews (1997), the same "
            "as cudaDecon, about twice to three times as far for the same iterations; fast: two "
            "Wiener-Butterworth iterations (Guo et al. 2020) and a plain one, not behind 10 plain "
            "ones in our tests.",
            json_schema_extra={
                "words": {"rl": "Richardson-Lucy", "accelerated": "accelerated", "fast": "fast"}
            },
        ),
    ] = "accelerated"
    iterations: Annotated[
        int,
        Field(
            ge=1,
            le=500,
            title="Iterations",
            description="More are sharper, noisier and slower; the method fast has its own number "
            "and takes no notice.",
            json_schema_extra={"step": 1, "slider": [1, 50]},
        ),
        Unit("1"),
    ] = 10
    background: Annotated[
        float,
        Field(
            ge=0,
            le=65535,
            title="Background",
            description="Counts subtracted first; 0 after a Subtract background step.",
            json_schema_extra={"step": 1, "slider": [0, 500]},
        ),
        Unit("counts"),
    ] = 0.0
    edges: Annotated[
        Edges,
        Field(
            title="Edges",
            description="How the volume goes on beyond its edges: as its mirror image, as "
            "background, or periodically (as cudaDecon, with x and y edges blended).",
            json_schema_extra={
                "words": {"reflect": "mirrored", "background": "background", "periodic": "periodic"}
            },
        ),
    ] = "reflect"

    def output_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """Float32, otherwise unchanged."""
        return spec.replace(dtype="float32")

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Deconvolve the volume.

        Raises
        ------
        PsfError
            If no PSF is chosen, or it cannot be used.
        Cancelled
            If nobody wants the result any more.
        """
        result = context.engine.deconvolve(
            volume, self._plan(context.spec), context.cancelled, context.progress
        )
        if self.edges == "reflect":
            # Beyond a mirror there is light too, and one or two per cent of it come inside.
            _scale_to(_light(volume, self.background), result)
        return result

    def halo(self, spec: VolumeSpec) -> Shape:
        """About the extent of the PSF; its file is read."""
        plan, wider = self._plan(spec), WIDER[self.edges]
        margin = surroundings(plan.otf, plan.voxel_size, plan.shear, plan.skew_axis)
        return cast(Shape, tuple(wider * n for n in margin))

    def needed_box(self, spec: VolumeSpec, box: Box) -> Box:
        """The box and its halo; everything, if that is hardly more work.

        Raises
        ------
        PsfError
            See `run`.
        """
        everything = whole(spec.shape)
        if box == everything:
            return box
        inner = widened(box, self.halo(spec), spec.shape)
        if self.edges == "periodic":
            inner = _around(inner, spec.shape)
        plan = self._plan(spec)
        part, full = (math.prod(Frame.of(shape_of(b), plan).shape) for b in (inner, everything))
        return inner if part <= (1 - SAVING) * full else everything

    def run_box(self, part: np.ndarray, inner: Box, box: Box, context: Context) -> np.ndarray:
        """Deconvolve the part, and cut the box out.

        Its light is not set to that of the input, which does not stay within a part.
        """
        result = context.engine.deconvolve(
            part, self._plan(context.spec), context.cancelled, context.progress
        )
        return result[slices(box, inner)]

    def brief(self) -> str:
        """PSF, and how far."""
        if not self.psf:
            return "no PSF chosen"
        how = "fast" if self.method == "fast" else f"{self.iterations} it."
        return f"{PurePath(self.psf).name}, {how}"

    def draft(self) -> Deconvolve:
        """By the method fast, unless there are few iterations anyway."""
        return self if self.iterations <= 3 else self.model_copy(update={"method": "fast"})

    def after_edit(self, name: str) -> Deconvolve:
        """Another file has a spacing of its own."""
        return self.model_copy(update={"psf_voxel_size": (0.0,) * 3}) if name == "psf" else self

    def need(self, spec: VolumeSpec, engine: str) -> Need:
        """The arrays of the iteration; nothing before a PSF is chosen.

        Raises
        ------
        PsfError
            If the PSF cannot be used.
        """
        return get_engine(engine).need(spec.shape, self._plan(spec)) if self.psf else Need()

    def cache_key(self, spec: VolumeSpec) -> Hashable:
        """The result depends on the voxel size, the scan and the content of the file too."""
        try:
            stat = os.stat(self.psf)
        except OSError:
            return self, spec.voxel_size, spec.scan, None
        return self, spec.voxel_size, spec.scan, stat.st_size, stat.st_mtime_ns

    def _plan(self, spec: VolumeSpec) -> DeconvolutionPlan:
        if not self.psf:
            raise PsfError(
                "No PSF is chosen", hint="Choose a PSF or OTF file, or switch the step off"
            )
        z, y, x = spec.voxel_size
        scan = spec.scan
        return DeconvolutionPlan(
            otf=read_psf_or_otf(self.psf, self._psf_spacing()),
            voxel_size=(scan.normal_step(z) if scan else z, y, x),
            method=self.method,
            iterations=self.iterations,
            background=self.background,
            edges=self.edges,
            shear=scan.shear(spec.voxel_size) if scan else 0.0,
            skew_axis=scan.skew_axis if scan else "x",
        )

    def _psf_spacing(self) -> Triple:
        """Spacing of the PSF (z, y, x) [um]."""
        try:
            return psf_spacing(self.psf, self.psf_voxel_size)
        except PsfError:
            # Of two faults, tell that of the file first: it may be no PSF at all.
            if not is_otf(self.psf):
                load_psf(self.psf)
            raise


def _around(box: Box, shape: Shape) -> Box:
    """The box, with all of each axis where it reaches the edge: beyond lies the other one."""
    ends = ((0, n) if start == 0 or stop == n else (start, stop)
            for (start, stop), n in zip(box, shape, strict=True))  # fmt: skip
    return cast(Box, tuple(ends))


def _light(volume: np.ndarray, background: float) -> float:
    """Sum of all counts above the background; what is not finite counts as background."""
    total = 0.0
    for plane in volume:
        if plane.dtype.kind == "f":
            plane = plane.astype(np.promote_types(plane.dtype, np.float32), copy=False)
            plane = plane[np.abs(plane) < LARGEST]
        above = np.maximum(plane, np.asarray(background, np.float32))
        total += float(above.sum(dtype=np.float64)) - background * above.size
    return total


def _scale_to(light: float, result: np.ndarray) -> None:
    """Bring the sum of a result to that of its input, in place."""
    total = float(result.sum(dtype=np.float64))
    if total > 0 and light > 0:
        result *= np.float32(light / total)
