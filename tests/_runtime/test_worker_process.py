"""The worker process: what it is handed, how it may die, and that this process does not mind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline._runtime import shared_memory as _shared
from napari_lazy_pipeline._runtime import worker_process as _worker
from napari_lazy_pipeline._runtime.worker_process import Worker, WorkerError
from napari_lazy_pipeline.errors import Cancelled, EngineError

TASKS = "worker_tasks"
LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def shared_worker():
    worker = Worker(TASKS)
    yield worker
    worker.close()


@pytest.fixture
def worker(shared_worker):
    yield shared_worker
    assert shared_worker.call("echo", value="well") == "well", "the next call does not work"


def test_arrays_go_there_and_back(worker):
    for shape in [(3, 4, 5), (30, 40, 50), (2, 1, 3)]:
        image = np.random.default_rng(0).integers(0, 9999, shape).astype(np.uint16)
        out = worker.transform("double", image, shape)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, 2.0 * image)


def test_one_process_does_everything(worker):
    first = worker.call("process")
    assert first == worker._process.popen.pid != os.getpid()
    worker.transform("double", np.ones((2, 2, 2)), (2, 2, 2))
    assert worker.call("process") == first


def test_results_outlive_the_next_call(worker):
    first = worker.transform("double", np.ones((4, 4, 4)), (4, 4, 4))
    worker.transform("double", np.zeros((4, 4, 4)), (4, 4, 4))
    assert (first == 2).all()


def test_what_a_library_prints_is_no_answer(worker):
    assert worker.call("chatter") == "answer"


def test_an_exception_comes_back_as_one_line(worker):
    before = worker.call("process")
    with pytest.raises(WorkerError, match=r"^ValueError: two lines$"):
        worker.call("fail")
    assert worker.call("process") == before


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("end", {"code": 255}, r"The GPU worker died \(exit code 255: CUDA error: out of memory\)"),
        ("end", {"code": 0}, r"died \(exit code 0: CUDA"),
        ("abort", {}, r"died \(exit code -6, SIGABRT" if os.name == "posix" else "died"),
    ],
)
def test_death_is_an_error_and_the_next_call_gets_a_new_process(worker, name, options, message):
    before = worker.call("process")
    with pytest.raises(EngineError, match=message):
        worker.transform(name, np.ones((2, 2, 2)), (2, 2, 2), **options)
    assert worker.call("process") != before


def test_death_while_nobody_looks_costs_nothing(worker):
    before = worker.call("process")
    os.kill(before, signal.SIGTERM)
    worker._process.popen.wait()
    assert worker.call("process") != before


def test_cancelled_while_it_works(worker, tmp_path):
    before, done = worker.call("process"), tmp_path / "done"
    calls = iter(range(99))
    with pytest.raises(Cancelled):
        worker.transform(
            "wait_for", np.ones((2, 2)), (2, 2), lambda: next(calls) > 3, path=str(done)
        )
    done.touch()
    out = worker.transform("double", np.ones((2, 2)), (2, 2))
    assert (out == 2).all()
    assert worker.call("process") == before


def test_a_hanging_process_is_ended_once_it_is_in_the_way(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(_worker, "PATIENCE", 0.05)
    before, calls = worker.call("process"), iter(range(99))
    with pytest.raises(Cancelled):
        worker.transform(
            "wait_for",
            np.ones((2, 2)),
            (2, 2),
            lambda: next(calls) > 3,
            path=str(tmp_path / "never"),
        )
    assert worker.call("process") != before


def test_cancelled_in_the_queue(worker, tmp_path):
    done, calls = tmp_path / "done", iter(range(99))
    busy = threading.Thread(target=worker.call, args=("wait_for",), kwargs={"path": str(done)})
    busy.start()
    with pytest.raises(Cancelled):
        while True:
            worker.transform("double", np.ones((2, 2)), (2, 2), lambda: next(calls) > 3)
    done.touch()
    busy.join()


def test_no_answer_within_the_time(worker, tmp_path):
    with pytest.raises(WorkerError, match="did not answer within"):
        worker.call("wait_for", seconds=0.1, path=str(tmp_path / "never"))


@pytest.mark.skipif(os.name != "posix", reason="no process can be frozen")
def test_a_frozen_process_is_ended_and_the_next_call_gets_another(worker, monkeypatch):
    before = worker.call("process")
    os.kill(before, signal.SIGSTOP)
    monkeypatch.setattr(_worker, "SILENCE", 0.2)
    with pytest.raises(EngineError, match=r"no sign of life for 0\.2 s: it was ended"):
        worker.transform("double", np.ones((2, 2)), (2, 2))
    monkeypatch.undo()
    assert worker.call("process") != before


def test_who_works_for_long_gives_signs_of_life(worker, tmp_path):
    worker.call("process")
    process, done = worker._process, tmp_path / "done"
    busy = threading.Thread(target=worker.call, args=("wait_for",), kwargs={"path": str(done)})
    busy.start()
    before = process._signs
    while process._signs < before + 2:
        time.sleep(0.01)
    assert busy.is_alive()
    done.touch()
    busy.join()


def test_many_callers_take_turns(worker):
    results = {}

    def call(i):
        results[i] = worker.transform("double", np.full((9, 9), i), (9, 9))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((results[i] == 2 * i).all() for i in range(8))


def test_what_cannot_be_imported_is_an_error():
    worker = Worker("no_such_module")
    with pytest.raises(WorkerError, match=r"died .*No module named 'no_such_module'"):
        worker.call("echo")
    worker.close()


def test_what_cannot_be_started_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "no such python")
    with pytest.raises(WorkerError, match="could not be started"):
        Worker(TASKS).call("echo")


@pytest.mark.skipif(not LINUX, reason="shared memory is a folder on Linux only")
def test_too_little_shared_memory_is_an_error(worker, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_shared.os, "posix_fallocate", full)
        before = set(_shared.FOLDER.iterdir())
        with pytest.raises(EngineError, match=r"no 134 MB of shared memory.*Enlarge"):
            worker.transform("double", np.ones((3, 3)), (35, 1000, 1000))
        assert set(_shared.FOLDER.iterdir()) <= before
    assert worker.transform("double", np.ones((3, 3)), (3, 3)).sum() == 18


def test_close_ends_the_process_and_frees_the_memory():
    worker = Worker(TASKS)
    worker.transform("double", np.ones((3, 3)), (3, 3))
    process = worker._process
    blocks = [worker._image._block.name, worker._out._block.name]
    worker.close()
    worker.close()
    assert process.popen.returncode == 0
    assert worker._process is None
    if LINUX:
        assert not any((_shared.FOLDER / name).exists() for name in blocks)


SESSION = """
    import sys, numpy as np
    from napari_lazy_pipeline._runtime.worker_process import Worker
    worker = Worker("worker_tasks")
    assert worker.transform("double", np.ones((3, 3)), (3, 3)).sum() == 18
    print(worker._process.popen.pid, worker._out._block.name, flush=True)
