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
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.monitor.block_graph import BlockGraph, Node
from napari_lazy_pipeline._gui.monitor.chunk_map import COLOURS, WORDS, ChunkMap, MapRow, Tile
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of, open_dock_of
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute.compute_log import ComputeLog, Entry, State
from napari_lazy_pipeline.compute.pipeline import PipelineSource
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.session.session import Session

_BEAT = 200  # ms between two looks
_WIDE = 760  # px


class LazinessMonitor(QWidget):
    """Shows what laziness is: which blocks were made, of all there could be.

    Parameters
    ----------
    napari_viewer
        The viewer whose Lazy Pipeline dock is watched; that is opened if need be.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        dock_of(napari_viewer)
        self.headline = Sentence()
        self.map, self.graph = ChunkMap(), BlockGraph()
        self.values: dict[str, Sentence] = {}
        self.eager = Sentence()
        self.dask = Sentence()
        self.anew = QPushButton("Count anew")
        self.anew.setToolTip("Forget the counts and the map; what is in memory stays there")
        self.anew.clicked.connect(self._on_anew)
        self._reads = self._bytes = 0
        self._seen: object = None
        self._placed = False
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_BEAT)
        self._timer.timeout.connect(self.look)
        self.look()

    def _build(self) -> None:
        self._form = QFormLayout()
        counts, blocks, block = _column(), _column(), _column()
        counts.addWidget(self.headline)
        counts.addLayout(self._form)
        counts.addWidget(self.eager)
        counts.addWidget(self.anew)
        blocks.addWidget(_heading("All blocks: time to the right, one row a channel"))
        blocks.addLayout(_legend())
        blocks.addWidget(self.map)
        block.addWidget(_heading("The block on screen, and what it is made of"))
        block.addWidget(self.graph)
        block.addWidget(self.dask)
        content = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, content)
        self._columns.setSpacing(12)
        for column, stretch in ((counts, 3), (blocks, 4), (block, 3)):
            column.addStretch(1)
            self._columns.addLayout(column, stretch)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumSize(320, 240)

    def resizeEvent(self, event: Any) -> None:
        """Beside each other where there is room, below each other in a narrow dock."""
        wide = self.width() >= _WIDE
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._columns.setDirection(direction)
        super().resizeEvent(event)

    def showEvent(self, event: Any) -> None:
        """Look as long as somebody does."""
        self._timer.start()
        if not self._placed:
            # Once this event is over: the dock is being shown just now.
            self._placed = True
            QTimer.singleShot(0, self._go_below)
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        """Rest."""
        self._timer.stop()
        super().hideEvent(event)

    def _go_below(self) -> None:
        """Below the picture there is room for time; napari puts every dock to the right."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) else None
        if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)

    def look(self) -> None:
        """Show how things stand now, if they stand otherwise than before."""
        dock = open_dock_of(self._viewer)
        session = dock.session if dock is not None else None
        if dock is None or session is None or session.stack is None:
            self.headline.setText("Open a folder in the Lazy Pipeline dock: nothing will be read")
            return
        place = min(dock.layers.places, default=(0, 0))
        seen = (
            session.compute_log.version, session.cache.used, place, session.stack.shape,
            id(session.pipeline), session.engine,
        )  # fmt: skip
        if seen == self._seen:
            return
        try:
            source = session.source()
        except StepError as error:
            self.headline.setText(f"The steps do not fit: {error}")
            return
        self._seen = seen
        self._show_counts(session, source)
        rows = [row_of(source, count) for count in range(source.count + 1)]
        self.map.show_rows(rows, session.stack.channel_names)
        self.graph.show_nodes(nodes_of(source, place))
        self._show_graph(source)
        self.eager.setText(eager_text(session, source))

    def _show_counts(self, session: Session, source: PipelineSource) -> None:
        folder_info, raw = session.folder_info, getattr(session.raw.source, "reads", 0)
        assert folder_info is not None
        total, volumes = (
            folder_info.total_bytes,
            source.sizes[0] * source.sizes[1] - folder_info.missing,
        )
        read = raw - self._reads
        nbytes = getattr(session.raw.source, "bytes_read", 0) - self._bytes
        self._say("Read", f"{read} of {volumes} volumes ({_percent(read, volumes)})")
        self._say(
            "Bytes", f"{format_bytes(nbytes)} of {format_bytes(total)} ({_percent(nbytes, total)})"
        )
        for step in dict.fromkeys(stage.step for stage in source.plan.stages):
            self._say(step.label, counted(session.compute_log, step.kind))
        cache = session.cache
        self._say("Cache", f"{format_bytes(cache.used)} of {format_bytes(cache.limit)}")
        if read == 0:
            self.headline.setText("Everything is set up, and nothing was read")
        else:
            self.headline.setText("Only what was on screen was read and computed")

    def _say(self, name: str, text: str) -> None:
        if name not in self.values:
            self.values[name] = Sentence()
            self.values[name].setAccessibleName(name)
            self._form.addRow(name, self.values[name])
        self.values[name].setText(text)

    def _show_graph(self, source: PipelineSource) -> None:
        times, channels = source.sizes
        self.dask.setText(
            f"For dask, the array of a channel is {times} {'block' if times == 1 else 'blocks'} of "
            f"{_shape(source.spec.shape)} in one symbolic layer: it takes no longer to make for "
            f"more files. One picture needs one block of each of {channels} "
            f"{'channel' if channels == 1 else 'channels'}."
        )

    def _on_anew(self) -> None:
        dock = open_dock_of(self._viewer)
        if dock is not None and dock.session.stack is not None:
            raw = dock.session.raw.source
            self._reads, self._bytes = getattr(raw, "reads", 0), getattr(raw, "bytes_read", 0)
            dock.session.compute_log.clear()
            self.look()


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


