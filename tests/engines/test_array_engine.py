"""The array engine on numpy against the CPU engine, and on a GPU if there is one."""

from __future__ import annotations

import itertools
import math
import re
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import NumpyDevice
from engine_references import plans, ranges
from napari_lazy_pipeline.engines import DeconvolutionPlan, Engine, get_engine, notices
from napari_lazy_pipeline.engines.array_api import cupy as cupy_engine
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine
from napari_lazy_pipeline.engines.array_api.cupy import CupyEngine
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.richardson_lucy import ArrayFft
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

CPU = CpuEngine()
VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
OTHER = make_otf(bead((33, 33, 33), (3.0, 2.0, 2.0)), VOXEL)
METHODS = ["rl", "accelerated", "fast", "auto"]


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 4, **changes})


def engine_on(device, **options):
    return ArrayEngine("numpy", lambda: device, **options)


@pytest.fixture
def device():
    notices.clear()
    yield NumpyDevice()
    notices.clear()


@pytest.fixture
def engine(device):
    return engine_on(device)


def test_is_an_engine(engine):
    assert isinstance(engine, Engine)
    assert engine.unavailable() is None


@settings(max_examples=150, deadline=None)
@given(
    plan=plans,
    dtype=st.sampled_from([np.uint16, np.float32]),
    fill=st.sampled_from([0, 98, 3.5, -4, 70000]),
    rounding=st.sampled_from(["nearest", "down"]),
    seed=st.integers(0, 99),
)
def test_deskew_equals_that_of_the_cpu(plan, dtype, fill, rounding, seed):
    volume = np.random.default_rng(seed).integers(0, 65536, plan.shape).astype(dtype)
    before = volume.copy()
    out = engine_on(NumpyDevice()).deskew(volume, plan, fill, rounding)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, CPU.deskew(volume, plan, fill, rounding))
    np.testing.assert_array_equal(volume, before)


@settings(max_examples=100, deadline=None)
@given(case=ranges(), dtype=st.sampled_from([np.uint16, np.float32]), seed=st.integers(0, 99))
def test_planes_equal_those_of_the_cpu(case, dtype, seed):
    plan, (start, stop) = case
    volume = np.random.default_rng(seed).integers(0, 65536, plan.shape).astype(dtype)
    out = engine_on(NumpyDevice()).deskew(volume[start:stop], plan, 98, planes=(start, stop))
    np.testing.assert_array_equal(out, CPU.deskew(volume, plan, 98)[start:stop])


def test_only_the_planes_that_are_asked_for_pass_the_bus(engine, device):
    plan = DeskewPlan((10**6, 5, 7), "x", 1e-5, 20)
    volume = np.ones((2, 5, 7), np.uint16)
    np.testing.assert_array_equal(
        engine.deskew(volume, plan, planes=(1000, 1002)),
        CPU.deskew(volume, plan, planes=(1000, 1002)),
    )
    assert device.moved == [volume.nbytes]


