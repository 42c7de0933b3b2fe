"""Deconvolve: undoes the blur of the microscope, given its point spread function."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import DeconvolutionPlan, Edges, Method, Need, Start, get_engine
from napari_lazy_pipeline.engines.binning import binned, repeated
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.padding import halo as surroundings
from napari_lazy_pipeline.errors import PsfError, PsfIncompleteError
from napari_lazy_pipeline.image import Block, Shape, StackSpec, Triple, VolumeSpec
from napari_lazy_pipeline.image.box import Box, rounded, shape_of, whole, widened
from napari_lazy_pipeline.psf import RadialOtf, make_otf
from napari_lazy_pipeline.psf.psf_doubts import doubts_about_names, inspect_psf, known_report
from napari_lazy_pipeline.psf.psf_file import PsfArray, PsfFile, is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing, recorded_spacing
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel, channel_value

# How many times what surrounds a volume has to surround a part of it: iterations carry what they
# see at its edges further than the PSF reaches. A periodic part is surrounded by nothing else.
WIDER = {"reflect": 2, "background": 2, "periodic": 3}
# Less is not saved by working on a part.
SAVING = 0.2
# 0 stands for what is not stated.
Micrometre = Annotated[float, Field(ge=0, le=100)]
Counts = Annotated[float, Field(ge=0, le=65535)]
UNKNOWN = (0.0, 0.0, 0.0)
# Of a draft: voxels (z, y, x) taken along around a part, and planes of which all are taken.
DRAFT_HALO = (4, 8, 8)
FEW_PLANES = 16


class Deconvolve(Step):
    """Richardson-Lucy deconvolution with the radially averaged OTF of a measured PSF.

    What is deconvolved lies where it lay: the peak of the PSF is its centre.
    On a volume that is still skewed (the step stands before Deskew) the PSF is sheared like
    the data: the quality is the same, and there are about half as many voxels.
    The result is float32, in counts above the background. Their sum is kept but for 1 to 2 % where
    the volume ends in something bright: light is taken to come and go over its edges.
    If a later step leaves only a part of it, only that part and what is about it as far as the
    PSF reaches are worked on.

    Examples
    --------
    >>> spec = StackSpec(VolumeSpec((88, 320, 481), voxel_size=(0.157, 0.1, 0.1)))
    >>> Deconvolve(psf="psf.tif", psf_voxel_size=(0.1, 0.1, 0.1)).output(spec).dtype
    'float32'

    References
    ----------
    W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972); L. B. Lucy, Astron. J. 79, 745 (1974);
    D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997);
    J. Manton and A. York, https://zenodo.org/records/10278919;
    M. Guo et al., Nature Biotechnology 38, 1337 (2020).
    """

    title: ClassVar[str] = "Deconvolve"
    summary: ClassVar[str] = "Sharpen with the point spread function (Richardson-Lucy)"
    group: ClassVar[str] = "Sharpness"
    order: ClassVar[int] = 15
    exact: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = True
    depends_on: ClassVar[frozenset[str]] = frozenset({"scan"})

    psf: Annotated[
        PerChannel[PsfFile],
        Field(
            title="PSF or OTF file",
            description="TIFF of a bead image (z, y, x), or an OTF file of cudaDecon.",
            json_schema_extra={"format": "path"},
        ),
    ] = ""
    psf_voxel_size: Annotated[
        PerChannel[tuple[Micrometre, Micrometre, Micrometre]],
        Field(
            title="PSF voxel size",
            description="Spacing of the PSF along z, y and x; 0: as its file states. "
            "Without it, the PSF cannot be used.",
            json_schema_extra={"step": 0.01, "zero": "file"},
            examples=[(0, 0, 0), (0.1, 0.1, 0.1)],
        ),
        Unit("µm"),
    ] = UNKNOWN
    method: Annotated[
        Method,
        Field(
            title="Method",
            description="auto: Richardson-Lucy that ends by itself, voxel by voxel, where it "
            "would sharpen noise, no number to choose; accelerated: Richardson-Lucy accelerated "
            "after Biggs and Andrews (1997), as in cudaDecon, two to three times as far per "
            "iteration; rl: plain Richardson-Lucy; fast: two Wiener-Butterworth iterations (Guo et "
            "al. 2020) and a plain one, on a par with 10 plain ones in our tests.",
            json_schema_extra={
                "words": {
                    "auto": "Automatic",
                    "accelerated": "Richardson-Lucy, accelerated (Biggs-Andrews)",
                    "rl": "Richardson-Lucy",
                    "fast": "Wiener-Butterworth (fast)",
                }
            },
        ),
    ] = "auto"
    iterations: Annotated[
        int,
        Field(
            ge=1,
            le=500,
            title="Iterations",
            description="More are sharper, noisier and slower; the methods auto and fast have a "
            "number of their own.",
            json_schema_extra={"step": 1, "slider": [1, 50]},
        ),
        Unit("1"),
    ] = 10
    background: Annotated[
        PerChannel[Counts],
        Field(
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
    start: Annotated[
        Start,
        Field(
            title="Start",
            description="What the methods accelerated and rl start from: the image, as cudaDecon, "
            "which keeps its noise; or an even grey, better wherever photons are few.",
            json_schema_extra={
                "words": {"image": "the image", "flat": "an even grey"},
                "advanced": True,
            },
        ),
    ] = "image"

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(dtype="float32")

    def require(self, before: StackSpec) -> None:
        if not self.psf:
            raise PsfIncompleteError("No PSF is chosen", hint="Choose a PSF or OTF file")
        _ = before.voxel_size
        if not isinstance(self.psf, PsfArray) and recorded_spacing(self.psf).readable:
            psf_spacing(self.psf, self.psf_voxel_size)

    def caution(self, before: StackSpec) -> str:
        if before.volume.frame != "coverslip":
            return ""
        return (
            "The volume is rotated, and the PSF is not: the blur lies along other axes. Put "
            "Deconvolve before Rotate"
        )

    def doubt(self, before: StackSpec) -> str:
        """What was found when a PSF was read, and what its name says; one sentence a doubt."""
        found: dict[str, None] = {}
        for channel in before.channels or ("",):
            path = channel_value(self.psf, channel, "")
            stated = channel_value(self.psf_voxel_size, channel, UNKNOWN)
            try:
                size = psf_spacing(path, stated) if path else UNKNOWN
            except PsfError:  # it is told where it is needed
                continue
            report, depth = known_report(path, size), before.shape[0] * before.voxel_size[0]
            found.update(dict.fromkeys(report.doubts))
            if before.volume.scan is not None:
                depth = before.shape[0] * before.volume.scan.normal_step(before.voxel_size[0])
            if report.length > depth:
                found[
                    f"The PSF is {report.length:.2g} µm long, and the volume only {depth:.2g} µm "
                    "deep: what lies above and below it cannot be told apart"
                ] = None
            found.update(dict.fromkeys(doubts_about_names(path, channel, size)))
        return ". ".join(found)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """The box and its halo; everything, if that is hardly more work."""
        everything = whole(before.shape)
        if wanted.box == everything:
            return (wanted,)
        plan = self._plan(before.volume)
        inner = widened(wanted.box, self._halo(plan), before.shape)
        if self.edges == "periodic":
            inner = _around(inner, before.shape)
        part, full = (math.prod(Frame.of(shape_of(b), plan).shape) for b in (inner, everything))
        return (wanted.replace(box=inner if part <= (1 - SAVING) * full else everything),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Deconvolve the part, and cut the wanted box out; a `PsfError` if no PSF can be used."""
        plan = self._plan(at.before.volume)
        inspect_psf(self.psf, self._psf_spacing())
        result = at.engine.deconvolve(parts[0], plan, at.cancelled, at.progress)
        return result[at.inner]

    def idle_fields(self) -> frozenset[str]:
        """Automatic and fast have a start, and a number of iterations, of their own."""
        own = self.method in ("auto", "fast")
        return frozenset({"iterations", "start"}) if own else frozenset()

    def brief(self) -> str:
        """PSF, and how far."""
        paths = list(self.files())
        if not paths:
            return "no PSF chosen"
        named = {"auto": "automatic", "fast": "Wiener-Butterworth"}
        how = named.get(self.method, f"{self.iterations} iterations")
        return f"{', '.join(PurePath(path).name for path in paths)}, {how}"

    def draft(self) -> Step:
        return _CoarseDeconvolve(**dict(self))

    def after_edit(self, name: str, old: Step) -> Step:
        """Another file has a spacing of its own."""
        if name != "psf" or not isinstance(old, Deconvolve):
            return self
        psf: Any = self.psf
        if not isinstance(psf, ChannelValues):
            return self.replace(psf_voxel_size=UNKNOWN)
        sizes = {
            channel: channel_value(self.psf_voxel_size, channel, UNKNOWN)
            if path == channel_value(old.psf, channel, None)
            else UNKNOWN
            for channel, path in psf.items()
        }
        return self.replace(psf_voxel_size=sizes if any(map(any, sizes.values())) else UNKNOWN)

    def need(self, before: StackSpec, engine: str) -> Need:
        """The arrays of the iteration; nothing before a PSF is chosen."""
        if not self.psf:
            return Need()
        return get_engine(engine).need(before.shape, self._plan(before.volume))

    def only_in_memory(self) -> str:
        if not any(isinstance(path, PsfArray) for path in self.files()):
            return ""
        return "The PSF is an array: write it to a file with save_psf, and name that"

    def _halo(self, plan: DeconvolutionPlan) -> Shape:
        """About the extent of the PSF, and as far as iterations carry what they see."""
        margin = surroundings(plan.otf, plan.voxel_size, plan.shear, plan.skew_axis)
        return cast(Shape, tuple(WIDER[self.edges] * n for n in margin))

    def _plan(self, spec: VolumeSpec) -> DeconvolutionPlan:
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
        return read_psf_or_otf(self.psf, self._psf_spacing())

    def _psf_spacing(self) -> Triple:
        """Spacing of the PSF (z, y, x) [um]."""
        try:
            return psf_spacing(self.psf, self.psf_voxel_size)
        except PsfError:
            # Of two faults, tell that of the file first: it may be no PSF at all.
            if not is_otf(self.psf):
                load_psf(self.psf)
            raise


class _CoarseDeconvolve(Deconvolve):
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
        plan = self._plan(coarse)
        result = at.engine.deconvolve(binned(part, factors), plan, at.cancelled, at.progress)
        # What lies in one plane of a skewed volume lies further back in the next.
        scan = at.before.volume.scan
        back = (0.0, 0.0) if scan is None else scan.displacement(size)
        return repeated(result, factors, part.shape, at.inner, back)

    def draft(self) -> Step:
        slow = self.iterations > 3 or self.method == "auto"
        return self.model_copy(update={"method": "fast"}) if slow else self


def _around(box: Box, shape: Shape) -> Box:
    """The box, with all of each axis where it reaches the edge: beyond lies the other one."""
    ends = ((0, n) if start == 0 or stop == n else (start, stop)
            for (start, stop), n in zip(box, shape, strict=True))  # fmt: skip
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
