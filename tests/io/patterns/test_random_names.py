"""Random ways to name files: how often what is proposed for them is right."""

from __future__ import annotations

import random

import pytest

from napari_lazy_pipeline.io.patterns.proposal import propose_patterns
from random_names import count, scheme


@pytest.mark.parametrize("timed", [True, False], ids=["with a time", "without a time"])
def test_proposals_are_right_or_asked_about(timed: bool) -> None:
    """More of them are counted in tests/bench/test_names.py."""
    result = count(range(4000, 4300), timed)
    assert result.share("wrong") <= 0.005
    assert result.share("first") >= 0.8
    assert result.share("listed") >= 0.97


def test_they_do_not_depend_on_the_order_of_names() -> None:
    for seed in range(40):
        names = scheme(seed, timed=True).names
        mixed = random.Random(seed).sample(names, len(names))
        assert propose_patterns(mixed) == propose_patterns(names)
