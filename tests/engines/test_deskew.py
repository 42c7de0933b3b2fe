"""The deskew of the CPU engine against CUDA, a formula, and beads at known places."""

from __future__ import annotations

import math
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_references import plans, ranges, reference
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

ENGINE = CpuEngine()
VOXEL = (0.3, 0.1, 0.1)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_vendored_rows_equal_cuda(vendored, dtype):
    raw, expected = vendored("raw_rows.tif"), vendored("deskewed_rows.tif")
    plan = DeskewPlan.of(raw.shape, VOXEL, Scan(31.5))
    out = ENGINE.deskew(raw.astype(dtype), plan, 98, "down")
    assert out.dtype == dtype
    np.testing.assert_array_equal(out.astype(np.uint16), expected)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_whole_golden_volume_equals_cuda(golden, dtype):
    raw, expected = golden("im_raw.tif"), golden("im_deskewed.tif")
    plan = DeskewPlan.of(raw.shape, VOXEL, Scan(31.5))
    out = ENGINE.deskew(raw.astype(dtype), plan, 98, "down").astype(np.uint16)
    difference = np.abs(out.astype(int) - expected)
    assert (difference > 0).mean() <= 1e-5
    assert difference.max() <= 1


@settings(max_examples=150, deadline=None)
@given(
    plan=plans,
    dtype=st.sampled_from([np.uint16, np.float32]),
    fill=st.sampled_from([0, 98, 3.5, -4, 70000]),
    rounding=st.sampled_from(["nearest", "down"]),
    seed=st.integers(0, 99),
)
def test_equals_the_formula(plan, dtype, fill, rounding, seed):
    volume = np.random.default_rng(seed).integers(0, 65536, plan.shape).astype(dtype)
    before = volume.copy()
    out = ENGINE.deskew(volume, plan, fill, rounding)
    assert out.shape == plan.out_shape
    assert out.dtype == dtype
    np.testing.assert_array_equal(volume, before)
    exact = reference(volume, plan, fill)
    if dtype == np.float32:
        np.testing.assert_allclose(out, exact, rtol=1e-6, atol=1e-2)
        return
    above = exact - out
    low, high = (-0.5, 0.5) if rounding == "nearest" else (0, 1)
    assert above.min() >= low - 0.01
    assert above.max() <= high + 0.01


