"""Memory of docks that come and go."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication

from bench_size import size
from dock_helpers import edit
from stacks import write_raw

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]
# All docks, and those after which nothing is new any more.
DOCKS, FIRST = size((30, 10), (2, 1))


def resident() -> float:
    """Memory of this process [MiB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory as Linux tells it")
def test_thirty_docks(
    make_napari_viewer: Callable[..., Any],
    settle: Settle,
    figure: Figure,
    tmp_path: Path,
    nobody_there: None,
) -> None:
    """Open, look at a folder through a step, close: the last 20 times of 30."""
    folder, viewer = write_raw(tmp_path / "cell", shape=(24, 128, 160)), make_napari_viewer()
    seen = []
    for _ in range(DOCKS):
        _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
        dock.open_folder(folder)
        settle(dock)
        dock.session.state(voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")
        edit(dock, "deskew")
        settle(dock)
        viewer.window.remove_dock_widget(dock)
        dock.compute_thread.join()
        QApplication.processEvents()
        gc.collect()
        seen.append(resident())
    what = f"memory of {DOCKS - FIRST} docks that were opened and closed"
    figure(what, seen[-1] - seen[FIRST - 1], "MiB", 20.0)
