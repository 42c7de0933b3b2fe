"""Stands in for pycudadecon: computes what it computes, slowly, and notes how it was called.

For the worker process only; `write` makes it importable there under the name of the library.

The folder named by STAND_IN gets a line in ``calls`` for each call; what its file ``orders``
says is executed at the start of a call.
"""

from __future__ import annotations

import ctypes
import math
import os
import types
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.engines.cudadecon.worker import DRIVER

PACKAGE = """
from pycudadecon_stand_in import *
import pycudadecon_stand_in as stand_in
stand_in.find_a_driver()
"""

lib = types.ModuleType("pycudadecon._libwrap")
context = None


class Driver:
    """Of a computer with one GPU."""

    def cuInit(self, flags):
        return 0

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = 1
        return 0

    def cuDeviceGet(self, pointer, number):
        return 0

    def cuMemGetInfo_v2(self, free, total):
        """Others have three quarters of it."""
        free._obj.value, total._obj.value = 2**31, 2**33
        return 0

    def cuDeviceTotalMem_v2(self, pointer, device):
        pointer._obj.value = 2**33
        return 0


def write(folder):
    (folder / "pycudadecon.py").write_text(PACKAGE)


def find_a_driver():
    load = ctypes.CDLL
    ctypes.CDLL = lambda name, *rest, **options: (
        Driver() if name == DRIVER else load(name, *rest, **options)
    )


def note(name):
    folder = Path(os.environ["STAND_IN"])
    with open(folder / "calls", "a") as calls:
        calls.write(f"{name}\n")
    if (folder / "orders").exists():
        exec((folder / "orders").read_text(), {"name": name})


def deskewGPU(im, dxdata, dzdata, angle, width, shift, pad_val):
    from engine_references import reference
    from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

    note("deskew")
    assert im.dtype == np.float32
    assert im.flags.c_contiguous
    assert type(pad_val) is float
    assert min(im.shape) > 1
    shear = math.cos(math.radians(angle)) * dzdata / dxdata
    plan = DeskewPlan(im.shape, "x", shear, width, shift)
    return reference(im, plan, pad_val).astype(np.float32)


def rl_init(rawdata_shape, otfpath, dzdata, dxdata, dzpsf, dxpsf):
    from napari_lazy_pipeline.psf.radial_otf import interpolate, load_otf

    global context
    note("init")
    assert context is None, "a second context"
    assert all(n > 1 for n in rawdata_shape)
    otf = load_otf(otfpath, (dzpsf, dxpsf, dxpsf))
    context = rawdata_shape, interpolate(otf, rawdata_shape, (dzdata, dxdata, dxdata))


def rl_decon(im, background, n_iters, napodize, output_shape):
    from engine_references import plain_richardson_lucy
    from napari_lazy_pipeline.engines.padding import apodize

    note(f"decon {napodize}")
    shape, otf = context
    assert im.shape == shape == tuple(output_shape)
    assert im.dtype == np.uint16
    assert im.flags.c_contiguous
    assert type(background) is float
    assert type(n_iters) is int
    image = im.astype(np.float32)
    for plane in image:
        apodize(np, plane, napodize)
    image = np.maximum(image - np.float32(background), 0)
    return plain_richardson_lucy(image, otf, True, n_iters).astype(np.float32)


def rl_cleanup():
    global context
    note("cleanup")
    assert context is not None, "nothing to clean up"
    context = None
