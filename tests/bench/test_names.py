"""Proposals for random names, counted: sure and wrong, right without help, right in the list."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_size import size
from random_names import count

Figure = Callable[[str, float, str, float], None]
SCHEMES = size(2000, 20)


@pytest.mark.parametrize("timed", [True, False], ids=["time", "no time"])
def test_proposals_for_random_names(timed: bool, figure: Figure) -> None:
    result = count(range(1000, 1000 + SCHEMES), timed)
    which = "with a time" if timed else "without a time"
    figure(f"names {which}, sure and wrong", 100 * result.share("wrong"), "%", 0.5)
    figure(f"names {which}, not right at first", 100 - 100 * result.share("first"), "%", 20)
    figure(f"names {which}, right one not listed", 100 - 100 * result.share("listed"), "%", 3)
