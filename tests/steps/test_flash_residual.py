"""Flash residual: against the formula, exposure by exposure, in loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.steps import (
    Crop,
    Deskew,
    FlashResidual,
    Ratio,
    Select,
    Step,
    SubtractBackground,
)

SHAPE = (4, 6, 7)
RANDOM = np.random.default_rng(8)
DATA = RANDOM.integers(80, 3000, (2, 3, *SHAPE)).astype("uint16")
A = RANDOM.uniform(1, 8, SHAPE[1:])
B = RANDOM.uniform(0.001, 0.01, SHAPE[1:])
OFFSET = RANDOM.uniform(95, 105, SHAPE[1:])


@pytest.fixture
def calibration(tmp_path: Path) -> str:
    path = tmp_path / "calibration.tif"
    tifffile.imwrite(path, np.stack([A, B, OFFSET]).astype("float32"), photometric="minisblack")
    return str(path)


def expected(t: int, c: int, exposures: list[tuple[int, int]]) -> np.ndarray:
    """What a volume becomes when its pixels were exposed in this order of (channel, plane)."""
    result = np.zeros(SHAPE)
    for number, (channel, z) in enumerate(exposures):
        if channel != c:
            continue
        for y in range(SHAPE[1]):
            for x in range(SHAPE[2]):
                value = DATA[t, c, z, y, x] - OFFSET[y, x]
                if number > 0:
                    before, plane = exposures[number - 1]
                    earlier = DATA[t, before, plane, y, x] - OFFSET[y, x]
                    value -= 0.88 * A[y, x] * (1 - math.exp(-B[y, x] * earlier))
                result[z, y, x] = max(value, 0)
    return result


@pytest.mark.parametrize("c", [0, 1, 2])
def test_channels_that_change_after_each_plane(c: int, calibration: str) -> None:
    order = [(channel, z) for z in range(SHAPE[0]) for channel in range(3)]
    view = Pipeline([FlashResidual(calibration=calibration)]).apply(DATA)
    np.testing.assert_allclose(view.volume(1, c), expected(1, c, order), atol=2e-3)


@pytest.mark.parametrize("c", [0, 2])
def test_channels_that_change_after_each_stack(c: int, calibration: str) -> None:
    order = [(c, z) for z in range(SHAPE[0])]
    step = FlashResidual(calibration=calibration, cycle="stack")
    np.testing.assert_allclose(
        Pipeline([step]).apply(DATA).volume(0, c), expected(0, c, order), atol=2e-3
    )


@pytest.mark.parametrize("cycle", ["plane", "stack"])
@pytest.mark.parametrize("crop", [Crop(), Crop(y=(1, 5), x=(2, 6))])
def test_any_box(cycle: str, crop: Crop, calibration: str) -> None:
    step = FlashResidual(calibration=calibration, cycle=cycle)  # type: ignore[arg-type]
    assert_any_box_is_the_whole(DATA, crop, step)
    assert_any_box_is_the_whole(DATA[:, :1], crop, step)


def test_what_it_needs_is_told(calibration: str, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"No calibration is chosen.*three planes"):
        Pipeline([FlashResidual()]).apply(DATA)
    with pytest.raises(StepError, match=r"not those of the camera any more.*first"):
        Pipeline([Deskew(angle=31.5), FlashResidual(calibration=calibration)]).apply(
            Stack.from_array(DATA, (0.4, 0.1, 0.1))
        )
    tifffile.imwrite(tmp_path / "one.tif", A)
    one = FlashResidual(calibration=str(tmp_path / "one.tif"))
    with pytest.raises(StepError, match=r"recorded \(6, 7\) in each of 3 planes.*\(plane, y, x\)"):
        Pipeline([one]).apply(DATA).volume()


def test_a_crop_that_takes_the_plane_before_is_told(calibration: str) -> None:
    pipeline = Pipeline([Crop(z=(1, 4)), FlashResidual(calibration=calibration)])
    plan = Plan.of(pipeline.steps, StackSpec(VolumeSpec(SHAPE), 2, ("a", "b", "c")))
    assert plan.cautions[0][0] == 1 and "before Crop" in plan.cautions[0][1]


@pytest.mark.parametrize(
    ("before", "word"),
    [
        (Select(channels="ch1"), "what was exposed before"),
        (Select(channels="ch1,ch0,ch2"), "what was exposed before"),
        (Ratio(a="ch0", b="ch1", background=(90, 90)), "what was exposed before"),
        (SubtractBackground(), "subtracted the offset"),
    ],
)
def test_what_is_no_exposure_any_more_is_refused(before: Step, word: str, calibration: str) -> None:
    with pytest.raises(StepError, match=rf"{word}.*Put Flash residual first"):
        Pipeline([before, FlashResidual(calibration=calibration)]).apply(DATA)


def test_channels_may_be_chosen_where_each_has_its_own_stack(calibration: str) -> None:
    step = FlashResidual(calibration=calibration, cycle="stack")
    chosen = Pipeline([Select(channels="ch1"), Crop(x=(1, 6)), step]).apply(DATA).volume(1, 0)
    whole = Pipeline([step]).apply(DATA).volume(1, 1)
    np.testing.assert_array_equal(chosen, whole[..., 1:6])


def test_a_calibration_with_pixels_that_are_no_numbers_is_refused(tmp_path: Path) -> None:
    planes = np.stack([A, B, OFFSET]).astype("float32")
    planes[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", planes, photometric="minisblack")
    step = FlashResidual(calibration=str(tmp_path / "nan.tif"))
    with pytest.raises(StepError, match=r"cannot be read: not a finite number in 1 pixel"):
        Pipeline([step]).apply(DATA).volume()
