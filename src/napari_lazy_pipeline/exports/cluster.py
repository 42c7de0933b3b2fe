"""Cluster: makes and writes volumes on the workers of a dask.distributed scheduler."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from time import monotonic
from typing import Any

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import Cancelled, ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.outputs import Outputs, Volume
from napari_lazy_pipeline.image.quantity_text import format_count

_PACKAGE = "napari-lazy-pipeline"
_INSTALL = "pip install 'napari-lazy-pipeline[cluster]'"
# Where these differ, tasks may not be understood, or give other pixels.
_COMPARED = ("python", "distributed", "numpy")
_VOLUMES_PER_THREAD = 2  # one that a thread of a worker makes, and one that waits
_INTERVAL = 0.2  # s between two checks whether it was cancelled
_TIMEOUT = 3.0  # s for the scheduler to answer
_CLIENT_TIMEOUT = 10  # s, once it has answered


def unavailable() -> str | None:
    """Return in one line why no cluster can be used here; None if one can."""
    if find_spec("distributed") is None:
        return f"The package distributed is not installed: {_INSTALL}"
    return None


def describe_cluster(
    address: str, *folders: str, cancelled: Callable[[], bool] = not_cancelled
) -> str:
    """Describe in a line who computes behind a scheduler; raises if workers miss a folder."""
    with connect(address, cancelled) as client:
        installed = _check_workers(client, *folders)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        threads = format_count(sum(worker["nthreads"] for worker in workers), "thread")
        computers = format_count(len({worker["host"] for worker in workers}), "computer")
        who = f"{format_count(len(workers), 'worker')} with {threads} on {computers}"
        package = f"{_PACKAGE} {installed} as here"
        return "; ".join([who, package, *_differences(client.get_versions())])


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


@contextmanager
def connect(address: str, cancelled: Callable[[], bool] = not_cancelled) -> Iterator[Any]:
    """Connect to a scheduler; an `ExportError` if it does not answer or has no workers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ExportError("A cluster needs the package distributed", hint=_INSTALL) from error
    try:
        _wait_for_answer(address, cancelled)
        # Not the default: this process goes on computing the pictures on screen by itself.
        client = Client(address, timeout=_CLIENT_TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError, MemoryError) as error:
        # What answers in another language makes distributed ask for any amount of memory.
        what = f"The dask scheduler does not answer: {error}"
        raise ExportError(what, address, "Check its address, and that it runs") from error
    try:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ExportError("The dask scheduler has no workers", address, "Start some")
        yield client
    finally:
        client.close()


def _wait_for_answer(address: str, cancelled: Callable[[], bool]) -> None:
    """Wait for a scheduler to answer; a client that waits in vain takes 20 s more to go."""
    answer, end = Future[None](), monotonic() + _TIMEOUT

    def ask() -> None:
        try:
            answer.set_result(asyncio.run(_shake_hands(address)))
        except Exception as error:  # noqa: BLE001 - who waits for it raises it
            answer.set_exception(error)

    # A thread has no loop yet, as that of a notebook has; nobody waits for one that hangs.
    threading.Thread(target=ask, name="lazy-scheduler", daemon=True).start()
    while not answer.done():
        if cancelled():
            raise Cancelled
        if monotonic() > end:
            raise TimeoutError(f"no answer within {_TIMEOUT:g} s")
        wait([answer], _INTERVAL)
    answer.result()


async def _shake_hands(address: str) -> None:
    from distributed.comm.core import connect as connect_comm
    from distributed.security import Security

    options = Security().get_connection_args("client")
    comm = await connect_comm(address, timeout=_TIMEOUT, **options)
    await comm.close()


def write_on_cluster(
    client: Any,
    outputs: Outputs,
    pending: Mapping[Volume, Sequence[int]],
    cancelled: Callable[[], bool],
) -> Iterator[tuple[Volume, int | str]]:
    """Make and write volumes (t, c) on the workers; yield each stage, or why it failed.

    Once cancelled, what is under way is finished, and nothing begun. An `ExportError` if a worker
    does not see the raw data or the folder, or has another version of this package.
    """
    _check_workers(client, *outputs.result.folders)
    executor = client.get_executor(pure=False)
    # Sent once, not with each volume: it holds the names of all files.
    remote = client.scatter(outputs.for_worker(pending), broadcast=True, hash=False)
    limit = _VOLUMES_PER_THREAD * sum(client.nthreads().values())
    waiting = [*pending][::-1]
    running: dict[Future[list[int | str]], Volume] = {}
    while (waiting and not cancelled()) or running:
        while waiting and len(running) < limit and not cancelled():
            volume = waiting.pop()
            indices = list(pending[volume])
            running[executor.submit(make_and_write, remote, *volume, indices)] = volume
        done, _ = wait(running, _INTERVAL, FIRST_COMPLETED)
        for future in done:
            volume = running.pop(future)
            for result in _results(future):
                yield volume, result


def make_and_write(outputs: Outputs, t: int, c: int, indices: Sequence[int]) -> list[int | str]:
    """Make and write a volume on a worker; return the stages, and why there are no more."""
    from distributed import get_worker

    # Several workers share a machine: each takes its part of the CPUs, not all of them.
    get_engine("cpu").use_threads(get_worker().state.nthreads)  # type: ignore[attr-defined]
    results: list[int | str] = []
    try:
        for index in outputs.write(t, c, indices):
            results.append(index)
    except LazyPipelineError as error:
        results.append(str(error))
    return results


def _results(future: Future[list[int | str]]) -> list[int | str]:
    error = future.exception()
    return future.result() if error is None else [f"{type(error).__name__}: {error}"]


def _check_workers(client: Any, *folders: str) -> str:
    """Refuse workers that cannot do it, before each of many volumes fails; return the version."""
    installed, _ = _check_process(*folders)
    try:
        workers = client.run(_check_process, *folders)
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
