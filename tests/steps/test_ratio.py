"""Ratios and dF/F0: numbers by hand, a channel of its own, anywhere in the list, each file once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.steps import (
    CameraCorrection,
    Crop,
    Ratio,
    RelativeChange,
    Step,
    SubtractBackground,
)
from stacks import CountingSource, source_of

A = np.array([[[130, 300, 104, 100]]], "uint16")
B = np.array([[[110, 200, 102, 100]]], "uint16")


def two(a: np.ndarray = A, b: np.ndarray = B) -> Stack:
    return Stack.from_array(np.stack([a, b])[np.newaxis], channel_names=("GFP", "RFP"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [13 / 11, 1.5, 104 / 102, 1.0]),
        ({"background": (100, 100)}, [3.0, 2.0, 2.0, np.nan]),
        ({"background": (100, 100), "fill": -1}, [3.0, 2.0, 2.0, -1.0]),
        ({"background": (100, 100), "threshold": 5}, [3.0, 2.0, np.nan, np.nan]),
        ({"background": (90, 110)}, [np.nan, 210 / 90, np.nan, np.nan]),
        ({"a": "RFP", "b": "GFP"}, [11 / 13, 2 / 3, 102 / 104, 1.0]),
        (
            {"formula": "(a-b)/(a+b)", "background": (100, 100)},
            [20 / 40, 100 / 300, 2 / 6, np.nan],
        ),
    ],
)
def test_numbers_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    view = Pipeline([Ratio(keep=False, **options)]).apply(two())
    assert view.shape == (1, 1, 1, 1, 4) and view.spec.dtype == "float32"
    np.testing.assert_allclose(view.volume()[0, 0], expected, rtol=1e-6)


def test_nothing_is_infinite() -> None:
    """Also where the smallest floats are divided by."""
    a = np.array([[[1e30, 0, np.nan, np.inf]]], "float32")
    b = np.array([[[1e-30, 0, 1, 1]]], "float32")
    result = Pipeline([Ratio(keep=False, fill=7)]).apply(two(a, b)).volume()
    np.testing.assert_array_equal(result, [[[7, 7, 7, 7]]])


def test_a_channel_of_its_own_beside_the_others() -> None:
    view = Pipeline([Ratio(background=(100, 100))]).apply(two())
    assert view.channel_names == ("GFP", "RFP", "GFP/RFP")
    np.testing.assert_array_equal(view.volume(0, 0), A)
    np.testing.assert_array_equal(view.volume(0, 1), B)
    after = Plan.of([Ratio(formula="(a-b)/(a+b)", name="anisotropy")], TWO).after
    assert after.channels[2] == "anisotropy" and dict(after.colormaps) == {"anisotropy": "PiYG"}


def test_originals_lose_no_digit() -> None:
    exact = np.array([[[2**31 - 1, 2**24 + 1]]], "int32")
    view = Pipeline([Ratio()]).apply(two(exact, exact))
    np.testing.assert_array_equal(view.volume(0, 0), exact)


def test_two_ratios_and_a_ratio_of_them() -> None:
    steps = [
        SubtractBackground(value=100),
        Ratio(),
        Crop(x=(0, 3)),
        Ratio(a="RFP", b="GFP"),
        Ratio(a="GFP/RFP", b="RFP/GFP", name="square", keep=False),
    ]
    view = Pipeline(steps).apply(two())
    assert view.channel_names == ("square",)
    np.testing.assert_allclose(view.volume(), [[[9, 4, 4]]], rtol=1e-6)


TWO = StackSpec(VolumeSpec((1, 1, 4)), times=3, channels=("GFP", "RFP"))
THREE = TWO.replace(channels=("GFP", "RFP", "DAPI"))
ONE = TWO.replace(channels=("GFP",))


def misfit(spec: StackSpec, *steps: Any) -> str:
    return str(Plan.of(steps, spec).misfit)


def test_what_cannot_be_is_a_sentence() -> None:
    assert "A ratio is of two channels, and there is only GFP" in misfit(ONE, Ratio())
    assert "There is no channel 488. There are: GFP, RFP" in misfit(TWO, Ratio(a="488"))
    assert "Channel RFP would be divided by itself" in misfit(TWO, Ratio(a="RFP"))
    again = misfit(TWO, Ratio(), Ratio(a="GFP", b="RFP"))
    assert "There is a channel GFP/RFP already. Enter another name" in again
    (waits,) = Plan.of([Ratio(a="GFP")], THREE).waiting
    assert "Channel b is not chosen. There are: GFP, RFP, DAPI" in str(waits)
    once = misfit(ONE.replace(times=1), RelativeChange())
    assert "dF/F0 needs several time points, and there is one" in once
    late = misfit(ONE, RelativeChange(f0_times=(5, 9)))
    assert "The F0 starts at t = 5, but the recording ends at 3" in late
    (waits,) = Plan.of([RelativeChange()], TWO).waiting
    assert "No channel is chosen. There are: GFP, RFP" in str(waits)


def test_it_says_when_no_background_was_subtracted() -> None:
    def caution(*steps: Any) -> str:
        return dict(Plan.of(steps, TWO).cautions).get(len(steps) - 1, "")

    assert caution(Ratio()).startswith("No background was subtracted")
    assert caution(RelativeChange(channel="GFP")).startswith("No background was subtracted")
    assert not caution(Ratio(background=(100, 0)))
    assert not caution(SubtractBackground(), Ratio())
    assert not caution(SubtractBackground(), Crop(), RelativeChange(channel="GFP"))
    derived = Ratio(a="GFP/RFP", b="RFP/GFP")
    assert not caution(Ratio(), Ratio(a="RFP", b="GFP"), derived)


@pytest.mark.parametrize(
    ("options", "f0"),
    [
        ({}, 22.0),
        ({"f0_times": (0, 2)}, 15.0),
        ({"f0_times": (-1, 0)}, 40.0),
        ({"f0_percentile": 50}, 20.0),
        ({"f0_percentile": 0, "f0_times": (2, 0)}, 20.0),
        ({"background": 5}, 22.0),
    ],
)
def test_change_by_hand(options: dict[str, Any], f0: float) -> None:
    times = np.array([10, 20, 20, 20, 40], "uint16").reshape(5, 1, 1, 1, 1)
    view = Pipeline([RelativeChange(keep=False, **options)]).apply(Stack.from_array(times))
    assert view.channel_names == ("dF/F0 ch0",)
    bright = options.get("background", 0)
    expected = (times.ravel() - f0) / (f0 - bright)
    made = [view.volume(t).item() for t in range(5)]
    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_an_f0_of_zero_is_filled() -> None:
    times = np.array([[0, 10], [50, 20]], "uint16").reshape(2, 1, 1, 1, 2)
    view = Pipeline([RelativeChange(f0_times=(0, 1), fill=0, keep=False)]).apply(
        Stack.from_array(times)
    )
    np.testing.assert_array_equal(view.volume(1), [[[0, 1]]])


@pytest.mark.parametrize("keep", [True, False])
def test_each_file_is_read_once(keep: bool) -> None:
    raw = CountingSource((4, 2))
    view = source_of(raw, SubtractBackground(), Ratio(keep=keep))
    view.read(3, view.sizes[1] - 1)
    assert dict(raw.reads) == {(3, 0): 1, (3, 1): 1}
    raw.reads.clear()
    change = source_of(raw, RelativeChange(channel="ch1", f0_times=(0, 3)))
    change.read(1, 2)
    assert dict(raw.reads) == {(0, 1): 1, (1, 1): 1, (2, 1): 1}


def test_f0_of_a_long_recording_is_made_of_fifty_time_points() -> None:
    raw = CountingSource((400, 1))
    source_of(raw, RelativeChange()).read(7, 1)
    times = sorted(t for t, _ in raw.reads)
    assert len(times) == 51 and times[0] == 0 and times[-1] == 399


def test_more_time_points_change_f0_and_what_is_cached() -> None:
    first, later = (source_of(CountingSource((n, 1)), RelativeChange()) for n in (3, 4))
    assert first.identity(0, 1) != later.identity(0, 1)
    fixed = [source_of(CountingSource((n, 1)), RelativeChange(f0_times=(0, 2))) for n in (3, 4)]
    assert len({view.stated_plan.stages[0].keys for view in fixed}) == 1


@pytest.mark.parametrize(
    "step",
    [
        SubtractBackground(value={"GFP": 0, "RFP": 5}),
        CameraCorrection(dark=100),
        Ratio(background=(0, 100)),
        RelativeChange(channel="GFP", background=100),
    ],
)
def test_a_background_that_is_subtracted_twice_is_said(step: Step) -> None:
    assert not any("twice" in text for _, text in Plan.of([step], TWO).cautions)
    cautions = dict(Plan.of([SubtractBackground(), step], TWO).cautions)
    assert "subtracted twice" in cautions[1]


def test_no_background_is_subtracted_by_zeros_per_channel() -> None:
    zeros = CameraCorrection(dark={"GFP": 0, "RFP": 0}, hot_pixels=6)
    assert "No background" in dict(Plan.of([zeros, Ratio()], TWO).cautions)[1]
    lifted = CameraCorrection(dark=100, offset={"GFP": 0, "RFP": 0}, hot_pixels=6)
    assert not Plan.of([lifted, Ratio()], TWO).cautions
