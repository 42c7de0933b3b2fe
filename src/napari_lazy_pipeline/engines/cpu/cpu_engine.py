"""The CPU engine: works everywhere, and gives what the CUDA library gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, get_args

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.cancellation import cancel_check, no_progress, not_cancelled
from napari_lazy_pipeline._runtime.free_memory import budget
from napari_lazy_pipeline._runtime.jit import numba_problem
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines import tiling
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.engines.cpu.deskew_kernels import deskew
from napari_lazy_pipeline.engines.cpu.fft import COMPILED_VOXEL_BYTES, ScipyFft, fastest_fft
from napari_lazy_pipeline.engines.cpu.resample_kernels import resample
from napari_lazy_pipeline.engines.cpu.rotate_kernels import rotate
from napari_lazy_pipeline.engines.engine import (
    DeconvolutionPlan,
    Engine,
    Method,
    Need,
    check_deconvolution,
    notices,
)
from napari_lazy_pipeline.engines.fast_method import Blur
from napari_lazy_pipeline.engines.iterations import Use, factor_on, factors_of, iterate
from napari_lazy_pipeline.engines.padding import Frame, apodize, clean
from napari_lazy_pipeline.image import Scan, Shape, VolumeSpec
from napari_lazy_pipeline.image.box import whole
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.resampling import Resampling
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan
from napari_lazy_pipeline.psf import RadialOtf

# Bytes per voxel of the result, which tiles are joined in.
RESULT = 4


class CpuEngine(Engine):
    """Deskews, rotates and deconvolves in loops that numba compiles.

    Results do not depend on the number of threads; 0 takes one per CPU. What takes more than
    ``memory_limit`` [byte], by default most of what is free, is deconvolved in overlapping tiles,
    which changes the result a little (see `tiling`).
    """

    name = "cpu"

    def __init__(
        self, threads: int = 0, memory_limit: int | None = None, fft: type[ScipyFft] | None = None
    ) -> None:
        self.threads, self.memory_limit, self.fft = Threads(threads), memory_limit, fft
        if problem := numba_problem():
            what = f"numba cannot be imported: {problem}. Reinstall numba"
            notices.report(Problem(self.name, what, "computed in plain Python, very slowly"))

    def use_threads(self, threads: int) -> None:
        """Take so many from the next volume on; 0 takes one per CPU."""
        self.threads = Threads(threads)

    def unavailable(self) -> str | None:
        """There is always a CPU."""
        return None

    def need(self, shape: Shape, plan: DeconvolutionPlan) -> Need:
        limit = budget() if self.memory_limit is None else self.memory_limit
        kind = self.fft or (ScipyFft if preparation.is_under_way() else None)
        voxel = (kind.voxel_bytes if kind else COMPILED_VOXEL_BYTES)[plan.method]
        return tiling.estimated_need(shape, plan, tiling.Memory(voxel, limit, RESULT))

    def deskew(self, *arguments: Any, **options: Any) -> np.ndarray:
        return deskew(self.threads, *arguments, **options)

    def rotate(self, *arguments: Any, **options: Any) -> np.ndarray:
        return rotate(self.threads, *arguments, **options)

    def resample(self, *arguments: Any) -> np.ndarray:
        """Make a box of another grid: see `resample_kernels.resample`."""
        return resample(self.threads, *arguments)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        check_deconvolution(volume, plan)
        kind = self.fft or fastest_fft()
        solve = partial(self._solve, kind, volume, plan, cancelled)
        voxel = kind.voxel_bytes[plan.method]
        limit = self.memory_limit
        if limit is None:
            if voxel * math.prod(Frame.of(volume.shape, plan).shape) > budget():
                _factor.cache_clear()  # where memory is short, none lies idle
                pool().clear()
            limit = budget()
        memory = tiling.Memory(voxel, limit, RESULT)
        return tiling.deconvolve(volume.shape, plan, solve, memory, self.name, progress)

    def _solve(
        self,
        kind: type[ScipyFft],
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        frame: Frame,
        progress: tiling.Progress,
    ) -> np.ndarray:
        """Deconvolve what a frame shows of the volume."""
        grid = frame.shape, plan.voxel_size, plan.shear, plan.skew_axis
        factors = factors_of(plan, partial(_factor, kind.factor, grid))
        image = start = framed(kind, volume, plan, frame, self.threads)
        if plan.method == "fast":
            start = framed(kind, volume, plan, frame, self.threads, Blur(plan))
        fft = kind(frame.shape, self.threads, cancel_check(cancelled))
        result = iterate(fft, plan, factors, image, start, progress)
        del fft  # its spectrum
        return kind.crop(result, frame.window, self.threads)


def framed(
    kind: type[ScipyFft],
    volume: np.ndarray,
    plan: DeconvolutionPlan,
    frame: Frame,
    threads: Threads,
    blur: Blur | None = None,
) -> np.ndarray:
    """Fill a frame with what it shows of the volume, laid out for the transforms.

    Edges are blended if they are periodic, and the background is subtracted; then each plane is
    blurred if a blur is given. What is not finite, or above 1e18, counts as background.
    """
    image, background = kind.empty(frame.shape), np.float32(plan.background)

    def fill(k: int) -> None:
        source, rows, columns = frame.plane(k, plan)
        if source < 0:
            image[k] = 0
            return
        plane, level = clean(np, volume[source], background), background
        if plan.edges == "periodic":
            apodize(np, plane, plan.apodize)
        if blur is not None:
            plane, level = blur(np.maximum(plane - background, 0)), np.float32(0)
        kind.put_plane(plane, rows, columns, level, image[k])

    threads.for_each(fill, len(image))
    return image


@lru_cache(maxsize=9)
def _factor(
    lay_out: Callable[..., Any], grid: tuple[Any, ...], otf: RadialOtf, use: Use
) -> np.ndarray:
    """Lay out a factor; kept for the next time points of some channels."""
    factor: np.ndarray = lay_out(factor_on(grid, otf, use), grid[0])
    factor.flags.writeable = False
    return factor


@cache
def cpu_engine() -> CpuEngine:
    """Return the CPU engine of this process, which also does what a GPU cannot."""
    return CpuEngine()


def warm_up() -> None:
    """Compile or load all loops, which takes seconds at the very first time.

    Those come first that no twin serves for while another process compiles: until they are on
    disk, the process that shows the pictures compiles them, too.
    """
    engine, shape, size = CpuEngine(1), (2, 4, 4), (1.0, 1.0, 1.0)
    volumes = [np.zeros(shape, dtype) for dtype in (np.uint16, np.float32)]
    plan = partial(DeconvolutionPlan, RadialOtf(np.ones((5, 8)), 1.0, 1.0), size)
    for volume in volumes:
        engine.deskew(volume, DeskewPlan(shape, "x", 0.5, 5))
    CpuEngine(1, fft=ScipyFft).deconvolve(volumes[1], plan("fast"))
    for method in get_args(Method):
        engine.deconvolve(volumes[1], plan(method, iterations=3))
    spec = VolumeSpec(shape, voxel_size=size)
    larger, box = Resampling(spec, spec, np.diag([1.5, 1.5, 1.5, 1.0])), whole(shape)
    for volume in volumes:
        engine.resample(volume, box, box, larger, volume.dtype.name)
        engine.deskew(volume, DeskewPlan(shape, "y", 0.5, 5))
        engine.rotate(volume, RotationPlan.of(shape, size, Scan(45, "x")))
        engine.rotate(volume, RotationPlan.of(shape, size, Scan(45, "y")))


def prepare(lowest: bool = False) -> None:
    """Compile all loops, and note that it was done; at the lowest priority, if there are any."""
    preparation.prepare(warm_up, lowest)
