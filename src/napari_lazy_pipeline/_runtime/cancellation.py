"""A lock for those who may lose interest while they wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_lazy_pipeline.errors import Cancelled

# How often someone who waits asks whether anybody still wants the result [s].
TICK = 0.02


def not_cancelled() -> bool:
    """Return that the result is wanted; for callers that never cancel."""
    return False


def no_progress(*_: object) -> None:
    """Ignore how far the work is; for callers that do not show it."""


class CancellableLock:
    """What only one thread may use at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Hold it; raise `Cancelled` instead as soon as ``cancelled`` says so."""
        while not self._lock.acquire(timeout=TICK):
            if cancelled():
                raise Cancelled
        try:
            if cancelled():
                raise Cancelled
            yield
        finally:
            self._lock.release()

    @contextmanager
    def taken_within(self, seconds: float) -> Iterator[None]:
        """Hold it, or go on without after some time."""
        mine = self._lock.acquire(timeout=seconds)
        try:
            yield
        finally:
            if mine:
                self._lock.release()