@settings(max_examples=150, deadline=None)
@given(
    case=ranges(),
    dtype=st.sampled_from([np.uint16, np.float32, ">u2"]),
    fill=st.sampled_from([0, 98, 3.5]),
    rounding=st.sampled_from(["nearest", "down"]),
    seed=st.integers(0, 99),
)
def test_planes_are_those_of_the_whole(case, dtype, fill, rounding, seed):
    plan, (start, stop) = case
    volume = np.random.default_rng(seed).integers(0, 65536, plan.shape).astype(dtype)
    part = ENGINE.deskew(volume[start:stop], plan, fill, rounding, (start, stop))
    whole = ENGINE.deskew(volume, plan, fill, rounding)
    assert part.dtype == whole.dtype
    np.testing.assert_array_equal(part, whole[start:stop])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_planes_of_the_golden_volume_equal_cuda(golden, dtype):
    raw, expected = golden("im_raw.tif"), golden("im_deskewed.tif")
    plan = DeskewPlan.of(raw.shape, VOXEL, Scan(31.5))
    for k in (0, 1, len(raw) // 2, len(raw) - 1):
        out = ENGINE.deskew(raw[k : k + 1].astype(dtype), plan, 98, "down", (k, k + 1))
        np.testing.assert_array_equal(out[0].astype(np.uint16), expected[k])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_plane_costs_what_a_plane_is(axis):
    plan = DeskewPlan((10**7, 6, 6), axis, 1e-6, 20)
    plane = np.ones((1, 6, 6), np.uint16)
    ENGINE.deskew(plane, plan, planes=(0, 1))
    tracemalloc.start()
    try:
        out = ENGINE.deskew(plane, plan, planes=(5 * 10**6, 5 * 10**6 + 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert out.sum() == 30
    assert peak < 20_000


@pytest.mark.parametrize("planes", [(-1, 1), (2, 1), (1, 3), (3, 4)])
def test_planes_that_do_not_exist_are_refused(planes):
    plan = DeskewPlan((2, 3, 4), "x", 1.0, 6)
    with pytest.raises(EngineError, match=r"no planes .* in a volume of \(2, 3, 4\)"):
        ENGINE.deskew(np.zeros((2, 3, 4), np.uint16), plan, planes=planes)


def test_other_planes_than_announced_are_refused():
    plan = DeskewPlan((9, 3, 4), "x", 1.0, 6)
    with pytest.raises(EngineError, match=r"shape \(9, 3, 4\), the plan is for \(2, 3, 4\)"):
        ENGINE.deskew(np.zeros(plan.shape, np.uint16), plan, planes=(3, 5))


def bead_scan(angle, axis, step_kind, bead=(12.0, 14.0, 30.0)):
    """A bead (plane, pixel across, pixel along the skew) in a raw stack, and where it is in um.

    World coordinates: plane k of a stage scan is the step times k further on; the part of that
    along the sheet moves the picture.
    """
    planes, across, along = 26, 28, 60
    step, pixel, sigma = 0.3, 0.1, 0.3
    way = step if step_kind == "stage" else step / abs(math.sin(math.radians(angle)))
    direction = -1 if angle < 0 or angle > 90 else 1
    move = direction * way * abs(math.cos(math.radians(angle)))
    rise = way * abs(math.sin(math.radians(angle)))
    k, v, u = np.ogrid[:planes, :across, :along]
    world_u, world_v, world_z = pixel * u + move * k, pixel * v, rise * k
    centre_u = pixel * bead[2] + move * bead[0]
    distance = (
        (world_u - centre_u) ** 2
        + (world_v - pixel * bead[1]) ** 2
        + (world_z - rise * bead[0]) ** 2
    )
    image = (10000 * np.exp(-distance / (2 * sigma**2))).astype(np.float32)
    if axis == "y":
        image = np.ascontiguousarray(image.swapaxes(1, 2))
    return image, (step, pixel, pixel), centre_u / pixel, bead


@pytest.mark.parametrize("step_kind", ["stage", "perpendicular"])
@pytest.mark.parametrize("angle", [31.5, -32.45, 147.55, 45.0])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_bead_comes_out_where_it_is(angle, axis, step_kind):
    raw, voxel, along, bead = bead_scan(angle, axis, step_kind)
    plan = DeskewPlan.of(raw.shape, voxel, Scan(angle, axis, step_kind))
    out = ENGINE.deskew(raw, plan)
    total = out.sum(dtype=float)
    assert total == pytest.approx(raw.sum(dtype=float), rel=5e-3)
    z, y, x = (float((out * i).sum(dtype=float)) / total for i in np.indices(out.shape))
    skew, across = (x, y) if axis == "x" else (y, x)
    assert skew == pytest.approx(along - plan.origin, abs=0.1)
    assert across == pytest.approx(bead[1], abs=0.1)
    assert z == pytest.approx(bead[0], abs=0.1)


@pytest.mark.parametrize(
    ("fill", "rounding", "expected"),
    [(1e9, "nearest", 65535), (-3.0, "nearest", 0), (0.5, "nearest", 1), (0.5, "down", 0)],
)
def test_fill_is_rounded_and_limited_to_the_type(fill, rounding, expected):
    volume = np.array([[[0, 1, 65535, 65535, 0]]], np.uint16)
    out = ENGINE.deskew(volume, DeskewPlan(volume.shape, "x", 0.0, 8), fill, rounding)
    assert out[0, 0, -2:].tolist() == [expected, expected]


def test_rounding():
    volume = np.array([[[0, 1, 65535, 65535, 0]]], np.uint16)
    plan = DeskewPlan(volume.shape, "x", 0.0, 4)
    # An odd difference of widths samples halfway between pixels.
    assert ENGINE.deskew(volume, plan, 0, "nearest")[0, 0].tolist() == [1, 32768, 65535, 32768]
    assert ENGINE.deskew(volume, plan, 0, "down")[0, 0].tolist() == [0, 32768, 65535, 32767]


def test_any_layout_of_memory():
    plain = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)
    plan = DeskewPlan.of(plain.shape, VOXEL, Scan(31.5))
    expected = ENGINE.deskew(plain, plan)
    frozen = plain.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(plain), plain.astype(">u2"), frozen, plain[::-1].copy()[::-1]):
        np.testing.assert_array_equal(ENGINE.deskew(same, plan), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.int32, complex])
def test_other_types_are_refused(dtype):
    plan = DeskewPlan((2, 3, 4), "x", 1.0, 6)
    with pytest.raises(EngineError, match="Convert them to uint16 or float32"):
        ENGINE.deskew(np.zeros(plan.shape, dtype), plan)


def test_other_shape_is_refused():
    with pytest.raises(EngineError, match=r"shape \(2, 3, 5\)"):
        ENGINE.deskew(np.zeros((2, 3, 5), np.uint16), DeskewPlan((2, 3, 4), "x", 1.0, 6))


def test_threads_do_not_change_the_result():
    volume = np.random.default_rng(1).integers(0, 999, (40, 64, 90)).astype(np.uint16)
    plan = DeskewPlan.of(volume.shape, (0.5, 0.1, 0.1), Scan(31.5))
    one = CpuEngine(1).deskew(volume, plan)
    np.testing.assert_array_equal(CpuEngine(5).deskew(volume, plan), one)


def test_several_callers_at_once():
    volume = np.random.default_rng(1).integers(0, 999, (30, 64, 90)).astype(np.uint16)
    plan = DeskewPlan.of(volume.shape, (0.5, 0.1, 0.1), Scan(31.5))
    expected, results = ENGINE.deskew(volume, plan), []
    threads = [
        threading.Thread(target=lambda: results.append(ENGINE.deskew(volume, plan)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(np.array_equal(result, expected) for result in results)
