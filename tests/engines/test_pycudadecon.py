"""The pycudadecon engine with a stand-in that records calls, and with the library if present."""

from __future__ import annotations

import ctypes
import math
import re
import sys
import threading
import types
import warnings

import numpy as np
import pytest

from engines.conftest import gaussian_psf
from engines.test_deskew import reference
from engines.test_richardson_lucy import plain_richardson_lucy
from napari_lazy_pipeline.engines import DeconvolutionPlan, Engine, get_engine
from napari_lazy_pipeline.engines import pycudadecon as module
from napari_lazy_pipeline.engines._padding import apodize
from napari_lazy_pipeline.engines.cpu import CpuEngine
from napari_lazy_pipeline.engines.pycudadecon import PycudadeconEngine, equivalent_scan
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.geometry import DeskewPlan, Scan
from napari_lazy_pipeline.otf import interpolate, load_otf, make_otf

VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(gaussian_psf((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
OTHER = make_otf(gaussian_psf((33, 33, 33), (3.0, 2.0, 2.0)), VOXEL)


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 3, **changes})


def forget():
    module._CONTEXT.key = None
    module._CONTEXT.close()
    module._library.cache_clear()
    module._reason.cache_clear()


@pytest.fixture
def fresh():
    """No answer is remembered, before and after."""
    forget()
    yield
    forget()


class StandIn(types.ModuleType):
    """Computes what the library computes, slowly, and notes how it was called."""

    def __init__(self):
        super().__init__("pycudadecon")
        self.lib = types.ModuleType("pycudadecon._libwrap")
        self.calls = []
        self.open = False

    def note(self, name):
        self.calls.append(name)
        free = []
        asker = threading.Thread(target=lambda: free.append(module._LOCK.acquire(blocking=False)))
        asker.start()
        asker.join()
        assert free == [False], "the lock is not held"

    def deskewGPU(self, im, dxdata, dzdata, angle, width, shift, pad_val):
        self.note("deskew")
        assert im.dtype == np.float32
        assert im.flags.c_contiguous
        assert type(pad_val) is float
        assert min(im.shape) > 1
        shear = math.cos(math.radians(angle)) * dzdata / dxdata
        plan = DeskewPlan(im.shape, "x", shear, width, shift)
        return reference(im, plan, pad_val).astype(np.float32)

    def rl_init(self, rawdata_shape, otfpath, dzdata, dxdata, dzpsf, dxpsf):
        self.note("init")
        assert not self.open, "a second context"
        assert all(n > 1 for n in rawdata_shape)
        self.open, self.shape = True, tuple(rawdata_shape)
        otf = load_otf(otfpath, (dzpsf, dxpsf, dxpsf))
        self.otf = interpolate(otf, self.shape, (dzdata, dxdata, dxdata))

    def rl_decon(self, im, background, n_iters, napodize, output_shape):
        self.note("decon")
        assert self.open
        assert im.shape == self.shape == tuple(output_shape)
        assert im.dtype == np.uint16
        assert type(background) is float
        assert type(n_iters) is int
        image = im.astype(np.float32)
        for plane in image:
            apodize(plane, napodize)
        image = np.maximum(image - np.float32(background), 0)
        return plain_richardson_lucy(image, self.otf, True, n_iters).astype(np.float32)

    def rl_cleanup(self):
        self.note("cleanup")
        assert self.open, "nothing to clean up"
        self.open = False


@pytest.fixture
def library(monkeypatch, fresh):
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "pycudadecon", stand_in)
    monkeypatch.setattr(module, "_probe_gpu", lambda: None)
    monkeypatch.setattr(module, "_probe_trial", lambda: None)
    yield stand_in
    PycudadeconEngine().close()
    assert not stand_in.open


@pytest.fixture
def engine(library):
    return PycudadeconEngine()


@pytest.mark.parametrize("shear", [2.5579214, -2.5, 0.01, 17.3, -0.4])
def test_equivalent_scan_gives_the_shear(shear):
    step, angle = equivalent_scan(shear)
    assert np.float32(step) == step > 0
    assert np.float32(angle) == angle
    assert math.cos(angle * math.pi / 180) * step == pytest.approx(shear, rel=1e-9)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("angle", [31.5, -32.45])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("rounding", ["nearest", "down"])
def test_deskew_equals_that_of_the_cpu(engine, axis, angle, dtype, rounding):
    volume = np.random.default_rng(0).integers(0, 65536, (7, 9, 11)).astype(dtype)
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(angle, axis), 0, 2)
    out = engine.deskew(volume, plan, 98.4, rounding)
    expected = CpuEngine().deskew(volume, plan, 98.4, rounding)
    assert out.dtype == dtype
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1 if dtype == np.uint16 else 0.2)
    assert (out != expected).mean() < 0.01 or dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 4, 4), (4, 1, 4), (4, 4, 1)])
