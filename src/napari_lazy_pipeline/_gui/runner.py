"""Runner: computes the volumes that are on screen, in threads; for each channel the latest wins."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline.costs import Timings
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError
from napari_lazy_pipeline.pipeline import PipelineSource, Watcher
from napari_lazy_pipeline.remember import RememberedSource

# A superseded volume that is ready this soon [s] is shown all the same: while a knob is turned,
# quick steps then follow the hand, and slow ones are dropped.
GRACE = 0.15


@dataclass(frozen=True, eq=False)
class Job:
    """One volume that is wanted.

    Attributes
    ----------
    channel, t
        Which one.
    source
        What makes it.
    """

    channel: int
    t: int
    source: PipelineSource

    def same_picture(self, other: Job) -> bool:
        """Whether the other job is for the same moment and steps, perhaps of another channel."""
        return self.source is other.source and self.t == other.t

    def same_as(self, other: Job | None) -> bool:
        """Whether the other job makes the same pixels."""
        return (
            other is not None
            and self.source is other.source
            and (self.channel, self.t) == (other.channel, other.t)
        )


@dataclass(eq=False)
class _Run:
    """A job under way.

    Attributes
    ----------
    job
        What is made.
    dropped
        It was told to stop: nobody can count on it any more.
    ahead
        Nobody has asked for it yet: it only fills the cache.
    """

    job: Job
    dropped: bool = False
    ahead: bool = False


class Runner(QObject):
    """Makes wanted volumes in background threads.

    There is one place a channel: a new wish replaces the one before, and a computation that is
    no longer wanted stops between two steps or iterations.

    Parameters
    ----------
    timings
        Told how long each step took.

    Signals (received in the thread of the receiver)
    -------
    delivered(Job, volume)
        A volume is ready.
    failed(Job, error)
        A volume cannot be made.
    started(channel, index), progressed(channel, index, fraction), finished(channel, index, s)
        A step runs; index -1 is reading the file.
    """

    delivered = Signal(object, object)
    failed = Signal(object, object)
    started = Signal(int, int)
    progressed = Signal(int, int, float)
    finished = Signal(int, int, float)

    def __init__(self, timings: Timings | None = None) -> None:
        super().__init__()
        self.timings = timings
        self._lock = threading.Lock()
        self._wanted: dict[int, Job] = {}
        self._next_up: dict[int, Job] = {}
        self._running: dict[int, _Run] = {}
        self._stopped = False
        self._pool = ThreadPoolExecutor(
            2, thread_name_prefix="lazy-runner", initializer=yield_to_window
        )

    def run(self, function: Callable[[], object]) -> None:
        """Run a function in one of the threads."""
        with self._lock:
            if not self._stopped:
                self._pool.submit(function)

    def want(self, job: Job) -> None:
        """Ask for a volume; forget what was wanted of its channel before."""
        with self._lock:
            if self._stopped:
                return
            if job.same_as(self._wanted.get(job.channel)):
                return
            run = self._running.get(job.channel)
            if run is not None and not run.dropped and job.same_as(run.job):
                self._wanted.pop(job.channel, None)
                run.ahead = False
                return
            self._next_up.pop(job.channel, None)
            self._wanted[job.channel] = job
            self._begin(job)

    def prepare(self, job: Job) -> None:
        """Put a volume in the cache when there is nothing better to do; tell nobody of it."""
        with self._lock:
            if not self._stopped:
                self._next_up[job.channel] = job
                self._begin(job)

    def _begin(self, job: Job) -> None:
        """See to it that somebody works on a channel."""
        if job.channel not in self._running:
            self._running[job.channel] = _Run(job, dropped=True)
            self._pool.submit(self._work, job.channel)

    def forget(self) -> None:
        """Want nothing any more."""
        with self._lock:
            self._wanted.clear()
            self._next_up.clear()
            for run in self._running.values():
                run.dropped = True

    @property
    def busy(self) -> bool:
        """Whether anything that somebody asked for is under way."""
        with self._lock:
            return bool(self._wanted) or any(not run.ahead for run in self._running.values())

    def stop(self) -> None:
        """End; what is under way stops at its next step or iteration."""
        with self._lock:
            self._stopped = True
            self._wanted.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is under way to end; after `stop`."""
        self._pool.shutdown(wait=True)

    def _work(self, channel: int) -> None:
        """Make what is wanted of a channel, until nothing is."""
        while (run := self._next(channel)) is not None:
            job = run.job
            try:
                refresh(job)
                volume = job.source.read(job.t, channel, self._watcher(run))
            except Cancelled:
                continue
            except LazyPipelineError as error:
                self._tell(run, self.failed, job, error)
            except Exception as error:  # noqa: BLE001
                # Nobody waits for this thread: what it does not say is never heard.
                failure = LazyPipelineError(f"{type(error).__name__}: {error}")
                self._tell(run, self.failed, job, failure)
            else:
                self._tell(run, self.delivered, job, volume)

    def _next(self, channel: int) -> _Run | None:
        with self._lock:
            ahead = channel not in self._wanted
            job = (self._next_up if ahead else self._wanted).pop(channel, None)
            if job is None or self._stopped:
                self._running.pop(channel, None)
                return None
            run = self._running[channel] = _Run(job, ahead=ahead)
            return run

    def _watcher(self, run: _Run) -> Watcher:
        begin, channel = monotonic(), run.job.channel

        def cancelled() -> bool:
            with self._lock:
                patience = 0.0 if run.ahead else GRACE
                superseded = channel in self._wanted and monotonic() - begin > patience
                run.dropped = run.dropped or self._stopped or superseded
                return run.dropped

        return Watcher(
            cancelled=cancelled,
            started=lambda index: self._tell(run, self.started, channel, _number(index)),
            progress=lambda index, done: self._tell(run, self.progressed, channel, index, done),
            finished=lambda index, s: self._on_finished(run, _number(index), s),
        )

    def _on_finished(self, run: _Run, index: int, seconds: float) -> None:
        if self.timings is not None:
            self.timings.note(run.job.source, index, seconds)
        self._tell(run, self.finished, run.job.channel, index, seconds)

    def _tell(self, run: _Run, signal: object, *arguments: object) -> None:
        if not self._stopped and not run.ahead:
            signal.emit(*arguments)  # type: ignore[attr-defined]


def yield_to_window() -> None:
    """Let the thread of the window go first where both want a CPU.

    Threads started from this one, those of an engine, inherit it. Only Linux has a priority for
    each thread that needs no library.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def refresh(job: Job) -> None:
    """Notice it if the file of a volume was replaced."""
    if isinstance(job.source.raw, RememberedSource):
        job.source.raw.refresh(job.t, job.channel)


def _number(index: int | None) -> int:
    return -1 if index is None else index
