"""Resample: makes voxels as long along all axes."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field
from scipy import ndimage

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import respaced, widened
from napari_lazy_pipeline.image.resampling import Interpolation, Resampling
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.steps._base import Context, Step, Unit

END = 4.0  # sigmas of the Gaussian that are used
MOST = 65_536  # voxels along an axis


class Resample(Step):
    """Interpolate onto voxels that are as long along z, y and x; the first one stays where it is.

    Along axes that get fewer voxels, detail that these cannot show is smoothed away first, by a
    Gaussian of (factor - 1) / 2 voxels: else it would come back as a pattern (aliasing).

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((11, 24, 30), voxel_size=(0.4, 0.1, 0.1)))
    >>> Resample().output(spec).shape, Resample(voxel_size=0.2).output(spec).shape
    ((41, 24, 30), (21, 12, 15))
    """

    summary: ClassVar[str] = "Interpolate onto cubic voxels"
    group: ClassVar[str] = "Size"
    order: ClassVar[int] = 38

    voxel_size: Annotated[
        float | None,
        Field(
            ge=0.001,
            le=100,
            title="Voxel size",
            description="Along all axes; empty: the smallest of the three there are.",
            json_schema_extra={"step": 0.01, "empty": "the smallest"},
        ),
        Unit("µm"),
    ] = None
    interpolation: Annotated[
        Interpolation,
        Field(
            title="Interpolation",
            description="Linear is quick and never over- or undershoots; cubic keeps more detail.",
        ),
    ] = "linear"

    def brief(self) -> str:
        size = "smallest" if self.voxel_size is None else f"{self.voxel_size:g} µm"
        return f"{size}, {self.interpolation}"

    def output(self, before: StackSpec) -> StackSpec:
        if before.volume.scan is not None:
            raise GeometryError(
                "The planes are still skewed: their z goes along the stage",
                hint="Put Resample after Deskew or Rotate",
            )
        factors = self._factors(before)
        shape = tuple(
            math.floor((n - 1) / factor + 1e-6) + 1
            for n, factor in zip(before.shape, factors, strict=True)
        )
        if max(shape) > MOST:
            raise GeometryError(
                f"Resampling would make {max(shape)} voxels along an axis",
                hint=f"At most {MOST} are possible: choose a larger voxel size",
            )
        volume = respaced(before.volume, cast(Shape, shape), factors, (0.0, 0.0, 0.0))
        size = self.voxel_size or min(before.voxel_size)
        return before.replace(volume=volume.replace(voxel_size=(size, size, size)))

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = self._resampling(before, self.output(before)).box_before(wanted.box)
        halo = [int(END * sigma + 0.5) for sigma in self._sigmas(before)]
        return (wanted.replace(box=widened(box, halo, before.shape)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        from napari_lazy_pipeline.engines.cpu.cpu_engine import cpu_engine

        part, sigmas = parts[0], self._sigmas(at.before)
        if any(sigmas):
            smooth = part.astype(np.float64 if part.dtype == np.float64 else np.float32)
            part = ndimage.gaussian_filter(smooth, sigmas, truncate=END, mode="nearest")
        how = self._resampling(at.before, at.after)
        return cpu_engine().resample(part, at.given[0].box, at.wanted.box, how, at.after.dtype)

    def need(self, before: StackSpec, engine: str) -> Need:
        """Where voxels are smoothed, the volume as floats, twice."""
        floats = before.volume.replace(dtype="float32").nbytes
        return Need(2 * floats if any(self._sigmas(before)) else 0)

    def draft(self) -> Resample:
        return self.model_copy(update={"interpolation": "linear"})

    def _factors(self, before: StackSpec) -> Triple:
        """How many voxels (z, y, x) become one."""
        sizes = before.voxel_size
        target = self.voxel_size or min(sizes)
        return cast(Triple, tuple(target / size for size in sizes))

    def _sigmas(self, before: StackSpec) -> list[float]:
        """Widths of the Gaussian (z, y, x) that goes before [voxel]."""
        return [max((factor - 1) / 2, 0.0) for factor in self._factors(before)]

    def _resampling(self, before: StackSpec, after: StackSpec) -> Resampling:
        return Resampling(before.volume, after.volume, np.eye(4), self.interpolation)