def test_single_planes_rows_and_columns_never_reach_the_library(engine, library, shape):
    volume = np.ones(shape, np.uint16)
    plan = DeskewPlan.of(shape, (0.3, 0.1, 0.1), Scan(31.5))
    assert engine.deskew(volume, plan).shape == plan.out_shape
    engine.deskew(np.ones((3, 3, 3), np.uint16), DeskewPlan((3, 3, 3), "x", 0.0, 3))
    assert library.calls == []


@pytest.mark.parametrize("edges", ["periodic", "reflect", "background"])
@pytest.mark.parametrize("shape", [(12, 16, 18), (11, 13, 17), (1, 5, 9), (2, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deconvolution_equals_that_of_the_cpu(engine, edges, shape, dtype):
    volume = np.random.default_rng(0).poisson(500, shape).astype(dtype)
    before = volume.copy()
    plan = plan_of(edges=edges, background=98.5, apodize=4)
    told = []
    out = engine.deconvolve(volume, plan, progress=told.append)
    expected = CpuEngine().deconvolve(volume, plan)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert told == [1.0]
    np.testing.assert_array_equal(volume, before)
    if min(shape) > 1:
        error = np.linalg.norm(out - expected) / np.linalg.norm(expected)
        assert error < 2e-3, "more than the rounding to uint16 explains"


def test_dim_floats_are_not_rounded_away(engine):
    volume = np.random.default_rng(0).random((8, 10, 12)).astype(np.float32)
    out = engine.deconvolve(volume, plan_of(edges="periodic"))
    expected = CpuEngine().deconvolve(volume, plan_of(edges="periodic"))
    assert np.linalg.norm(out - expected) / np.linalg.norm(expected) < 1e-3


def test_bright_and_negative_values_are_limited(engine):
    volume = np.full((8, 8, 8), 70000, np.int32)
    volume[0] = -5
    out = engine.deconvolve(volume, plan_of(edges="periodic", iterations=1))
    assert np.isfinite(out).all()
    assert 50000 < out[4].mean() < 100000


def test_the_library_blends_only_what_it_does_right(engine, library, monkeypatch):
    blends = []
    original = library.rl_decon
    monkeypatch.setattr(
        library, "rl_decon", lambda *a, **k: blends.append(k["napodize"]) or original(*a, **k)
    )
    for dtype, shape, width in [
        (np.uint16, (8, 16, 16), 15),
        (np.uint16, (8, 16, 17), 15),
        (np.uint16, (8, 8, 8), 15),
        (np.float32, (8, 16, 16), 15),
    ]:
        engine.deconvolve(np.ones(shape, dtype), plan_of(edges="periodic", apodize=width))
    assert blends == [15, 0, 0, 0]


def test_one_context_renewed_only_if_something_changes(engine, library):
    volume = np.ones((8, 8, 8), np.uint16)
    periodic = plan_of(edges="periodic")
    other = PycudadeconEngine()
    for some in (engine, engine, other):
        some.deconvolve(volume, periodic)
    engine.deconvolve(volume, plan_of(edges="periodic", iterations=5, background=3))
    assert library.calls == ["init", "decon", "decon", "decon", "decon"]
    library.calls.clear()
    engine.deconvolve(volume[:7], periodic)
    engine.deconvolve(volume[:7], plan_of(edges="periodic", otf=OTHER))
    engine.deconvolve(volume[:7], plan_of(edges="periodic", voxel_size=(0.3, 0.1, 0.1), otf=OTHER))
    assert library.calls == ["cleanup", "init", "decon"] * 3


def test_cleaned_up_once(engine, library):
    engine.close()
    engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of())
    engine.close()
    engine.close()
    PycudadeconEngine().close()
    assert library.calls.count("cleanup") == 1
    engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of())
    assert library.calls.count("init") == 2


def test_failed_start_leaves_no_context(engine, library, monkeypatch):
    def fail(*_, **__):
        raise OSError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(library, "rl_init", fail)
        with pytest.raises(EngineError, match="out of memory"):
            engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of())
    engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of())
    assert library.calls == ["init", "decon"]


def test_many_callers_take_turns(engine, library):
    volume, done = np.ones((8, 8, 8), np.uint16), []
    plans = [plan_of(otf=otf, edges="periodic") for otf in (OTF, OTHER)] * 3
    threads = [
        threading.Thread(target=lambda plan=plan: done.append(engine.deconvolve(volume, plan)))
        for plan in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 6
    assert library.calls.count("decon") == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "rl"}, "Choose accelerated"),
        ({"shear": 1.0}, "Deskew first"),
        ({"voxel_size": (0.2, 0.1, 0.11)}, "same size in y and x"),
        ({"iterations": 0}, "at least 1 iteration"),
    ],
)
def test_what_the_library_cannot_do_is_refused(engine, library, changes, message):
    with pytest.raises(EngineError, match=message):
        engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of(**changes))
    assert library.calls == []


