"""Background: does one thing at a time in a thread, and brings the answer of the latest."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QRunnable, QThreadPool, Signal

from napari_lazy_pipeline.errors import LazyPipelineError


class _Task(QRunnable):
    """A function to run in a thread."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__()
        self._function = function

    def run(self) -> None:
        """Run it."""
        self._function()


class Background(QObject):
    """Runs functions in threads; of several, only the latest is answered.

    It has no parent: it must outlive the thread that reports to it.

    Attributes
    ----------
    busy
        Whether an answer is awaited.

    Signals
    -------
    done(object), failed(LazyPipelineError)
        What came of the latest function.
    """

    done = Signal(object)
    failed = Signal(object)
    _answered = Signal(int, object)

    def __init__(self) -> None:
        super().__init__()
        self._latest = 0
        self.busy = False
        self._answered.connect(self._on_answered)

    def run(self, function: Callable[[], object]) -> None:
        """Run a function in a thread; the answer of an earlier one is not wanted any more."""
        self._latest += 1
        self.busy = True
        number = self._latest
        pool = QThreadPool.globalInstance()
        if pool is not None:
            pool.start(_Task(lambda: self._answer(function, number)))

    def forget(self) -> None:
        """Want no answer any more."""
        self._latest += 1
        self.busy = False

    def _answer(self, function: Callable[[], object], number: int) -> None:
        try:
            answer = function()
        except LazyPipelineError as error:
            answer = error
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            answer = LazyPipelineError(f"{type(error).__name__}: {error}")
        self._answered.emit(number, answer)

    def _on_answered(self, number: int, answer: object) -> None:
        if number != self._latest:
            return
        self.busy = False
        if isinstance(answer, LazyPipelineError):
            self.failed.emit(answer)
        else:
            self.done.emit(answer)
