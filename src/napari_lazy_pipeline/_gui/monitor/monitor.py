"""The dock widget "Laziness monitor": shows what was read and computed so far, and what was not."""

from __future__ import annotations

import math
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

from napari_lazy_pipeline._gui.monitor.block_graph import BlockGraph
from napari_lazy_pipeline._gui.monitor.chunk_map import COLOURS, WORDS, ChunkMap, ChunkState, MapRow
from napari_lazy_pipeline._gui.monitor.chunk_nodes import (
    MOST_CHANNELS,
    dask_text,
    entries,
    graph_of,
    stage_title,
    state_of,
)
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of, open_dock_of
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row, scroll_area
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.resource_estimate import volume_time
from napari_lazy_pipeline.compute.stage import Place
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.session import Session

_BEAT = 200  # ms
_WIDE = 760  # px
_SHARE = 0.28  # of the height of the window
_ALL_BLOCKS = "All chunks: time to the right, one row per channel"
_ONE_BLOCK = "What the chunks on screen are made of"
_DOTTED = "Dotted arrows: not needed, as what they lead to came from the cache"


class LazinessMonitor(QWidget):
    """Shows what laziness is: which chunks were computed, of all there are."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        dock_of(napari_viewer)
        self.headline = Sentence()
        self.map, self.graph = ChunkMap(), BlockGraph()
        self.values: dict[str, Sentence] = {}
        self.eager, self.dask, self.more = Sentence(), Sentence(), Sentence()
        self._told: object = None  # which chunks the text on dask is about
        tooltip = "Reset the counters and the map; what is cached stays so"
        self.reset = push_button("Reset counters", tooltip, self._on_reset)
        self._bytes = 0  # that were read before the counters were reset
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
            ((row((self.headline, 1), self.reset), self._form, self.eager), 3),
            ((_heading(_ALL_BLOCKS), _legend(), self.map), 4),
            ((_heading(_ONE_BLOCK), self.graph, self.more, Sentence(_DOTTED), self.dask), 3),
        ):
            part = column(*parts, spacing=6)
            part.addStretch(1)
            self._columns.addLayout(part, stretch)
        column(scroll_area(content), parent=self)
        self.setMinimumSize(320, 120)

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
            height = round(_SHARE * window.height())
            window.resizeDocks([dock], [height], Qt.Orientation.Vertical)

    def refresh(self) -> None:
        """Show how things stand now, if they stand otherwise than before."""
        dock = open_dock_of(self._viewer)
        session = dock.session if dock is not None else None
        if dock is None or session is None or session.stack is None:
            self.headline.setText("Open a folder in the Lazy Pipeline dock: nothing will be read")
            return
        chunks = dock.layers.places or [(0, 0)]
        state = (
            session.compute_log.version, session.cache.used, chunks, session.stack.shape,
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
        self.map.show_rows(rows)
        self._show_graph(source, chunks)
        self.eager.setText(eager_text(session, source))

    def _show_counts(self, session: Session, source: PipelineSource) -> None:
        folder_info, raw = session.folder_info, session.raw.source
        assert folder_info is not None and isinstance(raw, FileSource)
        volumes = sum(raw.plan.recorded) * math.prod(raw.info.inner)
        read, size = raw.volumes_read, raw.bytes_read - self._bytes
        self._show_value("Read", f"{read} of {volumes} volumes ({_percent(read, volumes)})")
        total = format_bytes(folder_info.total_bytes)
        self._show_value("Bytes", f"{format_bytes(size)} (folder: {total})")
        labels = [stage.step.label for stage in source.plan.stages]
        for name in [*self.values]:
            if name not in ("Read", "Bytes", "Cache", *labels):
                self._form.removeRow(self.values.pop(name))
        for count, label in enumerate(labels, 1):
            self._show_value(label, counted(source, count))
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

    def _show_graph(self, source: PipelineSource, chunks: list[Place]) -> None:
        self.graph.show_graph(graph_of(source, chunks))
        more = len(chunks) - MOST_CHANNELS
        self.more.say(f"Not drawn: {format_count(more, 'more channel')}" if more > 0 else "")
        if (source.token, chunks) != self._told:
            self._told = source.token, chunks
            self.dask.setText(dask_text(source, chunks))

    def _on_reset(self) -> None:
        dock = open_dock_of(self._viewer)
        if dock is not None and dock.session.stack is not None:
            raw = dock.session.raw.source
            assert isinstance(raw, FileSource)
            raw.reset_volumes_read()
            self._bytes = raw.bytes_read
            dock.session.compute_log.clear()
            self.refresh()


def row_of(source: PipelineSource, count: int) -> MapRow:
    """The chunks that the first ``count`` stages compute."""
    spec = source.plan.spec(count)
    times, channels = spec.sizes
    tiles = np.zeros((channels, times), np.uint8)
    for (t, c), entry in entries(source, count).items():
        state = state_of(source, (t, c), count, entry)
        # What was computed before the counters were reset is shown as long as it is cached.
        forgotten = not entry.times and state in (ChunkState.PART, ChunkState.MADE)
        if t < times and c < channels and not forgotten:
            tiles[c, t] = state
    return MapRow(stage_title(source, count), tiles, spec.channels)


def counted(source: PipelineSource, count: int) -> str:
    """Number of distinct chunks that a stage computed, how many are cached, and their time."""
    tiles = row_of(source, count).tiles
    numbers = np.bincount(tiles.ravel(), minlength=len(ChunkState))
    part, cached = numbers[ChunkState.PART], numbers[ChunkState.CACHED]
    done = (ChunkState.PART, ChunkState.CACHED, ChunkState.MADE)
    channels, times = tiles.shape
    computed = sum(
        entry.times > 0 and tiles[c, t] in done
        for (t, c), entry in entries(source, count).items()
        if t < times and c < channels
    )
    details = [f"{part} partly"] * bool(part) + [f"{cached} cached"] * bool(cached)
    assert source.compute_log is not None
    time = source.compute_log.duration(source.plan.timing_key(count))
    if time is not None and not time.rough:
        details.append(f"{format_duration(time.seconds)} each")
    text = f"{computed} of {format_count(tiles.size, 'chunk')} computed"
    return f"{text} ({', '.join(details)})" if details else text


def eager_text(session: Session, source: PipelineSource) -> str:
    """Text on the cost of computing all chunks now, as far as that is known."""
    volumes = source.sizes[0] * source.sizes[1]
    room = format_bytes(volumes * source.spec.nbytes)
    time = volume_time(source.plan, session.compute_log)
    if time is None or time.rough:
        return f"Computing everything at once would fill {room}; the time is not known yet."
    kinds = ["read", *(stage.step.kind for stage in source.plan.stages)]
    spent = sum(session.compute_log.spent(kind) for kind in kinds)
    return (
        f"Computing everything at once would take about {format_duration(volumes * time.seconds)} "
        f"and fill {room}. So far it took {format_duration(spent)}."
    )


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
