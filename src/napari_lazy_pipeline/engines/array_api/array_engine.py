"""An engine for any device whose array library follows numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import CancellableLock, no_progress, not_cancelled
from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Rounding,
    get_engine,
    notices,
)
from napari_lazy_pipeline.engines import tiling as _tiling
from napari_lazy_pipeline.engines.array_api import algorithms as _arrays
from napari_lazy_pipeline.engines.back_projector import FAST_ITERATIONS, back_projector
from napari_lazy_pipeline.engines.cpu.deskew_kernels import Planes, check_volume, fill_value
from napari_lazy_pipeline.engines.gpu_engine import FAILURES, DeviceError, Fallback
from napari_lazy_pipeline.engines.padding import Frame, check_plan
from napari_lazy_pipeline.engines.tiling import Memory, Progress, TooLittleMemory
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import (
    DeskewPlan,
    RotationPlan,
    Shape,
    SkewAxis,
    Triple,
)
from napari_lazy_pipeline.psf.radial_otf import RadialOtf, interpolate

USE_CPU = "Use the cpu engine"
# Bytes per voxel of the surrounded volume while it is deconvolved: the arrays of
# `_arrays.richardson_lucy`, and what an FFT takes besides.
BYTES = {"rl": 36, "accelerated": 44, "fast": 40}
# Part of the free memory that one volume may take.
SHARE = 0.9
# Frequency grids kept for the next volume: an OTF and its back projector, for two sizes.
GRIDS = 4
# How libraries call it when memory has run out, if they do not raise a MemoryError.
OUT_OF_MEMORY = ("ALLOC_FAILED", "MemoryAllocation", "out of memory")


class Device(Protocol):
    """Where arrays are computed.

    Attributes
    ----------
    xp, fft
        Its array library, and the counterpart of `scipy.fft`.
    failures
        What that raises if the device fails.
    """

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


class ArrayEngine:
    """Deskews and deconvolves with arrays on a device.

    Parameters
    ----------
    name
        Name of the engine.
    device
        Makes the device; called once, when it is first needed.
    memory_limit
        Memory of the device a volume may take [byte]; None for what is free.
    failures
        At which failure of the device in a row the CPU takes over.
    """

    def __init__(
        self,
        name: str,
        device: Callable[[], Device],
        memory_limit: int | None = None,
        failures: int = FAILURES,
    ) -> None:
        self.name = name
        self.memory_limit = memory_limit
        self.fallback = Fallback(name, failures)
        self._device = lru_cache(maxsize=1)(device)
        self._grid = lru_cache(maxsize=GRIDS)(self._make_grid)
        self._turn = CancellableLock()

    def unavailable(self) -> str | None:
        """Say in one line why the engine cannot be used here; None if it can."""
        return self.fallback.reason

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        The result equals that of the CPU engine. If it does not fit on the device, the CPU does
        it.

        Raises
        ------
        EngineError
            If the engine is unavailable, the device fails, or the volume does not fit the plan.
        """
        self._require()
        start = check_volume(volume, plan, planes)

        def on_cpu() -> np.ndarray:
            return get_engine().deskew(volume, plan, fill, rounding, planes)

        if not volume.size or not math.prod(plan.out_shape):
            return on_cpu()
        return self._with_fallback(
            lambda: self._deskew(volume, plan, fill, rounding, start), on_cpu
        )

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
        """Deconvolve a volume (z, y, x) of any real type; float32 of the same shape.

        As the CPU engine does it, to the accuracy of float32. A volume that is too large for the
        device is done in tiles; one of which not even tiles fit, on the CPU.

        Raises
        ------
        Cancelled
            As soon as ``cancelled`` says so, after an iteration.
        EngineError
            If the engine is unavailable, the device fails, or the volume is no volume.
        """
        self._require()
        check_plan(volume, plan)
        return self._with_fallback(
            lambda: self._deconvolve(volume, plan, cancelled, progress),
            lambda: get_engine().deconvolve(volume, plan, cancelled, progress),
        )

    def close(self) -> None:
        """Give the memory of the device back; the next call takes it again."""
        with self._turn.taken(not_cancelled):
            self._forget_grids()

    def _require(self) -> None:
        """Raise unless the device can be used, or the CPU has taken over from it."""
        reason = None if self.fallback.reason else self.unavailable()
        if reason is not None:
            raise EngineError(f"{self.name} cannot be used here", reason, USE_CPU)

    def _with_fallback(
        self, on_device: Callable[[], np.ndarray], on_cpu: Callable[[], np.ndarray]
    ) -> np.ndarray:
        try:
            return self.fallback.run(on_device, on_cpu)
        except TooLittleMemory as error:
            what = "There is too little memory on the GPU"
            notices.report(Problem(self.name, f"{what}: {error.what}", "computed on the CPU"))
            return on_cpu()

    def _deskew(
        self, volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding, start: int
    ) -> np.ndarray:
        native = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
        value = fill_value(fill, native.dtype, rounding)
        device = self._device()
        with self._turn.taken(not_cancelled), self._named_errors():
            try:
                with self._memory_errors():
                    raw = device.put(native)
                    out = _arrays.deskew(device.xp, raw, plan, value, rounding == "nearest", start)
                    return device.get(out)
            except MemoryError as error:
                shape = (len(volume), *plan.out_shape[1:])
                raise TooLittleMemory(f"A volume of {shape} does not fit") from error

    def _deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool],
        progress: Callable[[float], None],
    ) -> np.ndarray:
        with self._turn.taken(cancelled), self._named_errors():
            return _tiling.deconvolve(
                volume.shape,
                plan,
                lambda frame, told: self._solve(volume, plan, frame, cancelled, told),
                Memory(BYTES[plan.method], self._limit(volume, plan)),
                self.name,
                progress,
            )

    def _limit(self, volume: np.ndarray, plan: DeconvolutionPlan) -> float:
        """Memory of the device there is for a volume [byte]."""
        if self.memory_limit is not None:
            return self.memory_limit
        needed = BYTES[plan.method] * math.prod(Frame.of(volume.shape, plan).shape)
        if needed > SHARE * self._device().free():
            self._forget_grids()
        return SHARE * self._device().free()

    def _solve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        frame: Frame,
        cancelled: Callable[[], bool],
        progress: Progress,
    ) -> np.ndarray:
        """Deconvolve what a frame shows of the volume."""
        device = self._device()
        filters = _back_projectors(plan)

        def finished(done: int) -> None:
            device.synchronize()
            progress(done / len(filters))
            if done < len(filters) and cancelled():
                raise Cancelled

        if cancelled():
            raise Cancelled
        with self._memory_errors():
            otf = self._laid(plan.otf, frame, plan)
            back = [self._laid(part, frame, plan) if part else None for part in filters]
            accelerated = plan.method == "accelerated"
            image, start = _arrays.prepare(device.xp, device.put, _native(volume), plan, frame)
            result = _arrays.richardson_lucy(
                device.xp, device.fft, image, start, otf, back, accelerated, finished
            )
            return device.get(result[frame.window])

    def _laid(self, otf: RadialOtf, frame: Frame, plan: DeconvolutionPlan) -> Any:
        return self._grid(otf, frame.shape, plan.voxel_size, plan.shear, plan.skew_axis)

    def _make_grid(
        self, otf: RadialOtf, shape: Shape, voxel_size: Triple, shear: float, skew_axis: SkewAxis
    ) -> Any:
        return self._device().put(interpolate(otf, shape, voxel_size, shear, skew_axis))

    def _forget_grids(self) -> None:
        self._grid.cache_clear()
        self._device().trim()

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        """Raise a `MemoryError` if memory has run out, whatever the library calls it."""
        try:
            yield
        except MemoryError:
            self._forget_grids()
            raise
        except self._device().failures as error:
            if not any(word in str(error) for word in OUT_OF_MEMORY):
                raise
            self._forget_grids()
            raise MemoryError(str(error)) from error

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Raise a `DeviceError` if the device fails."""
        try:
            yield
        except self._device().failures as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise DeviceError(f"The GPU failed: {text}", hint=USE_CPU) from error


def _back_projectors(plan: DeconvolutionPlan) -> list[RadialOtf | None]:
    """What each iteration goes back with; None for the conjugate of the OTF."""
    if plan.method == "fast":
        return [back_projector(plan.otf)] * FAST_ITERATIONS + [None]
    return [None] * plan.iterations


def _native(volume: np.ndarray) -> np.ndarray:
    """In the byte order of this machine, and no type that a GPU does not know."""
    wide = volume.dtype.kind == "f" and volume.dtype.itemsize > 8
    return volume.astype(np.float64 if wide else volume.dtype.newbyteorder("="), copy=False)
