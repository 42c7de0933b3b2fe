"""Block graph: the way from the file to the chunk on screen, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_lazy_pipeline._gui.monitor.chunk_map import COLOURS, WORDS, ChunkState

_HEIGHT, _ARROW, _MARK = 22, 7, 6  # px; six boxes fit below a picture of 768 lines


@dataclass(frozen=True)
class Node:
    """One box of the graph."""

    text: str  # what is made or done
    detail: str  # how long it took, or how large it is
    tile: ChunkState  # its state


class BlockGraph(QWidget):
    """Paints boxes below each other, and arrows from each to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: Sequence[Node] = ()
        self.setAccessibleName("Graph of the chunk on screen")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_nodes(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.setMinimumHeight(self.sizeHint().height())
        texts = (f"{node.text} {node.detail}, {WORDS[node.tile]}" for node in nodes)
        self.setAccessibleDescription(", then ".join(texts))
        self.update()

    def sizeHint(self) -> QSize:
        count = len(self.nodes)
        return QSize(300, max(count * _HEIGHT + max(count - 1, 0) * _ARROW + 2, 1))

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, node in enumerate(self.nodes):
            top = 1 + index * (_HEIGHT + _ARROW)
            box = QRectF(1, top, self.width() - 2, _HEIGHT)
            self._box(painter, box, node)
            if index:
                self._arrow(painter, box)
        painter.end()

    def _box(self, painter: QPainter, box: QRectF, node: Node) -> None:
        text = self.palette().windowText().color()
        painter.setPen(QPen(QColor(COLOURS[node.tile]), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 4, 4)
        mark = QRectF(box.left(), box.top(), _MARK, box.height())
        painter.fillRect(mark, QColor(COLOURS[node.tile]))
        painter.setPen(text)
        inside, metrics = box.adjusted(_MARK + 6, 0, -6, 0), painter.fontMetrics()
        room = int(inside.width()) - metrics.horizontalAdvance(node.detail) - 8
        left = metrics.elidedText(node.text, Qt.TextElideMode.ElideMiddle, room)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inside, middle, left)
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, node.detail)

    def _arrow(self, painter: QPainter, box: QRectF) -> None:
        middle, tip = box.center().x(), box.top()
        text = self.palette().windowText().color()
        painter.setPen(text)
        painter.drawLine(QPointF(middle, tip - _ARROW), QPointF(middle, tip - 4))
        painter.setBrush(text)
        head = [QPointF(middle - 4, tip - 6), QPointF(middle + 4, tip - 6), QPointF(middle, tip)]
        painter.drawPolygon(QPolygonF(head))
