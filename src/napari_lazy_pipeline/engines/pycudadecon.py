"""The pycudadecon engine: cudaDecon on an NVIDIA GPU, kept away from what makes it crash.

The library keeps one deconvolution context per process, ends the process on a CUDA error and
trusts the sizes it is told. Hence one lock around every call, one live context, checks before
each call, and a trial in a process of its own before the first.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines import DeconvolutionPlan, Rounding, _never, _nothing
from napari_lazy_pipeline.engines._deskew import check_volume, deskew, fill_value
from napari_lazy_pipeline.engines._padding import Frame, apodize, check_plan, clean
from napari_lazy_pipeline.engines._workers import Workers
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.geometry import DeskewPlan, Shape
from napari_lazy_pipeline.otf import RadialOtf, save_otf

USE_CPU = "Use the cpu engine"
LARGEST_VOLUME = 2**31 - 1
FULL_SCALE = 65535
DARK = 1e-30
TRIAL_SECONDS = 60
# A plane of constant brightness stays constant where planes cover it, and is filled elsewhere.
TRIAL = """
import warnings
warnings.simplefilter("ignore")
import numpy as np, pycudadecon
volume = np.full((16, 16, 16), 7, np.float32)
out = pycudadecon.deskewGPU(volume, 1.0, 2.0, 60.0, 32, 0, 3.0)
assert out.shape == (16, 16, 32), out.shape
assert (out[8, :, 8:23] == 7).all() and (out[8, :, :8] == 3).all(), out[8, 0]
"""


class PycudadeconEngine:
    """Deskews and deconvolves with pycudadecon; what it cannot do, it refuses."""

    name = "pycudadecon"

    def unavailable(self) -> str | None:
        """Say in one line why there is no pycudadecon, library, driver or GPU; None if all is well.

        Found out once per process.
        """
        with _LOCK:
            return _reason()

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        A volume of one plane, row or column, or without any shear, would crash the library and
        is done on the CPU.

        Raises
        ------
        EngineError
            If the engine is unavailable, the volume does not fit the plan, or it or the result
            has more than 2**31 - 1 voxels.
        """
        self._require()
        check_volume(volume, plan)
        if not plan.shear or min(*plan.shape, plan.width) < 2:
            return deskew(volume, plan, fill, rounding, Workers())
        _check_size(plan.shape)
        _check_size(plan.out_shape)
        value = float(fill_value(fill, volume.dtype.newbyteorder("="), rounding))
        along_x = volume if plan.skew_axis == "x" else volume.swapaxes(1, 2)
        step, angle = equivalent_scan(plan.shear)
        with _LOCK, _library_errors():
            sheared: np.ndarray = _library().deskewGPU(
                np.ascontiguousarray(along_x, np.float32),
                dxdata=1.0,
                dzdata=step,
                angle=angle,
                width=int(plan.width),
                shift=int(plan.shift),
                pad_val=value,
            )
        if plan.skew_axis == "y":
            sheared = np.ascontiguousarray(sheared.swapaxes(1, 2))
        if volume.dtype.kind == "u":
            sheared = _whole(sheared, rounding)
        return sheared

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = _never,
        progress: Callable[[float], None] = _nothing,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x); float32 of the same shape.

        The library works on uint16: whole numbers are passed as they are and limited to what
        fits, others are first stretched to the full range. ``cancelled`` is asked before the
        library is entered, which cannot be interrupted.

        Raises
        ------
        Cancelled
            If ``cancelled`` says so before the start.
        EngineError
            If the engine is unavailable, or asked for what it cannot do: plain
            Richardson-Lucy, a skewed volume, pixels that are not square.
        """
        self._require()
        check_plan(volume, plan)
        _check_abilities(plan)
        frame = _at_least_two(Frame.of(volume.shape, plan))
        _check_size(frame.shape)
        blend = _library_blend(volume, plan, frame)
        image, background, scale = quantise(volume, plan, frame, blend_here=not blend)
        with _LOCK:
            if cancelled():
                raise Cancelled
            with _library_errors():
                _CONTEXT.enter(frame.shape, plan)
                result: np.ndarray = _library().rl_decon(
                    image,
                    background=background,
                    n_iters=int(plan.iterations),
                    napodize=blend,
                    output_shape=image.shape,
                )
        progress(1.0)
        out = frame.crop(result)
        out /= np.float32(scale)
        return out

    def close(self) -> None:
        """Release the GPU; the next call takes it again."""
        _CONTEXT.close()

    def _require(self) -> None:
        reason = self.unavailable()
        if reason is not None:
            raise EngineError("pycudadecon cannot be used here", reason, USE_CPU)


class _Context:
    """The one deconvolution context of the process, renewed only if it does not fit."""

    def __init__(self) -> None:
        self.key: Hashable = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def enter(self, shape: Shape, plan: DeconvolutionPlan) -> None:
        """Make the context fit; the lock is held."""
        key = (shape, plan.otf.key, plan.voxel_size)
        if key == self.key:
            return
        self._leave()
        z, lateral = plan.otf.voxel_size
        _library().rl_init(
            shape,
            str(self._otf_file(plan.otf)),
            dzdata=float(plan.voxel_size[0]),
            dxdata=float(plan.voxel_size[2]),
            dzpsf=z,
            dxpsf=lateral,
        )
        self.key = key

    def close(self) -> None:
        """Clean up, if there is something to clean."""
        with _LOCK:
            self._leave()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _leave(self) -> None:
        if self.key is not None:
            self.key = None
            _library().rl_cleanup()

    def _otf_file(self, otf: RadialOtf) -> Path:
        """Write the OTF to where the library can read it."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="lazy-pipeline-otf-")
        path = Path(self._folder.name) / f"{otf.key}.tif"
        if not path.exists():
            save_otf(otf, path)
        return path


