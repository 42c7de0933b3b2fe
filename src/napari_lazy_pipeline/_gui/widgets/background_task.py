"""Errand: asks one question at a time in a thread, so that the window never waits for a share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline.errors import LazyPipelineError

Work = Callable[[], Any]


class BackgroundTask(QObject):
    """Does one thing at a time in a thread; of those that wait, only the latest is done.

    A share that hangs holds up only what is asked about itself: another place is asked at once,
    and the answer of the first is dropped if it ever comes.

    Parameters
    ----------
    trouble
        What to say if something goes wrong that nobody foresaw.

    Signals
    -------
    answered(object), failed(LazyPipelineError)
        What came of the latest.
    """

    answered = Signal(object)
    failed = Signal(object)
    _done = Signal(int, str, object)

    # Those at work: they must outlive the thread that reports to them.
    _at_work: ClassVar[set[BackgroundTask]] = set()

    def __init__(self, trouble: str = "This failed") -> None:
        super().__init__()
        self._trouble = trouble
        self._latest = 0
        self._running: set[str] = set()
        self._waiting: tuple[str, Work] | None = None
        self._done.connect(self._on_done)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._waiting is not None or bool(self._running)

    def ask(self, place: str, work: Work) -> None:
        """Do this next.

        Parameters
        ----------
        place
            What is asked, a folder say; one thing at a time is asked of a place.
        work
            Runs in a thread.
        """
        self._latest += 1
        self._waiting = place, work
        if place not in self._running:
            self._start()

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        self._latest += 1
        self._waiting = None

    def _start(self) -> None:
        assert self._waiting is not None
        (place, work), self._waiting = self._waiting, None
        self._running.add(place)
        self._at_work.add(self)
        number = self._latest
        # Not one of Qt's pool, for which Qt waits at the end: a share may never answer.
        threading.Thread(
            target=self._work, args=(number, place, work), name="lazy-errand", daemon=True
        ).start()

    def _work(self, number: int, place: str, work: Work) -> None:
        try:
            outcome = work()
        except LazyPipelineError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            outcome = LazyPipelineError(f"{self._trouble}: {error}", place)
        self._done.emit(number, place, outcome)

    def _on_done(self, number: int, place: str, outcome: object) -> None:
        self._running.discard(place)
        if self._waiting is not None and self._waiting[0] not in self._running:
            self._start()
        if not self._running:
            self._at_work.discard(self)
        if number == self._latest:
            signal: Any = self.failed if isinstance(outcome, Exception) else self.answered
            signal.emit(outcome)
