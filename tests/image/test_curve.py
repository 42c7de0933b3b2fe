"""Curves: their ranges, the points nearest to a place, and round numbers for their axes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_lazy_pipeline.image.curve import Curve, ticks


def test_gaps_count_for_nothing() -> None:
    x = np.array([0.0, 1.0, 2.0, np.nan])
    curve = Curve("", "", "", {"a": (x, np.array([3.0, np.nan, 5.0, 99.0]))})
    assert (curve.x_range, curve.y_range) == ((0.0, 2.0), (3.0, 5.0))
    assert curve.at(1.1) == {"a": (2.0, 5.0)}
    assert Curve("", "", "").x_range == (0.0, 1.0)


def test_dots_are_read_where_a_line_goes_with_them() -> None:
    line = np.array([0.0, 2.0]), np.array([0.0, 2.0])
    curve = Curve("t", "x", "y", {"z": line}, {"z": (np.array([0.9]), np.array([7.0]))})
    assert curve.names == ("z",) and curve.at(0.0) == {"z": (0.9, 7.0)}
    assert curve.in_words() == "t: y over x\nz: 7 to 7 for 0.9 to 0.9"


def test_series_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a: \(2,\) values of x for \(3,\) of y"):
        Curve("", "", "", {"a": (np.zeros(2), np.zeros(3))})


@pytest.mark.parametrize(
    ("low", "high", "most", "numbers"),
    [
        (0, 10, 6, [0, 2, 4, 6, 8, 10]),
        (-3.2, 3.2, 5, [-2, 0, 2]),
        (1e-7, 3.1e-7, 5, [1e-7, 1.5e-7, 2e-7, 2.5e-7, 3e-7]),
        (4, 4, 5, [4]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, numbers: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(numbers, abs=1e-15)