def tile_of(source: PipelineSource, place: tuple[int, int], count: int, entry: Entry) -> Tile:
    """How a block is painted."""
    if entry.state is State.RUNNING:
        return Tile.RUNNING
    if entry.state is State.FAILED:
        return Tile.FAILED
    if source.is_cached(*place, count):
        return Tile.CACHED
    return Tile.PART if entry.state is State.PART else Tile.MADE


def nodes_of(source: PipelineSource, place: tuple[int, int]) -> list[Node]:
    """The way from the file to a block."""
    path = getattr(getattr(source.raw, "source", source.raw), "path", lambda *_: None)(*place)
    nodes = [
        Node(
            Path(path).name if path else "no file",
            format_bytes(source.raw.spec.nbytes),
            Tile.UNTOUCHED,
        )
    ]
    for count in range(source.count + 1):
        entry = _entries(source, count).get(place)
        tile = tile_of(source, place, count, entry) if entry else Tile.UNTOUCHED
        nodes.append(
            Node(_title(source, count), format_duration(entry.seconds) if entry else "", tile)
        )
    last = nodes[-1].tile
    nodes.append(Node(f"t = {place[0] + 1}, on screen", _shape(source.spec.shape), last))
    return nodes


def counted(compute_log: ComputeLog, kind: str) -> str:
    """How many blocks a step made, and how long one took; planes of them are told apart."""
    blocks, parts, mean = (
        compute_log.count(kind),
        compute_log.count(kind, part=True),
        compute_log.mean(kind),
    )
    said = []
    if blocks or not parts:
        said.append(f"{format_count(blocks, 'block')}")
    if mean is not None:
        said.append(f"{format_duration(mean)} each")
    if parts:
        said.append(f"{parts} {'part' if parts == 1 else 'parts'} of blocks")
    return ", ".join(said)


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


def _column() -> QVBoxLayout:
    column = QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    return column


def _heading(text: str) -> Sentence:
    heading = Sentence(text)
    heading.setStyleSheet("font-weight: bold;")
    return heading


def _legend() -> QGridLayout:
    grid = QGridLayout()
    for number, tile in enumerate(Tile):
        label = QLabel(f'<span style="color: {COLOURS[tile]}">■</span> {WORDS[tile]}')
        grid.addWidget(label, number // 3, number % 3)
    return grid


def _percent(part: float, whole: float) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.2g} %"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
