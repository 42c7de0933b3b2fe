"""Canvas cover: a widget that lies over the picture of napari, and not over its sliders.

Layers, camera and grid stay what they are underneath.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QPoint, QRect
from qtpy.QtWidgets import QMainWindow, QWidget


class CanvasCover(QObject):
    """Keeps a widget over the picture of the window that a dock is part of."""

    def __init__(self, dock: QWidget) -> None:
        super().__init__()
        self._dock = dock
        self._widget: QWidget | None = None
        self._room: QWidget | None = None

    @property
    def area(self) -> QRect:
        """Where the picture is in the middle of the window [px]."""
        room = self._middle()
        if room is None:
            return QRect(0, 0, 800, 600)
        area = room.rect()
        for sliders in room.findChildren(QWidget):
            if sliders.metaObject().className() == "QtDims" and sliders.isVisible():
                area.setBottom(sliders.mapTo(room, QPoint(0, 0)).y() - 1)
        return area

    def show(self, widget: QWidget) -> None:
        """Put a widget over the picture; it is shown, and follows its size."""
        self._widget, self._room = widget, self._middle()
        if self._room is not None:
            self._room.installEventFilter(self)
            widget.setParent(self._room)
            widget.setGeometry(self.area)
        widget.show()
        widget.raise_()

    def take(self) -> None:
        """Take the widget away."""
        if self._room is not None:
            self._room.removeEventFilter(self)
        if self._widget is not None:
            self._widget.hide()
            self._widget.setParent(None)
        self._widget = self._room = None

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Resize and self._widget is not None:
            self._widget.setGeometry(self.area)
        return False

    def _middle(self) -> QWidget | None:
        window = self._dock.window()
        return window.centralWidget() if isinstance(window, QMainWindow) else None
