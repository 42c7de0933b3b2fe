"""Compute thread: makes the pixels on screen, in threads; for each channel the latest wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.render_request import QUICKEST, RenderRequest
from napari_lazy_pipeline._gui.widgets.background_task import yield_to_window
from napari_lazy_pipeline.compute import Progress
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError

# Superseded pixels that are ready this soon [s] are shown all the same: while a knob is turned,
# quick steps then follow the hand, and slow ones are dropped. The quickest previews are given
# more time, as there is nothing that could take their place.
GRACE = 0.15
GRACE_OF_QUICKEST = 0.6

_Slot = tuple[int, bool]  # channel, and whether previews of it are made


@dataclass(eq=False)
class _Run:
    """A request under way."""

    request: RenderRequest
    dropped: bool = False  # it has to stop: nobody can count on it any more
    ahead: bool = False  # not requested yet: it only fills the cache


class ComputeThread(QObject):
    """Makes wanted pixels in background threads; its signals arrive in that of the receiver.

    There is one place a channel for results, and one for previews: a new request replaces the one
    before, and a computation that is no longer wanted stops between two steps or iterations.
    """

    delivered = Signal(object, object)  # RenderRequest, pixels
    failed = Signal(object, object)  # RenderRequest, error
    previewed = Signal(object, float)  # RenderRequest, s it took to make the preview, or to stop
    # A step runs, for a result and not for a preview; index -1 is reading the file.
    started = Signal(int, int)  # channel, index
    progressed = Signal(int, int, float)  # channel, index, fraction
    finished = Signal(int, int, float)  # channel, index, s

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._requests: dict[_Slot, RenderRequest] = {}
        self._prepared: dict[_Slot, RenderRequest] = {}
        self._running: dict[_Slot, _Run] = {}
        self._stopped = False
        self._pool = _threads(2, "lazy-runner")
        self._preview_pool = _threads(1, "lazy-runner-preview")

    def run(self, function: Callable[[], object]) -> None:
        """Run a function in one of the threads."""
        with self._lock:
            if not self._stopped:
                self._pool.submit(function)

    def request(self, request: RenderRequest) -> None:
        """Request pixels, instead of those that were wanted in their place before."""
        slot = _slot(request)
        with self._lock:
            if self._stopped or request.same_as(self._requests.get(slot)):
                return
            run = self._running.get(slot)
            if run is not None and not run.dropped and request.same_as(run.request):
                self._requests.pop(slot, None)
                run.ahead = False
                return
            self._prepared.pop(slot, None)
            self._requests[slot] = request
            self._begin(request)

    def prepare(self, request: RenderRequest) -> None:
        """Put pixels in the cache when there is nothing better to do; raise no signal."""
        with self._lock:
            if not self._stopped:
                self._prepared[_slot(request)] = request
                self._begin(request)

    def is_making(self, request: RenderRequest) -> bool:
        """Return whether pixels that were requested are under way."""
        slot = _slot(request)
        with self._lock:
            run = self._running.get(slot)
            under_way = (
                run is not None and not (run.dropped or run.ahead) and request.same_as(run.request)
            )
            return under_way or request.same_as(self._requests.get(slot))

    def drop(self, channel: int | None = None, previews: bool | None = None) -> None:
        """Want no results, or previews, of a channel any more; None: whichever."""
        with self._lock:
            for slot in {*self._requests, *self._prepared, *self._running}:
                if channel in (None, slot[0]) and previews in (None, slot[1]):
                    self._requests.pop(slot, None)
                    self._prepared.pop(slot, None)
                    if slot in self._running:
                        self._running[slot].dropped = True

    def _begin(self, request: RenderRequest) -> None:
        """See to it that a thread works on a request, or on what replaces it."""
        slot = _slot(request)
        if slot not in self._running:
            self._running[slot] = _Run(request, dropped=True)
            (self._preview_pool if request.preview else self._pool).submit(self._work, slot)

    @property
    def busy(self) -> bool:
        """Return whether anything that was requested is under way."""
        with self._lock:
            return bool(self._requests) or any(not run.ahead for run in self._running.values())

    def stop(self) -> None:
        """End; what is under way stops at its next step or iteration."""
        with self._lock:
            self._stopped = True
            self._requests.clear()
        for pool in (self._pool, self._preview_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is under way to end; after `stop`."""
        for pool in (self._pool, self._preview_pool):
            pool.shutdown(wait=True)
        self._running.clear()  # of what had not begun, nobody reports the end

    def _work(self, slot: _Slot) -> None:
        """Make what is wanted in a place, until nothing is."""
        while (run := self._next(slot)) is not None:
            request, begin = run.request, monotonic()
            try:
                request.look_up_files()
                pixels = request.make(self._progress_of(run))
            except Cancelled:
                continue
            except LazyPipelineError as error:
                self._emit(run, self.failed, request, error)
            except Exception as error:  # noqa: BLE001
                # Nobody waits for this thread: what it does not report is lost.
                failure = LazyPipelineError(f"{type(error).__name__}: {error}")
                self._emit(run, self.failed, request, failure)
            else:
                self._emit(run, self.delivered, request, pixels)
            finally:
                if request.preview:
                    self._emit(run, self.previewed, request, monotonic() - begin)

    def _next(self, slot: _Slot) -> _Run | None:
        with self._lock:
            ahead = slot not in self._requests
            request = (self._prepared if ahead else self._requests).pop(slot, None)
            if request is None or self._stopped:
                self._running.pop(slot, None)
                return None
            run = self._running[slot] = _Run(request, ahead=ahead)
            return run

    def _progress_of(self, run: _Run) -> Progress:
        begin, channel, slot = monotonic(), run.request.channel, _slot(run.request)
        grace = GRACE_OF_QUICKEST if run.request.draft == QUICKEST - 1 else GRACE

        def cancelled() -> bool:
            with self._lock:
                patience = 0.0 if run.ahead else grace
                superseded = slot in self._requests and monotonic() - begin > patience
                run.dropped = run.dropped or self._stopped or superseded
                return run.dropped

        if run.request.preview:
            return Progress(cancelled=cancelled)
        return Progress(
            cancelled=cancelled,
            started=lambda index: self._emit(run, self.started, channel, _number(index)),
            progress=lambda index, done: self._emit(run, self.progressed, channel, index, done),
            finished=lambda index, s: self._emit(run, self.finished, channel, _number(index), s),
        )

    def _emit(self, run: _Run, signal: object, *arguments: object) -> None:
        if not self._stopped and not run.ahead:
            signal.emit(*arguments)  # type: ignore[attr-defined]


def _slot(request: RenderRequest) -> _Slot:
    return request.channel, request.preview


def _threads(count: int, name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=yield_to_window)


def _number(index: int | None) -> int:
    return -1 if index is None else index
