"""Whatever is done in whichever order: every layer shows what the recipe makes of its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from random_walk import Walk

# "12", or "100:600": the seeds of the walks.
_FIRST, _, _LAST = os.environ.get("LAZY_PIPELINE_WALKS", "0:12").rpartition(":")
SEEDS = range(int(_FIRST or 0), int(_LAST))
INTERVAL = 0.05  # s from one look at a watched folder to the next
TIMEOUT = 10_000
STEPS = 8


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    viewer = make_napari_viewer()
    yield viewer
    for dock in list(LazyPipelineWidget.open_docks):
        dock.shut_down()
        dock.compute_thread.join()


@pytest.mark.parametrize("seed", SEEDS)
def test_each_layer_shows_what_the_recipe_makes(
    nothing_stated: None, viewer: Any, tmp_path: Path, psf_file: Path, qtbot: Any, seed: int
) -> None:
    def open_dock() -> Any:
        dock = LazyPipelineWidget(viewer, watch_interval=INTERVAL)
        viewer.window.add_dock_widget(dock)
        return dock

    def wait_for(condition: Callable[[], bool]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)

    def settle(dock: Any) -> None:
        wait_for(lambda: dock.idle)
        qtbot.wait(1)  # the last signal may still be on its way
        wait_for(lambda: dock.idle)

    Walk(seed, open_dock, settle, wait_for, tmp_path, psf_file).go(STEPS)
