"""Filter: against scipy and scikit-image on whole volumes; any box is that of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters, morphology

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.steps import Filter

SIZE = (0.4, 0.1, 0.2)
DATA = np.random.default_rng(3).integers(90, 900, (1, 1, 9, 30, 34)).astype("uint16")
VOLUME = DATA[0, 0]
ALL: list[dict[str, Any]] = [
    {"sigma": (0.5, 0.25, 0.2)},
    {"sigma": (0.0, 0.15, 0.15)},
    {"method": "difference", "sigma": (0.2, 0.1, 0.1), "ratio": 2.0},
    {"method": "median", "radius": (1, 2, 0)},
    {"method": "top_hat", "radius": (0, 3, 2)},
]


def made(**values: Any) -> np.ndarray:
    return Pipeline([Filter(**values)]).apply(Stack.from_array(DATA, SIZE)).volume()


def test_a_gaussian_is_that_of_scikit_image_in_um() -> None:
    result = made(sigma=(0.5, 0.25, 0.2))
    sigma = (0.5 / 0.4, 0.25 / 0.1, 0.2 / 0.2)
    expected = filters.gaussian(VOLUME.astype(float), sigma, mode="nearest")
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert result.dtype == "float32"


def test_a_spot_becomes_as_wide_as_it_should() -> None:
    """Variances add: 0.3 and 0.4 um make 0.5 um."""
    y, x = np.mgrid[:81, :81] * 0.1 - 4.0
    spot = 1000 * np.exp(-(y**2 + x**2) / (2 * 0.3**2))[None].astype("float32")
    stack = Stack.from_array(spot, (0.3, 0.1, 0.1))
    result = Pipeline([Filter(sigma=(0, 0.4, 0.4))]).apply(stack).volume()[0]
    assert np.sqrt((result * x**2).sum() / result.sum()) == pytest.approx(0.5, rel=0.01)


def test_the_other_methods_are_those_of_the_libraries() -> None:
    wide = filters.difference_of_gaussians(
        VOLUME.astype(float), (0.5, 1, 0.5), (1, 2, 1), mode="nearest"
    )
    narrow = made(method="difference", sigma=(0.2, 0.1, 0.1), ratio=2.0)
    np.testing.assert_allclose(narrow, wide, atol=0.01)
    median = ndimage.median_filter(VOLUME, (3, 5, 1), mode="nearest")
    np.testing.assert_array_equal(made(method="median", radius=(1, 2, 0)), median)
    hat = morphology.white_tophat(VOLUME, np.ones((1, 7, 5), bool))
    np.testing.assert_array_equal(made(method="top_hat", radius=(0, 3, 2)), hat)


@pytest.mark.parametrize("values", ALL)
def test_any_box(values: dict[str, Any]) -> None:
    assert_any_box_is_the_whole(DATA, Filter(**values), voxel_size=SIZE)


def test_only_um_need_a_voxel_size() -> None:
    assert Pipeline([Filter(method="median")]).apply(DATA).volume().shape == VOLUME.shape
    with pytest.raises(StepError, match="voxel size is unknown"):
        Pipeline([Filter()]).apply(DATA)
    with pytest.raises(StepError, match="A sigma of 500 voxels is too large"):
        made(sigma=(0, 50, 0))


def test_a_blur_along_a_skewed_z_is_told() -> None:
    spec = StackSpec(VolumeSpec(VOLUME.shape, "uint16", SIZE, scan=Scan(31.5)))
    cautions = [Plan.of([Filter(sigma=(z, 0.1, 0.1))], spec).cautions for z in (0.1, 0.0)]
    assert "along the stage" in cautions[0][0][1] and not cautions[1]


def test_values_of_other_methods_are_greyed_out() -> None:
    assert Filter().idle_fields() == {"ratio", "radius"}
    assert Filter(method="top_hat").idle_fields() == {"sigma", "ratio"}


@pytest.mark.parametrize("dtype", ["float16", "bool"])
def test_half_floats_and_masks_are_filtered_as_the_numbers_that_they_are(dtype: str) -> None:
    volume = np.random.default_rng(2).integers(0, 2, (4, 9, 8)).astype(dtype)
    for method in ("median", "top_hat"):
        step = Pipeline([Filter(method=method)])
        made = step.apply(Stack.from_array(volume)).volume()
        assert made.dtype == dtype and 0 < made.sum() < volume.sum() * 2
        expected = step.apply(Stack.from_array(volume.astype("float32"))).volume()
        np.testing.assert_array_equal(made, expected)
