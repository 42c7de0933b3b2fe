"""Drag handle: the place where a card is taken hold of, to be put elsewhere."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QApplication, QLabel


class DragHandle(QLabel):
    """Follows the mouse from the press to the release; the escape key calls it off."""

    dragged = Signal(QPoint)  # the mouse is there now, in coordinates of the screen
    dropped = Signal()  # it was let go
    cancelled_drag = Signal()  # it was called off

    def __init__(self, name: str) -> None:
        super().__init__("⠿")
        self._start: QPoint | None = None
        self._dragging = False
        self.setToolTip("Drag to another place (Alt+Up, Alt+Down)")
        self.setAccessibleName(f"Drag {name}")
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mousePressEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.globalPosition().toPoint()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: Any) -> None:
        """Follow, once the mouse has moved far enough not to be a click."""
        if self._start is None:
            return
        place = event.globalPosition().toPoint()
        far = (place - self._start).manhattanLength() >= QApplication.startDragDistance()
        if far and not self._dragging:
            self._dragging = True
            self.grabKeyboard()
        if self._dragging:
            self.dragged.emit(place)

    def mouseReleaseEvent(self, event: Any) -> None:
        if self._end():
            self.dropped.emit()

    def keyPressEvent(self, event: Any) -> None:
        if event.key() == Qt.Key.Key_Escape and self._end():
            self.cancelled_drag.emit()

    def _end(self) -> bool:
        """Stop following; tell whether there was a drag."""
        was, self._dragging, self._start = self._dragging, False, None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        if was:
            self.releaseKeyboard()
        return was
