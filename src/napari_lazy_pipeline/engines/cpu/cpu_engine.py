"""The CPU engine: works everywhere, and gives what the CUDA library gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline._runtime.free_memory import budget
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines import DeconvolutionPlan, Method, Rounding
from napari_lazy_pipeline.engines import tiling as _tiling
from napari_lazy_pipeline.engines.back_projector import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.engines.cpu.blur import Blur
from napari_lazy_pipeline.engines.cpu.deskew_kernels import Planes, deskew, deskew_mip
from napari_lazy_pipeline.engines.cpu.fft.blocks import blocks_of, from_blocks, to_blocks
from napari_lazy_pipeline.engines.cpu.fft.spectrum import aligned, laid
from napari_lazy_pipeline.engines.cpu.rotate_kernels import rotate
from napari_lazy_pipeline.engines.padding import Frame, check_plan, filler
from napari_lazy_pipeline.engines.richardson_lucy import richardson_lucy
from napari_lazy_pipeline.engines.tiling import Memory
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image.scan_geometry import (
    DeskewPlan,
    RotationPlan,
    Scan,
    Shape,
    SkewAxis,
    Triple,
)
from napari_lazy_pipeline.psf.radial_otf import RadialOtf, interpolate

# Bytes per voxel of the surrounded volume while it is deconvolved, the result included.
BYTES = {"rl": 18, "accelerated": 30, "fast": 22}
# Bytes per voxel of the result, which tiles are joined in.
RESULT = 4


class CpuEngine:
    """Deskews, rotates and deconvolves in loops that numba compiles.

    Parameters
    ----------
    threads
        How many to use; 0 takes one per CPU. Results do not depend on it.
    memory_limit
        Memory a deconvolution may take [byte]; None for most of what is free. Larger volumes are
        done in overlapping tiles, which changes the result a little (see `_tiling`).
    """

    name = "cpu"

    def __init__(self, threads: int = 0, memory_limit: int | None = None) -> None:
        self.threads = Threads(threads)
        self.memory_limit = memory_limit

    def use_threads(self, threads: int) -> None:
        """Take so many from the next volume on; 0 takes one per CPU."""
        self.threads = Threads(threads)

    def unavailable(self) -> str | None:
        """There is always a CPU."""
        return None

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        Parameters
        ----------
        volume
            The raw volume (z, y, x).
        plan
            Where each pixel comes from.
        fill
            Value of pixels no plane covers.
        rounding
            For uint16: to the nearest integer, or down as cudaDecon does.
        planes
            If ``volume`` is only the planes [start, stop) of what the plan describes: these.

        Raises
        ------
        EngineError
            If the volume is of another type, or does not fit the plan.
        """
        return deskew(volume, plan, fill, rounding, planes, self.threads)

    def deskew_mip(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Maximum along z of the deskewed volume (y, x), which is not made; dtype kept.

        Equal to ``deskew(volume, plan, fill, rounding).max(axis=0)``, with the same parameters.

        Raises
        ------
        EngineError
            If the volume has no plane, is of another type, or does not fit the plan.
        """
        return deskew_mip(volume, plan, fill, rounding, self.threads)

    def rotate(
        self,
        volume: np.ndarray,
        plan: RotationPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Turn a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        Parameters
        ----------
        volume
            (z, y, x), skewed or not, as the plan has it.
        plan
            Where each voxel comes from.
        fill
            Value of voxels that lie between no two planes.
        rounding
            For uint16: to the nearest integer, or down.

        Raises
        ------
        EngineError
            If the volume is of another type, or does not fit the plan.
        """
        return rotate(volume, plan, fill, rounding, self.threads)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x) of any real type; float32 of the same shape.

        The result is in counts above the background. Values that are not finite count as
        background.

        Parameters
        ----------
        volume
            (z, y, x); left alone.
        plan
            OTF, method, number of iterations, background, edges.
        cancelled
            Asked some hundred times a second, in the calling thread.
        progress
            Told the finished fraction after each iteration.

        Raises
        ------
        Cancelled
            As soon as ``cancelled`` says so.
        EngineError
            If the volume is no volume, the plan has no iteration, or the memory does not suffice
            even for a small part of the volume.
        """
        check_plan(volume, plan)

        def solve(frame: Frame, told: Callable[[float], object]) -> np.ndarray:
            return self._solve(volume, plan, frame, cancelled, told)

        memory = Memory(BYTES[plan.method], self._limit(volume, plan), RESULT)
        return _tiling.deconvolve(volume.shape, plan, solve, memory, self.name, progress)

    def _limit(self, volume: np.ndarray, plan: DeconvolutionPlan) -> float:
        """Memory there is for a deconvolution [byte]."""
        if self.memory_limit is not None:
            return self.memory_limit
        if BYTES[plan.method] * math.prod(Frame.of(volume.shape, plan).shape) > budget():
            _grid.cache_clear()
            pool().clear()
        return budget()

    def _solve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        frame: Frame,
        cancelled: Callable[[], bool],
        progress: Callable[[float], object],
    ) -> np.ndarray:
        """Deconvolve what a frame shows of the volume."""

        def check() -> None:
            if cancelled():
                raise Cancelled

        otf = _laid(plan.otf, frame, plan)
        back_projectors: list[np.ndarray | None] = [None] * plan.iterations
        if plan.method == "fast":
            # The last one matches: it brings back the light that the others lose or add.
            unmatched = _laid(back_projector(plan.otf), frame, plan)
            back_projectors = [unmatched] * FAST_ITERATIONS + [None]
        fast = plan.method == "fast"
        result = richardson_lucy(
            self._blocks(volume, plan, frame),
            frame.shape[2],
            otf,
            back_projectors,
            plan.method == "accelerated",
            self.threads,
            check,
            progress,
            self._blocks(volume, plan, frame, Blur(plan)) if fast else None,
        )
        return self._volume(result, frame)

    def _blocks(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        frame: Frame,
        blur: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Fill a frame, in blocks of columns."""
        image, fill = aligned(blocks_of(frame.shape)), filler(volume, plan, frame, blur, to_blocks)
        self.threads.for_each(lambda k: fill(k, image[k]), len(image))
        return image

    def _volume(self, blocks: np.ndarray, frame: Frame) -> np.ndarray:
        """Take the volume out of a frame that is in blocks of columns."""
        window = frame.window
        out = pool().empty([part.stop - part.start for part in window], np.float32)
        z, y, x = (part.start for part in window)
        self.threads.for_each(lambda k: from_blocks(blocks[z + k], y, x, out[k]), len(out))
        return out


