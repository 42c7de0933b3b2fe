"""Contrast: from what is seen, without what is empty; set anew only when the range changes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit
from napari_lazy_pipeline._gui.layers.contrast import Contrast, contrast_limits, without_tails

Settle = Callable[[Any], None]


def noise(low: float, high: float, shape: tuple[int, ...] = (1, 100, 120)) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape)


def test_usual_data() -> None:
    low, high = contrast_limits(noise(100, 600))
    assert 100 < low < 110 and 595 < high < 600


@pytest.mark.parametrize("fill", [0.0, 98.0, 500.0])
def test_empty_corners_do_not_count(fill: float) -> None:
    plane = noise(100, 600)
    wanted = contrast_limits(plane[:, :, 80:])
    plane[:, :, :80] = fill
    assert contrast_limits(plane) == pytest.approx(wanted, rel=0.02)


def test_a_background_cut_to_zero_does_not_count() -> None:
    plane = np.maximum(noise(-400, 100), 0)
    low, high = contrast_limits(plane)
    assert 0 < low < 5 and 95 < high < 100


@pytest.mark.parametrize("floor", [0.0, 100.0])
def test_a_few_bright_beads(floor: float) -> None:
    """They are less than a thousandth of the pixels, and neither black nor saturated."""
    plane = np.full((1, 500, 500), floor) + np.round(noise(0, 4, (1, 500, 500)))
    for y, x in ((50, 70), (200, 310), (420, 130)):
        plane[0, y - 2 : y + 3, x - 2 : x + 3] += 900 + np.arange(25).reshape(5, 5)
    low, high = contrast_limits(plane)
    assert floor <= low <= floor + 1 and floor + 900 < high <= floor + 930


def test_beads_on_nothing() -> None:
    plane = np.zeros((1, 400, 400), "uint16")
    plane[0, 100:103, 100:103] = 700
    low, high = contrast_limits(plane)
    assert low < 700 <= high, "not black"
    assert high - low > 100


def test_ratios_of_a_dim_rim_do_not_hide_the_others() -> None:
    """A cell of ratios about 1.5; 6 % of its voxels are divided by nearly nothing."""
    rng = np.random.default_rng(0)
    ratios = np.full((4, 60, 60), np.nan, "float32")
    ratios[:, 10:50, 10:50] = rng.normal(1.5, 0.2, (4, 40, 40))
    ratios[:, 10, :] = 10.0 ** rng.uniform(2, 12, (4, 60))
    low, high = contrast_limits(without_tails(ratios))
    assert 0.5 < low < 1.2 and 1.8 < high < 2.6


def test_a_faulty_pixel_is_no_bead() -> None:
    plane = noise(100, 200, (1, 300, 300))
    plane[0, 7, 9] = 60_000
    assert contrast_limits(plane)[1] < 210


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_nothing_to_see(value: float) -> None:
    low, high = contrast_limits(np.full((3, 8, 8), value))
    assert high > low and np.isfinite((low, high)).all()


def looked_at(
    contrast: Contrast, layer: Any, before: np.ndarray, now: np.ndarray, work: str
) -> bool:
    return contrast.update(layer, before, now, work, stand_in=False)


def test_a_preview_is_refined_by_its_result() -> None:
    contrast, layer = Contrast(), SimpleNamespace(contrast_limits=(0.0, 1.0))
    preview, result = noise(0, 50), noise(0, 90)
    contrast.update(layer, preview, preview, "a", stand_in=True)
    assert layer.contrast_limits[1] < 50
    assert not looked_at(contrast, layer, preview, result, "a")
    assert layer.contrast_limits[1] == pytest.approx(90, rel=0.01)


@pytest.mark.parametrize(("factor", "anew"), [(0.6, False), (1.8, False), (2.5, True), (0.4, True)])
def test_more_than_twice_the_range_is_needed(factor: float, anew: bool) -> None:
    contrast, layer = Contrast(), SimpleNamespace(contrast_limits=(0.0, 1.0))
    first, other = noise(0, 1000), noise(0, 1000 * factor)
    looked_at(contrast, layer, first, first, "a")
    layer.contrast_limits = mine = (300.0, 700.0)
    assert looked_at(contrast, layer, first, other, "b") == anew
    assert layer.contrast_limits == (contrast_limits(other) if anew else mine)


def test_many_small_changes_add_up_until_the_person_chooses() -> None:
    contrast, layer = Contrast(), SimpleNamespace(contrast_limits=(0.0, 1.0))
    ranges = [noise(0, 1000 * 1.5**n) for n in range(4)]
    looked_at(contrast, layer, ranges[0], ranges[0], "0")
    assert not looked_at(contrast, layer, ranges[0], ranges[1], "1")
    assert looked_at(contrast, layer, ranges[1], ranges[2], "2"), "2.25 times the first"
    layer.contrast_limits = (1.0, 2.0)
    assert not looked_at(contrast, layer, ranges[2], ranges[3], "3")


def test_bleaching_is_no_change_of_the_steps() -> None:
    contrast, layer = Contrast(), SimpleNamespace(contrast_limits=(0.0, 1.0))
    bright, faint = noise(0, 1000), noise(0, 100)
    looked_at(contrast, layer, bright, bright, "a")
    before = layer.contrast_limits
    assert not looked_at(contrast, layer, bright, faint, "a"), "another time point"
    assert not looked_at(contrast, layer, faint, faint, "b"), "an edit there, of the same range"
    assert layer.contrast_limits == before


def test_raw_and_processed_have_their_own() -> None:
    contrast, layer = Contrast(), SimpleNamespace(contrast_limits=(0.0, 1.0))
    raw, processed = noise(100, 300), noise(0, 5000)
    contrast.turn(layer, raw=True)
    looked_at(contrast, layer, raw, raw, "raw")
    layer.contrast_limits = (110.0, 222.0)
    contrast.turn(layer, raw=False)
    assert looked_at(contrast, layer, raw, processed, "processed")
    layer.contrast_limits = (5.0, 3333.0)
    contrast.turn(layer, raw=True)
    assert layer.contrast_limits == (110.0, 222.0)
    assert not looked_at(contrast, layer, processed, raw, "raw")
    contrast.turn(layer, raw=False)
    assert not looked_at(contrast, layer, raw, processed, "processed")
    assert layer.contrast_limits == (5.0, 3333.0)


def test_in_the_dock_a_step_that_changes_the_range_says_so(opened: Any, settle: Settle) -> None:
    heard: list[str] = []
    opened.layers.contrast_set.connect(heard.append)
    layer = opened.layers.layers[0]
    first = tuple(layer.contrast_limits)
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 2)
    opened.viewer.dims.set_current_step(1, 2)
    settle(opened)
    assert tuple(layer.contrast_limits) == first and not heard
    edit(opened, "subtract_background", value=900.0)
    settle(opened)
    assert tuple(layer.contrast_limits) != first
    assert layer.contrast_limits[1] < 110
    assert any("488" in text for text in heard) and any("560" in text for text in heard)
    opened.session.show_until(0)
    settle(opened)
    assert layer.contrast_limits[1] > 900
    opened.session.show_until(None)
    settle(opened)
    assert layer.contrast_limits[1] < 110
