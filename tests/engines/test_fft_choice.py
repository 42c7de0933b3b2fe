"""Two kinds of transforms, compiled and of scipy: each other's peers, and the one for the other."""

from __future__ import annotations

import math
import re
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import LoweringError

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.engines import DeconvolutionPlan, notices
from napari_lazy_pipeline.engines.cpu import cpu_engine
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft, fastest_fft, fft_choice
from napari_lazy_pipeline.engines.cpu.fft.compiled_fft import CompiledFft
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
COMPILED, SCIPY = (CpuEngine(2, fft=kind) for kind in (CompiledFft, ScipyFft))
METHODS = ["rl", "accelerated", "fast", "auto"]
# Of the norm: iterations carry on what float32 rounds.
TOLERANCE = 1e-5


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 4, **changes})


@pytest.fixture
def fresh():
    """Nothing is known about the transforms yet."""
    fft_choice._checked_fft.cache_clear()
    notices.clear()
    yield
    fft_choice._checked_fft.cache_clear()
    notices.clear()


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    dtype=st.sampled_from(["u1", ">u2", "i8", "f4"]),
    method=st.sampled_from(METHODS),
    iterations=st.integers(1, 5),
    edges=st.sampled_from(["reflect", "background", "periodic"]),
    background=st.sampled_from([0, 2.5, -3]),
    shear=st.sampled_from([0.0, 1.3, -2.6]),
    axis=st.sampled_from("xy"),
    seed=st.integers(0, 99),
)
def test_they_are_peers(shape, dtype, method, iterations, edges, background, shear, axis, seed):
    volume = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    plan = plan_of(
        method=method, iterations=iterations, edges=edges, background=background, shear=shear,
        skew_axis=axis,
    )  # fmt: skip
    before = volume.copy()
    out, expected = SCIPY.deconvolve(volume, plan), COMPILED.deconvolve(volume, plan)
    assert out.dtype == np.float32
    assert out.shape == shape
    assert np.linalg.norm(out - expected) <= TOLERANCE * np.linalg.norm(expected)
    np.testing.assert_array_equal(volume, before)


def test_compiled_ones_are_the_first_choice(fresh):
    assert fastest_fft() is CompiledFft
    assert not len(notices)


def broken_import(monkeypatch):
    monkeypatch.setitem(sys.modules, CompiledFft.__module__, None)


def broken_compiler(monkeypatch):
    def fail(*_):
        raise LoweringError("Failed in nopython mode pipeline\n(step: native lowering)")

    monkeypatch.setattr(CompiledFft, "filter", fail)


def wrong_values(monkeypatch):
    correct = CompiledFft.filter
    monkeypatch.setattr(
        CompiledFft, "filter", lambda self, factor, conjugate=False: correct(self, factor)
    )


def no_numbers(monkeypatch):
    monkeypatch.setattr(CompiledFft, "crop", lambda *_: np.full((70, 24, 16), np.nan, np.float32))


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (broken_import, "ModuleNotFoundError: import of .*compiled_fft halted"),
        (broken_compiler, r"LoweringError: Failed in nopython mode pipeline \(step: native"),
        (wrong_values, r"its values differ by \d"),
        (no_numbers, "its values differ by nan"),
    ],
)
def test_scipy_steps_in_and_a_notice_says_why_once(fresh, monkeypatch, break_it, reason):
    volume = np.random.default_rng(0).poisson(40, (8, 12, 15)).astype(np.uint16)
    expected = SCIPY.deconvolve(volume, plan_of())
    with monkeypatch.context() as patch:
        break_it(patch)
        for _ in range(2):
            np.testing.assert_array_equal(CpuEngine(2).deconvolve(volume, plan_of()), expected)
    (notice,) = notices
    assert notice.where == "cpu"
    assert re.search(reason, notice.what)
    assert notice.done == "computed with scipy, more slowly"


def test_scipy_is_cancelled_within_an_iteration():
    calls = iter(range(99))
    with pytest.raises(Cancelled):
        SCIPY.deconvolve(
            np.ones((8, 16, 16)), plan_of(iterations=1), cancelled=lambda: next(calls) >= 1
        )
    assert next(calls) == 2


@pytest.mark.parametrize("method", METHODS)
def test_memory_of_scipy_is_estimated(method):
    volume = np.random.default_rng(0).poisson(40, (40, 100, 120)).astype(np.uint16)
    plan = plan_of(method=method)
    SCIPY.deconvolve(volume[:2, :8, :8], plan)
    cpu_engine._factor.cache_clear()
    pool().clear()
    estimate = ScipyFft.voxel_bytes[method] * math.prod(Frame.of(volume.shape, plan).shape)
    tracemalloc.start()
    SCIPY.deconvolve(volume, plan)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 * estimate < peak < 1.0 * estimate


def test_tiles_with_scipy():
    volume = np.random.default_rng(0).poisson(40, (12, 60, 90)).astype(np.uint16)
    plan = plan_of(method="rl")
    needed = ScipyFft.voxel_bytes["rl"] * math.prod(Frame.of(volume.shape, plan).shape)
    tiled = CpuEngine(2, int(0.6 * needed), ScipyFft).deconvolve(volume, plan)
    expected = COMPILED.deconvolve(volume, plan)
    assert np.linalg.norm(tiled - expected) <= 1e-3 * np.linalg.norm(expected)
    notices.clear()