def _laid(otf: RadialOtf, frame: Frame, plan: DeconvolutionPlan) -> np.ndarray:
    """Lay an OTF, or what stands for one, on the grid of a deconvolution."""
    return _grid(otf, frame.shape, plan.voxel_size, plan.shear, plan.skew_axis)


@lru_cache(maxsize=6)
def _grid(
    otf: RadialOtf, shape: Shape, voxel_size: Triple, shear: float, skew_axis: SkewAxis
) -> np.ndarray:
    """Interpolate the OTF, kept for the next time point; some channels and sizes take turns."""
    grid = laid(interpolate(otf, shape, voxel_size, shear, skew_axis), shape)
    grid.flags.writeable = False
    return grid


def warm_up() -> None:
    """Compile or load all loops, seconds at the very first time, so that no one waits later."""
    engine = CpuEngine(1)
    otf = RadialOtf(np.ones((5, 8)), 1.0, 1.0)
    for dtype in (np.uint16, np.float32):
        volume = np.zeros((2, 4, 4), dtype)
        frozen = volume.copy()
        frozen.flags.writeable = False
        for image in (volume, frozen):
            engine.deskew(image, DeskewPlan(volume.shape, "x", 0.5, 5))
            engine.deskew(image, DeskewPlan(volume.shape, "y", 0.5, 5))
            engine.rotate(image, RotationPlan.of(volume.shape, (1.0, 1.0, 1.0), Scan(45, "x")))
            engine.rotate(image, RotationPlan.of(volume.shape, (1.0, 1.0, 1.0), Scan(45, "y")))
    methods: tuple[Method, ...] = ("rl", "accelerated", "fast")
    for method in methods:
        engine.deconvolve(volume, DeconvolutionPlan(otf, (1.0, 1.0, 1.0), method, iterations=3))
