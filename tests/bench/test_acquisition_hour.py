"""An hour of acquisition at ten volumes per second, by a clock of its own: memory, what is seen.

Restarts, files that are renamed, late or written anew, clocks that are set, a share that is gone
for a while; ACQUISITION_VOLUMES makes it shorter.
"""

from __future__ import annotations

import gc
import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acquisition import Microscope, run
from bench_size import size

VOLUMES = int(os.environ.get("ACQUISITION_VOLUMES", size(36000, 160)))
Figure = Callable[[str, float, str, float], None]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on disk, which holds many files for a while."""
    yield tmp_path / "live"
    shutil.rmtree(tmp_path / "live")


def test_an_hour(folder: Path, figure: Figure) -> None:
    samples: dict[int, int] = {}
    marks = [VOLUMES * share // 8 for share in range(2, 9)]

    def sample(times: int) -> None:
        if marks and times >= marks[0]:
            gc.collect()
            samples[marks.pop(0)] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    microscope = Microscope(folder, VOLUMES)
    watcher = run(microscope, sample)
    assert watcher.wrong == [] and watcher.missing() == [] and watcher.times == VOLUMES
    print(microscope.happened, {times: f"{size / 1e6:.2f} MB" for times, size in samples.items()})
    (first, least), *_, (last, most) = samples.items()
    # Names, places and states of files are known; nothing else may grow.
    figure("memory for a time point more", (most - least) / (last - first), "byte", 3000.0)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(500):
        watcher.poll()
    gc.collect()
    figure(
        "memory for 500 polls more", (tracemalloc.get_traced_memory()[0] - before) / 1e3, "kB", 50.0
    )