def test_volumes_beyond_its_counters_are_refused(engine, library):
    volume = np.broadcast_to(np.uint16(1), (2000, 1100, 1000))
    with pytest.raises(EngineError, match="too large"):
        engine.deskew(volume, DeskewPlan(volume.shape, "x", 1.0, 3000))
    with pytest.raises(EngineError, match="too large"):
        engine.deconvolve(volume, plan_of())
    assert library.calls == []


def test_cancelled_before_the_library_is_entered(engine, library):
    with pytest.raises(Cancelled):
        engine.deconvolve(np.ones((8, 8, 8), np.uint16), plan_of(), cancelled=lambda: True)
    assert library.calls == []


def test_without_the_package(monkeypatch, fresh):
    monkeypatch.setitem(sys.modules, "pycudadecon", None)
    engine = PycudadeconEngine()
    assert engine.unavailable().startswith("The package pycudadecon is not installed")
    with pytest.raises(EngineError, match="Use the cpu engine"):
        engine.deskew(np.ones((3, 3, 3), np.uint16), DeskewPlan((3, 3, 3), "x", 1.0, 6))
    with pytest.raises(EngineError, match="not installed"):
        engine.deconvolve(np.ones((3, 3, 3), np.uint16), plan_of())


def test_without_the_library(monkeypatch, fresh):
    package = types.ModuleType("pycudadecon")
    package.lib = object()
    monkeypatch.setitem(sys.modules, "pycudadecon", package)
    assert "conda install -c conda-forge cudadecon" in PycudadeconEngine().unavailable()


class Driver:
    def __init__(self, init=0, count=1):
        self.init, self.count = init, count

    def cuInit(self, flags):
        return self.init

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = self.count
        return 0


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (None, "no NVIDIA driver"),
        (Driver(init=100), "driver does not start"),
        (Driver(count=0), "no NVIDIA GPU"),
    ],
)
def test_without_a_gpu(monkeypatch, fresh, driver, message):
    def load(name):
        if driver is None:
            raise OSError(name)
        return driver

    monkeypatch.setitem(sys.modules, "pycudadecon", StandIn())
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert message in PycudadeconEngine().unavailable()


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ("raise ValueError('wrong\\nvalues')", "exit code 1"),
        ("import os; os._exit(255)", "exit code 255.*no message"),
        ("while True: pass", "did not finish"),
        ("", None),
    ],
)
def test_trial_in_another_process(monkeypatch, fresh, trial, message):
    monkeypatch.setitem(sys.modules, "pycudadecon", StandIn())
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver())
    monkeypatch.setattr(module, "TRIAL", trial)
    monkeypatch.setattr(module, "TRIAL_SECONDS", 1 if "while" in trial else 60)
    reason = PycudadeconEngine().unavailable()
    if message is None:
        assert reason is None
    else:
        assert re.search(message, reason)
        assert "\n" not in reason


def test_trial_expects_what_the_formula_gives(library):
    with module._LOCK:
        exec(module.TRIAL, {})
    assert library.calls == ["deskew"]


def test_reason_here_is_one_line_and_remembered(fresh, monkeypatch):
    engine = get_engine("pycudadecon")
    assert isinstance(engine, Engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reason = engine.unavailable()
    assert reason is None or ("\n" not in reason and len(reason) > 20)
    monkeypatch.setattr(module, "_probe_package", lambda: "asked again")
    assert engine.unavailable() == reason


@pytest.fixture
def real(fresh):
    engine = PycudadeconEngine()
    reason = engine.unavailable()
    if reason is not None:
        pytest.skip(reason)
    yield engine
    engine.close()


def test_real_deskew_equals_cuda(real, vendored):
    raw, expected = vendored("raw_rows.tif"), vendored("deskewed_rows.tif")
    plan = DeskewPlan.of(raw.shape, (0.3, 0.1, 0.1), Scan(31.5))
    out = real.deskew(raw, plan, 98, "down")
    difference = np.abs(out.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("edges", ["periodic", "reflect", "background"])
def test_real_deconvolution_equals_that_of_the_cpu(real, vendored, edges):
    volume = np.tile(vendored("deskewed_rows.tif"), (1, 4, 1))[:, :, 100:300]
    plan = plan_of(edges=edges, background=98.0, iterations=10)
    out, expected = real.deconvolve(volume, plan), CpuEngine().deconvolve(volume, plan)
    assert np.linalg.norm(out - expected) / np.linalg.norm(expected) < 1e-3
