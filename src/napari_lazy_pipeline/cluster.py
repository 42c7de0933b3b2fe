"""Cluster: makes and writes volumes on the workers of a dask.distributed scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.engines._workers import Workers
from napari_lazy_pipeline.errors import ExportError, LazyPipelineError
from napari_lazy_pipeline.target import Target

Place = tuple[int, int]
_PACKAGE = "napari-lazy-pipeline"
_AHEAD = 2  # volumes given to each thread of a worker: one it works on, one that waits
_BEAT = 0.2  # s between two looks at whether it was cancelled
_PATIENCE = 10  # s for the scheduler to answer


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a scheduler.

    The rest of this process goes on computing by itself: a client would else be asked for every
    picture on screen.

    Raises
    ------
    ExportError
        If distributed is not installed, if nobody answers, or if there are no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ExportError(
            "A cluster needs the package distributed",
            hint="pip install 'napari-lazy-pipeline[cluster]'",
        ) from error
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ExportError(
            f"The dask scheduler does not answer: {error}", address, "Check its address"
        ) from error
    try:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ExportError("The dask scheduler has no workers", address, "Start some")
        yield client
    finally:
        client.close()


def outcomes(
    client: Any, target: Target, pending: Sequence[Place], cancelled: Callable[[], bool]
) -> Iterator[tuple[Place, str]]:
    """Make and write volumes, as many at a time as there are threads on the workers.

    Parameters
    ----------
    client
        Of `connected`.
    target
        Where to write; its folder and the raw data have the same paths on all workers.
    pending
        The volumes (t, c).
    cancelled
        Asked several times a second; what is under way is then finished, and nothing begun.

    Yields
    ------
    volume, why
        A volume that is done, and why it could not be made; empty if it is written.

    Raises
    ------
    ExportError
        If a worker does not see the raw data or the folder, or has another version of this
        package.
    """
    _check(client, target)
    executor = client.get_executor(pure=False)
    # Sent once, not with each volume: it holds the names of all files.
    sent = client.scatter(target.bare(), broadcast=True, hash=False)
    room = _AHEAD * sum(client.nthreads().values())
    waiting = list(reversed(pending))
    running: dict[Future[str], Place] = {}
    while (waiting and not cancelled()) or running:
        while waiting and len(running) < room and not cancelled():
            place = waiting.pop()
            running[executor.submit(make_and_write, sent, *place)] = place
        done, _ = wait(running, _BEAT, FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), _why(future)


def make_and_write(target: Target, t: int, c: int) -> str:
    """Make one volume and write it, on a worker; return why that was not possible."""
    from distributed import get_worker

    # Several workers share a machine: each takes its part of the CPUs, not all of them.
    get_engine("cpu").workers = Workers(get_worker().state.nthreads)  # type: ignore[attr-defined]
    try:
        target.write(t, c, target.stack.source.read(t, c))
    except LazyPipelineError as error:
        return str(error)
    return ""


def _why(future: Future[str]) -> str:
    error = future.exception()
    return future.result() if error is None else f"{type(error).__name__}: {error}"


def _check(client: Any, target: Target) -> None:
    """Refuse workers that cannot do it, before each of many volumes fails."""
    mine = _look(*target.places())
    try:
        found = client.run(_look, *target.places())
    except Exception as error:
        raise ExportError(
            f"The workers cannot run this package ({type(error).__name__}: {error})",
            hint=f"Install {_PACKAGE} {mine[0]} on all of them",
        ) from error
    for address, (theirs, missing) in found.items():
        if theirs != mine[0]:
            raise ExportError(
                f"The worker has {_PACKAGE} {theirs}, here it is {mine[0]}", address,
                "Install the same version everywhere",
            )  # fmt: skip
        if missing:
            raise ExportError(
                f"The worker does not see {missing}", address,
                "Raw data and results need the same paths on all workers: use a shared folder",
            )  # fmt: skip


def _look(*places: str) -> tuple[str, str]:
    """Version of this package, and the first of some folders that is not there."""
    try:
        mine = version(_PACKAGE)
    except PackageNotFoundError:
        mine = "unknown"
    missing = (place for place in places if place and not os.path.isdir(place))
    return mine, next(missing, "")
