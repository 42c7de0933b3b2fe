"""Crop: exact bounds, and the rest stays where it was."""

from __future__ import annotations

import numpy as np
import pytest

from napari_lazy_pipeline import VolumeSpec
from napari_lazy_pipeline.errors import GeometryError, ParameterError
from napari_lazy_pipeline.steps import Crop
from stacks import processed, spec_after

SPEC = VolumeSpec((10, 20, 30), "uint16", (0.5, 0.2, 0.1), (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("crop", "shape", "translate"),
    [
        (Crop(), (10, 20, 30), (1.0, 2.0, 3.0)),
        (Crop(z=(2, 5)), (3, 20, 30), (2.0, 2.0, 3.0)),
        (Crop(z=(2, 0), y=(5, None)), (8, 15, 30), (2.0, 3.0, 3.0)),
        (Crop(x=(10, 1000)), (10, 20, 20), (1.0, 2.0, 4.0)),
        (Crop(y=slice(1, 2), x=None), (10, 1, 30), (1.0, 2.2, 3.0)),
    ],
)
def test_bounds(crop: Crop, shape: tuple[int, ...], translate: tuple[float, ...]) -> None:
    volume = np.arange(6000, dtype="uint16").reshape(SPEC.shape)
    after = spec_after(crop, SPEC)
    assert after.shape == shape
    assert after.translate == pytest.approx(translate)
    result = processed(crop, volume, SPEC)
    start = tuple(cut[0] for cut in (crop.z, crop.y, crop.x))
    assert result[0, 0, 0] == volume[start]
    assert result.base is None, "a copy, so that the whole volume can be forgotten"


def test_a_box_outside_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"starts at y = 20, .* ends at 20.*start below 20"):
        spec_after(Crop(y=(20, 25)), SPEC)


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"the end \(3\) must lie behind the start \(3\)"):
        Crop(z=(3, 3))
