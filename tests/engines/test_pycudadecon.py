"""The pycudadecon engine with a stand-in that records calls, and with the library if present."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import re
import sys
import threading
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines import DeconvolutionPlan, Engine, get_engine, notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine, cpu_engine
from napari_lazy_pipeline.engines.cudadecon import cudadecon_engine as module
from napari_lazy_pipeline.engines.cudadecon import device_session as _cudadecon_session
from napari_lazy_pipeline.engines.cudadecon import worker
from napari_lazy_pipeline.engines.cudadecon.counts import equivalent_scan
from napari_lazy_pipeline.engines.cudadecon.cudadecon_engine import BYTES, PycudadeconEngine
from napari_lazy_pipeline.engines.cudadecon.device_session import DeviceSession, fitted
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.radial_otf import interpolate
from napari_lazy_pipeline.steps import Deconvolve, Deskew
from pycudadecon_stand_in import write
from stacks import bead

STAND_IN = "pycudadecon-stand-in"
VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
OTHER = make_otf(bead((33, 33, 33), (3.0, 2.0, 2.0)), VOXEL)
DIE = "import os, sys; print('CUDA error', file=sys.stderr, flush=True); os._exit(255)"
CUBE = np.ones((8, 8, 8), np.uint16)


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 3, **changes})


def session():
    return module.session(os.getpid())


class Library:
    """The stand-in in the worker process, seen from here."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def calls(self):
        """Names of the calls since `clear`, without their settings."""
        return [line.split()[0] for line in self.lines]

    @property
    def lines(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def order(self, code):
        (self.folder / "orders").write_text(code)

    def clear(self):
        for name in ("calls", "orders"):
            (self.folder / name).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """One worker process with the stand-in, for all tests that do not mind."""
    folder = tmp_path_factory.mktemp(STAND_IN)
    write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAND_IN", str(folder))
        patch.syspath_prepend(folder)
        module.session.cache_clear()
        yield Library(folder)
        session().close()
    module.session.cache_clear()


@pytest.fixture
def library(stand_in):
    assert PycudadeconEngine().unavailable() is None
    session().worker.call("leave")
    stand_in.clear()
    notices.clear()
    yield stand_in
    stand_in.clear()
    notices.clear()


@pytest.fixture
def engine(library):
    return PycudadeconEngine()


@pytest.fixture
def fresh(monkeypatch):
    """Nothing is known yet, and there is no stand-in."""
    monkeypatch.setattr(module, "session", functools.cache(lambda process: DeviceSession()))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if STAND_IN not in path])
    worker.library.cache_clear()
    yield
    session().close()
    worker.library.cache_clear()


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


def test_planes_are_those_of_the_cpu(engine, library):
    volume = np.random.default_rng(0).integers(0, 65536, (7, 9, 11)).astype(np.uint16)
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5))
    part = engine.deskew(volume[2:5], plan, 3, planes=(2, 5))
    np.testing.assert_array_equal(part, CpuEngine().deskew(volume, plan, 3)[2:5])
    assert library.calls == []


def test_rotation_is_that_of_the_cpu(engine, library):
    volume = np.random.default_rng(0).integers(0, 65536, (7, 9, 11)).astype(np.uint16)
    plan = RotationPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5))
    np.testing.assert_array_equal(engine.rotate(volume, plan), CpuEngine().rotate(volume, plan))
    assert library.calls == []


