"""The pycudadecon engine: cudaDecon on an NVIDIA GPU, kept away from what makes it crash.

The library keeps one deconvolution context per process, ends the process on a CUDA error and
trusts the sizes it is told. Hence it lives in a worker process, which does one volume after the
other with one context; sizes are checked before; and a trial comes before the first volume.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import importlib.util
import math
import os
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Rounding,
    _never,
    _nothing,
    _tiling,
    get_engine,
    notices,
)
from napari_lazy_pipeline.engines._deskew import Planes, check_volume, fill_value
from napari_lazy_pipeline.engines._fallback import FAILURES, DeviceError, Fallback
from napari_lazy_pipeline.engines._padding import Frame, apodize, check_plan, clean
from napari_lazy_pipeline.engines._tiling import Memory, Progress, TooLittleMemory
from napari_lazy_pipeline.engines._worker import Worker, WorkerError
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.geometry import DeskewPlan, RotationPlan, Shape
from napari_lazy_pipeline.otf import RadialOtf, save_otf
from napari_lazy_pipeline.problems import Problem

USE_CPU = "Use the cpu engine"
LARGEST_VOLUME = 2**31 - 1
FULL_SCALE = 65535
DARK = 1e-30
TRIAL_SECONDS = 60
NOT_INSTALLED = (
    "The package pycudadecon is not installed: conda install -c conda-forge pycudadecon cudadecon"
)
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
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
        return self.fallback.reason or _session(os.getpid()).reason()

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
        cancelled: Callable[[], bool] = _never,
        progress: Callable[[float], None] = _nothing,
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
        _session(os.getpid()).close()

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
        session = _session(os.getpid())
        limit = self.memory_limit or SHARE * session.memory or math.inf
        counts = Counts.of(volume, plan)

        def solve(frame: Frame, told: Progress) -> np.ndarray:
            frame = _at_least_two(frame)
            result = session.transform(
                "deconvolve",
                counts.framed(frame),
                frame.shape,
                cancelled,
                otf=str(session.otf_file(plan.otf)),
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
    sheared = _session(os.getpid()).transform(
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
    return _whole(sheared, rounding) if volume.dtype.kind == "u" else sheared


class _Session:
    """The worker process of this one, what it found out, and the OTF files it reads."""

    def __init__(self) -> None:
        self.worker = Worker(f"{__name__}:perform")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._found: tuple[str | None, int] | None = None
        self._lock = threading.Lock()

    def reason(self) -> str | None:
        """Why the library cannot be used, None if it can; tried out once."""
        with self._lock:
            if self._found is None:
                self._found = self._probe()
            return self._found[0]

    @property
    def memory(self) -> int:
        """Memory of the GPU [byte]; 0 if it is not known."""
        return self._found[1] if self._found else 0

    def transform(
        self,
        name: str,
        image: np.ndarray,
        shape: tuple[int, ...],
        cancelled: Callable[[], bool] = _never,
        **options: Any,
    ) -> np.ndarray:
        """Let the library make a float32 array of a shape out of another one."""
        try:
            return self.worker.transform(name, image, shape, cancelled, **options)
        except WorkerError as error:
            raise DeviceError(f"pycudadecon failed: {error.what}", hint=USE_CPU) from error

    def otf_file(self, otf: RadialOtf) -> Path:
        """Write the OTF to where the library can read it."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="lazy-pipeline-otf-")
            path = Path(self._folder.name) / f"{otf.key}.tif"
            if not path.exists():
                save_otf(otf, path)
            return path

    def close(self) -> None:
        """End the worker process."""
        self.worker.close()
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _probe(self) -> tuple[str | None, int]:
        if importlib.util.find_spec("pycudadecon") is None:
            return NOT_INSTALLED, 0
        try:
            reason, memory = self.worker.ask("probe", seconds=TRIAL_SECONDS)
        except WorkerError as error:
            reason, memory = f"cudaDecon failed a small trial: {error.what}. Check nvidia-smi", 0
        if reason is not None:
            self.worker.close()
        return reason, memory


@cache
def _session(process: int) -> _Session:
    """Return the session of a process: one that is forked has no part in that of its parent."""
    return _Session()


def equivalent_scan(shear: float) -> tuple[float, float]:
    """Step [pixel] and angle [degree] that give a shear; the library has no parameter for it.

    Both are float32 in the library: of many such pairs, the one nearest to the shear is taken.
    """
    angles = np.linspace(20, 70, 2001) if shear > 0 else np.linspace(110, 160, 2001)
    angles = angles.astype(np.float32).astype(np.float64)
    cosines = np.cos(angles * np.pi / 180)
    steps = (shear / cosines).astype(np.float32).astype(np.float64)
    best = int(np.abs(steps * cosines - shear).argmin())
    return float(steps[best]), float(angles[best])


@dataclass(frozen=True)
class Counts:
    """A volume as the library wants it.

    Attributes
    ----------
    values
        uint16 (z, y, x).
    background
        What is still to be subtracted from it [count].
    scale
        What the result has to be divided by.
    blend
        Width of the blend of opposite edges that is left to the library [pixel].
    """

    values: np.ndarray
    background: float
    scale: float
    blend: int

    @classmethod
    def of(cls, volume: np.ndarray, plan: DeconvolutionPlan) -> Counts:
        """Round a volume; what is no whole number is stretched to the full range first."""
        blend = _library_blend(volume, plan)
        background = np.float32(plan.background)
        planes = np.stack([clean(plane, background) for plane in volume])
        if plan.edges == "periodic" and not blend:
            for plane in planes:
                apodize(plane, plan.apodize)
        remaining, scale = float(plan.background), 1.0
        if not _counts(volume):
            np.maximum(planes - background, 0, out=planes)
            top = float(planes.max())
            remaining, scale = 0.0, FULL_SCALE / top if top > DARK else 1.0
            planes *= np.float32(scale)
        return cls(_whole(planes, "nearest"), remaining, scale, blend)

    def framed(self, frame: Frame) -> np.ndarray:
        """Fill a frame with what it shows of the volume."""
        z, y, x = (frame.indices(axis) for axis in range(3))
        image: np.ndarray = self.values[z][:, y][:, :, x]
        outside = min(max(int(self.background), 0), FULL_SCALE)
        image[z < 0], image[:, y < 0], image[:, :, x < 0] = outside, outside, outside
        return image


