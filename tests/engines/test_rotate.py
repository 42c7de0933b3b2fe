"""The rotation of the CPU engine against scipy, and its care for bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import RotationPlan

ENGINE = CpuEngine()
VOXEL = (0.3, 0.1, 0.1)


def smooth_volume(shape=(24, 30, 36), dtype=np.float32):
    noise = np.random.default_rng(0).normal(size=shape)
    image = ndimage.gaussian_filter(noise, 2)
    return (500 + 300 * image / np.abs(image).max()).astype(dtype)


def affine(volume, plan):
    """The same turn by scipy, of planes that are not displaced."""
    turn = math.radians(plan.angle)
    along = "zyx".index(plan.skew_axis)
    c, s = math.cos(turn), math.sin(turn)
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[np.ix_([0, along], [0, along])] = [[c / plan.plane_step, s / plan.plane_step], [-s, c]]
    offset[[0, along]] = matrix[np.ix_([0, along], [0, along])] @ plan.origin
    return ndimage.affine_transform(
        volume, matrix, offset, plan.out_shape, order=1, cval=-1, mode="constant"
    )


@pytest.mark.parametrize("angle", [31.5, -32.45, 90.0, 120.0])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_equals_scipy_on_planes_that_are_not_displaced(angle, axis):
    volume = smooth_volume()
    plan = RotationPlan.of(volume.shape, VOXEL, Scan(angle, axis), skewed=False)
    expected = affine(volume, plan)
    result = ENGINE.rotate(volume, plan, fill=-1)
    inside = ndimage.binary_erosion(expected >= 0, iterations=2)
    assert inside.mean() > 0.2
    np.testing.assert_allclose(result[inside], expected[inside], rtol=1e-4)
    counts = ENGINE.rotate(volume.astype(np.uint16), plan)
    exact = affine(volume.astype(np.uint16).astype(np.float32), plan)
    assert np.abs(counts[inside] - exact[inside]).max() <= 0.51


def deskewed_exactly(volume, shear, axis):
    """Displace planes by linear interpolation on a wide canvas, as written down."""
    lines = volume.swapaxes(1, 2) if axis == "y" else volume
    planes, rows, n = lines.shape
    low = min(0, math.floor(shear * (planes - 1))) - 1
    wide = n + math.ceil(abs(shear) * (planes - 1)) + 3
    out = np.full((planes, rows, wide), np.nan)
    for k in range(planes):
        for j in range(rows):
            out[k, j] = np.interp(
                np.arange(wide) + low - shear * k, np.arange(n), lines[k, j], np.nan, np.nan
            )
    return (out.swapaxes(1, 2) if axis == "y" else out), low


@pytest.mark.parametrize("angle", [31.5, -32.45])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_fused_is_close_to_deskew_then_turn(angle, axis):
    volume = smooth_volume()
    scan = Scan(angle, axis)
    fused = RotationPlan.of(volume.shape, VOXEL, scan)
    sheared, low = deskewed_exactly(volume, fused.shear, axis)
    along = math.radians(fused.angle)
    origin = (
        fused.origin[0] + math.sin(along) * low,
        fused.origin[1] - math.cos(along) * low,
    )
    twice = RotationPlan(
        sheared.shape, axis, fused.angle, fused.plane_step, 0.0, fused.size, origin
    )
    expected = affine(np.nan_to_num(sheared, nan=-1e6), twice)
    result = ENGINE.rotate(volume, fused)
    inside = ndimage.binary_erosion(expected > 0, iterations=3)
    assert inside.mean() > 0.1
    # Planes are interpolated once here and twice there: alike where the picture is smooth.
    assert np.abs(result - expected)[inside].max() < 0.02 * np.ptp(volume)


def test_threads_do_not_change_the_result():
    volume = smooth_volume(dtype=np.uint16)
    for axis in "xy":
        plan = RotationPlan.of(volume.shape, VOXEL, Scan(31.5, axis))
        one, three = (CpuEngine(threads).rotate(volume, plan) for threads in (1, 3))
        np.testing.assert_array_equal(one, three)


def test_damage_stays_where_it_is():
    volume = smooth_volume()
    volume[0, 0, 0] = np.nan
    plan = RotationPlan.of(volume.shape, VOXEL, Scan(31.5))
    out = ENGINE.rotate(volume, plan, fill=7)
    assert 0 < np.isnan(out).sum() < 30
    assert (out == 7).any()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((2, 3, 4), np.int32), "int32 cannot be rotated"),
        (np.zeros((2, 3, 5), np.uint16), r"shape \(2, 3, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused(volume, message):
    plan = RotationPlan.of((2, 3, 4), VOXEL, Scan(31.5))
    with pytest.raises(EngineError, match=message):
        ENGINE.rotate(volume, plan)


def test_the_input_is_left_alone_in_any_byte_order():
    volume = smooth_volume(dtype=np.uint16)
    plan = RotationPlan.of(volume.shape, VOXEL, Scan(31.5))
    swapped = volume.astype(">u2")
    before = swapped.copy()
    np.testing.assert_array_equal(ENGINE.rotate(swapped, plan), ENGINE.rotate(volume, plan))
    np.testing.assert_array_equal(swapped, before)
