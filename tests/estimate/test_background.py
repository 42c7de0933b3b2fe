"""The background is that of the camera, in made-up stacks and in a real one."""

from __future__ import annotations

import numpy as np
import pytest

from leaning_beads import bead_stack
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate.background import estimate_background
from napari_lazy_pipeline.samples.samples import real_stack_folder


@pytest.mark.parametrize("level", [20, 98, 400])
def test_the_background_of_beads(level: int) -> None:
    stack = bead_stack(2.5).astype(np.float32) - 100 + level
    assert estimate_background(stack) == pytest.approx(level, abs=4)


def test_the_background_of_the_real_cell() -> None:
    """The camera has about 98 counts without light."""
    import tifffile

    (path,) = sorted(real_stack_folder().glob("cell*.tif"))
    assert estimate_background(tifffile.imread(path)) == pytest.approx(98, abs=2)


def test_a_background_of_nothing_is_refused() -> None:
    assert estimate_background(np.full((4, 8, 8), -5.0)) == 0.0
    with pytest.raises(GeometryError, match="no finite values"):
        estimate_background(np.full((4, 8, 8), np.nan, "float32"))
