"""Canvas room: widgets over the picture of napari, or below it; layers and camera do not notice."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QPoint, QRect
from qtpy.QtWidgets import QBoxLayout, QWidget

from napari_lazy_pipeline._gui.widgets.canvas_repairs import main_window


class CanvasRoom:
    """The middle of the window that a dock is part of: the picture, and its sliders below."""

    def __init__(self, dock: QWidget) -> None:
        self._dock = dock

    @property
    def middle(self) -> QWidget | None:
        """Return what holds the picture and the sliders; None while the dock is in no window."""
        window = main_window(self._dock)
        return window.centralWidget() if window is not None else None

    @property
    def area(self) -> QRect:
        """Return where the picture is in there [px]."""
        middle = self.middle
        if middle is None:
            return QRect(0, 0, 800, 600)
        area = middle.rect()
        for sliders in middle.findChildren(QWidget):
            if sliders.metaObject().className() == "QtDims" and sliders.isVisible():
                area.setBottom(sliders.mapTo(middle, QPoint(0, 0)).y() - 1)
        return area

    def put_below(self, widget: QWidget) -> None:
        """Put a widget below picture and sliders, between the docks."""
        layout = self.middle.layout() if self.middle is not None else None
        if isinstance(layout, QBoxLayout):
            layout.setDirection(QBoxLayout.Direction.TopToBottom)
            layout.addWidget(widget)
        widget.show()

    def take(self, widget: QWidget) -> None:
        """Take a widget out again; nothing is left of it."""
        widget.hide()
        widget.setParent(None)


class CanvasCover(QObject):
    """Keeps a widget over the picture for a while."""

    def __init__(self, room: CanvasRoom) -> None:
        super().__init__()
        self.room = room
        self._widget: QWidget | None = None
        self._watched: QWidget | None = None

    def show(self, widget: QWidget) -> None:
        """Put a widget over the picture; it is shown, and follows its size."""
        self._widget, self._watched = widget, self.room.middle
        if self._watched is not None:
            self._watched.installEventFilter(self)
            widget.setParent(self._watched)
            widget.setGeometry(self.room.area)
        widget.show()
        widget.raise_()

    def take(self) -> None:
        """Take the widget away."""
        if self._watched is not None:
            self._watched.removeEventFilter(self)
        if self._widget is not None:
            self.room.take(self._widget)
        self._widget = self._watched = None

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Resize and self._widget is not None:
            self._widget.setGeometry(self.room.area)
        return False
