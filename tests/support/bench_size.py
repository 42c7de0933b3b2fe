"""Bench size: full where a benchmark is measured, tiny where a test sees that it still runs."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

# `scripts/bench` says so; everybody else just runs the benchmarks, and judges no time.
MEASURED = os.environ.get("BENCH_SIZE") == "full"


def size(full: T, tiny: T) -> T:
    """Choose how large, how many or how long."""
    return full if MEASURED else tiny
