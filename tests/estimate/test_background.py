"""The background is that of the camera, in made-up stacks and in a real one."""

from __future__ import annotations

import numpy as np
import pytest

from leaning_beads import bead_stack
from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate.background import estimate_background
from napari_lazy_pipeline.samples.samples import real_stack_folder
from napari_lazy_pipeline.steps import Deskew, SubtractBackground


@pytest.mark.parametrize("level", [20, 98, 400])
def test_the_background_of_beads(level: int) -> None:
    stack = bead_stack(2.5).astype(np.float32) - 100 + level
    assert estimate_background(stack) == pytest.approx(level, abs=4)


def test_the_background_of_the_real_cell() -> None:
    """The camera has about 98 counts without light."""
    import tifffile

    (path,) = sorted(real_stack_folder().glob("cell*.tif"))
    assert estimate_background(tifffile.imread(path)) == pytest.approx(98, abs=2)


def test_what_was_not_recorded_has_no_background() -> None:
    """The frame of a smaller camera, or planes without a z-stack, beside blank ones."""
    own = np.random.default_rng(1).poisson(100, (6, 20, 30)).astype(np.uint16)
    whole = np.zeros((24, 64, 64), np.uint16)
    whole[2:8, :20, :30] = own
    assert estimate_background(whole) == pytest.approx(estimate_background(own), abs=4)
    assert estimate_background(np.zeros((4, 8, 8))) == 0.0


def test_the_blanks_beside_a_deskewed_block_are_no_background() -> None:
    volume = np.random.default_rng(1).normal(100, 4, (40, 64, 128))
    volume[10:30, 20:40, 40:80] += 300
    raw = Stack.from_array(volume.astype("uint16")[None, None], (0.5, 0.1, 0.1))
    deskewed = Pipeline([Deskew(angle=31.5)]).apply(raw)
    assert (deskewed.source.read(0, 0) == 0).mean() > 0.5
    assert estimate(SubtractBackground(), deskewed).changes["value"] == pytest.approx(100, abs=2)


def test_small_numbers_are_no_counts() -> None:
    volume = np.random.default_rng(1).normal(0.1, 0.004, (8, 64, 64)).astype("float32")
    assert estimate_background(volume) == pytest.approx(0.1, abs=0.003)


def test_a_background_of_nothing_is_refused() -> None:
    assert estimate_background(np.full((4, 8, 8), -5.0)) == 0.0
    with pytest.raises(GeometryError, match="no finite values"):
        estimate_background(np.full((4, 8, 8), np.nan, "float32"))
