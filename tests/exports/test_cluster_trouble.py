"""What happens to a cluster is told in words, and what is finished stays: nothing is waited for."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interrupting import at_call, environment, run_interrupted, volumes, write_job
from napari_lazy_pipeline import Recipe, cli
from napari_lazy_pipeline.errors import ExportError, WorkerLostWarning
from napari_lazy_pipeline.exports import cluster, cluster_connection, scheduler_address
from napari_lazy_pipeline.exports.cluster_connection import SILENCE, Connection
from napari_lazy_pipeline.exports.export import export

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can be frozen")

from dask_cluster import Cluster, freeze  # noqa: E402


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path, times=4)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with one worker, for whatever may happen to them."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def run(job: Path, address: str | None, after_first: Callable[[], object] = bool) -> Any:
    """Export, and do something after the first volume."""
    recipe, seen = Recipe.load(job), []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if seen == [0, 1]:
            after_first()

    view = recipe.pipeline.apply(recipe.open())
    return export(view, job.parent / "out", scheduler=address, progress=progress)


def test_the_only_worker_dies(own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill() -> None:
        monkeypatch.setattr(cluster_connection, "SILENCE", 0.1)
        own.workers[0].kill()

    with pytest.raises(ExportError, match=r"has had no workers for 0\.1 s .*Start some\. What is"):
        run(job, own.address, kill)
    assert volumes(job.parent / "out")
    monkeypatch.undo()
    own.add_worker()
    report = run(job, own.address)
    assert report.complete and report.kept and report.done == 8


def test_the_only_worker_dies_and_another_one_comes(own: Cluster, job: Path) -> None:
    """With the worker, what was sent to it is lost: it is sent again."""

    def replace() -> None:
        own.workers[0].kill()
        own.add_worker()

    report = run(job, own.address, replace)
    assert report.complete and len(report.written) == 8


def test_volumes_that_kill_their_workers_fail(
    own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_ATTEMPTS", 1)

    def replace() -> None:
        own.workers[0].kill()
        own.add_worker()

    report = run(job, own.address, replace)
    assert report.failed and report.done + len(report.failed) == 8
    assert {failure.why for failure in report.failed} == {"Its workers died again and again"}


@pytest.mark.parametrize("end", ["killed", "frozen"])
def test_the_scheduler_is_lost(
    end: str, own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose() -> None:
        monkeypatch.setattr(cluster_connection, "SILENCE", 0.1)
        own.scheduler.kill() if end == "killed" else freeze(own.scheduler)

    with pytest.raises(ExportError, match=r"scheduler does not answer any more.*What is written"):
        run(job, own.address, lose)
    report = run(job, None)
    assert report.complete and report.kept, "it goes on here"


def test_a_frozen_worker_is_given_up(
    own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.add_worker()
    frozen = own.address_of(0)

    def silent(self: Connection, now: float) -> list[str]:
        return [frozen] if frozen in self.workers else []

    def stop() -> None:
        freeze(own.workers[0])
        monkeypatch.setattr(Connection, "_silent_workers", silent)

    with pytest.warns(WorkerLostWarning, match=f"silent for {SILENCE:g} s: others.*{frozen}"):
        report = run(job, own.address, stop)
    assert report.complete and len(report.written) == 8


def test_a_worker_that_is_frozen_from_the_beginning(
    own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.add_worker()
    frozen = own.address_of(0)
    freeze(own.workers[0])
    monkeypatch.setattr(
        Connection, "_silent_workers", lambda self, now: [frozen] if frozen in self.workers else []
    )
    with pytest.warns(WorkerLostWarning):
        assert run(job, own.address).complete


def test_the_only_worker_is_frozen(
    own: Cluster, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = own.address_of(0)
    freeze(own.workers[0])
    monkeypatch.setattr(Connection, "_silent_workers", lambda self, now: [frozen])
    with pytest.raises(ExportError, match=r"silent for 20 s, the last one .*Start another\."):
        run(job, own.address)
    own.add_worker()
    monkeypatch.undo()
    assert run(job, own.address).complete


def test_who_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose clock is wrong says something new all the same; a worker that is new has its time."""
    connection = Connection(SimpleNamespace(), "tcp://there", bool)
    connection.workers = {"a": {"last_seen": 5.0}, "b": {"last_seen": -1e9}}
    assert connection._silent_workers(0.0) == []
    connection.workers = {"a": {"last_seen": 5.0}, "b": {"last_seen": -1e9 + 1}}
    assert connection._silent_workers(SILENCE - 0.1) == []
    connection.workers["c"] = {"last_seen": 0.0}
    assert connection._silent_workers(SILENCE) == ["a"]
    assert connection._silent_workers(2 * SILENCE) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "address",
    [
        "nowhere", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:1", "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:99999", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:x", "tcp://a:b:c", "tcp://[::1:1",
        "tcp://256.256.256.256:8786", "tcp://" + "x" * 300 + ":1", "tls://127.0.0.1:1", "ucx://x:1",
        "inproc://x", "http://127.0.0.1:1", "://", ":", "tcp://127.0.0.1:" + "9" * 5000, "tcp://\u2603:1",
        " tcp://127.0.0.1:1 ", "\n",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be(
    address: str, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_address, "TIMEOUT", 0.5)
    with pytest.raises(ExportError, match=r"(?s)does not answer.*Check its address"):
        run(job, address)
    assert not (job.parent / "out").exists()


def test_nobody_listens_is_told_before_anything_is_loaded(job: Path) -> None:
    """What takes seconds to load is not: no numpy, no distributed."""
    words = "run", job, "--out", job.parent / "out", "--scheduler", "tcp://127.0.0.1:1"
    code = f"""
import sys
from napari_lazy_pipeline.cli import main
print(main({[*map(str, words)]}), {{"numpy", "distributed"}} & {{*sys.modules}})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert done.stdout == "2 set()\n"
    (line,) = done.stderr.splitlines()
    assert "The dask scheduler does not answer: Connection refused" in line


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_somebody_else_listens(greeting: bytes, job: Path) -> None:
    def greet() -> None:
        with suppress(OSError):  # once it is closed
            while True:
                caller, _ = server.accept()
                caller.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(ExportError, match=r"what answers there is no scheduler .*Check its"):
            run(job, f"tcp://127.0.0.1:{server.getsockname()[1]}")
    assert not (job.parent / "out").exists()


CLUSTER = "napari_lazy_pipeline.exports.cluster"
EVENTS = {
    "connecting": at_call(f"{CLUSTER}_connection", "_shake_hands"),
    "before the workers are asked": at_call(CLUSTER, "_check_workers"),
    "before anything is sent": at_call(CLUSTER, "_send"),
    "a volume is finished": at_call(CLUSTER, "_results"),
    "a call that hangs": at_call(CLUSTER, "_send", "import time; time.sleep(1000)"),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_ctrl_c_ends_the_program_with_one_line(event: str, own: Cluster, job: Path) -> None:
    words = "run", job, "--out", job.parent / "out"
    outcome = run_interrupted(event, *words, "--scheduler", own.address)
    assert outcome.code == 130, outcome.said
    (line,) = outcome.said
    assert line.startswith("napari-lazy-pipeline: interrupted")
    volumes(job.parent / "out")
    assert cli.main([*map(str, words)]) == 0
    assert len(volumes(job.parent / "out")) == 8
