"""Worker: tasks for the process of the pycudadecon engine, which alone calls the library.

The library keeps one deconvolution context per process, ends the process on a CUDA error and
trusts the sizes it is given.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import sys
import types
import warnings
from collections.abc import Hashable
from functools import cache
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image import Triple

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

# What the one deconvolution context of the process is for; it is renewed only if it does not fit.
_context: list[Hashable] = []
# Memory that was free before it was made [byte].
_free_before: list[int] = []


def deskew(image: np.ndarray, out: np.ndarray, **options: Any) -> None:
    """Shear a volume."""
    out[...] = library().deskewGPU(image, dxdata=1.0, **options)


def deconvolve(
    image: np.ndarray,
    out: np.ndarray,
    background: float,
    iterations: int,
    blend: int,
    **context: Any,
) -> None:
    """Deconvolve a volume."""
    _enter(image.shape, **context)
    out[...] = library().rl_decon(
        image, background=background, n_iters=iterations, napodize=blend, output_shape=image.shape
    )


def _enter(
    shape: tuple[int, ...], otf: str, otf_voxel_size: tuple[float, float], voxel_size: Triple
) -> None:
    key = (shape, otf, voxel_size)
    if _context == [key]:
        return
    leave()
    library()
    _free_before[:] = [_free_memory()]
    library().rl_init(
        shape,
        otf,
        dzdata=float(voxel_size[0]),
        dxdata=float(voxel_size[2]),
        dzpsf=otf_voxel_size[0],
        dxpsf=otf_voxel_size[1],
    )
    _context.append(key)


@atexit.register
def leave(*_: object) -> None:
    """Clean up, if there is something to clean."""
    if _context:
        _context.clear()
        library().rl_cleanup()


@cache
def library() -> Any:
    """Import pycudadecon; it warns if it does not find its library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pycudadecon")


def probe(*_: object) -> tuple[str | None, int]:
    """Say in one line what is wrong, None if nothing is, and how much memory can be had."""
    problem = _library_problem() or _gpu_problem() or _trial_problem()
    return (one_line(problem), 0) if problem else (None, _free_memory())


def free_memory(*_: object) -> int:
    """What can be had for the next volume [byte]: that of the context, too, which makes room.

    It is 0 as long as nothing was computed in this process.
    """
    library()
    return _free_before[-1] if _context else _free_memory()


def _library_problem() -> str | None:
    try:
        if isinstance(library().lib, types.ModuleType):
            return None
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return f"The package pycudadecon cannot be imported: {error!r}"
    return (
        "pycudadecon does not find the cudaDecon library: "
        "conda install -c conda-forge cudadecon (Linux and Windows only)"
    )


def _gpu_problem() -> str | None:
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


def _trial_problem() -> str | None:
    """Shear a small volume: a constant one stays so where planes cover it, and is filled else."""
    volume = np.full((16, 16, 16), 7, np.float32)
    out = library().deskewGPU(
        volume, dxdata=1.0, dzdata=2.0, angle=60.0, width=32, shift=0, pad_val=3.0
    )
    if out.shape == (16, 16, 32) and (out[8, :, 8:23] == 7).all() and (out[8, :, :8] == 3).all():
        return None
    return "cudaDecon computes wrong values in a small trial: check the driver and nvidia-smi"


def _free_memory() -> int:
    """Free memory of the GPU that the library uses [byte]; all there is if the driver hides it.

    The driver tells it to a thread that the library has made its own: one that has computed.
    """
    driver, device, size = ctypes.CDLL(DRIVER), ctypes.c_int(0), ctypes.c_size_t(0)
    free = ctypes.c_size_t(0)
    if driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(size)) == 0:
        return free.value
    if driver.cuDeviceGet(ctypes.byref(device), 0) == 0:
        driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    return size.value