def test_deskew_in_batches(engine, monkeypatch):
    monkeypatch.setattr("napari_lazy_pipeline.engines.array_api.algorithms.BATCH", 300)
    volume = np.random.default_rng(0).integers(0, 65536, (13, 9, 11)).astype(np.uint16)
    for axis in "xy":
        plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5, axis))
        np.testing.assert_array_equal(engine.deskew(volume, plan), CPU.deskew(volume, plan))


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 14)] * 3),
    dtype=st.sampled_from(["u1", "u2", ">u2", "i2", "i8", "f4", ">f4", "f8", "?"]),
    method=st.sampled_from(METHODS),
    edges=st.sampled_from(["reflect", "background", "periodic"]),
    background=st.sampled_from([0, 2.5, 1000, -3]),
    shear=st.sampled_from([0.0, 1.3, -2.6]),
    axis=st.sampled_from("xy"),
    seed=st.integers(0, 99),
)
def test_deconvolution_equals_that_of_the_cpu(
    shape, dtype, method, edges, background, shear, axis, seed
):
    volume = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    before = volume.copy()
    plan = plan_of(method=method, edges=edges, background=background, shear=shear, skew_axis=axis)
    out = engine_on(NumpyDevice()).deconvolve(volume, plan)
    expected = CPU.deconvolve(volume, plan)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-4 * expected.max() + 1e-12)
    assert np.linalg.norm(out - expected) <= 1e-5 * np.linalg.norm(expected)
    np.testing.assert_array_equal(volume, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("iterations", [1, 2, 3, 10])
def test_many_iterations_stay_close(engine, method, iterations):
    volume = np.random.default_rng(0).poisson(40, (20, 31, 33)).astype(np.uint16)
    plan = plan_of(method=method, iterations=iterations)
    out, expected = engine.deconvolve(volume, plan), CPU.deconvolve(volume, plan)
    assert np.linalg.norm(out - expected) <= 1e-5 * np.linalg.norm(expected)


def test_damaged_values_are_background(engine):
    volume = np.random.default_rng(0).normal(200, 10, (8, 12, 12))
    volume[3, 4, 5], volume[3, 5, 5], volume[3, 6, 5] = np.nan, np.inf, 1e200
    plan = plan_of(background=100)
    np.testing.assert_allclose(
        engine.deconvolve(volume, plan), CPU.deconvolve(volume, plan), rtol=1e-4, atol=1e-2
    )


def test_progress_after_each_iteration(engine):
    fractions = []
    engine.deconvolve(np.ones((4, 8, 8)), plan_of(), progress=fractions.append)
    assert fractions == [0.25, 0.5, 0.75, 1.0]


def test_cancelled_between_iterations(engine):
    fractions = []
    with pytest.raises(Cancelled):
        engine.deconvolve(
            np.ones((4, 8, 8)),
            plan_of(iterations=1000),
            cancelled=lambda: len(fractions) >= 3,
            progress=fractions.append,
        )
    assert len(fractions) == 3
    with pytest.raises(Cancelled):
        engine.deconvolve(np.ones((4, 8, 8)), plan_of(), cancelled=lambda: True)


def test_cancelled_in_the_queue(device):
    engine, calls = engine_on(device), itertools.count()
    reached, leave = threading.Event(), threading.Event()
    device.synchronize = lambda: reached.set() or leave.wait(20)
    other = threading.Thread(target=engine.deconvolve, args=(np.ones((4, 8, 8)), plan_of()))
    other.start()
    assert reached.wait(20)
    with pytest.raises(Cancelled):
        engine.deconvolve(np.ones((4, 8, 8)), plan_of(), cancelled=lambda: next(calls) > 2)
    leave.set()
    other.join()


def test_only_pixels_cross_the_bus_the_second_time(device, engine):
    volume = np.ones((8, 16, 16), np.uint16)
    for _ in range(2):
        engine.deconvolve(volume, plan_of(method="fast"))
    assert device.moved.count(volume.nbytes) == 2
    assert len(device.moved) == 4, "the OTF and the back projector are not kept"
    engine.close()
    assert device.trimmed == 1
    engine.deconvolve(volume, plan_of())
    assert len(device.moved) == 6


def test_a_tile_takes_its_part_across_the_bus(device):
    volume = np.ones((16, 80, 200), np.uint16)
    frame = Frame.of(volume.shape, plan_of())
    device.memory = ArrayFft.voxel_bytes["rl"] * math.prod(frame.shape) * 0.5
    engine_on(device).deconvolve(volume, plan_of(method="rl", iterations=1))
    # The first is the OTF.
    assert len(device.moved) > 2
    assert max(device.moved[1:]) < 0.7 * volume.nbytes


@pytest.mark.parametrize("method", METHODS)
def test_memory_is_estimated(engine, method):
    volume = np.random.default_rng(0).poisson(40, (40, 100, 120)).astype(np.uint16)
    plan = plan_of(method=method)
    engine.deconvolve(volume, plan)
    estimate = ArrayFft.voxel_bytes[method] * math.prod(Frame.of(volume.shape, plan).shape)
    tracemalloc.start()
    engine.close()
    engine.deconvolve(volume, plan)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The FFT library of a GPU takes about one more array than is seen here.
    assert 0.65 * estimate < peak < 1.0 * estimate


OUT_OF_MEMORY = [MemoryError("full"), RuntimeError("CUFFT_ALLOC_FAILED")]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_out_of_memory_falls_back_to_tiles(device, error):
    volume = np.random.default_rng(0).poisson(40, (12, 60, 90)).astype(np.uint16)
    device.errors = [None, None, error]
    out = engine_on(device).deconvolve(volume, plan_of(method="rl"))
    expected = CPU.deconvolve(volume, plan_of(method="rl"))
    assert np.linalg.norm(out - expected) <= 1e-3 * np.linalg.norm(expected)
    assert device.trimmed == 1
    (notice,) = notices
    assert notice.where == "numpy"
    assert "more than there is" in notice.what
    assert notice.done == "computed in tiles"


def test_if_nothing_fits_the_cpu_does_it(device):
    volume = np.random.default_rng(0).poisson(40, (12, 20, 20)).astype(np.uint16)
    device.memory = 1000
    out = engine_on(device).deconvolve(volume, plan_of())
    np.testing.assert_allclose(out, CPU.deconvolve(volume, plan_of()), rtol=1e-5)
    assert [notice.done for notice in notices] == ["computed in tiles", "computed on the CPU"]


def test_deskew_out_of_memory_is_done_on_the_cpu(device):
    volume = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5))
    device.errors = [MemoryError()]
    np.testing.assert_array_equal(engine_on(device).deskew(volume, plan), CPU.deskew(volume, plan))
    assert [notice.done for notice in notices] == ["computed on the CPU"]


