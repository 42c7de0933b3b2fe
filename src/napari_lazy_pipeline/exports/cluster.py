"""Cluster: makes and writes volumes on the workers of a dask.distributed scheduler."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import Cancelled, ExportError, one_line
from napari_lazy_pipeline.exports.cluster_connection import Connection, connect, unavailable
from napari_lazy_pipeline.exports.outputs import Failed, Outputs, Volume, Written
from napari_lazy_pipeline.exports.scheduler_address import INTERVAL
from napari_lazy_pipeline.image.quantity_text import format_count

__all__ = ["connect", "describe_cluster", "make_and_write", "unavailable", "write_on_cluster"]

_PACKAGE = "napari-lazy-pipeline"
# Where these differ, tasks may not be understood, or give other pixels.
_COMPARED = ("python", "distributed", "numpy")
_VOLUMES_PER_THREAD = 2  # one that a thread of a worker makes, and one that waits
_GAVE_UP = "Its workers died again and again"
_ATTEMPTS = 4  # that end with the last worker, as many as distributed makes with others left


def describe_cluster(
    address: str, *folders: str, cancelled: Callable[[], bool] = not_cancelled
) -> str:
    """Describe in a line who computes behind a scheduler; raises if workers miss a folder."""
    with connect(address, cancelled) as connection:
        installed = _check_workers(connection, *folders)
        workers = connection.workers.values()
        threads = format_count(connection.threads, "thread")
        computers = format_count(len({worker["host"] for worker in workers}), "computer")
        who = f"{format_count(len(workers), 'worker')} with {threads} on {computers}"
        package = f"{_PACKAGE} {installed} as here"
        versions = connection.ask_workers(connection.client.get_versions)
        return "; ".join([who, package, *_differences(versions)])


def _differences(versions: dict[str, Any]) -> Iterator[str]:
    """Describe the packages that are not the same everywhere."""
    for name in _COMPARED:
        here = _version(versions["client"], name)
        remote = {_version(worker, name) for worker in versions["workers"].values()}
        if remote != {here}:
            yield f"{name} {' and '.join(sorted(remote))}, but {here} here"


def _version(process: dict[str, Any], name: str) -> str:
    # Python is given as 3.12.1.final.0.
    return ".".join(str(process["packages"].get(name) or "missing").split(".")[:3])


def write_on_cluster(
    connection: Connection,
    outputs: Outputs,
    pending: Mapping[Volume, Sequence[int]],
    cancelled: Callable[[], bool],
) -> Generator[tuple[Volume, Written | Failed], None, None]:
    """Make and write volumes (t, c) on the workers; yield each stage, or why it failed.

    Once cancelled, what is under way is finished, and nothing begun. An `ExportError` if a worker
    does not see the raw data or the folder, or has another version of this package; or if the
    scheduler, or all workers, are lost.
    """
    try:
        _check_workers(connection, *outputs.result.folders)
        yield from _write(connection, outputs, pending, cancelled)
    except Cancelled:  # while nothing was under way
        return


def _write(
    connection: Connection,
    outputs: Outputs,
    pending: Mapping[Volume, Sequence[int]],
    cancelled: Callable[[], bool],
) -> Iterator[tuple[Volume, Written | Failed]]:
    remote, holders = None, set[str]()
    executor = connection.client.get_executor(pure=False)
    waiting = [*pending][::-1]
    running: dict[Future[list[Written | Failed]], Volume] = {}
    losses: Counter[Volume] = Counter()
    while (waiting and not cancelled()) or running:
        if remote is None:
            remote = _send(connection, outputs.for_worker(pending))
            holders = set(connection.workers)
        limit = max(_VOLUMES_PER_THREAD * connection.threads, 1)
        while waiting and len(running) < limit and not cancelled():
            volume = waiting.pop()
            indices = list(pending[volume])
            running[executor.submit(make_and_write, remote, *volume, indices)] = volume
        done, _ = wait(running, INTERVAL, FIRST_COMPLETED)
        for future in done:
            if not future.cancelled():
                volume = running.pop(future)
                for result in _results(future, pending[volume]):
                    yield volume, result
        # With the scheduler; or with all workers that had what was sent: without it, distributed
        # cancels some volumes, and waits for ever with others.
        cancelled_by_scheduler = any(future.cancelled() for future in running)
        if cancelled_by_scheduler:
            connection.refresh()
        if cancelled_by_scheduler or holders.isdisjoint(connection.workers):
            lost = [*running.values()]
            running.clear()
            losses.update(lost)
            for volume in lost:
                if losses[volume] >= _ATTEMPTS:
                    yield from ((volume, one) for one in _all_failed(pending[volume], _GAVE_UP))
            waiting += [volume for volume in lost if losses[volume] < _ATTEMPTS]
            remote = None
        connection.look()


def _send(connection: Connection, outputs: Outputs) -> Any:
    """Send to all workers what they need for any volume: it holds the names of all files."""
    scatter = connection.client.scatter
    try:
        return connection.ask_workers(lambda: scatter(outputs, broadcast=True, hash=False))
    except (Cancelled, ExportError):
        raise
    except Exception as error:
        raise ExportError(f"The workers do not answer: {one_line(error)}") from error


def make_and_write(
    outputs: Outputs, t: int, c: int, indices: Sequence[int]
) -> list[Written | Failed]:
    """Make and write a volume on a worker; return each stage, or why it failed."""
    from distributed import get_worker

    # Several workers share a machine: each takes its part of the CPUs, not all of them.
    get_engine("cpu").use_threads(get_worker().state.nthreads)  # type: ignore[attr-defined]
    results: list[Written | Failed] = []
    try:
        made = outputs.make((t, c), indices)
        results.extend(outputs.write((t, c), outputs.encode((t, c), one)) for one in made)
    except ExportError as error:  # of the disk, say: the rest of them would fail, too
        results += _all_failed(indices[len(results) :], str(error))
    return results


def _results(
    future: Future[list[Written | Failed]], indices: Sequence[int]
) -> Sequence[Written | Failed]:
    error = future.exception()
    if error is None:
        return future.result()
    return _all_failed(indices, f"{type(error).__name__}: {error}")


def _all_failed(indices: Iterable[int], why: str) -> list[Failed]:
    return [Failed(index, why) for index in indices]


def _check_workers(connection: Connection, *folders: str) -> str:
    """Refuse workers that cannot do it, before each of many volumes fails; return the version."""
    installed, _ = _check_process(*folders)
    try:
        run = connection.client.run
        workers = connection.ask_workers(lambda: run(_check_process, *folders))
    except (Cancelled, ExportError):
        raise
    except Exception as error:
        raise ExportError(
            f"The workers cannot run this package ({type(error).__name__}: {error})",
            hint=f"Install {_PACKAGE} {installed} on all of them",
        ) from error
    for address, (remote, missing) in workers.items():
        if remote != installed:
            raise ExportError(
                f"The worker has {_PACKAGE} {remote}, here it is {installed}", address,
                "Install the same version everywhere",
            )  # fmt: skip
        if missing:
            raise ExportError(
                f"The worker does not see {missing}", address,
                "Raw data and results need the same paths on all workers: use a shared folder",
            )  # fmt: skip
    return installed


def _check_process(*folders: str) -> tuple[str, str]:
    """Return the version of this package, and the first of some folders that is missing."""
    try:
        installed = version(_PACKAGE)
    except PackageNotFoundError:
        installed = "unknown"
    missing = (folder for folder in folders if folder and not os.path.isdir(folder))
    return installed, next(missing, "")
