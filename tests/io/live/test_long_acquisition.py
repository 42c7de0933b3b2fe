"""A long acquisition in which all goes wrong that can: what is seen is whole, and all is seen."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from acquisition import Microscope, run

KINDS = {"restart", "rename", "clock", "rewrite", "late", "share"}


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_seen_half_and_nothing_is_missing(seed: int, tmp_path: Path) -> None:
    """An hour of it is in tests/bench/test_acquisition_hour.py."""
    microscope = Microscope(tmp_path / "live", 600, seed=seed)
    watcher = run(microscope)
    assert watcher.wrong == []
    assert watcher.missing() == []
    assert watcher.times == 600
    assert not list(watcher.session.raw.problems), "all of it is in order in the end"
    assert len(KINDS & microscope.happened.keys()) >= 3, microscope.happened


def test_watching_on_takes_no_more_memory(tmp_path: Path) -> None:
    microscope = Microscope(tmp_path / "live", 100)
    watcher = run(microscope)

    def count() -> int:
        for _ in range(50):
            watcher.poll()
        gc.collect()
        return len(gc.get_objects())

    count()
    before = count()
    assert count() - before < 50
