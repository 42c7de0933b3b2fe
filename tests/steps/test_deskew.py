"""Deskew as a step: beads come out where they are in the sample, whatever the scan."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import center_of_mass

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.errors import ParameterError
from napari_lazy_pipeline.steps import Crop, Deskew
from stacks import spec_after

SHAPE, PIXEL, SIGMA = (40, 44, 48), 0.1, 0.16


def raw_bead(
    bead: tuple[float, float, float], spec: VolumeSpec, angle: float, axis: str, step: str
) -> np.ndarray:
    """What the microscope records of a Gaussian bead at (Z, Y, X) um: each plane k shows the
    sample displaced by the way of the stage along the sheet, k * stage * cos(angle)."""
    stage = spec.voxel_size[0] / (math.sin(math.radians(abs(angle))) if step != "stage" else 1)
    k, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in spec.shape), indexing="ij")
    away = k * stage * math.cos(math.radians(angle if angle > 0 else angle + 180))
    big_x, big_y = x * PIXEL, y * PIXEL
    if axis == "x":
        big_x = big_x + away
    else:
        big_y = big_y + away
    big_z = k * stage * math.sin(math.radians(abs(angle)))
    distance = (big_z - bead[0]) ** 2 + (big_y - bead[1]) ** 2 + (big_x - bead[2]) ** 2
    return (1000 * np.exp(-distance / (2 * SIGMA**2))).astype("float32")


@pytest.mark.parametrize("angle", [31.5, -32.45, 147.55, 45.0, 90.0])
@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("step", ["stage", "perpendicular"])
@pytest.mark.parametrize("cropped", [False, True])
def test_a_bead_is_where_it_was_put(angle: float, axis: str, step: str, cropped: bool) -> None:
    spec = VolumeSpec(SHAPE, "float32", (0.2, PIXEL, PIXEL))
    deskew = Deskew(angle=angle, skew_axis=axis, step=step)
    sine = math.sin(math.radians(abs(angle)))
    stage = 0.2 if step == "stage" else 0.2 / sine
    # In the middle of the recorded field at plane 20: displaced as that plane is.
    middle = 20 * stage * math.cos(math.radians(angle if angle > 0 else angle + 180))
    bead = [20 * stage * sine + 0.03, 2.23, 2.37]
    bead[2 if axis == "x" else 1] += middle
    pipeline = Pipeline(steps=(Crop(z=(8, 36), y=(3, 41)) if cropped else Crop(), deskew))
    volume = pipeline.run_volume(raw_bead(tuple(bead), spec, angle, axis, step), spec)
    after = pipeline.specs(spec)[-1]
    found = np.array(center_of_mass(volume)) * after.voxel_size + after.translate
    error = (found - bead) / after.voxel_size
    assert np.abs(error).max() < 0.1, error
    expected = 1000 * (2 * math.pi * SIGMA**2) ** 1.5 / (stage * sine * PIXEL**2)
    assert volume.sum() == pytest.approx(expected, rel=0.005), "nothing is lost"


def test_the_step_equals_cudadecon_on_a_real_stack() -> None:
    """Eight rows of a stack, deskewed by a GPU; rows do not depend on each other."""
    folder = Path(__file__).parents[1] / "data" / "pycudadecon"
    raw = tifffile.imread(folder / "raw_rows.tif")
    spec = VolumeSpec(raw.shape, "uint16", (0.3, 0.1, 0.1))
    pipeline = Pipeline(steps=(Deskew(angle=31.5, fill=98, rounding="down"),))
    np.testing.assert_array_equal(
        pipeline.run_volume(raw, spec), tifffile.imread(folder / "deskewed_rows.tif")
    )


def test_rounding_is_said() -> None:
    spec = VolumeSpec((8, 4, 20), "uint16", (0.3, 0.1, 0.1))
    volume = np.random.default_rng(0).integers(0, 2000, spec.shape).astype("uint16")
    exact = Pipeline(steps=(Deskew(angle=31.5),)).run_volume(volume.astype("float32"), spec)
    nearest = Pipeline(steps=(Deskew(angle=31.5),)).run_volume(volume, spec)
    down = Pipeline(steps=(Deskew(angle=31.5, rounding="down"),)).run_volume(volume, spec)
    assert np.abs(nearest - exact.astype(float)).max() <= 0.5
    np.testing.assert_array_equal(down, exact.astype("uint16"))


def test_other_types_become_float32() -> None:
    spec = VolumeSpec((3, 4, 5), "int16", (0.3, 0.1, 0.1))
    assert spec_after(Deskew(angle=31.5), spec).dtype == "float32"


@pytest.mark.parametrize("angle", [0.0, 0.5, -0.9])
def test_a_scan_without_depth_is_refused(angle: float) -> None:
    with pytest.raises(ParameterError, match="at least 1 degree"):
        Deskew(angle=angle)


@pytest.mark.parametrize("angle", [180.0, -300.0])
def test_an_angle_out_of_range_is_refused(angle: float) -> None:
    with pytest.raises(ParameterError, match=r"must be at (most|least) -?179"):
        Deskew(angle=angle)
