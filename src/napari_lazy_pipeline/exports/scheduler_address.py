"""Scheduler address: whether anybody listens there, before anything is loaded that takes long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic
from typing import TypeVar

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.errors import Cancelled, ExportError, one_line

T = TypeVar("T")

INTERVAL = 0.2  # s between two checks whether it was cancelled
TIMEOUT = 3.0  # s for a scheduler to answer the first time, and to be left


def check_address(address: str, cancelled: Callable[[], bool] = not_cancelled) -> None:
    """Raise an `ExportError` if nobody listens at an address, within 3 s."""
    wait_for_answer(lambda: require_listener(address), address, cancelled)


def require_listener(address: str) -> None:
    """Raise whatever keeps a connection from being made; of TCP, others are for distributed."""
    scheme, _, place = address.rpartition("://")
    if scheme not in ("", "tcp", "tls"):
        return
    host, _, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isdecimal() and len(port) <= 5):
        raise ValueError("it is to be like tcp://computer:8786")
    socket.create_connection((host, int(port)), TIMEOUT).close()


def wait_for_answer(call: Callable[[], T], address: str, cancelled: Callable[[], bool]) -> T:
    """Return what a call of a scheduler returns; an `ExportError` if it fails, or takes 3 s."""
    answer, end = begin(call), monotonic() + TIMEOUT
    try:
        while not answer.done():
            if cancelled():
                raise Cancelled
            if monotonic() > end:
                raise TimeoutError(f"no answer within {TIMEOUT:g} s")
            wait([answer], INTERVAL)
        return answer.result()
    except Cancelled:
        raise
    except Exception as error:
        # What is no address, or answers in another language, makes distributed raise anything.
        what = f"The dask scheduler does not answer: {_reason(error)}"
        raise ExportError(what, address, "Check its address, and that it runs") from error


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):  # the first bytes are taken for a length
        return "what answers there is no scheduler"
    return one_line(getattr(error, "strerror", None) or str(error) or error)


def begin(call: Callable[[], T]) -> Future[T]:
    """Begin a call in a thread, which nobody waits for if it hangs."""
    answer = Future[T]()

    def ask() -> None:
        try:
            answer.set_result(call())
        except Exception as error:  # noqa: BLE001 - who waits for it raises it
            answer.set_exception(error)

    threading.Thread(target=ask, name="lazy-cluster", daemon=True).start()
    return answer
