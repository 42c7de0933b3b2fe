"""The deconvolution of the CPU engine against CUDA, plain FFTs, and beads of known width."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_references import plain_richardson_lucy
from napari_lazy_pipeline.engines import DeconvolutionPlan, Engine, get_engine
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine, warm_up
from napari_lazy_pipeline.engines.padding import Frame, apodize, smooth
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import RadialOtf, make_otf
from napari_lazy_pipeline.psf.kernel import WIDEST, halo
from napari_lazy_pipeline.psf.radial_otf import interpolate, load_otf
from stacks import bead

ENGINE = CpuEngine()
VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 3, **changes})


@pytest.mark.timeout(600)
def test_golden_volume_equals_cuda(golden, vendored_otf_path):
    image, expected = golden("im_deskewed.tif")[:84, :320, :480], golden("im_decon.tif")
    plan = DeconvolutionPlan(
        load_otf(vendored_otf_path, (0.1, 0.1, 0.1)),
        (0.3, 0.1, 0.1),
        iterations=10,
        background=98,
        edges="periodic",
    )
    out = ENGINE.deconvolve(image, plan)
    difference = np.linalg.norm(out - expected) / np.linalg.norm(expected)
    assert difference <= 1e-4
    np.testing.assert_allclose(out, expected, atol=0.05)


@pytest.mark.parametrize("method", ["rl", "accelerated"])
@pytest.mark.parametrize("iterations", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_equals_the_iterations_as_written(method, iterations, shear):
    image = np.random.default_rng(3).poisson(20, (14, 15, 18)).astype(np.uint16)
    plan = plan_of(method=method, iterations=iterations, edges="periodic", apodize=0, shear=shear)
    expected = plain_richardson_lucy(
        image.astype(np.float32),
        interpolate(OTF, image.shape, VOXEL, shear),
        method == "accelerated",
        iterations,
    )
    np.testing.assert_allclose(
        ENGINE.deconvolve(image, plan), expected, rtol=1e-4, atol=1e-5 * expected.max()
    )


shapes = st.tuples(*[st.integers(1, 14)] * 3)


@settings(max_examples=80, deadline=None)
@given(
    shape=shapes,
    dtype=st.sampled_from(["u1", "u2", ">u2", "i2", "i8", "f4", "f8", "?"]),
    method=st.sampled_from(["rl", "accelerated"]),
    edges=st.sampled_from(["reflect", "background", "periodic"]),
    background=st.sampled_from([0, 2.5, 1000, -3]),
    shear=st.sampled_from([0.0, 1.3, -2.6]),
    axis=st.sampled_from("xy"),
    seed=st.integers(0, 99),
)
def test_any_volume_gives_a_usable_result(
    shape, dtype, method, edges, background, shear, axis, seed
):
    volume = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    before = volume.copy()
    plan = plan_of(method=method, edges=edges, background=background, shear=shear, skew_axis=axis)
    out = ENGINE.deconvolve(volume, plan)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    np.testing.assert_array_equal(volume, before)


@settings(max_examples=30, deadline=None)
@given(
    shape=shapes,
    method=st.sampled_from(["rl", "accelerated"]),
    level=st.sampled_from([0.0, 1.0, 300.0]),
    edges=st.sampled_from(["reflect", "periodic"]),
)
def test_constant_volumes_stay(shape, method, level, edges):
    out = ENGINE.deconvolve(np.full(shape, level, np.float32), plan_of(method=method, edges=edges))
    whole = edges == "reflect" or all(smooth(n) == n for n in shape)
    if whole:
        np.testing.assert_allclose(out, level, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.sampled_from([1, 2, 4, 8, 12, 15, 16])] * 3),
    method=st.sampled_from(["rl", "accelerated"]),
    seed=st.integers(0, 99),
)
def test_light_is_kept(shape, method, seed):
    volume = np.random.default_rng(seed).poisson(30, shape).astype(np.uint16)
    out = ENGINE.deconvolve(volume, plan_of(method=method, edges="periodic", apodize=0))
    assert out.sum(dtype=float) == pytest.approx(volume.sum(dtype=float), rel=0.01)


@pytest.mark.parametrize("edges", ["reflect", "background"])
def test_light_inside_is_kept(edges):
    volume = np.zeros((24, 40, 40), np.float32)
    volume[4:-4, 4:-4, 4:-4] = bead((16, 32, 32), (2.5, 1.8, 1.8))
    out = ENGINE.deconvolve(volume, plan_of(iterations=10, edges=edges))
    assert out.sum(dtype=float) == pytest.approx(volume.sum(dtype=float), rel=0.01)


def width(volume, axis):
    """Full width at half maximum of the profile through the peak [voxel]."""
    peak = np.unravel_index(volume.argmax(), volume.shape)
    index = list(peak)
    index[axis] = slice(None)
    line = volume[tuple(index)].astype(float)
    line = line - np.median(volume)
    fine = np.interp(np.arange(0, len(line) - 1, 0.01), np.arange(len(line)), line)
    return 0.01 * (fine >= line.max() / 2).sum()


def skewed_bead():
    """A bead as wide as the PSF, in a raw stack of a 31.5 degree stage scan."""
    voxel, angle = (0.3, 0.1, 0.1), 31.5
    move, rise = (0.3 * f(math.radians(angle)) for f in (math.cos, math.sin))
    k, y, x = np.ogrid[:32, :32, :64]
    distance = ((rise * (k - 16)) / 0.5) ** 2 + ((0.1 * (y - 16)) / 0.18) ** 2
    distance = distance + ((0.1 * (x - 32) + move * (k - 16)) / 0.18) ** 2
    return (5000 * np.exp(-distance / 2) + 100).astype(np.float32), voxel, Scan(angle)


@pytest.mark.parametrize("method", ["rl", "accelerated"])
def test_bead_shrinks_alike_on_both_grids(method):
    raw, voxel, scan = skewed_bead()
    deskew = DeskewPlan.of(raw.shape, voxel, scan)
    normal = (scan.normal_step(voxel[0]), *voxel[1:])
    before = ENGINE.deskew(raw, deskew, 100)
    plan = DeconvolutionPlan(OTF, normal, method, 10, 100.0)
    after = ENGINE.deconvolve(before, plan)
    skewed = DeconvolutionPlan(OTF, normal, method, 10, 100.0, shear=deskew.shear)
    instead = ENGINE.deskew(ENGINE.deconvolve(raw, skewed), deskew)
    for axis in range(3):
        start, end, other = (width(volume, axis) for volume in (before, after, instead))
        assert end < 0.8 * start
        assert other < 0.8 * start
        # Deskewing blurs along x, here after the deconvolution and not before it.
        assert other == pytest.approx(end, rel=0.15 if axis < 2 else 0.25)
    place, elsewhere = (np.unravel_index(v.argmax(), v.shape) for v in (after, instead))
    assert np.abs(np.subtract(place, elsewhere)).max() <= 1


def test_wrong_sign_of_the_shear_does_not_sharpen():
    raw, voxel, scan = skewed_bead()
    normal = (scan.normal_step(voxel[0]), *voxel[1:])
    shear = scan.shear(voxel)
    right, wrong = (
        ENGINE.deconvolve(raw, DeconvolutionPlan(OTF, normal, "rl", 10, 100.0, shear=s))
        for s in (shear, -shear)
    )
    assert right.max() > 1.5 * wrong.max()


def test_skew_along_y_is_the_same_turned():
    raw, voxel, scan = skewed_bead()
    plans = [plan_of(background=100, shear=scan.shear(voxel), skew_axis=axis) for axis in "xy"]
    turned = ENGINE.deconvolve(np.ascontiguousarray(raw.swapaxes(1, 2)), plans[1])
    np.testing.assert_allclose(
        turned.swapaxes(1, 2), ENGINE.deconvolve(raw, plans[0]), rtol=2e-3, atol=2
    )


def test_values_that_are_no_numbers_are_background():
    clean = np.random.default_rng(0).normal(200, 10, (8, 12, 12)).astype(np.float32)
    clean[3, 4:6, 5] = 100
    damaged = clean.copy()
    damaged[3, 4, 5], damaged[3, 5, 5] = np.nan, np.inf
    plan = plan_of(background=100)
    np.testing.assert_array_equal(ENGINE.deconvolve(damaged, plan), ENGINE.deconvolve(clean, plan))
    assert not ENGINE.deconvolve(np.full((4, 4, 4), np.nan), plan).any()


@pytest.mark.parametrize("method", ["rl", "accelerated"])
def test_threads_do_not_change_the_result(method):
    volume = np.random.default_rng(5).poisson(50, (20, 90, 100)).astype(np.uint16)
    plan = plan_of(method=method, iterations=4)
    results = [CpuEngine(threads).deconvolve(volume, plan) for threads in (1, 2, 5)]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_progress_reaches_one():
    fractions = []
    ENGINE.deconvolve(np.ones((4, 8, 8)), plan_of(iterations=4), progress=fractions.append)
    assert fractions == [0.25, 0.5, 0.75, 1.0]


def test_cancelled_between_iterations():
    fractions = []
    with pytest.raises(Cancelled):
        ENGINE.deconvolve(
            np.ones((4, 8, 8), np.uint16),
            plan_of(iterations=1000),
            cancelled=lambda: len(fractions) >= 3,
            progress=fractions.append,
        )
    assert len(fractions) == 3


def test_cancelled_within_an_iteration():
    calls, fractions = itertools.count(), []
    with pytest.raises(Cancelled):
        CpuEngine(1).deconvolve(
            np.ones((64, 64, 64), np.uint16),
            plan_of(iterations=1),
            cancelled=lambda: next(calls) >= 4,
            progress=fractions.append,
        )
    assert next(calls) == 5, "nothing is done after the answer"
    assert fractions == []


def test_cancelled_before_the_start():
    with pytest.raises(Cancelled):
        ENGINE.deconvolve(np.ones((4, 8, 8)), plan_of(), cancelled=lambda: True)


@pytest.mark.parametrize(
    ("volume", "changes", "message"),
    [
        (np.ones((4, 8, 8)), {"iterations": 0}, "at least 1 iteration"),
        (np.ones((8, 8)), {}, r"shape \(8, 8\)"),
        (np.ones((0, 8, 8)), {}, r"shape \(0, 8, 8\)"),
        (np.ones((4, 8, 8), complex), {}, "complex128"),
        (np.ones((4, 8, 8)), {"background": math.nan}, "finite number"),
    ],
)
def test_nonsense_is_refused(volume, changes, message):
    with pytest.raises(EngineError, match=message):
        ENGINE.deconvolve(volume, plan_of(**changes))


def test_apodize_closes_the_jump():
    plane = np.random.default_rng(2).random((40, 50)).astype(np.float32)
    plane[:, 25:] += 10
    inner = plane[15:-15, 15:-15].copy()
    jump = np.abs(plane[:, -1] - plane[:, 0]).mean()
    apodize(np, plane, 15)
    assert np.abs(plane[:, -1] - plane[:, 0]).mean() < 0.1 * jump
    np.testing.assert_array_equal(plane[15:-15, 15:-15], inner)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 2), (3, 7, 11), (40, 200, 200)])
@pytest.mark.parametrize("edges", ["reflect", "background", "periodic"])
def test_frame_holds_the_volume(shape, edges):
    frame = Frame.of(shape, plan_of(edges=edges))
    volume = np.arange(1, math.prod(shape) + 1).reshape(shape)
    z, y, x = (frame.indices(axis) for axis in range(3))
    grid = np.pad(volume, 1)[np.ix_(z + 1, y + 1, x + 1)]
    assert grid.shape == frame.shape
    np.testing.assert_array_equal(grid[frame.window], volume)
    for n, whole, before in zip(shape, frame.shape, frame.before, strict=True):
        assert smooth(whole) == whole
        assert before <= n
        assert whole <= smooth(n + 2 * before, even=True) + 64
    if edges != "periodic":
        assert frame.shape[2] % 2 == 0
    assert (grid == 0).any() == (edges != "reflect" and frame.shape != shape)


def test_halo_is_about_half_the_psf():
    assert all(3 <= n <= 12 for n in halo(OTF, VOXEL))
    wide = RadialOtf(np.ones((65, 64)) * (np.arange(65) == 0)[:, None], 0.01, 0.01)
    for shear in (0.0, 50.0):
        assert all(n <= most for n, most in zip(halo(wide, VOXEL, shear), WIDEST, strict=True))


def test_reflect_keeps_what_lies_at_the_edge():
    volume = np.zeros((16, 32, 32), np.float32)
    volume[:, :, :16] = 100
    out = {
        e: ENGINE.deconvolve(volume, plan_of(method="rl", iterations=10, edges=e))
        for e in ("reflect", "periodic")
    }
    flat = {e: np.abs(v[4:12, 8:24, :3] - 100).max() for e, v in out.items()}
    assert flat["reflect"] < 7
    assert flat["periodic"] > 20


def test_engine_registry():
    engine = get_engine("cpu")
    assert isinstance(engine, CpuEngine)
    assert isinstance(engine, Engine)
    assert engine.unavailable() is None
    warm_up()
