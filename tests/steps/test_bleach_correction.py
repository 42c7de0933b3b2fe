"""Bleaching: later time points become as bright as the first, and the brightness is measured."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from moving_sample import VOXEL, MovingSample
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import GeometryError, StepError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.steps import (
    BleachCorrection,
    Deskew,
    Drift,
    Select,
    Step,
    SubtractBackground,
)
from stacks import CountingSource

DATA = np.random.default_rng(0).integers(0, 1000, (4, 2, 3, 5, 6)).astype("uint16")
SPEC = StackSpec(VolumeSpec((3, 5, 6)), times=4, channels=("488", "560"))


def test_factors_are_those_of_each_channel() -> None:
    step = BleachCorrection(
        brightness={"488": (0.8, 0.6), "560": (1.0, 0.5, 0.25)},
        background={"488": 100, "560": 7.5},
    )
    view = Pipeline([step]).apply(Stack.from_array(DATA, channel_names=("488", "560")))
    assert view.spec.dtype == "float32"
    for (t, c), offset, factor in (
        ((0, 0), 100, 1), ((1, 0), 100, 4 / 3), ((3, 0), 100, 4 / 3), ((2, 1), 7.5, 4),
    ):  # fmt: skip
        expected = (DATA[t, c].astype(float) - offset) * factor
        np.testing.assert_allclose(view.volume(t, c), expected, rtol=1e-6)
    words = "Time points from 2 on have the brightness of 1: estimate again"
    assert Plan.of([step], SPEC).cautions == ((0, words),)


def test_rows_of_time_points_that_a_selection_left_out_are_told_of() -> None:
    rows = (1, 0.8, 0.6, 0.5)
    step = BleachCorrection(brightness={"488": rows[:2], "560": rows}, background=100)
    words = (
        "There are 4 rows for 2 time points, maybe those of the whole recording: put this step "
        "before Select, or estimate again"
    )
    assert Plan.of([Select(every=2), step], SPEC).cautions == ((1, words),)
    whole = step.replace(brightness=rows)
    assert Plan.of([whole, Select(every=2)], SPEC).cautions == ()
    assert Plan.of([Select(channels="560"), whole], SPEC).cautions == ()


def test_an_exponential_goes_by_the_slopes_that_agree() -> None:
    """As scipy's Theil-Sen fit; two of nine time points are wrong."""
    t = np.arange(9)
    left = np.exp(-t / 12)
    left[[3, 6]] = 0.1, 3.0
    step = BleachCorrection(brightness=tuple(left), curve_type="exponential")
    ones = np.ones((9, 1, 1, 1, 2), "float32")
    factors = Pipeline([step]).apply(Stack.from_array(ones)).data[:, 0, 0, 0, 0].compute()
    np.testing.assert_allclose(factors, np.exp(t / 12), rtol=1e-5)
    curve = step.curve(SPEC)
    assert curve is not None
    slope = stats.theilslopes(np.log(left), t).slope
    drawn = curve.lines["all channels"][1]
    np.testing.assert_allclose(np.log(drawn[1:] / drawn[:-1]), slope)
    np.testing.assert_array_equal(curve.dots["all channels"][1], left)


def test_without_rows_it_waits() -> None:
    (waiting,) = Plan.of([BleachCorrection()], SPEC).waiting
    assert "No brightness is stated" in str(waiting)
    assert BleachCorrection().curve(SPEC) is None
    with pytest.raises(StepError, match="no Brightness for the channel 560"):
        Pipeline([BleachCorrection(brightness={"488": (1.0,)})]).apply(
            Stack.from_array(DATA, channel_names=("488", "560"))
        )


# ---- measured in the data -----------------------------------------------------------------


@pytest.mark.parametrize("photons", [200.0, 60.0])
def test_the_brightness_is_right_to_two_percent(photons: float) -> None:
    """Of a sample that stays in view; one time point shows nothing."""
    sample = MovingSample(seed=4, times=12, step=0.15, photons=photons, bad=(5,))
    found = estimate(BleachCorrection(), sample.stack())
    good = [t for t in range(12) if t != 5]
    got = np.array(found.changes["brightness"])
    assert np.abs(got / sample.light - 1)[good].max() < 0.02
    assert got[5] == pytest.approx((got[4] + got[6]) / 2, abs=1e-4)
    assert found.changes["background"] == pytest.approx(100, abs=0.5)
    assert "Time point 5 is dark or missing" in found.sentence


def test_with_few_photons_it_is_as_right_as_it_says() -> None:
    """To two percent (rms) at 20 photons, of which the sentence tells what noise makes."""
    off = []
    for seed in range(4):
        sample = MovingSample(seed=seed, times=8, step=0.15, photons=20)
        found = estimate(BleachCorrection(), sample.stack())
        off.append(np.array(found.changes["brightness"]) / sample.light - 1)
        assert re.search(r"ch0: \d\d% \u00b1 1%", found.sentence)
    assert np.sqrt(np.mean(np.square(off))) < 0.02
    few = MovingSample(seed=9, times=2, step=0.15, photons=8)
    assert re.search(r"\u00b1 [345]%", estimate(BleachCorrection(), few.stack()).sentence)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_empty_voxels_at_the_edges_are_no_light(offset: float) -> None:
    """Those that a correction of the drift leaves; also once the background is 0 everywhere."""
    sample = MovingSample(seed=4, times=8, step=0.15)
    rows = tuple((0.0, 0.3 * t % 0.7, 0.2 * t % 0.5) for t in range(8))
    drift = Drift(drift=rows, interpolation="none")
    steps = [SubtractBackground(value=100 - offset), drift]
    found = estimate(BleachCorrection(), Pipeline(steps).apply(sample.stack()))
    np.testing.assert_allclose(found.changes["brightness"], sample.light, rtol=0.04)
    assert found.changes["background"] == pytest.approx(offset, abs=1.5)


