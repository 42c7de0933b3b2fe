"""Time left: how long the rest of a run takes, from what its last volumes took."""

from __future__ import annotations

from collections import deque
from time import monotonic

_REMEMBERED = 20  # volumes


class TimeLeft:
    """Learns from the run: volumes may take longer than at first, or be there already.

    Examples
    --------
    >>> left = TimeLeft()
    >>> [left.update(done, 10, now) for done, now in ((4, 0.0), (5, 3.0), (6, 6.0))]
    [None, 15.0, 12.0]
    """

    def __init__(self) -> None:
        # Volumes that existed before tell nothing: the first update is where the run began.
        self._history: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)

    def update(self, done: int, total: int, now: float | None = None) -> float | None:
        """Return the time left [s], now that so many volumes are there; None if nobody knows."""
        self._history.append((done, monotonic() if now is None else now))
        (first, start), (last, end) = self._history[0], self._history[-1]
        return (end - start) / (last - first) * (total - last) if last > first else None
