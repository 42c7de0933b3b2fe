"""Flat field: a simulated vignette is found, and the data become even by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import ExportError, GeometryError
from napari_lazy_pipeline.exports.estimated_images import save_images
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.steps import CameraCorrection, Crop, Deskew, SubtractBackground
from stacks import CountingSource, PlaneSource

DARK = 100.0
SIDES = (96, 128)


def vignette(sides: tuple[int, int] = SIDES, strength: float = 0.6) -> np.ndarray:
    """Off the middle, of another width along the axes; 1 on average."""
    y, x = (np.linspace(-1, 1, n) for n in sides)
    bell = np.exp(-strength * ((y[:, None] - 0.2) ** 2 + 1.4 * (x + 0.15) ** 2))
    return np.asarray(bell / bell.mean())


def scene(times: int, depth: int, shade: np.ndarray, seed: int = 0) -> np.ndarray:
    """Counts (t, 1, z, y, x): haze, and cells of any size that come and go, under a vignette."""
    random = np.random.default_rng(seed)
    y, x = np.indices(shade.shape)
    data = np.empty((times, 1, depth, *shade.shape), "uint16")
    for t in range(times):
        for z in range(depth):
            light = np.full(shade.shape, 150.0)
            for _ in range(8):
                cy, cx = random.uniform(-0.3, 1.3, 2) * shade.shape
                width, peak = random.uniform(3, 12), random.uniform(100, 2000)
                light += peak * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
            data[t, 0, z] = random.poisson(light * shade) + DARK
    return data


def error(flat: np.ndarray, shade: np.ndarray) -> float:
    """Deviation of a flat image from the truth, root mean square, of 1."""
    light = flat - DARK
    return float(np.sqrt(np.mean((light / light.mean() / shade - 1) ** 2)))


@pytest.mark.parametrize("strength", [0.2, 0.4, 0.7])
def test_a_vignette_is_found_to_half_a_percent(strength: float) -> None:
    shade = vignette(strength=strength)
    found = estimate(CameraCorrection(dark=DARK), scene(12, 24, shade))
    flat: Any = found.images["flat_image"]
    assert error(flat, shade) < 0.005
    darkest = (shade.min() / shade.max()) * 100
    told = float(found.sentence.removeprefix("Dimmest place: ").partition(" %")[0])
    assert told == pytest.approx(darkest, abs=4)


def test_data_become_even_and_the_raw_folder_is_left_alone(tmp_path: Path) -> None:
    shade = vignette()
    data = scene(8, 24, shade, seed=1)
    found = estimate(CameraCorrection(dark=DARK), data)
    with pytest.raises(ExportError):
        save_images(found, tmp_path / "raw", "flat", tmp_path / "raw")
    (tmp_path / "out").mkdir()
    paths = save_images(found, tmp_path / "out", "flat", tmp_path / "raw")
    step = CameraCorrection(dark=DARK, **paths)
    even = Pipeline([step]).apply(np.uint16(DARK + 1000 * shade)[None]).volume()
    assert even.std() / even.mean() < 0.005
    assert even.mean() == pytest.approx(1000, rel=0.01)


def test_a_large_camera_is_binned_and_has_its_size_again() -> None:
    shade = vignette((530, 700))
    data = (DARK + 400 * shade * np.ones((1, 1, 2, 1, 1))).astype("uint16")
    flat: Any = estimate(CameraCorrection(dark=DARK), data).images["flat_image"]
    assert flat.shape == (530, 700) and error(flat, shade) < 0.005


@pytest.mark.parametrize("seed", range(6))
def test_what_stands_there_all_the_time_is_told_from_the_vignette(seed: int) -> None:
    """A cell over a third of the picture, in little haze; of three in four planes, it is there."""
    random = np.random.default_rng(seed)
    y, x = (np.linspace(-1, 1, n) for n in SIDES)
    strength, middle = random.uniform(0.15, 0.6, 2), random.uniform(-0.3, 0.3, 2)
    fall = strength[0] * (y[:, None] - middle[0]) ** 2 + strength[1] * (x - middle[1]) ** 2
    shade = np.exp(-fall) if seed % 2 else 1 / (1 + fall) ** 2  # cos^4
    place = random.uniform(-0.3, 0.3, 2)
    across = ((y[:, None] - place[0]) / 0.6) ** 2 + ((x - place[1]) / 0.6) ** 2
    height = np.linspace(0, 1.3, 16)[:, None, None]
    cell = 150 / (1 + np.exp((across + height**2 - 1) / 0.1))
    counts = random.poisson((40 + cell) * shade, (6, *cell.shape)) + DARK
    flat: Any = estimate(CameraCorrection(dark=DARK), counts.astype("uint16")).images["flat_image"]
    assert error(flat, shade / shade.mean()) < 0.02


def test_dark_counts_that_nobody_stated_are_told() -> None:
    shades = np.stack([DARK + 500 * vignette()] * 2)[None, :, None].astype("uint16")
    stack = Stack.from_array(shades, channel_names=("488", "560"))
    step = CameraCorrection(dark={"488": DARK, "560": 0})
    sentence = estimate(step, stack).sentence
    assert "No dark counts of 560 are stated: what the camera shows without light" in sentence
    for known in (CameraCorrection(dark=DARK), SubtractBackground(value=1)):
        assert (
            "dark counts"
            not in estimate(CameraCorrection(dark=DARK), Pipeline([known]).apply(stack)).sentence
        )


def test_a_flat_image_without_dark_counts_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("flat.tif", "dark.tif"):
        tifffile.imwrite(name, np.ones((20, 20), "float32"))
    spec = Stack.from_array(np.zeros((4, 20, 20), "uint16")).stack_spec
    said = Plan.of([CameraCorrection(flat_image="flat.tif")], spec).cautions
    assert said[0][1].startswith("Divided by the flat image without dark counts")
    for step in (
        CameraCorrection(flat_image="flat.tif", dark=100),
        CameraCorrection(flat_image="flat.tif", dark_image="dark.tif"),
        CameraCorrection(hot_pixels=6),
    ):
        assert not Plan.of([step], spec).cautions
    before = SubtractBackground(value=100)
    assert not Plan.of([before, CameraCorrection(flat_image="flat.tif")], spec).cautions


def test_each_channel_has_its_own() -> None:
    shades = [vignette(strength=strength) for strength in (0.2, 0.8)]
    data = np.stack([DARK + 500 * shade for shade in shades])[None, :, None].astype("uint16")
    stack = Stack.from_array(data, channel_names=("488", "560"))
    step = CameraCorrection(dark={"488": DARK, "560": DARK})
    flats: Any = estimate(step, stack).images["flat_image"]
    for name, shade in zip(("488", "560"), shades, strict=True):
        assert error(flats[name], shade) < 0.005


def test_it_reads_its_subsample_only() -> None:
    spec = VolumeSpec((40, 16, 18), "uint16", (0.4, 0.1, 0.1))
    planes = PlaneSource((30, 1), spec)
    estimate(CameraCorrection(dark=1), Stack(planes))
    assert len(planes.reads) == 12 and len(planes.made) == 24
    assert sum(planes.made.values()) == 12 * 24
    whole = CountingSource((30, 1), spec)
    estimate(CameraCorrection(dark=1), Stack(whole))
    assert len(whole.reads) == 12 and set(whole.reads.values()) == {1}


def test_what_tells_nothing_is_said() -> None:
    dark = np.full((2, 1, 4, 20, 20), 103, "uint16")
    with pytest.raises(GeometryError, match=r"only 3 counts above the dark \(channel ch0\)"):
        estimate(CameraCorrection(dark=100), dark)
    stack = Stack.from_array(dark, (0.4, 0.1, 0.1))
    with pytest.raises(GeometryError, match="before Crop"):
        estimate(CameraCorrection(), Pipeline([Crop(y=(2, 10))]).apply(stack))
    with pytest.raises(GeometryError, match="not those of the camera"):
        estimate(CameraCorrection(), Pipeline([Deskew(angle=31.5)]).apply(stack))
