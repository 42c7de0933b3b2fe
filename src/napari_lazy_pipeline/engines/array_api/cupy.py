"""The cupy engine: what the CPU engine does, on an NVIDIA GPU."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from typing import Any, cast

import numpy as np
from scipy import fft as scipy_fft

from napari_lazy_pipeline._runtime.worker_process import Worker, WorkerError
from napari_lazy_pipeline.engines.array_api import algorithms
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine, Device
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.engines.gpu_engine import FAILURES
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft, richardson_lucy
from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import RadialOtf

# With the CUDA libraries it needs, which its wheels do not hold.
PACKAGES = 'pip install "cupy-cuda13x[ctk]", or "cupy-cuda12x[ctk]" for an older driver'
TRIAL_SECONDS = 120
# Bytes of the pages that the system must not move while they are copied: enough for the full
# speed of the bus, and no burden for the rest of the system.
STAGE = 1 << 26


class CupyEngine(ArrayEngine):
    """Deskews and deconvolves with cupy, to the same results as the CPU engine."""

    auto_priority = 20

    def __init__(self, memory_limit: int | None = None, failures: int = FAILURES) -> None:
        super().__init__("cupy", CupyDevice, memory_limit, failures)

    def gpu_problem(self) -> str | None:
        return _problem()


class CupyDevice(Device):
    """The GPU that cupy uses in this process; arrays go through pinned memory."""

    def __init__(self) -> None:
        self.xp = importlib.import_module("cupy")
        self.fft = importlib.import_module("cupyx.scipy.fft")
        self._cupyx = importlib.import_module("cupyx")
        # Errors of the runtime, the driver and cuFFT are RuntimeErrors; libraries are loaded,
        # and kernels compiled, only when they are first needed.
        compiler = importlib.import_module("cupy.cuda.compiler")
        self.failures = (RuntimeError, OSError, ImportError, compiler.CompileException)

    def put(self, array: np.ndarray) -> Any:
        out = self.xp.empty(array.shape, array.dtype)
        for part, pinned in self._stages(array.shape, array.dtype):
            pinned[...] = array[part]
            out[part].set(pinned)
            self.synchronize()
        return out

    def get(self, array: Any) -> np.ndarray:
        out = np.empty(array.shape, array.dtype)
        for part, pinned in self._stages(array.shape, array.dtype):
            self.xp.ascontiguousarray(array[part]).get(out=pinned)
            self.synchronize()
            out[part] = pinned
        return out

    def free(self) -> int:
        free, _ = self.xp.cuda.runtime.memGetInfo()
        return int(free + self.xp.get_default_memory_pool().free_bytes())

    def trim(self) -> None:
        """Give back what cupy keeps for the next array, and its FFT plans."""
        self.xp.fft.config.get_plan_cache().clear()
        self.xp.get_default_memory_pool().free_all_blocks()
        self.xp.get_default_pinned_memory_pool().free_all_blocks()

    def synchronize(self) -> None:
        self.xp.cuda.get_current_stream().synchronize()

    def _stages(self, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[tuple[slice, Any]]:
        """Runs of planes, and pinned memory to copy each through."""
        plane = max(int(np.prod(shape[1:])) * dtype.itemsize, 1)
        count = min(max(STAGE // plane, 1), shape[0])
        pinned = self._cupyx.empty_pinned((count, *shape[1:]), dtype)
        for first in range(0, shape[0], count):
            part = slice(first, min(first + count, shape[0]))
            yield part, pinned[: part.stop - part.start]


@lru_cache(maxsize=1)
def _problem() -> str | None:
    if importlib.util.find_spec("cupy") is None:
        return f"The package cupy is not installed: {PACKAGES}"
    with closing(Worker(__name__)) as worker:
        try:
            return cast(str | None, worker.call("probe", seconds=TRIAL_SECONDS))
        except WorkerError as error:
            return f"cupy failed a small trial: {error.what}. If a library is missing: {PACKAGES}"


def probe(*_: object) -> str | None:
    """Say in one line what is wrong with cupy or the GPU; runs in a process that may die."""
    try:
        cupy = importlib.import_module("cupy")
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return one_line(f"The package cupy cannot be imported: {error!r}. {PACKAGES}")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except RuntimeError as error:
        return one_line(f"cupy finds no NVIDIA GPU or driver: {error}. Check nvidia-smi")
    if count < 1:
        return "There is no NVIDIA GPU: check CUDA_VISIBLE_DEVICES and nvidia-smi"
    return trial(CupyDevice())


def trial(device: Any) -> str | None:
    """Compare a small deskew and deconvolution on a device with those of numpy."""
    volume = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8) % 50
    plan = DeskewPlan(volume.shape, "x", 1.3, 14)
    otf = RadialOtf(np.ones((5, 8)), 1.0, 1.0)
    settings = DeconvolutionPlan(otf, (1.0, 1.0, 1.0), edges="periodic", iterations=3)
    frame, results = Frame.of(volume.shape, settings), []
    for xp, library, put, get in (
        (np, scipy_fft, np.asarray, np.asarray),
        (device.xp, device.fft, device.put, device.get),
    ):
        image, start = algorithms.prepare(xp, put, volume, settings, frame)
        grid = put(np.ones((*image.shape[:2], image.shape[2] // 2 + 1), np.complex64))
        sheared = algorithms.deskew(xp, put(volume), plan, 3.0)
        fft = ArrayFft(xp, library, bool)
        estimate = richardson_lucy(fft, settings, (grid, None), image, start, bool)
        results.append((get(sheared), get(estimate)))
    if all(np.allclose(a, b, rtol=1e-4, atol=1e-3) for a, b in zip(*results, strict=True)):
        return None
    return "The GPU computes wrong values in a small trial: check the driver and nvidia-smi"
