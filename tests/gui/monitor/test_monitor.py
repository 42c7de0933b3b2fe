"""The laziness monitor tells the truth: what it shows is what was counted elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QToolTip

from dock_helpers import card, edit
from napari_lazy_pipeline._gui.monitor import chunk_nodes
from napari_lazy_pipeline._gui.monitor import monitor as monitor_module
from napari_lazy_pipeline._gui.monitor.chunk_map import ChunkMap, ChunkState, MapRow
from napari_lazy_pipeline._gui.plugin.dock_registry import open_dock_of
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.compute.chunk_graph import chunk_graph, dask_key
from napari_lazy_pipeline.image.quantity_text import format_duration
from napari_lazy_pipeline.steps import Ratio, step_types

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


def test_an_edit_that_leaves_out_what_is_on_screen(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    """The old picture is there until the new one is made: it is none of the new steps."""
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    monitor.refresh()
    opened.session.set_pipeline(Pipeline([step_types()["select"](times=(0, 2))]))
    monitor.refresh()
    settle(opened)
    monitor.refresh()
    assert opened.layers.places == [(1, 0), (1, 1)]


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


def boxes(monitor: Any) -> dict[str, list[str]]:
    """The boxes of each row, as they are named."""
    rows: dict[int, list[str]] = {}
    for node in monitor.graph.graph.nodes:
        rows.setdefault(node.row, []).append(node.text)
    return {str(row): rows[row] for row in sorted(rows)}


def details(monitor: Any, text: str) -> list[str]:
    return [node.detail for node in monitor.graph.graph.nodes if node.text == text]


def test_the_graph_of_the_chunks_on_screen(opened: Any, monitor: Any, settle: Settle) -> None:
    """Its boxes and arrows are the volumes that are made, and the tasks of dask."""
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    monitor.refresh()
    source, chunks = opened.session.source(), [(1, 0), (1, 1)]
    files = [Path(opened.session.stack.source.path(*place)).name for place in chunks]
    assert [*boxes(monitor).values()] == [
        files, ["Read"] * 2, ["Subtract background"] * 2, ["Deskew"] * 2,
        ["t 1, 488", "t 1, 560"],
    ]  # fmt: skip
    nodes, arrows = monitor.graph.graph.nodes, monitor.graph.graph.arrows
    of_stages = {
        (nodes[a.start].row - 1, nodes[a.end].row - 1, nodes[a.end].middle)
        for a in arrows
        if nodes[a.start].row > 0 and nodes[a.end].row < 4
    }
    assert of_stages == {
        (other.stages, volume.stages, 0.25 + 0.5 * volume.c)
        for volume, others in chunk_graph(source, chunks).items()
        for other in others
    }
    assert "cached" not in details(monitor, "Deskew"), "napari asked for it more than once"
    assert len(arrows) == 8 and all(nodes[a.start].middle == nodes[a.end].middle for a in arrows)
    tips = [node.tip for node in nodes if node.row == 4]
    assert tips == [f"Task of dask: {dask_key(source, place)}" for place in chunks]
    assert "has 4 tasks: a number for each chunk, and read-subtract" in monitor.dask.text()
    assert "Fused by dask, 2 tasks" in monitor.dask.text()
    assert "Deskew, " in monitor.graph.accessibleDescription()
    assert "from Subtract background" in monitor.graph.accessibleDescription()


def test_what_came_from_the_cache_is_told(opened: Any, monitor: Any, settle: Settle) -> None:
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    monitor.refresh()
    assert details(monitor, "Subtract background") == ["cached"] * 2
    assert "cached" not in details(monitor, "Deskew") + details(monitor, "Read")
    nodes = monitor.graph.graph.nodes
    followed = {(nodes[a.end].text, a.followed) for a in monitor.graph.graph.arrows}
    assert {("Read", False), ("Subtract background", False), ("Deskew", True)} < followed


def test_channels_that_meet_and_more_than_there_is_room_for(
    opened: Any, monitor: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.session.set_pipeline(Pipeline([Ratio(a="488", b="560")]))
    settle(opened)
    monitor.refresh()
    last = opened.session.source().sizes[1] - 1
    nodes, graph = monitor.graph.graph.nodes, monitor.graph.graph
    (ratio,) = (n for n in nodes if n.row == 2 and n.middle == (last + 0.5) / (last + 1))
    into = [nodes[a.start] for a in graph.arrows if nodes[a.end] is ratio]
    assert [node.text for node in into] == ["Read", "Read"]
    places = monitor.graph.boxes()
    for (one, box), (other, beside) in combinations(zip(nodes, places, strict=True), 2):
        assert one.row != other.row or not box.intersects(beside), (one.text, other.text)
    assert monitor.more.isHidden()
    for module in (chunk_nodes, monitor_module):
        monkeypatch.setattr(module, "MOST_CHANNELS", 1)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    monitor.refresh()
    assert [len(row) for row in boxes(monitor).values()] == [1] * 4
    assert monitor.more.text() == f"Not drawn: {last} more channels"


def test_a_step_that_went_is_not_counted_any_more(
    opened: Any, monitor: Any, settle: Settle
) -> None:
    edit(opened, "deskew")
    settle(opened)
    monitor.refresh()
    assert "Deskew" in texts(monitor)
    card(opened, "deskew").switch.setChecked(False)
    settle(opened)
    monitor.refresh()
    assert [*texts(monitor)] == ["Read", "Bytes", "Cache"]


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


@pytest.mark.parametrize(("ndisplay", "cached"), [(2, ""), (3, " (2 cached")])
def test_what_comes_from_the_cache_is_not_counted_anew(
    opened: Any, monitor: Any, settle: Settle, ndisplay: int, cached: str
) -> None:
    opened.viewer.dims.ndisplay = ndisplay
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    settle(opened)
    monitor.reset.click()
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    monitor.refresh()
    said = texts(monitor)
    assert said["Deskew"].startswith("2 of 6 chunks computed")
    assert said["Subtract background"].startswith(f"0 of 6 chunks computed{cached}")
    assert details(monitor, "Subtract background") == ["cached"] * 2


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