def _counts(volume: np.ndarray) -> bool:
    """Whether the values go into uint16 as they are."""
    return volume.dtype.kind == "u" and volume.dtype.itemsize <= 2


def _library_blend(volume: np.ndarray, plan: DeconvolutionPlan) -> int:
    """Width of the blend the library can do as it should: on nothing but the volume itself."""
    shape = _at_least_two(Frame.of(volume.shape, plan)).shape
    fits = plan.apodize <= min(shape[1:])
    if plan.edges == "periodic" and shape == volume.shape and _counts(volume) and fits:
        return int(plan.apodize)
    return 0


def _whole(values: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Round to uint16, limited to what fits."""
    if rounding == "nearest":
        values = values + np.float32(0.5)
    whole: np.ndarray = np.clip(values, 0, FULL_SCALE).astype(np.uint16)
    return whole


def _at_least_two(frame: Frame) -> Frame:
    """Give every axis two positions: the library does not survive a single one."""
    z, y, x = (max(n, 2) for n in frame.shape)
    return replace(frame, shape=(z, y, x))


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


# From here on: what runs in the worker process, which alone calls the library.


def perform(name: str, image: Any, out: Any, **options: Any) -> object:
    """Do one task."""
    return _TASKS[name](image, out, **options)


def _shear(image: np.ndarray, out: np.ndarray, **options: Any) -> None:
    out[...] = _library().deskewGPU(image, dxdata=1.0, **options)


def _sharpen(
    image: np.ndarray,
    out: np.ndarray,
    background: float,
    iterations: int,
    blend: int,
    **context: Any,
) -> None:
    _CONTEXT.enter(image.shape, **context)
    out[...] = _library().rl_decon(
        image,
        background=background,
        n_iters=iterations,
        napodize=blend,
        output_shape=image.shape,
    )


class _Context:
    """The one deconvolution context of the process, renewed only if it does not fit."""

    def __init__(self) -> None:
        self.key: Hashable = None

    def enter(
        self,
        shape: tuple[int, ...],
        otf: str,
        otf_voxel_size: tuple[float, float],
        voxel_size: tuple[float, float, float],
    ) -> None:
        """Make the context fit."""
        key = (shape, otf, voxel_size)
        if key == self.key:
            return
        self.leave()
        _library().rl_init(
            shape,
            otf,
            dzdata=float(voxel_size[0]),
            dxdata=float(voxel_size[2]),
            dzpsf=otf_voxel_size[0],
            dxpsf=otf_voxel_size[1],
        )
        self.key = key

    def leave(self) -> None:
        """Clean up, if there is something to clean."""
        if self.key is not None:
            self.key = None
            _library().rl_cleanup()


_CONTEXT = _Context()
atexit.register(_CONTEXT.leave)


@cache
def _library() -> Any:
    """Import pycudadecon; it warns if it does not find its library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pycudadecon")


def probe(*_: object) -> tuple[str | None, int]:
    """Say in one line what is wrong, None if nothing is, and how much memory the GPU has."""
    for check in (_probe_package, _probe_library, _probe_gpu, _probe_trial):
        reason = check()
        if reason is not None:
            return " ".join(reason.split()), 0
    return None, _gpu_memory()


_TASKS: dict[str, Callable[..., object]] = {
    "probe": probe,
    "deskew": _shear,
    "deconvolve": _sharpen,
    "leave": lambda *_: _CONTEXT.leave(),
}


def _probe_package() -> str | None:
    try:
        _library()
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return f"The package pycudadecon cannot be imported: {error!r}"
    return None


def _probe_library() -> str | None:
    if isinstance(_library().lib, types.ModuleType):
        return None
    return (
        "pycudadecon does not find the cudaDecon library: "
        "conda install -c conda-forge cudadecon (Linux and Windows only)"
    )


def _probe_gpu() -> str | None:
    """Ask the driver, which can tell what is wrong; the library would just end the process."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return f"There is no NVIDIA driver ({DRIVER}): install one, or use another computer"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return "The NVIDIA driver does not start: check it with nvidia-smi"
    if count.value < 1:
        return "There is no NVIDIA GPU: check CUDA_VISIBLE_DEVICES and nvidia-smi"
    return None


def _probe_trial() -> str | None:
    """Shear a small volume: a constant one stays so where planes cover it, and is filled else."""
    volume = np.full((16, 16, 16), 7, np.float32)
    out = _library().deskewGPU(
        volume, dxdata=1.0, dzdata=2.0, angle=60.0, width=32, shift=0, pad_val=3.0
    )
    if out.shape == (16, 16, 32) and (out[8, :, 8:23] == 7).all() and (out[8, :, :8] == 3).all():
        return None
    return "cudaDecon computes wrong values in a small trial: check the driver and nvidia-smi"


def _gpu_memory() -> int:
    """Memory of the first GPU, the one the library uses [byte]."""
    driver, device, size = ctypes.CDLL(DRIVER), ctypes.c_int(0), ctypes.c_size_t(0)
    if driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return 0
    if driver.cuDeviceTotalMem_v2(ctypes.byref(size), device) != 0:
        return 0
    return size.value