@pytest.mark.parametrize("edges", ["periodic", "reflect", "background"])
@pytest.mark.parametrize("shape", [(12, 16, 18), (11, 13, 17), (1, 5, 9), (2, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deconvolution_equals_that_of_the_cpu(engine, edges, shape, dtype):
    volume = np.random.default_rng(0).poisson(500, shape).astype(dtype)
    before = volume.copy()
    plan = plan_of(edges=edges, background=98.5, apodize=4)
    fractions = []
    out = engine.deconvolve(volume, plan, progress=fractions.append)
    expected = CpuEngine().deconvolve(volume, plan)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert fractions == [1.0]
    np.testing.assert_array_equal(volume, before)
    if min(shape) > 1:
        error = np.linalg.norm(out - expected) / np.linalg.norm(expected)
        # Beyond periodic edges the CPU engine blurs alike on grids of all sizes; the library not.
        limit = 2e-3 if edges == "periodic" else 1e-2
        assert error < limit, "more than the rounding to uint16 explains"


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


def test_the_library_blends_only_what_it_does_right(engine, library):
    for dtype, shape, width in [
        (np.uint16, (8, 16, 16), 15),
        (np.uint16, (8, 16, 17), 15),
        (np.uint16, (8, 8, 8), 15),
        (np.float32, (8, 16, 16), 15),
    ]:
        engine.deconvolve(np.ones(shape, dtype), plan_of(edges="periodic", apodize=width))
    blends = [line.split()[1] for line in library.lines if line.startswith("decon")]
    assert blends == ["15", "0", "0", "0"]


def test_one_context_renewed_only_if_something_changes(engine, library):
    periodic = plan_of(edges="periodic")
    other = PycudadeconEngine()
    for some in (engine, engine, other):
        some.deconvolve(CUBE, periodic)
    engine.deconvolve(CUBE, plan_of(edges="periodic", iterations=5, background=3))
    assert library.calls == ["init", "decon", "decon", "decon", "decon"]
    library.clear()
    engine.deconvolve(CUBE[:7], periodic)
    engine.deconvolve(CUBE[:7], plan_of(edges="periodic", otf=OTHER))
    engine.deconvolve(CUBE[:7], plan_of(edges="periodic", voxel_size=(0.3, 0.1, 0.1), otf=OTHER))
    assert library.calls == ["cleanup", "init", "decon"] * 3


def test_cleaned_up_once(engine, library):
    engine.deconvolve(CUBE, plan_of())
    folder = session()._folder.name
    engine.close()
    engine.close()
    PycudadeconEngine().close()
    assert library.calls == ["init", "decon", "cleanup"]
    assert not Path(folder).exists()
    engine.deconvolve(CUBE, plan_of())
    assert library.calls.count("init") == 2


def test_failed_start_leaves_no_context(engine, library):
    library.order("if name == 'init': raise OSError('out of memory')")
    with pytest.raises(EngineError, match="pycudadecon failed: OSError: out of memory"):
        engine.deconvolve(CUBE, plan_of())
    library.clear()
    engine.deconvolve(CUBE, plan_of())
    assert library.calls == ["init", "decon"]


def test_many_callers_take_turns(engine, library):
    done = []
    plans = [plan_of(otf=otf, edges="periodic") for otf in (OTF, OTHER)] * 3
    threads = [
        threading.Thread(target=lambda plan=plan: done.append(engine.deconvolve(CUBE, plan)))
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
        ({"method": "rl"}, "no method 'rl'. Choose accelerated"),
        ({"method": "fast"}, "no method 'fast'. Choose accelerated"),
        ({"shear": 1.0}, "skewed volume. Deskew first"),
        ({"voxel_size": (0.2, 0.1, 0.11)}, "same size in y and x"),
    ],
)
def test_what_the_library_cannot_do_the_cpu_does_and_it_is_said_once(
    engine, library, changes, message
):
    plan = plan_of(**changes)
    for _ in range(2):
        np.testing.assert_array_equal(
            engine.deconvolve(CUBE, plan), CpuEngine().deconvolve(CUBE, plan)
        )
    assert [notice.done for notice in notices] == ["computed on the CPU"]
    assert message in next(iter(notices)).what
    assert engine.need(CUBE.shape, plan) == CpuEngine().need(CUBE.shape, plan)
    assert library.calls == []
    assert engine.unavailable() is None


def test_the_order_that_the_dock_begins_with_works(library, psf_file):
    """Deconvolve before deskew: the first on the CPU, the second on the GPU."""
    raw = np.random.default_rng(0).integers(98, 1000, (6, 12, 16)).astype(np.uint16)
    psf = Deconvolve(psf=str(psf_file), psf_voxel_size=(0.1, 0.1, 0.1), iterations=2)
    pipeline = Pipeline([psf, Deskew(angle=31.5)])
    spec = VolumeSpec(raw.shape, "uint16", (0.3, 0.1, 0.1))
    made = pipeline.run_volume(raw, spec, "pycudadecon")
    np.testing.assert_allclose(made, pipeline.run_volume(raw, spec, "cpu"), rtol=1e-5)
    assert library.calls == ["deskew"]


def test_nonsense_is_refused(engine, library):
    with pytest.raises(EngineError, match="at least 1 iteration"):
        engine.deconvolve(CUBE, plan_of(iterations=0))
    assert library.calls == []


def test_volumes_beyond_its_counters_are_for_the_cpu(engine, library, monkeypatch):
    volume = np.broadcast_to(np.uint16(1), (2000, 1100, 1000))
    cpu, done = type(cpu_engine()), []
    monkeypatch.setattr(cpu, "deskew", lambda *arguments: done.append("deskew"))
    monkeypatch.setattr(cpu, "deconvolve", lambda *arguments: done.append("deconvolve"))
    engine.deskew(volume, DeskewPlan(volume.shape, "x", 1.0, 3000))
    engine.deconvolve(volume, plan_of())
    assert done == ["deskew", "deconvolve"]
    assert "too large for pycudadecon" in next(iter(notices)).what
    assert library.calls == []


def test_cancelled_before_the_library_is_entered(engine, library):
    with pytest.raises(Cancelled):
        engine.deconvolve(CUBE, plan_of(), cancelled=lambda: True)
    assert library.calls == []


def test_cancelled_inside_the_library(engine, library, tmp_path):
    done = tmp_path / "done"
    library.order(
        "import time, pathlib\n"
        f"while name.startswith('decon') and not pathlib.Path({str(done)!r}).exists():\n"
        "    time.sleep(0.005)"
    )
    with pytest.raises(Cancelled):
        engine.deconvolve(CUBE, plan_of(), cancelled=lambda: "decon" in library.calls)
    done.touch()
    before = session().worker._process.popen.pid
    np.testing.assert_allclose(engine.deconvolve(CUBE, plan_of()), 1, rtol=1e-3)
    assert session().worker._process.popen.pid == before


def test_death_is_an_error_and_the_next_volume_gets_a_new_process(engine, library):
    expected = engine.deconvolve(CUBE, plan_of())
    before = session().worker._process.popen.pid
    library.order(DIE)
    with pytest.raises(EngineError, match=r"The GPU worker died \(exit code 255: CUDA error\)"):
        engine.deconvolve(CUBE, plan_of())
    library.clear()
    np.testing.assert_array_equal(engine.deconvolve(CUBE, plan_of()), expected)
    assert library.calls == ["init", "decon"]
    assert session().worker._process.popen.pid != before
    assert engine.unavailable() is None
    assert not len(notices)


def test_after_two_deaths_the_cpu_takes_over_and_says_so_once(engine, library):
    plan = DeskewPlan.of(CUBE.shape, (0.3, 0.1, 0.1), Scan(31.5))
    library.order(DIE)
    with pytest.raises(EngineError, match="died"):
        engine.deskew(CUBE, plan)
    expected = CpuEngine().deconvolve(CUBE, plan_of())
    np.testing.assert_array_equal(engine.deconvolve(CUBE, plan_of()), expected)
    library.clear()
    np.testing.assert_array_equal(engine.deconvolve(CUBE, plan_of()), expected)
    np.testing.assert_array_equal(engine.deskew(CUBE, plan), CpuEngine().deskew(CUBE, plan))
    assert library.calls == []
    (notice,) = notices
    assert notice.where == "pycudadecon"
    assert "The GPU worker died (exit code 255: CUDA error)" in notice.what
    assert notice.done == "computed on the CPU from now on"
    assert "It failed 2 times" in engine.unavailable()


def test_tiles_if_the_gpu_is_small(library):
    volume = np.random.default_rng(0).poisson(500, (16, 24, 96)).astype(np.uint16)
    plan = plan_of(iterations=10)
    limit = 0.6 * BYTES * math.prod(Frame.of(volume.shape, plan).shape)
    fractions = []
    tiled = PycudadeconEngine(memory_limit=limit).deconvolve(
        volume, plan, progress=fractions.append
    )
    (notice,) = notices
    assert notice.done == "computed in tiles"
    whole = PycudadeconEngine().deconvolve(volume, plan)
    assert not len(notices), "with enough memory, it is no problem any more"
    assert library.calls == ["init", *["decon"] * len(fractions), "cleanup", "init", "decon"]
    assert len(fractions) > 1
    assert fractions[-1] == 1.0
    assert np.linalg.norm(tiled - whole) < 0.02 * np.linalg.norm(whole)


def test_if_not_even_a_tile_fits_the_cpu_does_it(library):
    out = PycudadeconEngine(memory_limit=1000).deconvolve(CUBE, plan_of())
    np.testing.assert_array_equal(out, CpuEngine().deconvolve(CUBE, plan_of()))
    assert [notice.done for notice in notices] == ["computed in tiles", "computed on the CPU"]


def test_what_is_free_on_the_gpu_is_known(library):
    """Not what it has: others take three quarters of it."""
    assert session().memory == session().free_memory() == 2**31


def test_a_large_otf_is_that_of_a_cropped_psf():
    """Older libraries keep it in 60 kB; what is cut off lies beside the PSF."""
    psf = bead((301, 128, 128), (2.5, 1.8, 1.8))
    otf, small = make_otf(psf, VOXEL), make_otf(psf[94:-94], VOXEL)
    capped = fitted(otf)
    assert otf.values.nbytes > 60_000 >= capped.values.nbytes
    assert fitted(small) is small
    shape = (24, 40, 40)
    grids = [interpolate(each, shape, VOXEL) for each in (otf, capped)]
    np.testing.assert_allclose(grids[1], grids[0], atol=5e-3)
    assert capped.dkr == otf.dkr and capped.dkz > otf.dkz


def test_without_the_package(monkeypatch, fresh):
    monkeypatch.setitem(sys.modules, "pycudadecon", None)
    engine = PycudadeconEngine()
    assert engine.unavailable().startswith("The package pycudadecon is not installed")
    with pytest.raises(EngineError, match="Use the cpu engine"):
        engine.deskew(np.ones((3, 3, 3), np.uint16), DeskewPlan((3, 3, 3), "x", 1.0, 6))
    with pytest.raises(EngineError, match="not installed"):
        engine.deconvolve(np.ones((3, 3, 3), np.uint16), plan_of())
    with pytest.raises(EngineError, match="not installed"):
        engine.rotate(CUBE, RotationPlan.of(CUBE.shape, (0.3, 0.1, 0.1), Scan(31.5)))


def test_without_the_library(monkeypatch, fresh):
    package = types.ModuleType("pycudadecon")
    package.lib = object()
    monkeypatch.setitem(sys.modules, "pycudadecon", package)
    assert "conda install -c conda-forge cudadecon" in worker.probe()[0]


class Driver:
    def __init__(self, init=0, count=1):
        self.init, self.count = init, count

    def cuInit(self, flags):
        return self.init

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = self.count
        return 0


@pytest.fixture
def package(monkeypatch, fresh):
    package = types.ModuleType("pycudadecon")
    package.lib = types.ModuleType("pycudadecon._libwrap")
    monkeypatch.setitem(sys.modules, "pycudadecon", package)
    return package


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (None, "no NVIDIA driver"),
        (Driver(init=100), "driver does not start"),
        (Driver(count=0), "no NVIDIA GPU"),
    ],
)
def test_without_a_gpu(monkeypatch, package, driver, message):
    def load(name):
        if driver is None:
            raise OSError(name)
        return driver

    monkeypatch.setattr(ctypes, "CDLL", load)
    reason, memory = worker.probe()
    assert message in reason
    assert memory == 0


