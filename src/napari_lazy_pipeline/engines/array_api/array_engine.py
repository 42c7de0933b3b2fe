"""An engine for any device whose array library follows numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import CancellableLock, cancel_check, not_cancelled
from napari_lazy_pipeline.engines import tiling
from napari_lazy_pipeline.engines.array_api import algorithms
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Rounding
from napari_lazy_pipeline.engines.gpu_engine import FAILURES, USE_CPU, DeviceError, GpuEngine
from napari_lazy_pipeline.engines.iterations import Use, factor_on, factors_of, iterate
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft
from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import RadialOtf

# Part of the free memory that one volume may take.
SHARE = 0.9
# Factors kept for the next volume: up to three, for two sizes.
FACTORS = 6
# How libraries call it when memory has run out, if they do not raise a MemoryError.
OUT_OF_MEMORY = (
    "ALLOC_FAILED",
    "MemoryAllocation",
    "out of memory",
    "OutOfMemory",
    "malloc",
    "Insufficient Memory",
)


class Device(Protocol):
    """Device for arrays: array library, counterpart of `scipy.fft`, and what they raise."""

    xp: Any
    fft: Any
    failures: tuple[type[Exception], ...]

    def put(self, array: np.ndarray) -> Any:
        """Copy an array to the device."""

    def get(self, array: Any) -> np.ndarray:
        """Copy an array from the device."""

    def free(self) -> int:
        """Memory that can be had [byte]."""

    def trim(self) -> None:
        """Give back memory that is kept for the next array."""

    def synchronize(self) -> None:
        """Wait until all is computed."""


class ArrayEngine(GpuEngine):
    """Deskews and deconvolves with arrays on a device, as the CPU engine does to float32.

    The device is made when it is first needed; its memory is that which is free.
    """

    voxel_bytes = ArrayFft.voxel_bytes
    transforms: type[ArrayFft] = ArrayFft
    # A library that cannot change arrays gets what the CPU has put into the frame.
    frames_on_device = True

    def __init__(
        self,
        name: str,
        device: Callable[[], Device],
        memory_limit: int | None = None,
        failures: int = FAILURES,
    ) -> None:
        super().__init__(name, memory_limit, failures)
        self._device = lru_cache(maxsize=1)(device)
        self._factor = lru_cache(maxsize=FACTORS)(self._put_factor)
        self._lock = CancellableLock()

    def close(self) -> None:
        """Give the memory of the device back; the next call takes it again."""
        with self._lock.hold(not_cancelled):
            self._forget_factors()

    def deskew_on_gpu(
        self, volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding, start: int
    ) -> np.ndarray:
        native = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
        device = self._device()
        with self._lock.hold(not_cancelled), self._named_errors():
            try:
                with self._memory_errors():
                    raw = device.put(native)
                    out = algorithms.deskew(device.xp, raw, plan, fill, rounding, start)
                    return device.get(out)
            except MemoryError as error:
                shape = (len(volume), *plan.out_shape[1:])
                raise tiling.TooLittleMemory(f"A volume of {shape} does not fit") from error

    def deconvolve_on_gpu(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        progress: Callable[[float], None],
    ) -> np.ndarray:
        solve = partial(self._solve, volume, plan, cancelled)
        with self._lock.hold(cancelled), self._named_errors():
            memory = self.memory(plan, self._limit(Frame.of(volume.shape, plan), plan))
            return tiling.deconvolve(volume.shape, plan, solve, memory, self.name, progress)

    def _limit(self, frame: Frame, plan: DeconvolutionPlan) -> float:
        """Memory of the device there is for a volume [byte]."""
        if self.memory_limit is not None:
            return self.memory_limit
        if self.memory(plan).needed(frame.shape) > SHARE * self._device().free():
            self._forget_factors()
        return SHARE * self._device().free()

    def _solve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        frame: Frame,
        progress: tiling.Progress,
    ) -> np.ndarray:
        """Deconvolve what a frame shows of the volume."""
        device = self._device()
        check = cancel_check(cancelled)

        def finished(fraction: float) -> None:
            device.synchronize()
            progress(fraction)

        check()
        grid = frame.shape, plan.voxel_size, plan.shear, plan.skew_axis
        with self._memory_errors():
            factors = factors_of(plan, partial(self._factor, grid))
            image, start = self._prepare(_native(volume), plan, frame)
            fft = self.transforms(device.xp, device.fft, check)
            result = iterate(fft, plan, factors, image, start, finished)
            return device.get(result[frame.window])

    def _prepare(
        self, volume: np.ndarray, plan: DeconvolutionPlan, frame: Frame
    ) -> tuple[Any, Any]:
        """Image and first estimate on the device."""
        device = self._device()
        if self.frames_on_device:
            return algorithms.prepare(device.xp, device.put, volume, plan, frame)
        image, start = algorithms.prepare(np, np.asarray, volume, plan, frame)
        on_device = device.put(image)
        return on_device, on_device if start is image else device.put(start)

    def _put_factor(self, grid: tuple[Any, ...], otf: RadialOtf, use: Use) -> Any:
        return self._device().put(factor_on(grid, otf, use))

    def _forget_factors(self) -> None:
        self._factor.cache_clear()
        self._device().trim()

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        """Raise a `MemoryError` if memory has run out, whatever the library calls it."""
        try:
            yield
        except MemoryError:
            self._forget_factors()
            raise
        except self._device().failures as error:
            if not any(word in str(error) for word in OUT_OF_MEMORY):
                raise
            self._forget_factors()
            raise MemoryError(str(error)) from error

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Raise a `DeviceError` if the device fails."""
        try:
            yield
        except self._device().failures as error:
            raise DeviceError(f"The GPU failed: {one_line(error)}", hint=USE_CPU) from error


def _native(volume: np.ndarray) -> np.ndarray:
    """In the byte order of this machine, and no type that a GPU does not know."""
    wide = volume.dtype.kind == "f" and volume.dtype.itemsize > 8
    return volume.astype(np.float64 if wide else volume.dtype.newbyteorder("="), copy=False)