def test_a_device_that_vanishes(device):
    """An error first, then the CPU, told once; and the device only when asked again."""
    engine, volume = engine_on(device), np.ones((8, 8, 8), np.uint16)
    lost = RuntimeError("cudaErrorDevicesUnavailable:\nall are busy")
    device.errors = [None, None, None, lost]
    with pytest.raises(EngineError, match=r"The GPU failed: RuntimeError: .*busy.*Use the cpu"):
        engine.deconvolve(volume, plan_of())
    assert engine.unavailable() is None
    device.errors = [lost]
    out = engine.deconvolve(volume, plan_of())
    np.testing.assert_allclose(out, 1, rtol=1e-4)
    assert "It failed 2 times: The GPU failed" in engine.unavailable()
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5))
    device.errors = [lost]
    engine.deskew(volume, plan)
    assert device.errors == [lost], "the device is still asked"
    (notice,) = notices
    assert notice.done == "computed on the CPU from now on"
    device.errors = []
    engine.fallback.forget()
    assert engine.unavailable() is None


def test_only_failures_in_a_row_count(device):
    engine, volume = engine_on(device), np.ones((8, 8, 8), np.uint16)
    for _ in range(3):
        device.errors = [RuntimeError("now and then")]
        with pytest.raises(EngineError, match="now and then"):
            engine.deconvolve(volume, plan_of())
        engine.deconvolve(volume, plan_of())
    assert engine.unavailable() is None
    assert not len(notices)


@pytest.mark.parametrize(
    ("volume", "changes", "message"),
    [
        (np.ones((4, 8, 8)), {"iterations": 0}, "at least 1 iteration"),
        (np.ones((8, 8)), {}, r"shape \(8, 8\)"),
        (np.ones((4, 8, 8), complex), {}, "complex128"),
    ],
)
def test_nonsense_is_refused_and_no_failure_of_the_device(engine, volume, changes, message):
    for _ in range(3):
        with pytest.raises(EngineError, match=message):
            engine.deconvolve(volume, plan_of(**changes))
    assert engine.unavailable() is None


