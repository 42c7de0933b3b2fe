"""Camera correction: against its formula; hot pixels found, beads left alone; what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.steps import CameraCorrection, Crop, Deskew

SHAPE = (5, 26, 31)
RANDOM = np.random.default_rng(4)
DARK = RANDOM.normal(100, 1.5, SHAPE[1:]).astype("float32")
Y, X = np.mgrid[: SHAPE[1], : SHAPE[2]]
VIGNETTE = (1 - 0.5 * ((Y - 12) / 26) ** 2 - 0.4 * ((X - 9) / 31) ** 2).astype("float32")
FLAT = DARK + 2000 * VIGNETTE
HOT = ((3, 4), (3, 5), (20, 0), (25, 30))


@pytest.fixture
def images(tmp_path: Path) -> dict[str, str]:
    """Dark image (with hot pixels) and flat image, as files."""
    dark = DARK.copy()
    for place in HOT:
        dark[place] += 400
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    tifffile.imwrite(tmp_path / "flat.tif", FLAT)
    return {name: str(tmp_path / f"{name}.tif") for name in ("dark", "flat")}


def recorded(light: np.ndarray) -> np.ndarray:
    """What the camera makes of light (..., z, y, x), uint16."""
    return np.rint(light * VIGNETTE / VIGNETTE.mean() + DARK).astype("uint16")


def test_even_light_becomes_even(images: dict[str, str]) -> None:
    """The truth is the light that fell on the camera."""
    light = RANDOM.uniform(100, 3000, SHAPE)
    step = CameraCorrection(dark_image=images["dark"], flat_image=images["flat"])
    result = Pipeline([step]).apply(recorded(light)).volume()
    good = np.ones(SHAPE[1:], bool)
    for place in HOT:
        good[place] = False
    np.testing.assert_allclose(result[:, good], light[:, good], rtol=0.02, atol=1.5)
    dark, flat = (tifffile.imread(images[name]).astype(float) for name in ("dark", "flat"))
    gain = (flat - dark).mean() / (flat - dark)
    np.testing.assert_allclose(result, (recorded(light) - dark) * gain, rtol=1e-5, atol=1e-3)


def test_offset_and_number_per_channel() -> None:
    raw = np.full((1, 2, *SHAPE), 150, "uint16")
    step = CameraCorrection(dark={"a": 100, "b": 160}, offset={"a": 0, "b": 50})
    view = Pipeline([step]).apply(Stack.from_array(raw, channel_names=("a", "b")))
    assert view.volume(0, 0)[0, 0, 0] == 50 and view.volume(0, 1)[0, 0, 0] == 40
    assert view.volume(0, 0).dtype == "float32"


def test_hot_pixels_of_the_dark_image_are_replaced_in_every_plane(images: dict[str, str]) -> None:
    """Also two side by side, and also where they do not stand out of the picture."""
    truth = recorded(np.full(SHAPE, 300.0))
    raw = truth.copy()
    for place in HOT:
        raw[(slice(None), *place)] = 40_000
    step = CameraCorrection(dark_image=images["dark"], hot_pixels=10)
    result = Pipeline([step]).apply(raw).volume()
    # Neighbours differ by the vignette and by rounding.
    assert np.abs(result - (truth - DARK)).max() < 40


def test_hot_and_dead_pixels_are_found_without_a_dark_image() -> None:
    random = np.random.default_rng(1)
    truth = (100 + random.poisson(80, (8, 64, 64))).astype("uint16")
    raw = truth.copy()
    hot, dead = [(5, 5), (40, 63), (0, 0)], [(20, 31)]
    for place in hot:
        raw[(slice(None), *place)] += 600
    for place in dead:
        raw[(slice(None), *place)] = 0
    result = Pipeline([CameraCorrection(hot_pixels=6)]).apply(raw).volume()
    changed = result != raw
    assert all(changed[:, y, x].all() for y, x in (*hot, *dead))
    assert changed.sum() - 8 * 4 <= 0.001 * raw.size, "noise is left alone"
    assert np.abs(result[changed] - 180).max() < 60


@pytest.mark.parametrize("sigma", [0.85, 1.2, 2.0])
def test_a_spot_of_light_is_no_hot_pixel(sigma: float) -> None:
    """Whatever the place of its centre among the pixels."""
    y, x = np.mgrid[:21, :21]
    for centre in ((10.0, 10.0), (10.3, 10.5), (10.5, 9.8)):
        distance = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
        bead = 110 + 5000 * np.exp(-0.5 * distance / sigma**2)
        raw = np.random.default_rng(2).poisson(bead)[None].astype("uint16")
        result = Pipeline([CameraCorrection(hot_pixels=6)]).apply(raw).volume()
        near = distance < (3 * sigma) ** 2
        np.testing.assert_array_equal(result[0][near], raw[0][near])


def test_single_photons_are_not_hot() -> None:
    raw = (np.random.default_rng(0).random((4, 40, 40)) < 0.02).astype("uint16")
    result = Pipeline([CameraCorrection(hot_pixels=6)]).apply(raw).volume()
    np.testing.assert_array_equal(result, raw)


@pytest.mark.parametrize("crop", [Crop(), Crop(y=(3, 22), x="2:-4", z=(1, 4))])
def test_any_box(crop: Crop, images: dict[str, str]) -> None:
    data = recorded(RANDOM.uniform(0, 500, (1, 2, *SHAPE)))
    data[..., 7, 7] = 9000
    own = CameraCorrection(hot_pixels=5, flat_image=images["flat"], dark=90)
    assert_any_box_is_the_whole(data, crop, own)
    given = CameraCorrection(
        hot_pixels=5, dark_image={"ch0": images["dark"], "ch1": images["flat"]}
    )
    assert_any_box_is_the_whole(data, crop, given)
    one = CameraCorrection(dark_image=images["dark"], flat_image=images["flat"])
    whole = Pipeline([one]).apply(data).volume()
    after = Pipeline([crop, one]).apply(data).volume()
    (a, b), (c, d), (e, f) = crop.box(SHAPE)
    np.testing.assert_array_equal(after, whole[a:b, c:d, e:f])


def test_what_cannot_be_corrected(images: dict[str, str], tmp_path: Path) -> None:
    data = recorded(np.full(SHAPE, 300.0))
    with pytest.raises(StepError, match=r"pixels are not those of the camera.*before the steps"):
        Pipeline([Deskew(angle=31.5), CameraCorrection(dark=1)]).apply(
            Stack.from_array(data, (0.4, 0.1, 0.1))
        )
    with pytest.raises(StepError, match=r"No correction is chosen.*State the dark counts"):
        Pipeline([CameraCorrection()]).apply(data)
    flat = FLAT.copy()
    flat[2, 3] = flat[5, 5] = 0
    tifffile.imwrite(tmp_path / "zeros.tif", flat)
    zeros = CameraCorrection(dark=90, flat_image=str(tmp_path / "zeros.tif"))
    with pytest.raises(
        StepError, match=r"not brighter than the dark in 2 pixels, as at y = 2, x = 3 \(.*zeros"
    ):
        Pipeline([zeros]).apply(data).volume()
    tifffile.imwrite(tmp_path / "small.tif", FLAT[1:])
    small = CameraCorrection(flat_image=str(tmp_path / "small.tif"))
    with pytest.raises(StepError, match=r"has the shape \(25, 31\).*recorded \(26, 31\)"):
        Pipeline([small]).apply(data).volume()


def test_after_other_images_it_is_computed_anew(images: dict[str, str]) -> None:
    """A file that is written anew is another image."""
    raw = recorded(np.full(SHAPE, 300.0))
    step = CameraCorrection(dark=100, flat_image=images["flat"])
    first = Pipeline([step]).apply(raw).volume()
    tifffile.imwrite(images["flat"], np.full(SHAPE[1:], 700, "float32"))
    second = Pipeline([step]).apply(raw).volume()
    np.testing.assert_allclose(second, raw - 100.0)
    assert np.abs(first - second).max() > 20


@pytest.mark.parametrize("field", ["dark_image", "flat_image"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_images_with_pixels_that_are_no_numbers(field: str, wrong: float, tmp_path: Path) -> None:
    image = FLAT.astype("float32")
    image[2, 3] = image[5, 5] = wrong
    tifffile.imwrite(tmp_path / "wrong.tif", image)
    step = CameraCorrection(dark=90).replace(**{field: str(tmp_path / "wrong.tif")})
    with pytest.raises(StepError, match=r"not a finite number in 2 pixels \(.*wrong"):
        Pipeline([step]).apply(recorded(np.full(SHAPE, 300.0))).volume()
