"""Proposals for random names, counted: sure and wrong, right without help, right in the list."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

import random_names
from bench_size import size
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import propose_patterns
from random_names import count

Figure = Callable[[str, float, str, float], None]
SCHEMES = size(2000, 20)
NAMES = size(100_000, 200)


@pytest.mark.parametrize("timed", [True, False], ids=["time", "no time"])
def test_proposals_for_random_names(timed: bool, figure: Figure) -> None:
    result = count(range(1000, 1000 + SCHEMES), timed)
    which = "with a time" if timed else "without a time"
    figure(f"names {which}, sure and wrong", 100 * result.share("wrong"), "%", 0.5)
    figure(f"names {which}, not right at first", 100 - 100 * result.share("first"), "%", 20)
    figure(f"names {which}, right one not listed", 100 - 100 * result.share("listed"), "%", 3)


def test_many_names_of_random_schemes(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern is proposed for them, and each gets its place."""
    for axis, most in {"t": NAMES // 20, "c": 4, "z": 60, "p": 8}.items():
        monkeypatch.setitem(random_names._MOST, axis, most)
    schemes = [random_names.scheme(seed, timed=True).names for seed in range(40)]
    large = [names[:NAMES] for names in schemes if len(names) >= NAMES]
    times = []
    for names in large:
        start = time.perf_counter()
        pattern = propose_patterns(names)[0].pattern
        arrange(names, compile_pattern(pattern))
        times.append(time.perf_counter() - start)
    print(f"\n{len(large)} schemes, median {statistics.median(times):.2f} s")
    figure(f"proposal and places of {NAMES} names, the slowest scheme", max(times), "s", 2.0)
