"""Rolling background: against a floor that is known, and against scikit-image's rolling ball."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.restoration import rolling_ball

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.steps import RollingBackground

SHAPE = (2, 96, 110)
Y, X = np.mgrid[: SHAPE[1], : SHAPE[2]]
FLOOR = 200 + 80 * np.sin(X / 40) + 60 * np.cos(Y / 35)
SPOTS = [(20, 25), (60, 30), (45, 80), (80, 100), (10, 90)]
LIGHT = sum(500 * np.exp(-((Y - y) ** 2 + (X - x) ** 2) / (2 * 2.0**2)) for y, x in SPOTS)


def made(volume: np.ndarray, radius: float = 1.5) -> np.ndarray:
    stack = Stack.from_array(volume, (0.3, 0.1, 0.1))
    return Pipeline([RollingBackground(radius=radius)]).apply(stack).volume().astype(float)


def test_spots_stay_and_the_floor_goes() -> None:
    volume = np.broadcast_to(FLOOR + LIGHT, SHAPE).astype("float32")
    result = made(volume)
    error = result - LIGHT
    # The floor spans 280 counts; a square of 3 um sees it rise by some.
    assert np.abs(error).max() < 25 and error.std() < 8
    ball = (FLOOR + LIGHT) - rolling_ball(FLOOR + LIGHT, radius=15)
    assert error.std() < (ball - LIGHT).std()


def test_noise_does_not_pull_the_floor_down() -> None:
    """A floor of the lowest values would lie three standard deviations, 45 counts, too low."""
    random = np.random.default_rng(0)
    volume = random.poisson(np.broadcast_to(FLOOR, SHAPE)).astype("float32")
    floor = volume - made(volume)
    above = volume > floor
    assert np.abs((floor - FLOOR)[above[0:1].repeat(2, 0)].mean()) < 20


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float64"])
def test_the_type_is_kept_and_nothing_wraps(dtype: str) -> None:
    volume = np.broadcast_to(np.minimum(0.3 * (FLOOR + LIGHT), 255), SHAPE).astype(dtype)
    result = Pipeline([RollingBackground(radius=1.5)]).apply(
        Stack.from_array(volume, (0.3, 0.1, 0.1))
    )
    assert result.volume().dtype == dtype
    assert result.volume().min() >= 0 and (result.volume() <= volume).all()


def test_any_box() -> None:
    data = np.random.default_rng(1).integers(100, 900, (1, 1, 3, 60, 70)).astype("uint16")
    assert_any_box_is_the_whole(data, RollingBackground(radius=0.6))
    assert_any_box_is_the_whole(data, RollingBackground(radius=0.33), voxel_size=(0.3, 0.1, 0.2))


def test_what_it_needs_is_told() -> None:
    data = np.zeros(SHAPE, "uint16")
    with pytest.raises(StepError, match="voxel size is unknown"):
        Pipeline([RollingBackground()]).apply(data)
    with pytest.raises(StepError, match=r"radius of 90 µm is 900 pixels.*smaller"):
        made(data, radius=90)
