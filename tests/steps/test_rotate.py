"""Rotate as a step: beads come out where turning says, skewed or deskewed before."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import center_of_mass

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.errors import ParameterError
from napari_lazy_pipeline.steps import Crop, Deskew, Rotate
from napari_lazy_pipeline.steps._base import Step

SHAPE, PIXEL, Z_STEP, SIGMA = (44, 40, 56), 0.1, 0.2, 0.16


def field_bead(angle: float, axis: str, step: str) -> tuple[VolumeSpec, np.ndarray, np.ndarray]:
    """Spec, raw volume and true place (z, y, x) [um] of a bead in the middle of the scan."""
    turn = math.radians(angle % 180)
    stage = Z_STEP if step == "stage" else Z_STEP / math.sin(turn)
    rise, away = stage * math.sin(turn), stage * math.cos(turn)
    spec = VolumeSpec(SHAPE, "float32", (Z_STEP, PIXEL, PIXEL))
    place = np.array([22.2 * rise, 2.03, 2.83])
    along = "zyx".index(axis)
    place[along] += 22.2 * away
    positions = [s * np.arange(n) for s, n in zip((rise, PIXEL, PIXEL), SHAPE, strict=True)]
    grid = list(np.meshgrid(*positions, indexing="ij"))
    grid[along] = grid[along] + away * np.arange(SHAPE[0])[:, None, None]
    distance = sum((g - p) ** 2 for g, p in zip(grid, place, strict=True))
    return spec, (1000 * np.exp(-distance / (2 * SIGMA**2))).astype("float32"), place


def over_coverslip(place: np.ndarray, angle: float, axis: str) -> np.ndarray:
    """Where a place in the deskewed sample is over the coverslip, written out."""
    angle = angle % 180
    turn = math.radians(angle if angle <= 90 else angle - 180)
    along = "zyx".index(axis)
    out = place.copy()
    out[0] = math.cos(turn) * place[0] - math.sin(turn) * place[along]
    out[along] = math.sin(turn) * place[0] + math.cos(turn) * place[along]
    return out


def steps_of(order: str, angle: float, axis: str, step: str) -> tuple[Step, ...]:
    rotate = Rotate(angle=angle, skew_axis=axis, step=step)
    deskew = Deskew(angle=angle, skew_axis=axis, step=step)
    rows = {"y" if axis == "x" else "x": (3, 37)}
    return {
        "fused": (rotate,),
        "deskewed": (deskew, rotate),
        "cropped raw": (Crop(z=(6, 40), x=(4, 54)), rotate),
        "cropped between": (deskew, Crop(z=(8, 38), **rows), rotate),
    }[order]


@pytest.mark.parametrize("angle", [31.5, -32.45, 147.55, 45.0, 60.0])
@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("step", ["stage", "perpendicular"])
@pytest.mark.parametrize("order", ["fused", "deskewed", "cropped raw", "cropped between"])
def test_a_bead_is_where_it_was_turned_to(angle: float, axis: str, step: str, order: str) -> None:
    spec, raw, place = field_bead(angle, axis, step)
    pipeline = Pipeline(steps=steps_of(order, angle, axis, step))
    volume = pipeline.run_volume(raw, spec)
    after = pipeline.specs(spec)[-1]
    assert after.voxel_size == (PIXEL, PIXEL, PIXEL)
    assert after.scan is None
    found = np.array(center_of_mass(volume)) * after.voxel_size + after.translate
    error = (found - over_coverslip(place, angle, axis)) / after.voxel_size
    assert np.abs(error).max() < 0.1, error
    expected = 1000 * (2 * math.pi * SIGMA**2) ** 1.5 / PIXEL**3
    assert volume.sum() == pytest.approx(expected, rel=0.01), "nothing is lost"


@pytest.mark.parametrize("angle", [31.5, -32.45])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_fused_and_in_two_steps_agree_in_size_and_place(angle: float, axis: str) -> None:
    spec = VolumeSpec((30, 41, 53), "uint16", (0.4, PIXEL, PIXEL))
    fused, twice = (
        Pipeline(steps=steps_of(order, angle, axis, "stage")).specs(spec)[-1]
        for order in ("fused", "deskewed")
    )
    # A deskewed volume may end up to a pixel before its data.
    assert np.abs(np.subtract(fused.shape, twice.shape)).max() <= 1
    np.testing.assert_allclose(fused.translate, twice.translate, atol=0.075)


def test_the_size_is_that_of_the_data() -> None:
    """One voxel a pixel: the height of the sheet, and the length of the scan plus its foot."""
    spec = VolumeSpec((64, 256, 280), "uint16", (0.5, 0.1, 0.1))
    (after,) = Pipeline(steps=(Rotate(angle=31.5),)).specs(spec)
    sine, cosine = math.sin(math.radians(31.5)), math.cos(math.radians(31.5))
    assert after.shape == (
        math.floor(279 * sine) + 1, 256, math.floor(279 * cosine + 63 * 5) + 1,
    )  # fmt: skip


def test_no_plane_is_empty() -> None:
    spec = VolumeSpec((20, 16, 40), "float32", (0.3, 0.1, 0.1))
    volume = Pipeline(steps=(Rotate(angle=31.5),)).run_volume(np.ones(spec.shape, "f4"), spec)
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        assert (volume.max(axis=others) > 0.2).all()


def test_constant_volumes_stay_and_the_fill_is_the_fill() -> None:
    spec = VolumeSpec((20, 16, 40), "uint16", (0.3, 0.1, 0.1))
    volume = np.full(spec.shape, 700, np.uint16)
    out = Pipeline(steps=(Rotate(angle=31.5, fill=98),)).run_volume(volume, spec)
    assert out.min() == 98 and out.max() == 700
    assert (out[3:-3, :, 30:-30] == 700).all()
    assert (Pipeline(steps=(Rotate(angle=31.5, fill=700),)).run_volume(volume, spec) == 700).all()


@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12)),
    angle=st.floats(-179, 179).filter(lambda angle: abs(angle) >= 1),
    step=st.sampled_from(["stage", "perpendicular"]),
    axis=st.sampled_from(["x", "y"]),
    order=st.sampled_from(["fused", "deskewed"]),
    z_step=st.floats(0.05, 1.0),
    dtype=st.sampled_from(["uint16", "float32", ">u2"]),
)
def test_any_scan_keeps_its_word(
    shape: tuple[int, int, int],
    angle: float,
    step: str,
    axis: str,
    order: str,
    z_step: float,
    dtype: str,
) -> None:
    spec = VolumeSpec(shape, np.dtype(dtype).name, (z_step, 0.1, 0.1))
    pipeline = Pipeline(steps=steps_of(order, angle, axis, step))
    volume = np.random.default_rng(1).integers(100, 400, shape).astype(dtype)
    result = pipeline.run_volume(volume, spec)
    declared = pipeline.specs(spec)[-1]
    assert (result.shape, result.dtype.name) == (declared.shape, declared.dtype)
    assert np.isfinite(result).all()
    assert result.min() >= 0 and result.max() < 400


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_a_scan_without_depth_is_refused(angle: float) -> None:
    with pytest.raises(ParameterError, match="at least 1 degree"):
        Rotate(angle=angle)
