"""The list of what is wrong with single files or volumes while everything else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from weakref import WeakMethod

from napari_lazy_pipeline.errors import LazyPipelineError, printable


@dataclass(frozen=True)
class Problem:
    """Something the pipeline works around."""

    where: str  # path of the file, or name of the step and position
    what: str  # what is wrong
    done: str = "shown blank"  # what the pipeline does instead
    hint: str = ""  # what a person can do about it
    kind: str = ""  # of the step that failed, or of the error

    @classmethod
    def of(cls, error: LazyPipelineError, where: str = "") -> Problem:
        """Make a problem of an error, at ``where`` unless the error says it."""
        kind = getattr(error, "kind", type(error).__name__)
        return cls(error.where or where, error.what, hint=error.hint, kind=kind)

    def __str__(self) -> str:
        hint = f". {self.hint}" if self.hint else ""
        return printable(f"{self.what} ({self.where}); {self.done}{hint}")


class ProblemLog:
    """Holds each problem once, from any thread, until what it is about is in order.

    Whoever reports a problem names what it is about: a part of a file, a step at a volume, an
    engine. Problems of another process are its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[Problem, set[Hashable]] = {}
        self._listeners: list[WeakMethod[Callable[[], None]]] = []
        self._topics: set[Hashable] = set()

    def report(self, problem: Problem, about: Hashable = None) -> bool:
        """List a problem; return whether it is new. About None: it stays."""
        with self._lock:
            new = problem not in self._problems
            self._problems.setdefault(problem, set()).add(about)
        if new:
            self._tell()
        return new

    def withdraw(self, solved: Callable[[Hashable], bool]) -> None:
        """Take back the problems that are about nothing but what is ``solved``."""
        gone = False
        with self._lock:
            for problem, about in list(self._problems.items()):
                left = {topic for topic in about if topic is None or not solved(topic)}
                if left:
                    self._problems[problem] = left
                else:
                    del self._problems[problem]
                    gone = True
        if gone:
            self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a method whenever the list changes, in the thread that changes it.

        Its object is not kept alive for that.
        """
        with self._lock:
            self._listeners = [one for one in self._listeners if one() is not None]
            self._listeners.append(WeakMethod(listener))

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more."""
        with self._lock:
            self._listeners.remove(WeakMethod(listener))

    def first(self, topic: Hashable) -> bool:
        """Return whether this is asked about a topic for the first time."""
        with self._lock:
            new = topic not in self._topics
            self._topics.add(topic)
        return new

    def clear(self) -> None:
        """Take back all problems."""
        with self._lock:
            self._problems.clear()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = [listener() for listener in self._listeners]
        for listener in listeners:
            if listener is not None:
                listener()

    def __iter__(self) -> Iterator[Problem]:
        with self._lock:
            return iter(list(self._problems))

    def __len__(self) -> int:
        return len(self._problems)

    def __reduce__(self) -> tuple[type[ProblemLog], tuple[()]]:
        return (ProblemLog, ())
