"""Background task: runs a function outside the thread of the window, which never waits for it.

Each function gets a thread of its own. Those of a pool, Qt's or that of `concurrent.futures`, are
waited for when the program ends, and a network share that hangs may never answer.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError


@dataclass(eq=False)
class TaskRun:
    """One function that runs, or is going to; it is given this."""

    place: str  # what it works on
    work: Work  # the function
    signal: Any  # takes progress to the thread of the window
    stop: threading.Event = field(default_factory=threading.Event)
    begun: bool = False  # whether it has a thread

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def report(self, progress: object) -> None:
        """Tell the window how far the function is, by any value."""
        self.signal.emit(self, progress)


Work = Callable[[TaskRun], Any]


class BackgroundTask(QObject):
    """Runs one function at a time; the latest replaces the one before, which is cancelled.

    A share that hangs holds up only what works on itself: another place has its turn at once.
    """

    finished = Signal(object)  # the result of the latest function, unless it raises `Cancelled`
    failed = Signal(object)  # or its `LazyPipelineError`
    progressed = Signal(object)  # how far it is, as it reports
    _reported = Signal(object, object)
    _ended = Signal(object, object)

    # Those at work: they must outlive the threads that report to them.
    _at_work: ClassVar[set[BackgroundTask]] = set()

    def __init__(
        self, failure: str = "This failed", name: str = "lazy-task", daemon: bool = True
    ) -> None:
        super().__init__()
        # First words where nobody foresaw an exception; a thread that is no daemon ends first.
        self._failure, self._name, self._daemon = failure, name, daemon
        self._latest: TaskRun | None = None
        self._running: set[str] = set()
        self._reported.connect(self._on_reported)
        self._ended.connect(self._on_ended)

    @property
    def busy(self) -> bool:
        return self._latest is not None

    def start(self, place: str, work: Work) -> None:
        """Run a function next, on a folder say: of a place, one function runs at a time."""
        self.cancel()
        self._latest = TaskRun(place, work, self._reported)
        self._begin()

    def cancel(self, *_: object) -> None:
        """Let the function stop where it can; it still has a result."""
        if self._latest is not None:
            self._latest.stop.set()

    def forget(self) -> None:
        """Let the function stop, and drop its result."""
        self.cancel()
        self._latest = None

    def _begin(self) -> None:
        """Give the latest function a thread, if nothing else works on its place."""
        run = self._latest
        if run is None or run.begun or run.place in self._running:
            return
        run.begun = True
        self._running.add(run.place)
        self._at_work.add(self)
        threading.Thread(
            target=self._run, args=(run,), name=self._name, daemon=self._daemon
        ).start()

    def _run(self, run: TaskRun) -> None:
        yield_to_window()
        try:
            result = run.work(run)
        except (Cancelled, LazyPipelineError) as error:
            result = error
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not report is lost.
            detail = str(error) or type(error).__name__
            result = LazyPipelineError(f"{self._failure}: {detail}", run.place)
        self._ended.emit(run, result)

    def _on_reported(self, run: TaskRun, value: object) -> None:
        if run is self._latest:
            self.progressed.emit(value)

    def _on_ended(self, run: TaskRun, result: object) -> None:
        self._running.discard(run.place)
        if not self._running:
            self._at_work.discard(self)
        if run is not self._latest:
            self._begin()
            return
        self._latest = None
        if isinstance(result, LazyPipelineError):
            self.failed.emit(result)
        elif not isinstance(result, Cancelled):
            self.finished.emit(result)


def yield_to_window() -> None:
    """Let the thread of the window go first where both want a CPU; engines inherit it.

    Only Linux has a priority for each thread that needs no library.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
