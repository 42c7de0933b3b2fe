"""Volumes larger than the memory: estimates, tiles, and what is said if nothing helps."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import tracemalloc
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.engines import DeconvolutionPlan, notices
from napari_lazy_pipeline.engines.cpu import cpu_engine as cpu
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.cpu.fft import COMPILED_VOXEL_BYTES, compiled_fft
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.engines.tiling import Memory, tiles
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
METHODS = ["rl", "accelerated", "fast", "auto"]
# Of the norm, and of the brightest point: what the documentation says.
TOLERANCE = {"rl": 0.015, "accelerated": 0.015, "fast": 0.025, "auto": 0.015}
AT_THE_PEAK = 0.04


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 10, **changes})


def needed(volume, plan):
    return COMPILED_VOXEL_BYTES[plan.method] * math.prod(Frame.of(volume.shape, plan).shape)


@pytest.fixture(scope="module")
def beads():
    """Beads on a structured ground, as noisy as a picture of some hundred photons."""
    rng = np.random.default_rng(0)
    truth = np.zeros((24, 80, 176), np.float32)
    for place in zip(*(rng.integers(n, size=60) for n in truth.shape), strict=True):
        truth[place] += rng.uniform(5000, 50000)
    truth += 20 * np.sin(np.arange(176) / 9) ** 2
    return rng.poisson(gaussian_filter(truth, (2.5, 1.8, 1.8)) + 20).astype(np.uint16)


@pytest.fixture(autouse=True)
def quiet():
    notices.clear()
    yield
    notices.clear()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("edges", ["reflect", "background", "periodic"])
@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_tiles_give_the_same_within_the_tolerance(beads, method, edges, shear):
    plan = plan_of(method=method, edges=edges, shear=shear, background=20.0)
    whole = CpuEngine().deconvolve(beads, plan)
    fractions = []
    engine = CpuEngine(memory_limit=int(0.6 * needed(beads, plan)))
    tiled = engine.deconvolve(beads, plan, progress=fractions.append)
    assert tiled.shape == whole.shape
    assert tiled.dtype == np.float32
    assert (tiled >= 0).all()
    assert np.linalg.norm(tiled - whole) < TOLERANCE[method] * np.linalg.norm(whole)
    assert np.abs(tiled - whole).max() < AT_THE_PEAK * whole.max()
    assert tiled.sum(dtype=float) == pytest.approx(whole.sum(dtype=float), rel=0.01)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    (notice,) = notices
    assert (notice.where, notice.done) == ("cpu", "computed in tiles")


@pytest.mark.parametrize("method", METHODS)
def test_no_seams_in_a_smooth_sample(method):
    z, y, x = np.ogrid[:24, :60, :160]
    volume = (200 + 100 * np.sin(x / 15) * np.cos(y / 20) * np.cos(z / 9)).astype(np.float32)
    plan = plan_of(method=method)
    limit = int(0.75 * needed(volume, plan))
    memory = Memory(COMPILED_VOXEL_BYTES[method], limit, 4)
    first, second = tiles(Frame.of(volume.shape, plan), plan, memory)
    seam = second.start[2]
    assert first.size[2] == seam
    tiled = CpuEngine(memory_limit=limit).deconvolve(volume, plan)
    difference = tiled - CpuEngine().deconvolve(volume, plan)
    jump = np.abs(difference[:, :, seam] - difference[:, :, seam - 1]).max()
    # Where a sample without noise has nothing left to sharpen, auto decides by the last digits.
    assert jump < (0.01 if method == "auto" else 0.005) * tiled.max()


@pytest.mark.parametrize("method", METHODS)
def test_constant_volumes_stay(method):
    volume = np.full((16, 40, 80), 300, np.uint16)
    plan = plan_of(method=method)
    out = CpuEngine(memory_limit=int(0.5 * needed(volume, plan))).deconvolve(volume, plan)
    np.testing.assert_allclose(out, 300, rtol=1e-4)


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 300), st.integers(1, 300)),
    edges=st.sampled_from(["reflect", "background", "periodic"]),
    part=st.floats(0.1, 1.2),
)
def test_tiles_fit_and_cover_the_volume_once(shape, edges, part):
    plan = plan_of(edges=edges)
    whole = Frame.of(shape, plan)
    memory = Memory(30, part * 30 * math.prod(whole.shape), 4)
    try:
        parts = tiles(whole, plan, memory)
    except EngineError as error:
        assert "not enough memory" in str(error)
        return
    seen = np.zeros(shape, np.uint8)
    for tile in parts:
        assert memory.needed(tile.shape) + 4 * math.prod(shape) <= memory.limit
        assert tile.shape == parts[0].shape
        seen[tile.target] += 1
        for axis in range(3):
            inner = tile.indices(axis)[tile.window[axis]]
            target = tile.target[axis]
            np.testing.assert_array_equal(inner, np.arange(target.start, target.stop))
    assert (seen == 1).all()


def peak_over_limit(method, part):
    """Most memory in use during a deconvolution, in units of what it may take."""
    volume = np.random.default_rng(0).poisson(40, (48, 160, 200)).astype(np.uint16)
    plan = plan_of(method=method, iterations=3)
    engine = CpuEngine(memory_limit=int(part * needed(volume, plan)))
    engine.deconvolve(volume[:4, :8, :8], plan)
    cpu._factor.cache_clear()
    pool().clear()
    tracemalloc.start()
    engine.deconvolve(volume, plan)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / (min(part, 1.0) * needed(volume, plan))


@pytest.fixture(scope="module")
def alone():
    """A process in which nothing else allocates: what is traced there is the deconvolution's."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        yield process


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("part", [2.0, 0.5])
def test_memory_stays_below_the_estimate(alone, method, part):
    assert 0.6 < alone.submit(peak_over_limit, method, part).result() < 1.05


def test_cancelled_between_and_inside_tiles(beads):
    plan = plan_of()
    engine = CpuEngine(1, memory_limit=int(0.6 * needed(beads, plan)))
    for count in (0, 50, 500):
        calls = itertools.count()
        with pytest.raises(Cancelled):
            engine.deconvolve(beads, plan, lambda calls=calls, n=count: next(calls) >= n)


def test_memory_that_is_not_there_after_all(beads, monkeypatch):
    """The system refuses what it promised: smaller and smaller tiles are tried."""
    plan, tried = plan_of(method="rl"), []
    solve = CpuEngine._solve

    def refused(self, kind, volume, plan, cancelled, frame, *rest):
        tried.append(math.prod(frame.shape))
        if tried[-1] > 0.6 * tried[0]:
            raise MemoryError
        return solve(self, kind, volume, plan, cancelled, frame, *rest)

    monkeypatch.setattr(CpuEngine, "_solve", refused)
    engine = CpuEngine(memory_limit=2**40)
    tiled = engine.deconvolve(beads, plan)
    monkeypatch.undo()
    whole = engine.deconvolve(beads, plan)
    assert np.linalg.norm(tiled - whole) < TOLERANCE["rl"] * np.linalg.norm(whole)


def test_what_does_not_fit_at_all_is_an_error_that_says_what_to_do(beads, monkeypatch):
    message = r"not enough memory to deconvolve a volume of \(24, 80, 176\).*Crop the volume"
    with pytest.raises(EngineError, match=message):
        CpuEngine(memory_limit=100_000).deconvolve(beads, plan_of())

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(compiled_fft, "aligned_empty", full)
    with pytest.raises(EngineError, match=message):
        CpuEngine(memory_limit=2**40).deconvolve(beads, plan_of())
