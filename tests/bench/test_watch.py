"""At the microscope, for a minute and more: what appears, how late, and what it costs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from bench_size import size
from dock_helpers import edit
from live_run import LiveRun, away_and_back, start_writer, wait_for_end
from napari_lazy_pipeline._gui.data.watch_control import WATCH_INTERVAL
from napari_lazy_pipeline.samples.microscope import Simulation

pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the memory as Linux tells it"),
]
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]
SECONDS = float(os.environ.get("LIVE_SECONDS", size("60", "0.4")))
MIB = 2**20


class Pulse:
    """Beats every 5 ms while the window is free; notes memory once a second."""

    def __init__(self) -> None:
        self.beats, self.memory = [perf_counter()], [memory()]
        self._timers = [QTimer(), QTimer()]
        for timer, pause, beat in zip(
            self._timers, (5, size(1000, 10)), self._actions(), strict=True
        ):
            timer.setInterval(pause)
            timer.timeout.connect(beat)
            timer.start()

    def _actions(self) -> tuple[Callable[[], None], Callable[[], None]]:
        return lambda: self.beats.append(perf_counter()), lambda: self.memory.append(memory())

    def stop(self) -> None:
        for timer in self._timers:
            timer.stop()
        for beat in self._actions():
            beat()

    def pauses(self) -> np.ndarray:
        """Times between two beats, sorted [ms]."""
        return np.sort(1000 * np.diff(self.beats))


def memory() -> int:
    """Memory of this process that is in use [byte]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def growth(samples: list[int]) -> float:
    """By how much the last third of the samples is above the second one [MiB]."""
    third = max(len(samples) // 3, 1)
    return (median(samples[-third:]) - median(samples[third : 2 * third])) / MIB


def open_live(dock: Any, settle: Settle, folder: Path, shape: tuple[int, int, int]) -> LiveRun:
    """Watch and follow a folder that holds two volumes, with deskewing on."""
    list(Simulation(folder, shape, 2).steps())
    dock.session.cache.limit = 256 * MIB
    dock.open_folder(folder)
    settle(dock)
    dock.session.state(voxel_size=(0.4, 0.1, 0.1), angle=31.5, step="stage")
    edit(dock, "deskew")
    settle(dock)
    dock.data.watch.setChecked(True)
    dock.data.follow.setChecked(True)
    settle(dock)
    return LiveRun(dock)


def test_a_minute_at_ten_volumes_a_second(
    dock: Any, settle: Settle, figure: Figure, large_folder: Path, qtbot: Any
) -> None:
    """Half of it, then the writer stops, the folder goes away and comes back, then the rest."""
    shape, times = size((64, 256, 280), (6, 16, 20)), round(5 * SECONDS)
    run, shown = open_live(dock, settle, large_folder, shape), []
    still = Pulse()
    for turn in range(size(20, 2)):
        dock.layers.position.go_to(turn % 2)
        qtbot.wait(size(500, 20))
    still.stop()
    dock.layers.rendered.connect(lambda job: shown.append(job.t))
    live = Pulse()
    for start in (2, 2 + times):
        writer = start_writer(large_folder, shape, rate=10, times=times, start=start, parts=5)
        wait_for_end(qtbot, writer, 10 * SECONDS + 60)
        qtbot.waitUntil(lambda start=start: run.times() == start + times, timeout=30_000)
        if start == 2:
            away_and_back(qtbot, dock, large_folder, 60)
    qtbot.waitUntil(lambda: dock.layers.settled, timeout=30_000)
    live.stop()
    assert len(run.latencies) == 2 * times, "every volume appeared"
    run.assert_never_half()
    latencies = list(run.latencies.values())
    skipped = dock.live.follower.skipped
    figure("file complete to in the axis, median", median(latencies), "s", 2 * WATCH_INTERVAL)
    figure("file complete to in the axis, longest", max(latencies), "s", 2 * WATCH_INTERVAL)
    figure("memory, growth over the last third", growth(live.memory), "MiB", 64.0)
    figure("pictures shown while following", len(set(shown)), "", 2.0 * times)
    figure("time points skipped, and counted", skipped, "", 2.0 * times)
    before, now = still.pauses(), live.pauses()
    figure(
        "pauses of the window, 99th percentile, stepping", before[-len(before) // 100], "ms", 500
    )
    figure("pauses of the window, 99th percentile, live", now[-len(now) // 100], "ms", 500)
    figure("longest pause of the window, stepping through time", before[-1], "ms", 1000.0)
    figure("longest pause of the window, live", now[-1], "ms", 1000.0)


def test_memory_over_thousands_of_small_volumes(
    dock: Any, settle: Settle, figure: Figure, large_folder: Path, qtbot: Any
) -> None:
    shape, times = (8, 32, 40), round(100 * SECONDS)
    run = open_live(dock, settle, large_folder, shape)
    dock.session.cache.limit = 16 * MIB
    live = Pulse()
    writer = start_writer(large_folder, shape, rate=100, times=times, start=2, parts=1)
    wait_for_end(qtbot, writer, 10 * SECONDS + 60)
    qtbot.waitUntil(lambda: run.times() == 2 + times, timeout=30_000)
    live.stop()
    assert len(run.latencies) == times, "every volume appeared"
    run.assert_never_half()
    figure(f"{times} volumes: memory, growth over the last third", growth(live.memory), "MiB", 16.0)
    latencies = list(run.latencies.values())
    figure(f"{times} volumes: in the axis, longest", max(latencies), "s", 2 * WATCH_INTERVAL)
