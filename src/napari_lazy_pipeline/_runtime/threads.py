"""Threads: a loop over functions that release the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache


def cpu_count() -> int:
    """Count the CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """A number of threads, the calling one included; 0 takes one per CPU."""

    def __init__(self, count: int = 0) -> None:
        self.count = count or cpu_count()

    def for_each(
        self, function: Callable[[int], object], count: int, check: Callable[[], object] = bool
    ) -> None:
        """Call ``function`` with 0 .. count - 1, in any order.

        The calling thread takes part and calls ``check`` before each of its turns. What that or
        ``function`` raises, in any thread, ends the loop early and is raised here.
        """
        indices, job = iter(range(count)), [function]

        def work(check: Callable[[], object] = bool) -> None:
            call = job[0]
            try:
                for i in indices:
                    check()
                    call(i)
            finally:
                for _ in indices:  # the other threads shall stop, too
                    pass

        helpers = min(self.count, count) - 1
        futures: list[Future[None]] = []
        # Where memory is limited, the system may give no more threads: those there are do it all.
        with suppress(RuntimeError):
            for _ in range(helpers):
                futures.append(_pool(self.count, os.getpid()).submit(work))
        try:
            work(check)
        finally:
            errors = [future.exception() for future in futures if not future.cancel()]
            job.clear()  # a helper that comes too late finds nothing, and keeps no array alive
        for error in errors:
            if error is not None:
                raise error


@lru_cache(maxsize=8)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads kept for the next loop; a forked process has its own."""
    return ThreadPoolExecutor(max(threads - 1, 1), "lazy-pipeline-cpu")
