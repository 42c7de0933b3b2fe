"""GPU engine: the base of engines on a GPU that may be missing, too small, or fail."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.engines.cpu.cpu_engine import cpu_engine
from napari_lazy_pipeline.engines.engine import (
    DeconvolutionPlan,
    Engine,
    Method,
    Need,
    Planes,
    Rounding,
    check_deconvolution,
    check_deskew,
    notices,
)
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.tiling import Memory, TooLittleMemory
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

USE_CPU = "Use the cpu engine"
FAILURES = 2

Compute = Callable[[], np.ndarray]


class DeviceError(EngineError):
    """The GPU failed at something it should be able to do."""


class GpuEngine(Engine):
    """An engine on a GPU; the CPU does what that cannot.

    Derived classes say what is wrong with the GPU, deskew and deconvolve on it, and raise a
    `DeviceError` where it fails and `TooLittleMemory` where a volume does not fit. A volume may
    take ``memory_limit`` [byte] of the GPU; None for what there is. At so many ``failures`` in a
    row the CPU takes over for good; those before raise their `DeviceError`.
    """

    voxel_bytes: Mapping[Method, float]

    def __init__(
        self, name: str, memory_limit: int | None = None, failures: int = FAILURES
    ) -> None:
        self.name, self.memory_limit = name, memory_limit
        self.fallback = Fallback(name, failures)

    def gpu_problem(self) -> str | None:
        """Say in one line why there is no GPU to use, None if there is; found out once."""
        return None

    def deskews_on_gpu(self, plan: DeskewPlan, planes: Planes) -> bool:
        """Return whether the GPU can do it, not the CPU; may raise an `EngineError`, too."""
        return math.prod(plan.out_shape) > 0

    def deskew_on_gpu(
        self, volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding, start: int
    ) -> np.ndarray:
        """Deskew planes that have been checked, from number ``start`` on (see `deskew`)."""
        raise NotImplementedError

    def plan_problem(self, shape: Shape, plan: DeconvolutionPlan) -> str:
        """Say why a deconvolution is beyond the engine; empty if it is not."""
        return ""

    def deconvolve_on_gpu(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        progress: Callable[[float], None],
    ) -> np.ndarray:
        """Deconvolve a volume that has been checked (see `deconvolve`)."""
        raise NotImplementedError

    def unavailable(self) -> str | None:
        """Say why the GPU is not used any more, or why there is none; None if all is well."""
        return self.fallback.reason or self.gpu_problem()

    def memory(self, plan: DeconvolutionPlan, limit: float = math.inf) -> Memory:
        """Memory that a deconvolution takes, of all there is [byte]."""
        return Memory(self.voxel_bytes[plan.method], limit)

    def need(self, shape: Shape, plan: DeconvolutionPlan) -> Need:
        if self.plan_problem(shape, plan):
            return cpu_engine().need(shape, plan)
        return Need(device=round(self.memory(plan).needed(Frame.of(shape, plan).shape)))

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        self._require()
        start = check_deskew(volume, plan, planes)
        on_cpu = partial(cpu_engine().deskew, volume, plan, fill, rounding, planes)
        if not volume.size or not self.deskews_on_gpu(plan, planes):
            return on_cpu()
        on_gpu = partial(self.deskew_on_gpu, volume, plan, fill, rounding, start)
        return self.fallback.run(on_gpu, on_cpu)

    def rotate(self, *arguments: Any, **options: Any) -> np.ndarray:
        self._require()
        return cpu_engine().rotate(*arguments, **options)

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        self._require()
        check_deconvolution(volume, plan)
        arguments = volume, plan, cancelled, progress
        on_cpu = partial(cpu_engine().deconvolve, *arguments)
        if reason := self.plan_problem(volume.shape, plan):
            notices.report(Problem(self.name, reason, "computed on the CPU"), self)
            return on_cpu()
        notices.withdraw(lambda about: about is self)
        return self.fallback.run(partial(self.deconvolve_on_gpu, *arguments), on_cpu)

    def _require(self) -> None:
        """Raise unless the GPU can be used, or the CPU has taken over from it."""
        if self.fallback.reason is None and (reason := self.unavailable()):
            raise EngineError(f"{self.name} cannot be used here", reason, USE_CPU)


class BrokenEngine(GpuEngine):
    """Stands for an engine that cannot be loaded: it is listed, with the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self._reason = reason

    def gpu_problem(self) -> str | None:
        return self._reason

    def need(self, shape: Shape, plan: DeconvolutionPlan) -> Need:
        return Need()


class Fallback:
    """Fallback to the CPU where a GPU fails, or is too small: see `GpuEngine`."""

    def __init__(self, name: str, failures: int) -> None:
        self.name, self.failures = name, failures
        self.reason: str | None = None
        self._lock = threading.Lock()
        self._count = 0

    def run(self, on_gpu: Compute, on_cpu: Compute) -> np.ndarray:
        """Make one volume; raise the `DeviceError` of a GPU that has not failed too often yet."""
        if self.reason is not None:
            return on_cpu()
        try:
            result = on_gpu()
            with self._lock:
                self._count = 0
            self._solve()
            return result
        except TooLittleMemory as error:
            what = f"There is too little memory on the GPU: {error.what}"
            notices.report(Problem(self.name, what, "computed on the CPU"), self)
        except DeviceError as error:
            self._count_failure(error)
        return on_cpu()

    def forget(self) -> None:
        """Give the GPU another chance."""
        with self._lock:
            self._count, self.reason = 0, None
        self._solve()

    def _solve(self) -> None:
        """Take back what was reported: the GPU works, or is given another chance."""
        notices.withdraw(lambda about: about is self)

    def _count_failure(self, error: DeviceError) -> None:
        """Raise an error again unless it is one too many."""
        with self._lock:
            self._count += 1
            if self._count < self.failures:
                raise error
            first, self.reason = self.reason is None, f"It failed {self._count} times: {error}"
        if first:
            what = "computed on the CPU from now on"
            notices.report(Problem(self.name, error.what, what), self)