_LOCK = threading.RLock()
_CONTEXT = _Context()
atexit.register(_CONTEXT.close)


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


def quantise(
    volume: np.ndarray, plan: DeconvolutionPlan, frame: Frame, blend_here: bool
) -> tuple[np.ndarray, float, float]:
    """Fill the frame with uint16.

    Returns
    -------
    image
        uint16 of the shape of the frame.
    background
        What is still to be subtracted from it [count].
    scale
        What the result has to be divided by.
    """
    background = np.float32(plan.background)
    planes = np.stack([clean(plane, background) for plane in volume])
    if plan.edges == "periodic" and blend_here:
        for plane in planes:
            apodize(plane, plan.apodize)
    remaining, scale = float(plan.background), 1.0
    if not _counts(volume):
        np.maximum(planes - background, 0, out=planes)
        top = float(planes.max())
        remaining, scale = 0.0, FULL_SCALE / top if top > DARK else 1.0
        planes *= np.float32(scale)
    counts = _whole(planes, "nearest")
    z, y, x = (frame.indices(axis) for axis in range(3))
    image = counts[z][:, y][:, :, x]
    outside = min(max(int(remaining), 0), FULL_SCALE)
    image[z < 0], image[:, y < 0], image[:, :, x < 0] = outside, outside, outside
    return image, remaining, scale


def _counts(volume: np.ndarray) -> bool:
    """Whether the values go into uint16 as they are."""
    return volume.dtype.kind == "u" and volume.dtype.itemsize <= 2


def _library_blend(volume: np.ndarray, plan: DeconvolutionPlan, frame: Frame) -> int:
    """Width of the blend the library can do as it should: on nothing but the volume itself."""
    fits = plan.apodize <= min(frame.shape[1:])
    if plan.edges == "periodic" and frame.shape == frame.inner and _counts(volume) and fits:
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
    return Frame(frame.inner, (z, y, x), frame.before, frame.mirrored)


def _check_abilities(plan: DeconvolutionPlan) -> None:
    if plan.method != "accelerated":
        raise EngineError(
            f"pycudadecon has no method {plan.method!r}", hint=f"Choose accelerated. {USE_CPU}"
        )
    if plan.shear:
        raise EngineError(
            "pycudadecon cannot deconvolve a skewed volume", hint=f"Deskew first. {USE_CPU}"
        )
    if abs(plan.voxel_size[1] / plan.voxel_size[2] - 1) > 1e-6:
        raise EngineError("pycudadecon needs pixels of the same size in y and x", hint=USE_CPU)


def _check_size(shape: Shape) -> None:
    if shape[0] * shape[1] * shape[2] > LARGEST_VOLUME:
        raise EngineError(f"A volume of {shape} is too large for pycudadecon", hint=USE_CPU)


@contextmanager
def _library_errors() -> Iterator[None]:
    """Name the engine in what the library raises: memory, device, arguments."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError, ctypes.ArgumentError) as error:
        raise EngineError(f"pycudadecon failed: {error}", hint=USE_CPU) from error


@lru_cache(maxsize=1)
def _library() -> Any:
    """Import pycudadecon; it warns if it does not find its library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pycudadecon")


@lru_cache(maxsize=1)
def _reason() -> str | None:
    for probe in (_probe_package, _probe_library, _probe_gpu, _probe_trial):
        reason = probe()
        if reason is not None:
            return " ".join(reason.split())
    return None


def _probe_package() -> str | None:
    try:
        _library()
    except ImportError:
        return (
            "The package pycudadecon is not installed: "
            "conda install -c conda-forge pycudadecon cudadecon"
        )
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
    """Ask the driver; the library itself would end the process."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"There is no NVIDIA driver ({name}): install one, or use another computer"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return "The NVIDIA driver does not start: check it with nvidia-smi"
    if count.value < 1:
        return "There is no NVIDIA GPU: check CUDA_VISIBLE_DEVICES and nvidia-smi"
    return None


def _probe_trial() -> str | None:
    """Deskew something small in another process, which may die."""
    try:
        trial = subprocess.run(
            [sys.executable, "-c", TRIAL],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"cudaDecon did not finish a small trial in {TRIAL_SECONDS} s: check nvidia-smi"
    except OSError as error:
        return f"cudaDecon could not be tried out: {error}"
    if trial.returncode == 0:
        return None
    last = (trial.stderr.strip().splitlines() or ["no message"])[-1]
    return f"cudaDecon failed a small trial (exit code {trial.returncode}): {last}"
