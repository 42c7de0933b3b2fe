"""Splits a loop over Python threads, for functions that release the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


def cpu_count() -> int:
    """Count the CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """A number of threads, the calling one included.

    Parameters
    ----------
    threads
        How many; 0 takes one per CPU.
    """

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads or cpu_count()

    def each(
        self,
        function: Callable[[int], object],
        count: int,
        check: Callable[[], object] = bool,
    ) -> None:
        """Call ``function`` with 0 .. count - 1, in any order.

        The calling thread takes part and asks ``check`` before each of its turns; what that
        raises, or ``function`` in any thread, ends the loop early and is raised here.
        """
        todo, job = iter(range(count)), [function]

        def work(ask: Callable[[], object] = bool) -> None:
            call = job[0]
            try:
                for i in todo:
                    ask()
                    call(i)
            finally:
                _exhaust(todo)

        helpers = min(self.threads, count) - 1
        futures = [_pool(self.threads, os.getpid()).submit(work) for _ in range(helpers)]
        try:
            work(check)
        finally:
            errors = [future.exception() for future in futures if not future.cancel()]
            job.clear()  # a helper that comes too late finds nothing, and keeps no array alive
        for error in errors:
            if error is not None:
                raise error


def _exhaust(todo: Iterator[int]) -> None:
    for _ in todo:
        pass


@lru_cache(maxsize=8)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads kept for the next loop; a forked process has its own."""
    return ThreadPoolExecutor(max(threads - 1, 1), "lazy-pipeline-cpu")