def bleaching_series(light: np.ndarray, offset: float) -> Stack:
    """Photons (z, y, x) that become fewer, and the noise of a camera with an offset."""
    generator = np.random.default_rng(1)
    volumes = [
        generator.poisson(light * left) + generator.normal(offset, 2, light.shape) for left in LEFT
    ]
    data = np.stack(volumes).round().clip(0).astype("uint16")[:, None]
    return Stack.from_array(data, VOXEL)


LEFT = (1, 0.85, 0.72, 0.61, 0.5)


@pytest.mark.parametrize("radius", [40, 55])
@pytest.mark.parametrize(
    "steps", [[], [SubtractBackground()], [SubtractBackground(), Deskew(angle=31.5)]]
)
@pytest.mark.parametrize("offset", [90, 97, 100])
def test_zeros_of_a_subtracted_background_are_background(
    radius: int, steps: list[Step], offset: float
) -> None:
    """Also where the sample fills more than half of the picture."""
    z, y, x = np.ogrid[-6:6, -64:64, -64:64]
    cell = 400 / (1 + np.exp((np.sqrt(y**2 + x**2 + (3 * z) ** 2) - radius) / 2))
    stack = bleaching_series(cell, offset)
    found = estimate(BleachCorrection(), Pipeline(steps).apply(stack) if steps else stack)
    np.testing.assert_allclose(found.changes["brightness"], LEFT, atol=0.02)


@pytest.mark.parametrize("haze", [False, True])
def test_a_picture_without_background_is_refused(haze: bool) -> None:
    texture = ndimage.gaussian_filter(
        np.random.default_rng(2).normal(size=(12, 128, 128)), (1, 4, 4)
    )
    light = (300 + 80 * texture / texture.std()).clip(0)
    if haze:
        z, y, x = np.ogrid[-6:6, -64:64, -64:64]
        light = 200 + 400 * np.exp(-(y**2 + x**2 + (3 * z) ** 2) / 300)
    with pytest.raises(GeometryError, match="No part of channel ch0 is background"):
        estimate(BleachCorrection(), bleaching_series(light, 100))


def test_channels_are_measured_apart_and_files_read_once() -> None:
    green, red = (MovingSample(seed=5, times=6, step=0.1, lifetime=n) for n in (8.0, 30.0))
    data = np.concatenate([green.data, red.data], axis=1)
    reads: Counter[tuple[int, int]] = Counter()

    class Counted(ArraySource):
        def read(self, t: int, c: int) -> np.ndarray:
            reads[t, c] += 1
            return super().read(t, c)

    stack = Stack(Counted(data, VolumeSpec(data.shape[2:], "uint16", VOXEL), "c"), ("488", "560"))
    found = estimate(BleachCorrection(), stack)
    assert reads == Counter({(t, c): 1 for t in range(6) for c in (0, 1)})
    step = BleachCorrection().replace(**found.changes)
    for name, sample in (("488", green), ("560", red)):
        np.testing.assert_allclose(step.brightness[name], sample.light, rtol=0.02)  # type: ignore[index, call-overload]
    assert found.sentence.startswith("Left at the last time point: 488: 5")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (CountingSource((1, 1)), "There is one time point. Bleaching shows in two or more"),
        (np.zeros((3, 1, 6, 16, 16), "uint16"), "Channel ch0 has nothing brighter"),
        (np.full((3, 1, 6, 16, 16), np.nan, "f4"), "Channel ch0 has nothing brighter"),
        (
            np.random.default_rng(0).poisson(100, (3, 1, 16, 64, 64)).astype("uint16"),
            "Channel ch0 has nothing brighter than its background",
        ),
    ],
)
def test_where_there_is_nothing_to_see_it_says_so(source: Any, words: str) -> None:
    stack = Stack.from_array(source, VOXEL) if isinstance(source, np.ndarray) else Stack(source)
    with pytest.raises(GeometryError, match=words):
        estimate(BleachCorrection(), stack)


def test_an_exponential_goes_on_before_the_first_row() -> None:
    """Earlier files come: the fit hardly moves, and the rows that were measured stay."""
    noise = np.random.default_rng(2).normal(1, 0.05, 24)
    measured = tuple((0.9 ** np.arange(24) * noise).tolist())
    step = BleachCorrection(brightness=measured, curve_type="exponential")
    later = step.renumbered({t: t + 6 for t in range(24)})
    data = np.full((30, 1, 2, 4, 4), 1000, "uint16")
    old, new = (
        Pipeline([one]).apply(Stack.from_array(data, VOXEL)).data[:, 0, 0, 0, 0].compute()
        for one in (step, later)
    )
    assert new[0] == 1000
    np.testing.assert_allclose(new[6:] / new[6], old[:24] / old[0], rtol=0.015)
    np.testing.assert_allclose(new[1:] / new[:-1], 1 / 0.9, rtol=0.01)
    rows = np.array(later.brightness)  # type: ignore[arg-type]
    np.testing.assert_allclose(rows[6:] / rows[6], np.array(measured) / measured[0], rtol=1e-12)
