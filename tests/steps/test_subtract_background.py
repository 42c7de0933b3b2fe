"""Subtract background: never below 0, in any type."""

from __future__ import annotations

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.steps import SubtractBackground
from stacks import processed


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_it_clamps_at_zero_and_keeps_the_type(dtype: str) -> None:
    volume = np.array([[[0, 50, 90, 100, 120]]], dtype)
    result = processed(SubtractBackground(value=90), volume, VolumeSpec((1, 1, 5), dtype))
    assert result.dtype == dtype
    assert result.tolist() == [[[0, 0, 0, 10, 30]]]


def test_more_than_the_type_holds_leaves_nothing() -> None:
    volume = np.array([[[255, 3]]], "uint8")
    result = processed(SubtractBackground(value=300), volume, VolumeSpec((1, 1, 2), "uint8"))
    assert not result.any()


def test_a_mask_stays_one() -> None:
    """True counts as 1."""
    mask = np.array([[[True, False]]])
    for value, expected in ((0.0, [True, False]), (0.4, [True, False]), (1.0, [False, False])):
        made = Pipeline([SubtractBackground(value=value)]).apply(mask).volume()
        assert made.dtype == bool and made[0, 0].tolist() == expected
