"""Block graph: what the chunks on screen are made of, as a picture of boxes and arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_lazy_pipeline._gui.monitor.chunk_map import COLOURS, WORDS, ChunkState
from napari_lazy_pipeline._gui.widgets.text import plain

_HEIGHT, _ARROW, _MARK, _GAP = 20, 8, 6, 6  # px; six boxes fit below a picture of 768 lines


@dataclass(frozen=True)
class Node:
    """One box of the graph."""

    text: str  # what is made or done
    detail: str  # how long it took, or how large it is
    tile: ChunkState  # its state
    row: int  # of the picture, from the top
    middle: float = 0.5  # of the box, as a part of the width
    tip: str = ""  # all that is known of it

    @property
    def words(self) -> str:
        """Return what the box says, and its colour."""
        state = WORDS[self.tile]
        return ", ".join(dict.fromkeys(part for part in (self.text, self.detail, state) if part))


@dataclass(frozen=True)
class Arrow:
    """An arrow from one box, by its number, to another."""

    start: int
    end: int
    followed: bool = True  # False: what it leads to came from the cache, so it was not needed


@dataclass(frozen=True)
class Graph:
    """Boxes, and the arrows between them."""

    nodes: Sequence[Node] = ()
    arrows: Sequence[Arrow] = ()

    @property
    def columns(self) -> int:
        """Most boxes beside each other."""
        rows = [node.row for node in self.nodes]
        return max(map(rows.count, rows), default=1)

    def words(self) -> str:
        """The graph in words, for screen readers."""
        lines = []
        for number, node in enumerate(self.nodes):
            before = [self.nodes[a.start].text for a in self.arrows if a.end == number]
            made = f", from {' and '.join(before)}" if before else ""
            lines.append(f"{node.words}{made}")
        return "; ".join(lines)


class BlockGraph(QWidget):
    """Paints what comes first at the top, channels beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        self.setMouseTracking(True)
        self.setAccessibleName("Graph of the chunks on screen")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_graph(self, graph: Graph) -> None:
        self.graph = graph
        self.setMinimumHeight(self.sizeHint().height())
        self.setAccessibleDescription(graph.words())
        self.update()

    def sizeHint(self) -> QSize:
        rows = max((node.row for node in self.graph.nodes), default=0) + 1
        return QSize(300, rows * _HEIGHT + (rows - 1) * _ARROW + 2)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        boxes = self.boxes()
        for arrow in self.graph.arrows:
            self._arrow(painter, boxes[arrow.start], boxes[arrow.end], arrow.followed)
        for box, node in zip(boxes, self.graph.nodes, strict=True):
            self._box(painter, box, node)
        painter.end()

    def mouseMoveEvent(self, event: Any) -> None:
        for box, node in zip(self.boxes(), self.graph.nodes, strict=True):
            if box.contains(QPointF(event.position())):
                text = "\n".join(line for line in (node.words, node.tip) if line)
                QToolTip.showText(event.globalPosition().toPoint(), plain(text), self)
                return
        QToolTip.hideText()

    def boxes(self) -> list[QRectF]:
        """Where each box is."""
        width = self.width() / self.graph.columns - _GAP * (self.graph.columns > 1) - 2
        return [
            QRectF(
                node.middle * self.width() - width / 2, 1 + node.row * (_HEIGHT + _ARROW),
                width, _HEIGHT,
            )
            for node in self.graph.nodes
        ]  # fmt: skip

    def _box(self, painter: QPainter, box: QRectF, node: Node) -> None:
        text = self.palette().windowText().color()
        painter.setPen(QPen(QColor(COLOURS[node.tile]), 1.5))
        painter.setBrush(self.palette().window())
        painter.drawRoundedRect(box, 4, 4)
        mark = QRectF(box.left(), box.top(), _MARK, box.height())
        painter.fillRect(mark, QColor(COLOURS[node.tile]))
        painter.setPen(text)
        inside, metrics = box.adjusted(_MARK + 5, 0, -5, 0), painter.fontMetrics()
        room = int(inside.width())
        # Where there is no room for both, the detail is in the tooltip.
        both = metrics.horizontalAdvance(node.text[:8] + node.detail) + 8 <= room
        middle = Qt.AlignmentFlag.AlignVCenter
        if both:
            painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, node.detail)
            room -= metrics.horizontalAdvance(node.detail) + 8
        mode = Qt.TextElideMode.ElideRight if node.row else Qt.TextElideMode.ElideMiddle
        left = metrics.elidedText(node.text, mode, room)
        painter.drawText(inside, middle, left)

    def _arrow(self, painter: QPainter, start: QRectF, end: QRectF, followed: bool) -> None:
        colour = self.palette().windowText().color()
        colour.setAlphaF(1.0 if followed else 0.45)
        begin, tip = QPointF(start.center().x(), start.bottom()), end.top()
        # Several that end in one box come from their sides.
        x = end.center().x() + (begin.x() - end.center().x()) * 0.3
        line = Qt.PenStyle.SolidLine if followed else Qt.PenStyle.DotLine
        painter.setPen(QPen(colour, 1.2, line))
        painter.drawLine(begin, QPointF(x, tip - 5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        head = [QPointF(x - 4, tip - 6), QPointF(x + 4, tip - 6), QPointF(x, tip)]
        painter.drawPolygon(QPolygonF(head))
