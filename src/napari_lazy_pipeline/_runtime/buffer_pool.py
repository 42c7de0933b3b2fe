"""Buffer pool: memory of large results that are not needed any more, for the next ones.

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

from napari_lazy_pipeline._runtime.free_memory import budget, require

# Bytes that are held while they are not used: the results of some time points.
LIMIT = 1 << 30
# Smaller arrays cost no more new than used.
SMALL = 1 << 20


class BufferPool:
    """Makes arrays; takes their memory back once they and all their views are gone.

    In use and idle memory together are never more than was once in use. Of the idle memory, no more
    than ``limit`` [byte] is held; what was returned first goes first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._idle: list[np.ndarray] = []
        self._returns: deque[np.ndarray] = deque()
        self._in_use = self._peak = 0

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """Make an array of any content."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size < SMALL:
            return np.empty(shape, dtype)
        buffer = self._buffer(size)
        # Its base is no array: numpy lets all views of it, and theirs, hold this one then.
        flat = np.frombuffer(buffer.data, dtype)
        weakref.finalize(flat, self._return, buffer).atexit = False
        return flat.reshape(shape)

    def clear(self) -> None:
        """Give all that is not used back to the system."""
        with self._locked():
            self._idle.clear()
            self._peak = self._in_use

    def _buffer(self, size: int) -> np.ndarray:
        """Memory of that size: used if there is some, otherwise new."""
        with self._locked():
            self._in_use += size
            self._peak = max(self._peak, self._in_use)
            for i in reversed(range(len(self._idle))):
                if self._idle[i].nbytes == size:
                    return self._idle.pop(i)
            # There would be more than was ever in use: the smallest go.
            while self._idle and self._in_use + self._idle_bytes() > self._peak:
                sizes = [buffer.nbytes for buffer in self._idle]
                del self._idle[sizes.index(min(sizes))]
        try:
            return self._new(size)
        except MemoryError:
            with self._locked():
                self._in_use -= size
                self._peak = self._in_use
            raise

    def _new(self, size: int) -> np.ndarray:
        if size > budget():
            self.clear()
            require(size)
        try:
            return np.empty(size, np.uint8)
        except MemoryError:
            self.clear()
            return np.empty(size, np.uint8)

    def _idle_bytes(self) -> int:
        return sum(buffer.nbytes for buffer in self._idle)

    def _return(self, buffer: np.ndarray) -> None:
        """Called when an array is gone: by any thread, in the middle of anything."""
        self._returns.append(buffer)
        self._collect()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Have the idle memory for oneself, nothing that was returned missing."""
        self._collect()
        with self._lock:
            yield
        self._collect()

    def _collect(self) -> None:
        """Make what was returned idle memory, within the limit; never wait.

        A garbage collection may come while this very thread holds the lock; it then collects again.
        """
        while self._returns and self._lock.acquire(blocking=False):
            try:
                for buffer in [self._returns.popleft() for _ in range(len(self._returns))]:
                    self._in_use -= buffer.nbytes
                    if buffer.nbytes <= self.limit:
                        self._idle.append(buffer)
                while self._idle_bytes() > self.limit:
                    del self._idle[0]
            finally:
                self._lock.release()


def pool() -> BufferPool:
    """The pool of this process; one that is forked has its own."""
    return _pool(os.getpid())


@lru_cache(maxsize=1)
def _pool(process: int) -> BufferPool:
    return BufferPool()