def test_trial_of_a_device():
    assert cupy_engine.trial(NumpyDevice()) is None
    wrong = NumpyDevice()
    wrong.put = lambda array: array + array.dtype.type(1)
    assert "wrong values" in cupy_engine.trial(wrong)


PROBES = [
    ("raise ImportError('libnvrtc.so.13')", "cannot be imported: ImportError.*libnvrtc"),
    ("import os; os._exit(127)", "failed a small trial: The GPU worker died .exit code 127"),
    (
        "class cuda:\n class runtime:\n  getDeviceCount = lambda: exec("
        "'raise RuntimeError(\"old\\\\ndriver\")')",
        "finds no NVIDIA GPU or driver: old driver",
    ),
    ("class cuda:\n class runtime:\n  getDeviceCount = lambda: 0", "There is no NVIDIA GPU"),
]


@pytest.fixture
def fresh():
    cupy_engine._problem.cache_clear()
    yield
    cupy_engine._problem.cache_clear()


@pytest.mark.parametrize(("package", "message"), PROBES)
def test_reason_comes_from_another_process(tmp_path, monkeypatch, fresh, package, message):
    (tmp_path / "cupy.py").write_text(package)
    monkeypatch.syspath_prepend(tmp_path)
    reason = CupyEngine().unavailable()
    with pytest.raises(EngineError, match="cupy cannot be used here"):
        CupyEngine().deconvolve(np.ones((4, 4, 4)), plan_of())
    assert reason == CupyEngine().unavailable()
    assert "\n" not in reason
    assert re.search(message, reason)


def test_without_the_package(monkeypatch, fresh):
    monkeypatch.setattr(cupy_engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r'not installed.*install "cupy-cuda.*cpu engine'):
        CupyEngine().deconvolve(np.ones((4, 4, 4)), plan_of())


@pytest.fixture(scope="module")
def real():
    cupy_engine._problem.cache_clear()
    engine = get_engine("cupy")
    reason = engine.unavailable()
    if reason is not None:
        pytest.skip(reason)
    yield engine
    engine.close()


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("rounding", ["nearest", "down"])
def test_real_deskew_equals_that_of_the_cpu(real, axis, dtype, rounding):
    volume = np.random.default_rng(0).integers(0, 65536, (30, 40, 50)).astype(dtype)
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5, axis), 0, 2)
    out = real.deskew(volume, plan, 98.4, rounding)
    np.testing.assert_allclose(
        out, CPU.deskew(volume, plan, 98.4, rounding), rtol=1e-6, atol=1 if dtype == "u2" else 0.01
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("edges", ["reflect", "background", "periodic"])
@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_real_deconvolution_equals_that_of_the_cpu(real, method, edges, shear):
    volume = np.random.default_rng(0).poisson(40, (30, 61, 80)).astype(np.uint16)
    plan = plan_of(method=method, edges=edges, shear=shear, iterations=10, background=8.0)
    out, expected = real.deconvolve(volume, plan), CPU.deconvolve(volume, plan)
    assert np.linalg.norm(out - expected) <= 1e-4 * np.linalg.norm(expected)


def test_real_tiles(real):
    volume = np.random.default_rng(0).poisson(40, (30, 100, 200)).astype(np.uint16)
    whole = real.deconvolve(volume, plan_of(method="rl"))
    tiled = CupyEngine(memory_limit=20_000_000).deconvolve(volume, plan_of(method="rl"))
    assert np.linalg.norm(tiled - whole) <= 1e-3 * np.linalg.norm(whole)


def test_real_memory_comes_back(real):
    real.deconvolve(np.ones((64, 256, 256), np.uint16), plan_of())
    real.close()
    free = real._device().free()
    real.deconvolve(np.ones((64, 256, 256), np.uint16), plan_of())
    real.close()
    assert real._device().free() >= 0.99 * free
