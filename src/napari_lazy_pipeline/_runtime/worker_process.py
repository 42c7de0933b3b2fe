"""Worker process: does tasks one after the other, and may die without taking this one along.

`concurrent.futures.ProcessPoolExecutor` does not serve here. The processes of a dask cluster, and
other daemons, may not start one; it imports the main module anew, which in a script without a
guard starts everything twice; it does not say how a process died; it leaves one behind if this
one is killed; and it ends none that hangs.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import TICK, CancellableLock, not_cancelled
from napari_lazy_pipeline._runtime.shared_memory import SharedArray, SharedBlock, attach
from napari_lazy_pipeline.errors import Cancelled, EngineError, one_line

# How long a volume that is not wanted any more may hold up the next one [s].
PATIENCE = 10.0
# How long a worker may take to end by itself [s].
GRACE = 3.0
# A process gives a sign of life as often as that, whatever it does; without any for so long it is
# frozen, and ended [s]. The first one comes late where imports are read from a slow share.
BEAT = 1.0
SILENCE = 20.0
_FIRST = 4  # times that
# The parent's search path first: what it can import, the worker can.
START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    f"from {__name__} import serve; serve()"
)


class WorkerError(EngineError):
    """A task of a worker process failed there, or ended the process."""


class FrozenError(Exception):
    """A worker process gives no sign of life."""


class SignOfLife(NamedTuple):
    """What a worker sends while it works."""


class Task(NamedTuple):
    """What a worker is to do: its name, its options, and where the arrays are."""

    name: str
    options: dict[str, Any]
    arrays: tuple[SharedArray | None, SharedArray | None] = (None, None)


class Worker:
    """One process that does one task after the other; started when first needed.

    Tasks are functions of ``module``, called there with image, out and options: they fill ``out``,
    and return something that can be pickled. Any thread may call; they take turns. A process
    forked from this one needs a worker of its own.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._lock = CancellableLock()
        self._process: _Process | None = None
        self._image, self._out = SharedBlock(), SharedBlock()
        self._owner = os.getpid()
        atexit.register(self.close)

    def call(self, name: str, seconds: float | None = None, **options: Any) -> Any:
        """Do a task without arrays; a `WorkerError` if it takes longer than ``seconds``."""
        with self._lock.hold(not_cancelled):
            return self._do(Task(name, options), not_cancelled, seconds)

    def transform(
        self,
        name: str,
        image: np.ndarray,
        shape: tuple[int, ...],
        cancelled: Callable[[], bool] = not_cancelled,
        **options: Any,
    ) -> np.ndarray:
        """Make a float32 array of a shape out of another; abandon the task once `Cancelled`."""
        with self._lock.hold(cancelled):
            self._await_abandoned(cancelled)  # it may still use the arrays
            out = self._out.reserve(shape, np.dtype(np.float32))
            self._do(Task(name, options, (self._image.put(image), out)), cancelled)
            return self._out.copy(out)

    def close(self) -> None:
        """End the process, and give the shared memory back."""
        if os.getpid() != self._owner:
            return
        # At the end of the session a volume under way does not hold it up for long.
        deadline = monotonic() + GRACE
        with ExitStack() as turn:
            with suppress(Cancelled):
                turn.enter_context(self._lock.hold(lambda: monotonic() > deadline))
            self._end()
            self._image.close()
            self._out.close()

    def _await_abandoned(self, cancelled: Callable[[], bool]) -> None:
        """Let a volume that is not wanted finish, for some time: a new process costs more."""
        process = self._process
        if process is not None and process.abandoned_since is not None:
            try:
                with suppress(WorkerError):
                    process.answer(cancelled, process.abandoned_since + PATIENCE)
            except (TimeoutError, EOFError, FrozenError):
                self._end(0.0)
            process.abandoned_since = None

    def _do(self, task: Task, cancelled: Callable[[], bool], seconds: float | None = None) -> Any:
        self._await_abandoned(cancelled)
        process = self._living_process()
        try:
            process.send(task)
            return process.answer(cancelled, None if seconds is None else monotonic() + seconds)
        except WorkerError:
            raise
        except TimeoutError as error:
            self._end(0.0)
            raise WorkerError(f"The GPU worker did not answer within {seconds:g} s") from error
        except FrozenError as error:
            self._end(0.0)
            what = f"The GPU worker gave no sign of life for {SILENCE:g} s: it was ended"
            raise WorkerError(what) from error
        except (EOFError, OSError) as error:
            self._end()
            raise WorkerError(f"The GPU worker died ({process.last_words()})") from error
        except BaseException:
            process.abandoned_since = monotonic()
            raise

    def _living_process(self) -> _Process:
        if self._process is not None and self._process.popen.poll() is not None:
            self._end()  # it died while it had nothing to do
        if self._process is None:
            try:
                self._process = _Process(self.module)
            except OSError as error:
                raise WorkerError(f"The GPU worker could not be started: {error}") from error
        return self._process

    def _end(self, grace: float = GRACE) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(grace)


