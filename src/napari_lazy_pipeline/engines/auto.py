"""The auto engine: the fastest one that can be used here, and the CPU for what that cannot do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Engine,
    Rounding,
    get_engine,
    notices,
)
from napari_lazy_pipeline.engines.cpu.deskew_kernels import Planes, check_volume
from napari_lazy_pipeline.engines.padding import check_plan
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan

GPU_ENGINES = ("cupy", "pycudadecon")


def best_engine() -> str:
    """Name the engine that comes first: cupy, then pycudadecon, then the CPU.

    A GPU is tried out in another process, once per process: the first call may take some seconds.

    Examples
    --------
    >>> best_engine() in ("cupy", "pycudadecon", "cpu")
    True
    """
    return next((name for name in GPU_ENGINES if get_engine(name).unavailable() is None), "cpu")


class AutoEngine:
    """Hands each volume to the first engine that can be used here and does it."""

    name = "auto"

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
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept."""
        check_volume(volume, plan, planes)
        return _first(lambda engine: engine.deskew(volume, plan, fill, rounding, planes))

    def rotate(
        self,
        volume: np.ndarray,
        plan: RotationPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Turn a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept."""
        return get_engine().rotate(volume, plan, fill, rounding)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x); float32 of the same shape."""
        check_plan(volume, plan)
        return _first(lambda engine: engine.deconvolve(volume, plan, cancelled, progress))


def _first(do: Callable[[Engine], np.ndarray]) -> np.ndarray:
    """Do it with the first engine that can; what the others say is told once."""
    for name in GPU_ENGINES:
        engine = get_engine(name)
        if engine.unavailable() is not None:
            continue
        try:
            return do(engine)
        except EngineError as error:
            notices.report(Problem(name, error.what, "computed by another engine"))
    return do(get_engine())
