"""Memory of large results that nobody holds any more, kept for the next ones.

Fresh memory comes from the system page by page, at the first touch of each: for a deskewed volume
that takes longer than the arithmetic.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from napari_lazy_pipeline._runtime.free_memory import budget

# Bytes that are kept while nobody uses them: the results of some time points.
LIMIT = 1 << 30
# Smaller arrays cost no more new than used.
SMALL = 1 << 20


class Pool:
    """Makes arrays; takes their memory back once they and all their views are gone.

    Together, what is in use and what is kept is never more than was once in use.

    Parameters
    ----------
    limit
        Memory kept while nobody uses it [byte]; what was given back first goes first.

    Examples
    --------
    >>> pool = Pool()
    >>> first = pool.empty((16, 256, 256), np.uint16)
    >>> place = first.ctypes.data
    >>> del first
    >>> pool.empty((16, 256, 256), np.uint16).ctypes.data == place
    True
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._idle: list[np.ndarray] = []
        self._returned: deque[np.ndarray] = deque()
        self._lent = self._most = 0

    @property
    def idle(self) -> int:
        """Memory kept that nobody uses [byte]."""
        with self._sorted():
            return self._kept()

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """Make an array of any content."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size < SMALL:
            return np.empty(shape, dtype)
        buffer = self._taken(size)
        # Its base is no array: numpy lets all views of it, and theirs, hold this one then.
        flat = np.frombuffer(buffer.data, dtype)
        weakref.finalize(flat, self._give_back, buffer).atexit = False
        return flat.reshape(shape)

    def clear(self) -> None:
        """Give everything that nobody uses back to the system."""
        with self._sorted():
            self._idle.clear()
            self._most = self._lent

    def _taken(self, size: int) -> np.ndarray:
        """Memory of that size: used if there is some, otherwise new."""
        with self._sorted():
            self._lent += size
            self._most = max(self._most, self._lent)
            for i in reversed(range(len(self._idle))):
                if self._idle[i].nbytes == size:
                    return self._idle.pop(i)
            self._give_way()
        try:
            return self._new(size)
        except MemoryError:
            with self._sorted():
                self._lent -= size
                self._most = self._lent
            raise

    def _give_way(self) -> None:
        """Let go of what would make it more than was ever in use, the smallest first."""
        while self._idle and self._lent + self._kept() > self._most:
            sizes = [buffer.nbytes for buffer in self._idle]
            del self._idle[sizes.index(min(sizes))]

    def _new(self, size: int) -> np.ndarray:
        if size > budget():
            self.clear()
        try:
            return np.empty(size, np.uint8)
        except MemoryError:
            self.clear()
            return np.empty(size, np.uint8)

    def _kept(self) -> int:
        return sum(buffer.nbytes for buffer in self._idle)

    def _give_back(self, buffer: np.ndarray) -> None:
        """Called when an array is gone: by any thread, in the middle of anything."""
        self._returned.append(buffer)
        self._sort_in()

    @contextmanager
    def _sorted(self) -> Iterator[None]:
        """Have the idle memory for oneself, nothing that was given back missing."""
        self._sort_in()
        with self._lock:
            yield
        self._sort_in()

    def _sort_in(self) -> None:
        """Keep what was given back, within the limit.

        Never waits: a garbage collection may have come while this very thread holds the lock.
        Whoever holds it looks again after that.
        """
        while self._returned and self._lock.acquire(blocking=False):
            try:
                self._keep([self._returned.popleft() for _ in range(len(self._returned))])
            finally:
                self._lock.release()

    def _keep(self, buffers: list[np.ndarray]) -> None:
        self._lent -= sum(buffer.nbytes for buffer in buffers)
        self._idle.extend(buffer for buffer in buffers if buffer.nbytes <= self.limit)
        while self._kept() > self.limit:
            del self._idle[0]


def pool() -> Pool:
    """The pool of this process; one that is forked has its own."""
    return _pool(os.getpid())


@lru_cache(maxsize=1)
def _pool(process: int) -> Pool:
    return Pool()