class _Process:
    """A running worker process, and the threads that read what it writes."""

    def __init__(self, module: str) -> None:
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-c", START],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            # Without it a console window opens beside a napari that has none.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.abandoned_since: float | None = None
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._signs = 0  # of life
        self._lines: deque[str] = deque(maxlen=20)
        self._threads = [
            threading.Thread(target=target, name="lazy-pipeline-worker", daemon=True)
            for target in (self._read_answers, self._read_lines)
        ]
        for thread in self._threads:
            thread.start()
        self.send(list(sys.path))
        self.send(module)

    def send(self, message: object) -> None:
        """Hand something to the process; raises an `OSError` if it is dead."""
        assert self.popen.stdin is not None
        pickle.dump(message, self.popen.stdin)
        self.popen.stdin.flush()

    def answer(self, cancelled: Callable[[], bool], deadline: float | None) -> Any:
        """Wait for what a task returns or raises; raises an `EOFError` if there will be none."""
        signs, silent = self._signs, 0  # in ticks: none pass while this process itself is frozen
        while True:
            try:
                answer = self._answers.get(timeout=TICK)
            except Empty:
                if cancelled():
                    raise Cancelled from None
                signs, silent = self._signs, silent + 1 if self._signs == signs else 0
                if silent * TICK > (SILENCE if signs else _FIRST * SILENCE):
                    raise FrozenError from None
                if deadline is not None and monotonic() > deadline:
                    raise TimeoutError from None
                continue
            if isinstance(answer, EOFError | WorkerError):
                raise answer
            return answer

    def end(self, grace: float) -> None:
        """Let the process end, or end it; it leaves nothing behind."""
        assert self.popen.stdin and self.popen.stdout and self.popen.stderr
        try:
            self.popen.stdin.close()
            self.popen.wait(grace)
        except (OSError, subprocess.TimeoutExpired):
            self.popen.kill()
        self.popen.wait()
        for thread in self._threads:
            thread.join(GRACE)
        self.popen.stdout.close()
        self.popen.stderr.close()

    def last_words(self) -> str:
        """Return how the process ended, and the last line it wrote."""
        code = self.popen.wait()
        end = f"exit code {code}"
        if code < 0 and -code in set(signal.Signals):
            end += f", {signal.Signals(-code).name}"
        return ": ".join([end, *[line for line in self._lines if line][-1:]])

    def _read_answers(self) -> None:
        assert self.popen.stdout is not None
        try:
            while True:
                answer = pickle.load(self.popen.stdout)
                if isinstance(answer, SignOfLife):
                    self._signs += 1
                else:
                    self._answers.put(answer)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._answers.put(EOFError())

    def _read_lines(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self._lines.append(line.decode(errors="replace").strip())


def serve() -> None:
    """Do the tasks of the parent until it hangs up; runs in the worker process."""
    # Ctrl-C is for the parent, which then hangs up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries write to the standard output, which here carries the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(answer: object) -> None:
        with lock:
            pickle.dump(answer, answers)
            answers.flush()

    def beat() -> None:
        with suppress(OSError):  # the parent is gone
            while True:
                send(SignOfLife())
                sleep(BEAT)

    threading.Thread(target=beat, daemon=True).start()
    module = importlib.import_module(pickle.load(sys.stdin.buffer))
    while True:
        try:
            task: Task = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        send(_perform(module, task))


def _perform(module: ModuleType, task: Task) -> Any:
    with ExitStack() as stack:
        arrays = [array and stack.enter_context(attach(array)) for array in task.arrays]
        try:
            return getattr(module, task.name)(*arrays, **task.options)
        except Exception as error:  # noqa: BLE001 - it is raised in the parent
            # As text: a traceback would hold on to the arrays, and the parent may not know the
            # type.
            return WorkerError(one_line(str(error) if isinstance(error, EngineError) else error))
        finally:
            arrays.clear()
