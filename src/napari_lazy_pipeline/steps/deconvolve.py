"""Deconvolve: undoes the blur of the microscope, given its point spread function."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.engines import Need, get_engine
from napari_lazy_pipeline.engines.tiling import tile_count
from napari_lazy_pipeline.errors import PsfError, PsfIncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import whole
from napari_lazy_pipeline.psf.psf_doubts import doubts_about_names, inspect_psf, known_report
from napari_lazy_pipeline.psf.psf_file import PsfArray
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing, recorded_spacing
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._coarse_deconvolve import CoarseDeconvolve
from napari_lazy_pipeline.steps._deconvolution import Deconvolution, part_to_make
from napari_lazy_pipeline.steps._deconvolution_fields import UNKNOWN
from napari_lazy_pipeline.steps._per_channel import ChannelValues, channel_value


class Deconvolve(Deconvolution):
    """Richardson-Lucy deconvolution with the radially averaged OTF of a measured PSF.

    What is deconvolved lies where it lay: the peak of the PSF is its centre.
    On a volume that is still skewed (the step stands before Deskew) the PSF is sheared like
    the data: the quality is the same, and there are about half as many voxels.
    The result is float32, in counts above the background. Their sum is kept within 1 %: where
    the volume ends in something bright, light is taken to come and go over its edges.
    If a later step leaves only a part of it, only that part and what is about it as far as the
    PSF reaches are worked on.

    Examples
    --------
    >>> from napari_lazy_pipeline.image import StackSpec, VolumeSpec
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

    summary: ClassVar[str] = "Sharpen with the point spread function (Richardson-Lucy)"
    group: ClassVar[str] = "Sharpness"
    order: ClassVar[int] = 15

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
        if wanted.box == whole(before.shape):
            return (wanted,)
        box = part_to_make(wanted.box, before.shape, self.plan(before.volume))
        return (wanted.replace(box=box),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Deconvolve the part, and cut the wanted box out; a `PsfError` if no PSF can be used."""
        plan = self.plan(at.before.volume)
        inspect_psf(self.psf, self.psf_spacing())
        tile_count.set(1)
        result = at.engine.deconvolve(parts[0], plan, at.cancelled, at.progress)
        tiles = tile_count.get()
        at.remark(f"Computed in {tiles} tiles, since memory was short" if tiles > 1 else "")
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
        return CoarseDeconvolve(**dict(self))

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
        return get_engine(engine).need(before.shape, self.plan(before.volume))

    def only_in_memory(self) -> str:
        if not any(isinstance(path, PsfArray) for path in self.files()):
            return ""
        return "The PSF is an array: write it to a file with save_psf, and name that"
