"""Progress: who waits for a volume sees how far it is, and may cancel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np

from napari_lazy_pipeline.engines.cpu import preparation


class Remark(NamedTuple):
    """What a step, by its label, says of a volume, by its place, or of all (no place)."""

    step: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.step}{' at ' if self.place else ''}{self.place}: {self.text}"


@dataclass(frozen=True)
class Progress:
    """Reports how far a volume is, and asks whether it is still wanted.

    Attributes
    ----------
    cancelled
        True once the volume is not wanted any more.
    started
        Called with the index of a step that begins, None for reading the file.
    progress
        Called with the index of a step and its finished fraction.
    finished
        Called with the index of a step, and the time it took [s], NaN if loops were compiled
        meanwhile; a stage that comes from the cache is not reported.
    remarked
        Called with what a step says of what it makes.
    """

    cancelled: Callable[[], bool] = lambda: False
    started: Callable[[int | None], None] = lambda index: None
    progress: Callable[[int, float], None] = lambda index, fraction: None
    finished: Callable[[int | None, float], None] = lambda index, seconds: None
    remarked: Callable[[Remark], None] = lambda remark: None

    def time(self, index: int | None, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Make an array, and report when that began and how long it took."""
        self.started(index)
        start, compiling = perf_counter(), preparation.is_under_way()
        result = make()
        self.finished(index, math.nan if compiling else perf_counter() - start)
        return result