"""


def run_session(code, **options):
    paths = str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        [sys.executable, *code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        **options,
    )


@pytest.mark.parametrize("ending", ["", "import os; os._exit(3)", "raise SystemExit(3)"])
def test_nothing_is_left_when_the_session_ends(tmp_path, ending):
    # A main module that must not run twice, as that of a script without a guard.
    script = tmp_path / "session.py"
    script.write_text(textwrap.dedent(SESSION) + ending)
    session = run_session([str(script)])
    assert session.returncode == (3 if ending else 0), session.stderr
    assert "leaked" not in session.stderr or "_exit" in ending
    pid, block = session.stdout.split()
    if LINUX:
        wait_until_gone(int(pid))
        assert not (_shared.FOLDER / block).exists() or "_exit" in ending


def test_from_a_session_without_main_module():
    session = run_session(["-c", textwrap.dedent(SESSION)])
    assert session.returncode == 0, session.stderr
    assert session.stderr == ""


DAEMON = """
    import multiprocessing
    from napari_lazy_pipeline._runtime.worker_process import Worker

    def work(answers):
        worker = Worker("worker_tasks")
        answers.put(worker.call("echo", value="well"))
        worker.close()

    if __name__ == "__main__":
        spawn = multiprocessing.get_context("spawn")
        answers = spawn.Queue()
        spawn.Process(target=work, args=(answers,), daemon=True).start()
        print(answers.get(timeout=50))
"""


def test_from_a_daemon_as_the_workers_of_a_cluster_are(tmp_path):
    script = tmp_path / "daemon.py"
    script.write_text(textwrap.dedent(DAEMON))
    session = run_session([str(script)])
    assert session.stdout == "well\n", session.stderr


def wait_until_gone(pid):
    """A worker whose parent is gone ends by itself; being nobody's child, it is not waited for."""
    for _ in range(2000):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(") ", 1)[1].startswith("Z"):
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"process {pid} is still there")
