"""Stage cache: results, bounded in bytes, of which none is ever made twice at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, field

import numpy as np

from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError

_POLL = 0.02  # s between two looks of a waiting thread at whether it is still wanted


@dataclass(eq=False)
class _Computation:
    """One under way, which several threads may wait for."""

    done: threading.Event = field(default_factory=threading.Event)
    result: np.ndarray | None = None
    error: Exception | None = None


class StageCache:
    """Keeps the most recently used arrays, read-only, up to a ``limit`` [byte].

    With ``keep_errors``, what could not be made is not tried again either.

    Examples
    --------
    >>> cache = StageCache(limit=1000)
    >>> cache.get_or_make("a", lambda: np.zeros(3)).tolist()
    [0.0, 0.0, 0.0]
    >>> cache.get("a") is cache.get_or_make("a", lambda: np.ones(3))
    True
    """

    def __init__(self, limit: int = 2 * 1024**3, keep_errors: bool = False) -> None:
        self._limit, self._keep_errors = limit, keep_errors
        self._lock = threading.Lock()
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._under_way: dict[Hashable, _Computation] = {}
        self._errors: dict[Hashable, LazyPipelineError] = {}
        self._used = 0

    @property
    def limit(self) -> int:
        """Size of what may be kept [byte]."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        with self._lock:
            self._limit = limit
            self._evict()

    @property
    def used(self) -> int:
        """Size of what is kept [byte]."""
        return self._used

    def __len__(self) -> int:
        return len(self._arrays)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._arrays

    def get(self, key: Hashable) -> np.ndarray | None:
        """Return the array, or None if it is not there; never waits for a computation."""
        with self._lock:
            return self._get(key)

    def get_or_make(
        self,
        key: Hashable,
        make: Callable[[], np.ndarray],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> np.ndarray:
        """Return the array, making it if needed, or waiting for the thread that makes it.

        What ``make`` raises is raised in every waiting thread, but for `Cancelled`: another thread
        that waits for the same array then makes it itself.
        """
        while True:
            with self._lock:
                array = self._get(key)
                if array is not None:
                    return array
                if key in self._errors:
                    raise copy(self._errors[key])
                is_new = key not in self._under_way
                computation = self._under_way.setdefault(key, _Computation())
            if is_new:
                return self._make(key, computation, make)
            while not computation.done.wait(_POLL):
                if cancelled():
                    raise Cancelled
            if computation.result is not None:
                return computation.result
            if computation.error is not None:
                raise computation.error

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrays.clear()
            self._errors.clear()
            self._used = 0

    def _get(self, key: Hashable) -> np.ndarray | None:
        if key in self._arrays:
            self._arrays.move_to_end(key)
        return self._arrays.get(key)

    def _make(
        self, key: Hashable, computation: _Computation, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        try:
            array = make()
            array.flags.writeable = False
            computation.result = array
            return array
        except Cancelled:
            raise
        except Exception as error:
            computation.error = error
            if self._keep_errors and isinstance(error, LazyPipelineError):
                # A traceback, and another error's, would hold the arrays of what failed.
                kept = copy(error).with_traceback(None)
                kept.__cause__ = kept.__context__ = None
                self._errors[key] = kept
            raise
        finally:
            with self._lock:
                del self._under_way[key]
                if computation.result is not None:
                    self._keep(key, computation.result)
            computation.done.set()

    def _keep(self, key: Hashable, array: np.ndarray) -> None:
        if array.nbytes <= self._limit:
            self._arrays[key] = array
            self._used += array.nbytes
            self._evict()

    def _evict(self) -> None:
        while self._used > self._limit:
            _, array = self._arrays.popitem(last=False)
            self._used -= array.nbytes
