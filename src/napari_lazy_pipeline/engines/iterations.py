"""Iterations: the method of a plan, and the factors of the spectrum that it goes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.engines.fast_method import back_projector
from napari_lazy_pipeline.engines.gradient_consensus import blur_noise, blur_twice, consensus_lucy
from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft, richardson_lucy
from napari_lazy_pipeline.image import Shape, Triple
from napari_lazy_pipeline.image.scan_geometry import SkewAxis
from napari_lazy_pipeline.psf import RadialOtf
from napari_lazy_pipeline.psf.kernel import spectrum
from napari_lazy_pipeline.psf.radial_otf import interpolate

# What a factor does to a volume; to blur as cudaDecon does depends a little on its size.
Use = Literal["blur", "blur as cudadecon", "blur twice", "blur noise"]
# Shape, voxel size, shear and its axis.
Grid: TypeAlias = tuple[Shape, Triple, float, SkewAxis]


def iterate(
    fft: ArrayFft,
    plan: DeconvolutionPlan,
    factors: tuple[Any, ...],
    image: Any,
    start: Any,
    progress: Callable[[float], object],
) -> Any:
    """Deconvolve a volume by the method of a plan (see `richardson_lucy`)."""
    if plan.method == "auto":
        return consensus_lucy(fft, factors, image, progress)
    return richardson_lucy(fft, plan, factors, image, start, progress)


def factors_of(plan: DeconvolutionPlan, factor: Callable[[RadialOtf, Use], Any]) -> tuple[Any, ...]:
    """Make the factors that the method of a plan goes by; None is the conjugate of the first."""
    use: Use = "blur as cudadecon" if plan.edges == "periodic" else "blur"
    blur = factor(plan.otf, use)
    if plan.method == "auto":
        return blur, factor(plan.otf, "blur twice"), factor(plan.otf, "blur noise")
    return blur, factor(back_projector(plan.otf), use) if plan.method == "fast" else None


def factor_on(grid: Grid, otf: RadialOtf, use: Use) -> np.ndarray:
    """Lay out a factor on the grid of a volume: complex64 (z, y, x // 2 + 1)."""
    if use == "blur as cudadecon":
        return interpolate(otf, *grid)
    laid_out = spectrum(otf, *grid)
    if use == "blur twice":
        return blur_twice(laid_out)
    return blur_noise(laid_out, grid[0]) if use == "blur noise" else laid_out
