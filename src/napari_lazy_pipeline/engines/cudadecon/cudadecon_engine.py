"""The pycudadecon engine: cudaDecon on an NVIDIA GPU, kept away from what makes it crash.

The library lives in a worker process, which does one volume after the other with one context;
sizes are checked before; and a trial comes before the first volume.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Rounding,
    get_engine,
    notices,
)
from napari_lazy_pipeline.engines import tiling as _tiling
from napari_lazy_pipeline.engines.cpu.deskew_kernels import Planes, check_volume, fill_value
from napari_lazy_pipeline.engines.cudadecon.counts import (
    Counts,
    at_least_two,
    equivalent_scan,
    whole,
)
from napari_lazy_pipeline.engines.cudadecon.device_session import USE_CPU, session
from napari_lazy_pipeline.engines.gpu_engine import FAILURES, Fallback
from napari_lazy_pipeline.engines.padding import Frame, check_plan
from napari_lazy_pipeline.engines.tiling import Memory, Progress, TooLittleMemory
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan, Shape

LARGEST_VOLUME = 2**31 - 1
# Bytes per voxel that the library takes: nine float volumes, and the work areas of two FFTs.
BYTES = 52
# Part of the memory of the GPU that one volume may take.
SHARE = 0.8


class PycudadeconEngine:
    """Deskews and deconvolves with pycudadecon; what it cannot do, it refuses.

    Parameters
    ----------
    memory_limit
        GPU memory a volume may take [byte]; None for most of what the GPU has. Beyond it, the
        library would go on in main memory, many times slower.
    failures
        At which failure of the GPU in a row the CPU takes over.
    """

    name = "pycudadecon"

    def __init__(self, memory_limit: int | None = None, failures: int = FAILURES) -> None:
        self.memory_limit = memory_limit
        self.fallback = Fallback(self.name, failures)

    def unavailable(self) -> str | None:
        """Say in one line why there is no pycudadecon, library, driver or GPU; None if all is well.

        Found out once per process, in another one. Also says why the GPU is not used any more.
        """
        return self.fallback.reason or session(os.getpid()).reason()

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        A volume of one plane, row or column, or without any shear, would crash the library and
        is done on the CPU; so is a part of a volume, which the library cannot be asked for.

        Raises
        ------
        EngineError
            If the engine is unavailable, the volume does not fit the plan, or it or the result
            has more than 2**31 - 1 voxels, or if the GPU fails.
        """
        self._require()
        check_volume(volume, plan, planes)

        def on_cpu() -> np.ndarray:
            return get_engine().deskew(volume, plan, fill, rounding, planes)

        if planes is not None or not plan.shear or min(*plan.shape, plan.width) < 2:
            return on_cpu()
        _check_size(plan.shape)
        _check_size(plan.out_shape)
        return self.fallback.run(lambda: _deskew(volume, plan, fill, rounding), on_cpu)

    def rotate(
        self,
        volume: np.ndarray,
        plan: RotationPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Turn a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``; the CPU does it."""
        self._require()
        return get_engine().rotate(volume, plan, fill, rounding)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x); float32 of the same shape.

        The library works on uint16: whole numbers are passed as they are and limited to what
        fits, others are first stretched to the full range. It cannot be interrupted: a volume
        that is cancelled is abandoned, and the next one waits for its end.

        Raises
        ------
        Cancelled
            As soon as ``cancelled`` says so.
        EngineError
            If the engine is unavailable, the GPU fails, or it is asked for what it cannot do:
            another method than the accelerated one, a skewed volume, pixels that are not square.
        """
        self._require()
        check_plan(volume, plan)
        _check_abilities(plan)
        _check_size(Frame.of(volume.shape, plan).shape)

        def on_cpu() -> np.ndarray:
            return get_engine().deconvolve(volume, plan, cancelled, progress)

        try:
            return self.fallback.run(
                lambda: self._deconvolve(volume, plan, cancelled, progress), on_cpu
            )
        except TooLittleMemory as error:
            what = f"There is too little memory on the GPU: {error.what}"
            notices.report(Problem(self.name, what, "computed on the CPU"))
            return on_cpu()

    def close(self) -> None:
        """Release the GPU; the next call takes it again."""
        session(os.getpid()).close()

    def _require(self) -> None:
        """Raise unless the GPU can be used, or the CPU has taken over from it."""
        reason = None if self.fallback.reason else self.unavailable()
        if reason is not None:
            raise EngineError("pycudadecon cannot be used here", reason, USE_CPU)

    def _deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        progress: Progress,
    ) -> np.ndarray:
        worker = session(os.getpid())
        limit = self.memory_limit or SHARE * worker.memory or math.inf
        counts = Counts.of(volume, plan)

        def solve(frame: Frame, told: Progress) -> np.ndarray:
            frame = at_least_two(frame)
            result = worker.transform(
                "deconvolve",
                counts.framed(frame),
                frame.shape,
                cancelled,
                otf=str(worker.otf_file(plan.otf)),
                otf_voxel_size=plan.otf.voxel_size,
                voxel_size=plan.voxel_size,
                background=counts.background,
                iterations=int(plan.iterations),
                blend=counts.blend,
            )
            told(1.0)
            out = frame.crop(result)
            out /= np.float32(counts.scale)
            return out

        memory = Memory(BYTES, limit)
        return _tiling.deconvolve(volume.shape, plan, solve, memory, self.name, progress)


def _deskew(volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding) -> np.ndarray:
    along_x = volume if plan.skew_axis == "x" else volume.swapaxes(1, 2)
    step, angle = equivalent_scan(plan.shear)
    sheared = session(os.getpid()).transform(
        "deskew",
        np.ascontiguousarray(along_x, np.float32),
        (*along_x.shape[:2], plan.width),
        dzdata=step,
        angle=angle,
        width=int(plan.width),
        shift=int(plan.shift),
        pad_val=float(fill_value(fill, volume.dtype.newbyteorder("="), rounding)),
    )
    if plan.skew_axis == "y":
        sheared = np.ascontiguousarray(sheared.swapaxes(1, 2))
    return whole(sheared, rounding) if volume.dtype.kind == "u" else sheared


def _check_abilities(plan: DeconvolutionPlan) -> None:
    if plan.method != "accelerated":
        raise EngineError(
            f"pycudadecon has no method {plan.method!r}",
            hint="Choose accelerated, or use the cpu or cupy engine",
        )
    if plan.shear:
        raise EngineError(
            "pycudadecon cannot deconvolve a skewed volume",
            hint="Deskew first, or use the cpu or cupy engine",
        )
    if abs(plan.voxel_size[1] / plan.voxel_size[2] - 1) > 1e-6:
        raise EngineError("pycudadecon needs pixels of the same size in y and x", hint=USE_CPU)


def _check_size(shape: Shape) -> None:
    if shape[0] * shape[1] * shape[2] > LARGEST_VOLUME:
        raise EngineError(f"A volume of {shape} is too large for pycudadecon", hint=USE_CPU)
