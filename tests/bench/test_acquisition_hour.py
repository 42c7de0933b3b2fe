"""An hour of acquisition at ten volumes per second, by a clock of its own: memory, what is seen.

Restarts, also with numbers from 0 on and under another name; files that are renamed, late, deleted,
half written or written anew; clocks that are set, also that of the computer that watches; a share
that is gone for a while. ACQUISITION_VOLUMES makes it shorter.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acquisition import Microscope, run
from bench_size import size

VOLUMES = int(os.environ.get("ACQUISITION_VOLUMES", size(36000, 160)))
CHANNELS = 2
TIMES = VOLUMES // CHANNELS
Figure = Callable[[str, float, str, float], None]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on disk, which holds many files for a while."""
    yield tmp_path / "live"
    shutil.rmtree(tmp_path / "live")


def memory() -> int:
    """Memory of this process that is in use [byte]."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_an_hour(folder: Path, figure: Figure) -> None:
    samples: dict[int, int] = {}
    marks = [TIMES * share // 8 for share in range(2, 9)]

    def sample(times: int) -> None:
        if marks and times >= marks[0]:
            gc.collect()
            samples[marks.pop(0)] = memory()
            print(f"{times} time points, {memory() / 1e6:.0f} MB", flush=True)

    microscope = Microscope(folder, TIMES, CHANNELS)
    watcher = run(microscope, sample)
    assert watcher.wrong == [] and watcher.missing() == [] and watcher.times == TIMES
    assert watcher.complaints() == []
    print(microscope.happened, f"{watcher.looks} looks at volumes, {len(microscope.volumes)} there")
    figure("half written, and shown with that remark", watcher.doubted, "", 0.0)
    (first, least), *_, (last, most) = samples.items()
    # Names, places and states of files are known; nothing else may grow.
    more = (most - least) / (last - first) / CHANNELS
    figure("memory for a volume more", more, "byte", 3000.0)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(500):
        watcher.poll()
    gc.collect()
    figure("blocks of memory for 500 polls more", sys.getallocatedblocks() - before, "", 500.0)