def test_wrong_values_in_the_trial(monkeypatch, package):
    package.deskewGPU = lambda volume, **_: np.zeros((16, 16, 32), np.float32)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver())
    assert "wrong values in a small trial" in worker.probe()[0]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ImportError('wrong\\nglibc')", r"cannot be imported: ImportError\('wrong.*glibc'"),
        ("import os; os._exit(255)", "failed a small trial: The GPU worker died .exit code 255."),
        ("while True: pass", "did not answer within 2 s"),
    ],
)
def test_trial_in_another_process(monkeypatch, fresh, tmp_path, code, message):
    (tmp_path / "pycudadecon.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    if "while" in code:
        monkeypatch.setattr(_cudadecon_session, "TRIAL_SECONDS", 2)
    reason = PycudadeconEngine().unavailable()
    assert re.search(message, reason)
    assert "\n" not in reason
    assert session().worker._process is None, "a process that is of no use is kept"


def test_reason_here_is_one_line_and_remembered(fresh, monkeypatch):
    engine = get_engine("pycudadecon")
    assert isinstance(engine, Engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reason = engine.unavailable()
    assert reason is None or ("\n" not in reason and len(reason) > 20)
    monkeypatch.setattr(DeviceSession, "_probe", lambda self: "asked again")
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
