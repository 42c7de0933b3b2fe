"""Exporter: writes all volumes in a thread, and says how far it is and how long it will take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import yield_to_window
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.export import ExportReport


@dataclass(eq=False)
class _Run:
    """One export under way.

    Attributes
    ----------
    stop
        Set when nobody wants it any more.
    begun
        When the first volume was begun, and how many were there by then.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    begun: tuple[float, int] | None = None


Work = Callable[[Callable[[int, int], None], Callable[[], bool]], ExportReport]


class ExportThread(QObject):
    """Runs one export at a time.

    Signals (received in the thread of the receiver)
    -------
    progressed(int, int, object)
        So many volumes of so many are there; time left [s], None before one was made.
    finished(ExportReport)
        It is done, or was stopped.
    failed(LazyPipelineError)
        It could not be done.
    """

    progressed = Signal(int, int, object)
    finished = Signal(object)
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._run: _Run | None = None
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="lazy-export", initializer=yield_to_window
        )

    @property
    def busy(self) -> bool:
        """Whether an export is under way."""
        return self._run is not None

    def start(self, work: Work) -> None:
        """Run an export: a function of `progress` and `cancelled`, as `export` takes them."""
        if self._run is None:
            self._run = run = _Run()
            self._pool.submit(self._work, run, work)

    def cancel(self) -> None:
        """Stop at the next volume, step or iteration; what is finished stays."""
        if self._run is not None:
            self._run.stop.set()

    def stop(self, *_: object) -> None:
        """End."""
        self.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is under way to end; after `stop`."""
        self._pool.shutdown(wait=True)

    def _work(self, run: _Run, work: Work) -> None:
        try:
            answer: object = work(lambda done, total: self._tell(run, done, total), run.stop.is_set)
            signal = self.finished
        except LazyPipelineError as error:
            answer, signal = error, self.failed
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            answer = LazyPipelineError(f"{type(error).__name__}: {error}")
            signal = self.failed
        self._run = None
        signal.emit(answer)

    def _tell(self, run: _Run, done: int, total: int) -> None:
        """Volumes that were there before tell nothing about the time a volume takes."""
        now = monotonic()
        if run.begun is None:
            run.begun = (now, done)
        begin, before = run.begun
        made = done - before
        left = (now - begin) / made * (total - done) if made else None
        self.progressed.emit(done, total, left)
