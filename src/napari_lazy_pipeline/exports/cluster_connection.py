"""Cluster connection: a scheduler and its workers, none of whom is waited for without end.

Calls of distributed wait for ever for a process that is frozen, or whose computer is gone: no
connection is closed then. So they are made in threads that are left behind, and what a worker last
said of itself is looked at all the while.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic, sleep
from typing import Any, TypeVar

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.errors import Cancelled, ExportError, WorkerLostWarning, one_line
from napari_lazy_pipeline.exports.scheduler_address import (
    INTERVAL,
    TIMEOUT,
    begin,
    require_listener,
    wait_for_answer,
)

T = TypeVar("T")

_INSTALL = "pip install 'napari-lazy-pipeline[cluster]'"
# Without a sign of life of a worker, or an answer of the scheduler [s]; --help and docs state it.
SILENCE = 20.0
_LOOK = 2.0  # s between two looks at the workers
_CLIENT_TIMEOUT = 10  # s, once it has answered
_GO_ON = "What is written stays: the same command goes on, with this or another scheduler"
# Their tracebacks say nothing that is not said in words.
_LOGGERS = "distributed", "distributed.client", "tornado.application", "asyncio"


def unavailable() -> str | None:
    """Return in one line why no cluster can be used here; None if one can."""
    if find_spec("distributed") is None:
        return f"The package distributed is not installed: {_INSTALL}"
    return None


class Connection:
    """A client of a scheduler, and when each of its workers last gave a sign of life."""

    def __init__(self, client: Any, address: str, cancelled: Callable[[], bool]) -> None:
        self.client, self.address, self.cancelled = client, address, cancelled
        self.workers: dict[str, Any] = {}
        self._info: Any = None  # what the scheduler said last
        self._signs: dict[str, tuple[float, float]] = {}  # what it said, and when that was new
        self._lost = 0  # workers that were given up
        self._next_look = self._last_worker = monotonic()

    @property
    def threads(self) -> int:
        """Number of threads of all workers."""
        return sum(worker["nthreads"] for worker in self.workers.values())

    def ask_workers(self, call: Callable[[], T]) -> T:
        """Return what a call returns that all workers answer; without those that are silent.

        Raises `Cancelled`, an `ExportError` as `look` does, and what the call raises.
        """
        while True:
            while not self.workers:  # a new one may come
                self._pause()
            lost, answer = self._lost, begin(call)
            while self._lost == lost:
                self._pause(answer)
                if answer.done():
                    return answer.result()

    def _pause(self, *answers: Future[Any]) -> None:
        """Let some time pass, or until there is an answer."""
        if self.cancelled():
            raise Cancelled
        if answers:
            wait(answers, INTERVAL)
        else:
            sleep(INTERVAL)
        self.look()

    def look(self) -> None:
        """Look at the workers, now and then: give up one that is silent, with a warning.

        Its volumes are made by the others. An `ExportError` if the scheduler does not answer, or
        has had no workers for so long.
        """
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        self.refresh()
        for address in self._silent_workers(now):
            self._give_up(address)
        if self.workers:
            self._last_worker = now
        elif now - self._last_worker >= SILENCE:
            what = "The dask scheduler has had no workers"
            raise ExportError(f"{what} for {SILENCE:g} s", self.address, f"Start some. {_GO_ON}")

    def refresh(self) -> None:
        """Ask the scheduler for its workers; an `ExportError` if it does not answer."""
        if self.client.status != "running":  # it would first try to connect again
            raise self._scheduler_lost()
        answer = begin(lambda: self.client.scheduler_info(n_workers=-1))
        try:
            info = answer.result(SILENCE)
        except Exception as error:
            raise self._scheduler_lost() from error
        # Without an answer, distributed repeats the last one.
        if info is self._info or self.client.status != "running":
            raise self._scheduler_lost()
        self._info, self.workers = info, dict(info["workers"])

    def _scheduler_lost(self) -> ExportError:
        return ExportError("The dask scheduler does not answer any more", self.address, _GO_ON)

    def _silent_workers(self, now: float) -> list[str]:
        """Addresses of the workers that say since long what they said before."""
        signs = {}
        for address, worker in self.workers.items():
            said, since = self._signs.get(address, (None, now))
            seen = worker["last_seen"]
            signs[address] = seen, since if seen == said else now
        self._signs = signs
        return [address for address, (_, since) in signs.items() if now - since >= SILENCE]

    def _give_up(self, address: str) -> None:
        """Have the scheduler give what a worker is doing to others."""

        # Defined in here, so that it is sent as it is: the scheduler may not have this package.
        async def remove(dask_scheduler: Any) -> None:
            await dask_scheduler.remove_worker(
                address, stimulus_id="silent", expected=True, close=False
            )

        silent = f"A worker has been silent for {SILENCE:g} s"
        try:
            begin(lambda: self.client.run_on_scheduler(remove)).result(TIMEOUT)
        except Exception as error:
            raise ExportError(silent, address, f"End it. {_GO_ON}") from error
        del self.workers[address]
        self._lost += 1
        if not self.workers:
            raise ExportError(f"{silent}, the last one", address, f"Start another. {_GO_ON}")
        text = f"{silent}: others do its part ({address})"
        warnings.warn(text, WorkerLostWarning, stacklevel=2)


@contextmanager
def connect(address: str, cancelled: Callable[[], bool] = not_cancelled) -> Iterator[Connection]:
    """Connect to a scheduler; an `ExportError` if it does not answer or has no workers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ExportError("A cluster needs the package distributed", hint=_INSTALL) from error
    with _without_tracebacks():
        # First without a client: one that waits in vain takes 20 s more to go.
        wait_for_answer(lambda: _require_scheduler(address), address, cancelled)
        try:
            # Not the default: this process goes on computing the pictures on screen by itself.
            client = Client(address, timeout=_CLIENT_TIMEOUT, set_as_default=False)
        except Exception as error:
            what = f"The dask scheduler does not answer: {one_line(str(error) or error)}"
            raise ExportError(what, address) from error
        try:
            connection = Connection(client, address, cancelled)
            connection.refresh()
            if not connection.workers:
                raise ExportError("The dask scheduler has no workers", address, "Start some")
            yield connection
        finally:
            try:
                client.close(timeout=TIMEOUT)
            except TimeoutError:
                # It is frozen: the garbage collector would wait, too, and longer.
                client.status = "closed"


def _require_scheduler(address: str) -> None:
    require_listener(address)
    # A thread has no loop yet, as that of a notebook has.
    asyncio.run(_shake_hands(address))


async def _shake_hands(address: str) -> None:
    from distributed.comm.core import connect as connect_comm
    from distributed.security import Security

    options = Security().get_connection_args("client")
    comm = await connect_comm(address, timeout=TIMEOUT, **options)
    await comm.close()


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Keep quiet what distributed logs of connections that end."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
