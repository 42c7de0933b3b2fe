"""The list of what went wrong with single files or volumes while everything else went on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from napari_lazy_pipeline.errors import LazyPipelineError


@dataclass(frozen=True)
class Problem:
    """Something the pipeline worked around."""

    where: str  # path of the file, or name of the step and position
    what: str  # and what to do about it
    done: str = "shown blank"  # what the pipeline did instead

    @classmethod
    def of(cls, error: LazyPipelineError, where: str = "") -> Problem:
        """Make a problem of an error, at ``where`` unless the error says it."""
        what = f"{error.what}. {error.hint}" if error.hint else error.what
        return cls(error.where or where, what)


class ProblemLog:
    """Collects each problem once, from any thread; what another process meets is its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[Problem, None] = {}
        self._listeners: list[Callable[[Problem], None]] = []

    def report(self, problem: Problem) -> bool:
        """Note a problem; return whether it is new. Listeners hear of new ones only."""
        with self._lock:
            if problem in self._problems:
                return False
            self._problems[problem] = None
            listeners = list(self._listeners)
        for listener in listeners:
            listener(problem)
        return True

    def listen(self, listener: Callable[[Problem], None]) -> None:
        """Call ``listener`` for each new problem, in the thread that meets it."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Problem], None]) -> None:
        """Call ``listener`` no more."""
        with self._lock:
            self._listeners.remove(listener)

    def clear(self) -> None:
        """Forget all problems, so that they are reported again."""
        with self._lock:
            self._problems.clear()

    def __iter__(self) -> Iterator[Problem]:
        with self._lock:
            return iter(list(self._problems))

    def __len__(self) -> int:
        return len(self._problems)

    def __reduce__(self) -> tuple[type[ProblemLog], tuple[()]]:
        return (ProblemLog, ())
