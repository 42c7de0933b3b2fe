"""The dock widget "Laziness monitor": shows what was read and computed so far, and what was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QBoxLayout,
    QDockWidget,
    QFormLayout,
    QGridLayout,
    QLabel,
    QMainWindow,
    QWidget,
)

from napari_lazy_pipeline._gui.monitor.block_graph import BlockGraph, Node
from napari_lazy_pipeline._gui.monitor.chunk_map import COLOURS, WORDS, ChunkMap, ChunkState, MapRow
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of, open_dock_of
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, scroll_area
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import ComputeLog, PipelineSource
from napari_lazy_pipeline.compute.compute_log import Entry, State
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.session import Session

_BEAT = 200  # ms
_WIDE = 760  # px
_ALL_BLOCKS = "All blocks: time to the right, one row a channel"
_ONE_BLOCK = "The block on screen, and what it is made of"


class LazinessMonitor(QWidget):
    """Shows what laziness is: which blocks were made, of all there could be."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        dock_of(napari_viewer)
        self.headline = Sentence()
        self.map, self.graph = ChunkMap(), BlockGraph()
        self.values: dict[str, Sentence] = {}
        self.eager, self.dask = Sentence(), Sentence()
        tooltip = "Forget the counts and the map; what is in memory stays there"
        self.reset = push_button("Count anew", tooltip, self._on_reset)
        self._reads = self._bytes = 0
        self._state: object = None
        self._placed = False
        self._build()
        self._timer = QTimer(self, interval=_BEAT)
        self._timer.timeout.connect(self.refresh)
        self.refresh()

    def _build(self) -> None:
        self._form = QFormLayout()
        content = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, content)
        self._columns.setSpacing(12)
        for parts, stretch in (
            ((self.headline, self._form, self.eager, self.reset), 3),
            ((_heading(_ALL_BLOCKS), _legend(), self.map), 4),
            ((_heading(_ONE_BLOCK), self.graph, self.dask), 3),
        ):
            part = column(*parts, spacing=6)
            part.addStretch(1)
            self._columns.addLayout(part, stretch)
        column(scroll_area(content), parent=self)
        self.setMinimumSize(320, 240)

    def resizeEvent(self, event: Any) -> None:
        """Beside each other where there is room, below each other in a narrow dock."""
        wide = self.width() >= _WIDE
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._columns.setDirection(direction)
        super().resizeEvent(event)

    def showEvent(self, event: Any) -> None:
        self._timer.start()
        if not self._placed:
            # Once this event is over: the dock is being shown just now.
            self._placed = True
            QTimer.singleShot(0, self._go_below)
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _go_below(self) -> None:
        """Below the picture there is room for time; napari puts every dock to the right."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) else None
        if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)

    def refresh(self) -> None:
        """Show how things stand now, if they stand otherwise than before."""
        dock = open_dock_of(self._viewer)
        session = dock.session if dock is not None else None
        if dock is None or session is None or session.stack is None:
            self.headline.setText("Open a folder in the Lazy Pipeline dock: nothing will be read")
            return
        place = min(dock.layers.places, default=(0, 0))
        state = (
            session.compute_log.version, session.cache.used, place, session.stack.shape,
            id(session.pipeline), session.engine,
        )  # fmt: skip
        if state == self._state:
            return
        try:
            source = session.source()
        except StepError as error:
            self.headline.setText(f"The steps do not fit: {error}")
            return
        self._state = state
        self._show_counts(session, source)
        rows = [row_of(source, count) for count in range(source.count + 1)]
        self.map.show_rows(rows, session.stack.channel_names)
        self.graph.show_nodes(nodes_of(source, place))
        self._show_graph(source)
        self.eager.setText(eager_text(session, source))

    def _show_counts(self, session: Session, source: PipelineSource) -> None:
        folder_info = session.folder_info
        assert folder_info is not None
        total = folder_info.total_bytes
        volumes = source.sizes[0] * source.sizes[1] - folder_info.missing
        reads, bytes_read = _reads(session)
        read, size = reads - self._reads, bytes_read - self._bytes
        self._show_value("Read", f"{read} of {volumes} volumes ({_percent(read, volumes)})")
        part = f"{format_bytes(size)} of {format_bytes(total)} ({_percent(size, total)})"
        self._show_value("Bytes", part)
        for step in dict.fromkeys(stage.step for stage in source.plan.stages):
            self._show_value(step.label, counted(session.compute_log, step.kind))
        cache = session.cache
        self._show_value("Cache", f"{format_bytes(cache.used)} of {format_bytes(cache.limit)}")
        shown = "Only what was on screen was read and computed"
        self.headline.setText(shown if read else "Everything is set up, and nothing was read")

    def _show_value(self, name: str, text: str) -> None:
        if name not in self.values:
            self.values[name] = Sentence()
            self.values[name].setAccessibleName(name)
            self._form.addRow(name, self.values[name])
        self.values[name].setText(text)

    def _show_graph(self, source: PipelineSource) -> None:
        times, channels = source.sizes
        self.dask.setText(
            f"For dask, the array of a channel is {format_count(times, 'block')} of "
            f"{_shape(source.spec.shape)} in one symbolic layer: it takes no longer to make for "
            "more files. One picture needs one block of each of "
            f"{format_count(channels, 'channel')}."
        )

    def _on_reset(self) -> None:
        dock = open_dock_of(self._viewer)
        if dock is not None and dock.session.stack is not None:
            self._reads, self._bytes = _reads(dock.session)
            dock.session.compute_log.clear()
            self.refresh()


def _reads(session: Session) -> tuple[int, int]:
    raw = session.raw.source
    return getattr(raw, "reads", 0), getattr(raw, "bytes_read", 0)


def row_of(source: PipelineSource, count: int) -> MapRow:
    """The blocks that the first ``count`` stages make."""
    times, channels = source.plan.spec(count).sizes
    tiles = np.zeros((channels, times), np.uint8)
    for (t, c), entry in _entries(source, count).items():
        if t < times and c < channels:
            tiles[c, t] = tile_of(source, (t, c), count, entry)
    return MapRow(_title(source, count), tiles)


def _title(source: PipelineSource, count: int) -> str:
    return source.plan.stages[count - 1].step.label if count else "Read"


def tile_of(source: PipelineSource, place: tuple[int, int], count: int, entry: Entry) -> ChunkState:
    """How a block is painted."""
    if entry.state is State.RUNNING:
        return ChunkState.RUNNING
    if entry.state is State.FAILED:
        return ChunkState.FAILED
    if source.is_cached(*place, count):
        return ChunkState.CACHED
    return ChunkState.PART if entry.state is State.PART else ChunkState.MADE


def nodes_of(source: PipelineSource, place: tuple[int, int]) -> list[Node]:
    """The way from the file to a block."""
    path = getattr(getattr(source.raw, "source", source.raw), "path", lambda *_: None)(*place)
    name = Path(path).name if path else "no file"
    nodes = [Node(name, format_bytes(source.raw.spec.nbytes), ChunkState.UNTOUCHED)]
    for count in range(source.count + 1):
        entry = _entries(source, count).get(place)
        tile = tile_of(source, place, count, entry) if entry else ChunkState.UNTOUCHED
        seconds = format_duration(entry.seconds) if entry else ""
        nodes.append(Node(_title(source, count), seconds, tile))
    last = nodes[-1].tile
    nodes.append(Node(f"t = {place[0] + 1}, on screen", _shape(source.spec.shape), last))
    return nodes


def counted(compute_log: ComputeLog, kind: str) -> str:
    """How many blocks a step made, and how long one took; planes of them are told apart."""
    blocks, parts = compute_log.count(kind), compute_log.count(kind, part=True)
    mean = compute_log.mean(kind)
    texts = (
        format_count(blocks, "block") if blocks or not parts else "",
        f"{format_duration(mean)} each" if mean is not None else "",
        f"{format_count(parts, 'part')} of blocks" if parts else "",
    )
    return ", ".join(filter(None, texts))


def eager_text(session: Session, source: PipelineSource) -> str:
    """What it would cost to make all blocks now, as far as that is known."""
    volumes = source.sizes[0] * source.sizes[1]
    kinds = ["read", *(stage.step.kind for stage in source.plan.stages)]
    means = [session.compute_log.mean(kind) for kind in kinds]
    room = format_bytes(volumes * source.spec.nbytes)
    if any(mean is None for mean in means):
        return f"To make everything at once would fill {room}; how long it takes is not known yet."
    seconds = volumes * sum(mean for mean in means if mean is not None)
    spent = sum(session.compute_log.spent(kind) for kind in kinds)
    return (
        f"To make everything at once would take about {format_duration(seconds)} and fill {room}. "
        f"So far it was {format_duration(spent)}."
    )


def _entries(source: PipelineSource, count: int) -> dict[tuple[int, int], Entry]:
    return source.compute_log.of(source.plan.work(count)) if source.compute_log else {}


def _heading(text: str) -> Sentence:
    heading = Sentence(text)
    heading.setStyleSheet("font-weight: bold;")
    return heading


def _legend() -> QGridLayout:
    grid = QGridLayout()
    for number, tile in enumerate(ChunkState):
        label = QLabel(f'<span style="color: {COLOURS[tile]}">■</span> {WORDS[tile]}')
        grid.addWidget(label, number // 3, number % 3)
    return grid


def _percent(part: float, whole: float) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.2g} %"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
