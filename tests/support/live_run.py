"""A dock that watches while another process writes: what appears, when, and whether whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.samples.microscope import simulated_volume


def start_writer(folder: Path, shape: tuple[int, int, int], **options: object) -> Any:
    """Start the simulated microscope in a process of its own."""
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "napari_lazy_pipeline.cli", "simulate", str(folder)]
    return subprocess.Popen(
        [*command, "--shape", ",".join(map(str, shape)), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class LiveRun:
    """Notes each file when it gets its place in the axis.

    Attributes
    ----------
    latencies
        For each file, the time from its last change to its place in the axis [s].
    """

    def __init__(self, dock: Any) -> None:
        self.dock = dock
        self.latencies: dict[str, float] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self._before = set(dock.session.stack.source.names)
        # After the layers: they have taken over the new axis by then.
        dock.session.stack_grown.connect(self._on_grown, check_nargs=False)

    def _on_grown(self, *_: object) -> None:
        now = time.time()
        source = self.dock.session.stack.source
        for name in set(source.names) - self._stamps.keys() - self._before:
            status = os.stat(os.path.join(source.folder, name))
            self._stamps[name] = status.st_size, status.st_mtime_ns
            self.latencies[name] = now - status.st_mtime

    def times(self) -> int:
        """Length of the axis of what is on screen."""
        return int(self.dock.layers.layers[0].data.shape[0])

    def assert_never_half(self) -> None:
        """No file changed after it was shown, and each is what it should be in the end."""
        source = self.dock.session.stack.source
        for name, stamp in self._stamps.items():
            status = os.stat(os.path.join(source.folder, name))
            assert (status.st_size, status.st_mtime_ns) == stamp, f"{name} was shown too early"
        for t in range(source.sizes[0]):
            for c in range(source.sizes[1]):
                expected = simulated_volume(t, c, source.spec.shape)
                np.testing.assert_array_equal(source.read(t, c), expected)


def wait_for_end(qtbot: Any, writer: Any, timeout: float) -> None:
    """Let the window work until the writer is done."""

    def ended() -> bool:
        return writer.poll() is not None

    qtbot.waitUntil(ended, timeout=round(1000 * timeout))
    assert writer.returncode == 0


def away_and_back(qtbot: Any, dock: Any, folder: Path, timeout: float) -> None:
    """Rename the folder, as if a share was unmounted, until the dock says so; then back."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)

    def says(word: str) -> bool:
        return bool(dock.data.watch_state.text().startswith(word))

    qtbot.waitUntil(lambda: says("Waiting"), timeout=round(1000 * timeout))
    elsewhere.rename(folder)
    qtbot.waitUntil(lambda: says("Watching"), timeout=round(1000 * timeout))
