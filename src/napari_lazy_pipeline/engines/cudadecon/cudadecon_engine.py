"""The pycudadecon engine: cudaDecon on an NVIDIA GPU, kept away from what makes it crash.

It lives in a worker process with one context; sizes are checked, and tried out, before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import get_args

import numpy as np

from napari_lazy_pipeline.engines import tiling
from napari_lazy_pipeline.engines.cpu.deskew_kernels import fill_value
from napari_lazy_pipeline.engines.cudadecon.counts import (
    Counts,
    at_least_two,
    equivalent_scan,
    whole,
)
from napari_lazy_pipeline.engines.cudadecon.device_session import LARGEST_OTF, fitted, session
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Method, Planes, Rounding
from napari_lazy_pipeline.engines.gpu_engine import FAILURES, GpuEngine
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

LARGEST_VOLUME = 2**31 - 1
# Bytes per voxel that the library takes: nine float volumes, and the work areas of two FFTs.
BYTES = 52
# Part of the free memory of the GPU that one volume may take.
SHARE = 0.8


class PycudadeconEngine(GpuEngine):
    """Deskews and deconvolves with pycudadecon; the CPU does what it cannot.

    The library works on uint16: whole numbers are passed as they are and limited to what fits,
    others are first stretched to the full range. It cannot be interrupted: a volume that is
    cancelled is abandoned, and the next one waits for its end. Beyond ``memory_limit`` [byte], by
    default most of what is free on the GPU, it would go on in main memory, many times slower.
    """

    auto_priority = 10
    voxel_bytes: dict[Method, int] = dict.fromkeys(get_args(Method), BYTES)

    def __init__(self, memory_limit: int | None = None, failures: int = FAILURES) -> None:
        super().__init__("pycudadecon", memory_limit, failures)

    def gpu_problem(self) -> str | None:
        return session(os.getpid()).problem()

    def close(self) -> None:
        """Release the GPU; the next call takes it again."""
        session(os.getpid()).close()

    def deskews_on_gpu(self, plan: DeskewPlan, planes: Planes) -> bool:
        """One plane, row or column, or no shear, would crash the library; it knows no parts."""
        if planes is not None or not plan.shear or min(*plan.shape, plan.width) < 2:
            return False
        return max(math.prod(plan.shape), math.prod(plan.out_shape)) <= LARGEST_VOLUME

    def deskew_on_gpu(
        self, volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding, start: int
    ) -> np.ndarray:
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

    def plan_problem(self, shape: Shape, plan: DeconvolutionPlan) -> str:
        if plan.method != "accelerated":
            return f"pycudadecon has no method {plan.method!r}. Choose accelerated for the GPU"
        if plan.start != "image":
            return "pycudadecon starts from the image. Choose that start for the GPU"
        if plan.shear:
            return "pycudadecon cannot deconvolve a skewed volume. Deskew first for the GPU"
        if abs(plan.voxel_size[1] / plan.voxel_size[2] - 1) > 1e-6:
            return "pycudadecon needs pixels of the same size in y and x"
        if fitted(plan.otf).values.nbytes > LARGEST_OTF:
            return "The PSF is too wide for pycudadecon. Crop it for the GPU"
        if math.prod(Frame.of(shape, plan).shape) > LARGEST_VOLUME:
            return f"A volume of {shape} is too large for pycudadecon"
        return ""

    def deconvolve_on_gpu(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        progress: Callable[[float], None],
    ) -> np.ndarray:
        worker = session(os.getpid())
        counts = Counts.of(volume, plan)

        def solve(frame: Frame, progress: tiling.Progress) -> np.ndarray:
            frame = at_least_two(frame)
            result = worker.transform(
                "deconvolve",
                counts.framed(frame),
                frame.shape,
                cancelled,
                otf=str(worker.otf_file(plan.otf)),
                otf_voxel_size=fitted(plan.otf).voxel_size,
                voxel_size=plan.voxel_size,
                background=counts.background,
                iterations=int(plan.iterations),
                blend=counts.blend,
            )
            progress(1.0)
            cropped: np.ndarray = result[frame.window] / np.float32(counts.scale)
            return cropped

        memory = self.memory(plan, self.memory_limit or SHARE * worker.free_memory() or math.inf)
        return tiling.deconvolve(volume.shape, plan, solve, memory, self.name, progress)
