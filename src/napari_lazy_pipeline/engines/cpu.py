"""The CPU engine: works everywhere, and gives what the CUDA library gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from napari_lazy_pipeline.engines import DeconvolutionPlan, Rounding, _never, _nothing
from napari_lazy_pipeline.engines._deskew import deskew
from napari_lazy_pipeline.engines._padding import Frame, check_plan, prepare
from napari_lazy_pipeline.engines._richardson_lucy import richardson_lucy
from napari_lazy_pipeline.engines._workers import Workers
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.geometry import DeskewPlan, Shape, SkewAxis, Triple
from napari_lazy_pipeline.otf import RadialOtf, interpolate


class CpuEngine:
    """Deskews and deconvolves with numba and scipy.

    Parameters
    ----------
    threads
        How many to use; 0 takes one per CPU. Results do not depend on it.
    """

    name = "cpu"

    def __init__(self, threads: int = 0) -> None:
        self.workers = Workers(threads)

    def unavailable(self) -> str | None:
        """There is always a CPU."""
        return None

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
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

        Raises
        ------
        EngineError
            If the volume is of another type, or does not fit the plan.
        """
        return deskew(volume, plan, fill, rounding, self.workers)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = _never,
        progress: Callable[[float], None] = _nothing,
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
            If the volume is no volume, or the plan has no iteration.
        """

        def check() -> None:
            if cancelled():
                raise Cancelled

        check_plan(volume, plan)
        frame = Frame.of(volume.shape, plan)
        otf = _grid(plan.otf, frame.shape, plan.voxel_size, plan.shear, plan.skew_axis)
        image = prepare(volume, plan, frame, self.workers.each)
        result = richardson_lucy(
            image, otf, plan.method, plan.iterations, self.workers, check, progress
        )
        return frame.crop(result)


@lru_cache(maxsize=3)
def _grid(
    otf: RadialOtf, shape: Shape, voxel_size: Triple, shear: float, skew_axis: SkewAxis
) -> np.ndarray:
    """Interpolate the OTF, kept for the next time point; some channels take turns."""
    grid = interpolate(otf, shape, voxel_size, shear, skew_axis)
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
    for method in ("rl", "accelerated"):
        engine.deconvolve(volume, DeconvolutionPlan(otf, (1.0, 1.0, 1.0), method, iterations=3))
