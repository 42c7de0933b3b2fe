"""Cluster: makes and writes volumes on the workers of a dask.distributed scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.destination import Destination

Place = tuple[int, int]
_PACKAGE = "napari-lazy-pipeline"
_INSTALL = "pip install 'napari-lazy-pipeline[cluster]'"
# Where these differ, tasks may not be understood, or give other pixels.
_COMPARED = ("python", "distributed", "numpy")
_AHEAD = 2  # volumes given to each thread of a worker: one it works on, one that waits
_BEAT = 0.2  # s between two looks at whether it was cancelled
_PATIENCE = 10  # s for the scheduler to answer


@dataclass(frozen=True)
class ClusterInfo:
    """Who computes behind a scheduler.

    Attributes
    ----------
    workers, threads, computers
        How many there are.
    version
        Of this package, which is the same on all of them.
    others
        Other packages that are not: name, versions there, version here.
    """

    workers: int
    threads: int
    computers: int
    version: str
    others: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        """Say it in words.

        Examples
        --------
        >>> print(ClusterInfo(4, 16, 2, "1.0"))
        4 workers with 16 threads on 2 computers; napari-lazy-pipeline 1.0 as here
        """
        who = f"{_counted(self.workers, 'worker')} with {_counted(self.threads, 'thread')}"
        where = f"on {_counted(self.computers, 'computer')}"
        others = (f"; {name} {there}, but {here} here" for name, there, here in self.others)
        return f"{who} {where}; {_PACKAGE} {self.version} as here{''.join(others)}"


def unavailable() -> str | None:
    """Say in one line why no cluster can be used here; None if one can."""
    found = find_spec("distributed")
    return None if found else f"The package distributed is not installed: {_INSTALL}"


def cluster_info(address: str, *places: str) -> ClusterInfo:
    """Look who computes behind a scheduler.

    Parameters
    ----------
    address
        Of the scheduler.
    places
        Folders that all workers have to see.

    Raises
    ------
    ExportError
        As `connected` and `outcomes` do.
    """
    with connected(address) as client:
        mine = _check(client, *places)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        computers = {worker["host"] for worker in workers}
        threads = sum(worker["nthreads"] for worker in workers)
        others = tuple(_others(client.get_versions()))
        return ClusterInfo(len(workers), threads, len(computers), mine, others)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _others(versions: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Packages that are not the same everywhere."""
    for name in _COMPARED:
        here = _version(versions["client"], name)
        there = {_version(worker, name) for worker in versions["workers"].values()}
        if there != {here}:
            yield name, " and ".join(sorted(there)), here


def _version(one: dict[str, Any], name: str) -> str:
    # Python is told as 3.12.1.final.0.
    return ".".join(str(one["packages"].get(name) or "missing").split(".")[:3])


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
            hint=_INSTALL,
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
    client: Any, target: Destination, pending: Sequence[Place], cancelled: Callable[[], bool]
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
    _check(client, *target.places())
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


def make_and_write(target: Destination, t: int, c: int) -> str:
    """Make one volume and write it, on a worker; return why that was not possible."""
    from distributed import get_worker

    # Several workers share a machine: each takes its part of the CPUs, not all of them.
    get_engine("cpu").use_threads(get_worker().state.nthreads)  # type: ignore[attr-defined]
    try:
        target.write(t, c, target.stack.source.read(t, c))
    except LazyPipelineError as error:
        return str(error)
    return ""


def _why(future: Future[str]) -> str:
    error = future.exception()
    return future.result() if error is None else f"{type(error).__name__}: {error}"


def _check(client: Any, *places: str) -> str:
    """Refuse workers that cannot do it, before each of many volumes fails; tell the version."""
    mine, _ = _look(*places)
    try:
        found = client.run(_look, *places)
    except Exception as error:
        raise ExportError(
            f"The workers cannot run this package ({type(error).__name__}: {error})",
            hint=f"Install {_PACKAGE} {mine} on all of them",
        ) from error
    for address, (theirs, missing) in found.items():
        if theirs != mine:
            raise ExportError(
                f"The worker has {_PACKAGE} {theirs}, here it is {mine}", address,
                "Install the same version everywhere",
            )  # fmt: skip
        if missing:
            raise ExportError(
                f"The worker does not see {missing}", address,
                "Raw data and results need the same paths on all workers: use a shared folder",
            )  # fmt: skip
    return mine


def _look(*places: str) -> tuple[str, str]:
    """Version of this package, and the first of some folders that is not there."""
    try:
        mine = version(_PACKAGE)
    except PackageNotFoundError:
        mine = "unknown"
    missing = (place for place in places if place and not os.path.isdir(place))
    return mine, next(missing, "")
