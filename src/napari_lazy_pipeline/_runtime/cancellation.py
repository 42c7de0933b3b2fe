"""Cancellation: work, and waiting for a lock, that ends once the result is not wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_lazy_pipeline.errors import Cancelled

# How often, while waiting, to check whether the result is still wanted [s].
TICK = 0.02


def not_cancelled() -> bool:
    """Return that the result is wanted; for callers that never cancel."""
    return False


def no_progress(*_: object) -> None:
    """Ignore how far the work is; for callers that do not show it."""


def cancel_check(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """Make a function that raises `Cancelled` once ``cancelled`` returns true."""

    def check() -> None:
        if cancelled():
            raise Cancelled

    return check


class CancellableLock:
    """What only one thread may use at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Hold it; raise `Cancelled` instead as soon as ``cancelled`` returns true."""
        check = cancel_check(cancelled)
        while not self._lock.acquire(timeout=TICK):
            check()
        try:
            check()
            yield
        finally:
            self._lock.release()
