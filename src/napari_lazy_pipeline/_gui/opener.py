"""Opener: looks at folders and engines in the background."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QRunnable, QThreadPool, Signal

from napari_lazy_pipeline.engines import engine_names, get_engine
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.opening import survey


class _Task(QRunnable):
    """A function to run in a thread."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._function = function

    def run(self) -> None:
        """Run it."""
        self._function()


class Opener(QObject):
    """Looks at folders and engines in the background; of several folders, the latest wins.

    Attributes
    ----------
    busy
        Whether a folder is being looked at.

    Signals
    -------
    opened(Survey), failed(LazyPipelineError)
        What came of the latest folder.
    engines(dict)
        For each engine, why it cannot be used, or None.
    problem(Problem)
        Something went wrong with a file.
    """

    opened = Signal(object)
    failed = Signal(object)
    engines = Signal(object)
    problem = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._latest = 0
        self.busy = False

    def done(self) -> None:
        """The answer has arrived where it was wanted."""
        self.busy = False

    def run(self, function: Any) -> None:
        """Run a function in a thread."""
        pool = QThreadPool.globalInstance()
        if pool is not None:
            pool.start(_Task(function))

    def open(self, folder: str, pattern: str = "") -> None:
        """Look at a folder; the answer comes as a signal."""
        self._latest += 1
        self.busy = True
        number = self._latest
        self.run(lambda: self._look(folder, pattern, number))

    def look_at_engines(self) -> None:
        """Find out which engines can be used."""
        self.engines.emit({name: get_engine(name).unavailable() for name in engine_names()})

    def _look(self, folder: str, pattern: str, number: int) -> None:
        try:
            result: Any = survey(folder, pattern or None)
            signal: Any = self.opened
        except LazyPipelineError as error:
            result, signal = error, self.failed
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            result = LazyPipelineError(f"The folder cannot be opened: {error}", folder)
            signal = self.failed
        if number == self._latest:
            signal.emit(result)
