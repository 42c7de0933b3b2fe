"""A long acquisition in which all goes wrong that can: what is seen is whole, and all is seen."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from acquisition import Microscope, run

KINDS = {
    "restart", "numbers anew", "series", "rename", "delete", "clock", "rewrite", "late", "share",
}  # fmt: skip


@pytest.mark.parametrize(("channels", "seed"), [(1, 0), (1, 1), (2, 4), (2, 5)])
def test_nothing_is_seen_half_and_nothing_is_missing(
    channels: int, seed: int, tmp_path: Path
) -> None:
    """An hour of it is in tests/bench/test_acquisition_hour.py."""
    times = 300
    microscope = Microscope(tmp_path / "live", times, channels, seed=seed, often=0.4)
    watcher = run(microscope)
    assert watcher.wrong == [] and watcher.doubted == 0
    assert watcher.missing() == []
    assert watcher.times == times
    assert watcher.complaints() == [], "all of it is in order in the end"
    assert microscope.happened.keys() == KINDS


def test_watching_on_takes_no_more_memory(tmp_path: Path) -> None:
    microscope = Microscope(tmp_path / "live", 100)
    watcher = run(microscope)

    def count() -> int:
        for _ in range(100):
            watcher.poll()
        gc.collect()
        return len(gc.get_objects())

    count()
    before = count()
    assert count() - before < 50
