"""A dask scheduler and its workers, each a process that can be frozen or killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from interrupting import environment


class Cluster:
    """A scheduler and workers without anybody who would start them again."""

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.folder = folder
        file = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        self.scheduler = self._start("dask_scheduler", *options, "--scheduler-file", str(file))
        while not file.exists() or not file.read_text():
            assert self.scheduler.poll() is None, "the scheduler did not start"
            time.sleep(0.05)
        self.address = str(json.loads(file.read_text())["address"])
        self.workers: list[Any] = []
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> Any:
        """Start a worker, and wait until the scheduler knows it."""
        import distributed

        options = "--no-nanny", "--nthreads", "1", "--no-dashboard"
        worker = self._start(
            "dask_worker", self.address, *options, "--name", str(len(self.workers))
        )
        self.workers.append(worker)
        with distributed.Client(self.address, set_as_default=False) as client:
            while str(len(self.workers) - 1) not in self._names(client):
                assert worker.poll() is None, "the worker did not start"
                time.sleep(0.05)
        return worker

    def address_of(self, number: int) -> str:
        """Address of a worker."""
        import distributed

        with distributed.Client(self.address, set_as_default=False) as client:
            return self._names(client)[str(number)]

    @staticmethod
    def _names(client: Any) -> dict[str, str]:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in workers.items()}

    def _start(self, program: str, *words: str) -> Any:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
            env=environment(),
        )  # fmt: skip

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def freeze(process: Any) -> None:
    """Stop a process in the middle of what it is doing, its connections open."""
    process.send_signal(signal.SIGSTOP)
