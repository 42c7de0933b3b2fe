"""The laziness monitor tells the truth: what it shows is what was counted elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QToolTip

from dock_helpers import edit
from napari_lazy_pipeline._gui.monitor.chunk_map import ChunkMap, ChunkState, MapRow
from napari_lazy_pipeline._gui.plugin.dock_registry import open_dock_of
from napari_lazy_pipeline.image.quantity_text import format_duration

Settle = Callable[[Any], None]


@pytest.fixture
def monitor(opened: Any) -> Any:
    _, widget = opened.viewer.window.add_plugin_dock_widget(
        "napari-lazy-pipeline", "Laziness monitor"
    )
    widget.refresh()
    return widget


def tiles(monitor: Any) -> dict[str, list[list[int]]]:
    return {row.title: row.tiles.tolist() for row in monitor.map.rows}


def texts(monitor: Any) -> dict[str, str]:
    return {name: label.text() for name, label in monitor.values.items()}


def test_what_was_looked_at_lights_up(
    opened: Any, monitor: Any, settle: Settle, qtbot: Any
) -> None:
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    monitor.refresh()
    source = opened.session.stack.source
    assert source.reads == 4
    assert texts(monitor)["Read"].startswith("4 of 6 volumes (67 %)")
    assert texts(monitor)["Deskew"] == "4 of 6 chunks computed (4 partly)", "planes"
    grey = int(ChunkState.UNTOUCHED)
    lit = [[tile != grey for tile in row] for row in tiles(monitor)["Deskew"]]
    assert lit == [[True, False, True]] * 2
    assert set(tiles(monitor)) == {"Read", "Deskew"}


def test_distinct_volumes_are_counted_however_often_they_are_read(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    """Each plane is a read of its own, the comparison and an export read all over again."""
    session = opened.session
    for z in range(2, 9):
        opened.viewer.dims.set_current_step(1, z)
        settle(opened)
    for t in (0, 0):
        session.stack.source.read(t, 1)
    monitor.refresh()
    assert session.stack.source.reads > 6
    assert texts(monitor)["Read"] == "2 of 6 volumes (33 %)"
    for t in range(3):
        for c in range(2):
            session.pipeline.apply(session.stack).source.read(t, c)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    monitor.refresh()
    assert texts(monitor)["Read"] == "6 of 6 volumes (100 %)"


def test_whole_chunks_are_told_from_parts_and_from_cached_ones(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    monitor.refresh()
    assert texts(monitor)["Deskew"].startswith("2 of 6 chunks computed (2 cached, ")
    assert "each)" in texts(monitor)["Deskew"]
    assert "2 cached" in monitor.map.accessibleDescription()
    assert "4 not computed" in monitor.map.accessibleDescription()


def test_an_edit_makes_its_stage_grey_and_leaves_those_before(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    monitor.refresh()
    grey, shown = int(ChunkState.UNTOUCHED), tiles(monitor)
    assert [tile != grey for tile in shown["Subtract background"][0]] == [True, True, False]
    assert [tile != grey for tile in shown["Deskew"][0]] == [False, True, False]


def test_the_block_on_screen(opened: Any, monitor: Any, settle: Settle) -> None:
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    monitor.refresh()
    first, *_, last = monitor.graph.nodes
    assert first.text == Path(opened.session.stack.source.path(1, 0)).name
    assert [node.text for node in monitor.graph.nodes[1:-1]] == ["Read", "Deskew"]
    assert last.text == "t 1, on screen"
    assert "Deskew" in monitor.graph.accessibleDescription()


def test_a_bad_file_is_red(opened: Any, monitor: Any, settle: Settle) -> None:
    Path(opened.session.stack.source.path(2, 0)).write_bytes(b"no TIFF")
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    monitor.refresh()
    assert tiles(monitor)["Read"][0][2] == ChunkState.FAILED
    assert "failed" in monitor.map.accessibleDescription()


def test_counting_anew_keeps_what_is_in_memory(
    opened: Any, monitor: Any, settle: Settle, qtbot: Any
) -> None:
    reads = opened.session.stack.source.reads
    assert monitor.reset.text() == "Reset counters"
    monitor.reset.click()
    assert texts(monitor)["Read"].startswith("0 of 6 volumes")
    assert "nothing was read" in monitor.headline.text()
    assert opened.session.stack.source.reads == reads and opened.session.cache.used > 0


def test_all_at_once_is_estimated_from_what_was_measured(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    assert "not known yet" in monitor.eager.text(), "planes do not tell what volumes take"
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    monitor.refresh()
    compute_log, stack = opened.session.compute_log, opened.session.stack
    total = 6 * stack.spec.nbytes
    duration = compute_log.duration(opened.session.plan.timing_key(0))
    seconds = 6 * duration.seconds
    text = monitor.eager.text()
    assert f"fill {total / 1000:.3g} kB" in text
    assert f"take about {format_duration(seconds)} and" in text


def test_it_rests_when_nobody_sees_it(monitor: Any) -> None:
    timer = monitor.findChild(QTimer)
    monitor.hide()
    assert not timer.isActive()


def test_the_dock_of_the_viewer_is_watched(opened: Any, monitor: Any) -> None:
    assert open_dock_of(opened.viewer) is opened
    opened.shut_down()
    monitor.refresh()
    assert "Open a folder" in monitor.headline.text()


class TestChunkMap:
    def test_more_blocks_than_pixels(self, qtbot: Any) -> None:
        """One failed block of 100 000 is seen."""
        chunks = ChunkMap()
        qtbot.addWidget(chunks)
        states = np.zeros((2, 100_000), np.uint8)
        states[1, 31_415] = ChunkState.FAILED
        chunks.show_rows([MapRow("Deskew", states, ("488", "560"))])
        chunks.resize(400, 60)
        chunks.show()
        image = chunks.grab().toImage()
        red = [
            (x, y)
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).red() > 200 and image.pixelColor(x, y).green() < 100
        ]
        assert red and len({x for x, _ in red}) <= 2

    def test_what_is_under_the_pointer(self, qtbot: Any, monkeypatch: Any) -> None:
        shown_text: list[str] = []
        monkeypatch.setattr(
            QToolTip, "showText", lambda place, text, widget: shown_text.append(text)
        )
        chunks = ChunkMap()
        qtbot.addWidget(chunks)
        states = np.zeros((2, 4), np.uint8)
        states[1, 3] = ChunkState.CACHED
        chunks.show_rows([MapRow("Deskew", states, ("488", "560"))])
        chunks.resize(496, 60)
        chunks.show()
        qtbot.mouseMove(chunks, QPoint(490, 15))
        qtbot.waitUntil(lambda: bool(shown_text))
        assert shown_text[-1] == "Deskew, t 3, channel 560: cached"


@pytest.mark.filterwarnings("ignore:Private attribute access")
def test_it_fits_a_small_screen(opened: Any, monitor: Any, qtbot: Any) -> None:
    window = opened.viewer.window._qt_window
    window.show()
    window.resize(1366, 740)
    qtbot.wait(1)
    qtbot.waitUntil(lambda: bool(monitor.isVisible()))
    assert (window.width(), window.height()) == (1366, 740)
