"""Steady area: scrolls up and down, and keeps in its place what is under the mouse."""

from __future__ import annotations

from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QScrollArea, QWidget

_REST = 300  # ms; PSF files, for example, are looked at when their card is unfolded
_LAYOUT = QEvent.Type.LayoutRequest


class SteadyArea(QScrollArea):
    """Scrolls along when something above the mouse grows or shrinks: a message, a new line."""

    def __init__(self, content: QWidget, *inner: QWidget) -> None:
        super().__init__()
        self._content: Any = content
        self._held: tuple[QWidget, int] | None = None  # under the mouse, and its height on screen
        self._release = QTimer(self, singleShot=True, interval=0)
        self._release.timeout.connect(self._forget)
        self._brought: tuple[QWidget, int] | None = None  # and where that was
        self._again = QTimer(self, singleShot=True, interval=_REST)
        self._again.timeout.connect(self._bring_again)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        # Nothing should need it; with the large letters of a person's own, nothing is cut.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setWidget(content)
        for part in inner:  # lists within: they move their own parts first
            part.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Hold what is under the mouse before something moves, and scroll back to it after."""
        if event.type() != _LAYOUT:
            return super().eventFilter(watched, event)
        if self._held is None:
            self._held = self._under_mouse()
            self._release.start()
        if watched is not self._content:
            return False
        done = super().eventFilter(watched, event)
        self._content.layout().activate()
        self._scroll_back()
        return done

    def bring(self, widget: QWidget) -> None:
        """Scroll to a part of the content; once more if it grows by what it has yet to find out."""
        self._scroll_to(widget)
        self._brought = widget, self._position.value()
        self._again.start()

    def leaveEvent(self, event: Any) -> None:
        """Give back the room around the content that was needed to scroll on."""
        super().leaveEvent(event)
        self._content.setContentsMargins(0, 0, 0, 0)

    @property
    def _position(self) -> Any:
        return self.verticalScrollBar()

    def _scroll_to(self, widget: QWidget) -> None:
        QCoreApplication.sendPostedEvents(None, _LAYOUT.value)  # it may just have been unfolded
        viewport: Any = self.viewport()
        top = widget.mapTo(self._content, QPoint(0, 0)).y()
        lowest = min(top, top + widget.height() - viewport.height())
        self._position.setValue(min(max(self._position.value(), lowest), top))

    def _bring_again(self) -> None:
        """Scroll on, unless somebody else has scrolled or put the widget away meanwhile."""
        brought, self._brought = self._brought, None
        if brought is None or not _is_seen(brought[0]) or brought[1] != self._position.value():
            return
        self._scroll_to(brought[0])

    def _under_mouse(self) -> tuple[QWidget, int] | None:
        viewport: Any = self.viewport()
        place = viewport.mapFromGlobal(QCursor.pos())
        if not self.isVisible() or not viewport.rect().contains(place):
            return None
        widget = self._content.childAt(self._content.mapFrom(viewport, place))
        return (widget, _height_of(widget)) if widget is not None else None

    def _scroll_back(self) -> None:
        if self._held is None or not _is_seen(self._held[0]):
            return
        widget, before = self._held
        bar = self._position
        target = bar.value() + _height_of(widget) - before
        above, below = max(-target, 0), max(target - bar.maximum(), 0)
        if above or below:
            rim = self._content.contentsMargins()
            self._content.setContentsMargins(0, rim.top() + above, 0, rim.bottom() + below)
            super().eventFilter(self._content, QEvent(_LAYOUT))
            self._content.layout().activate()
        bar.setValue(target + above)

    def _forget(self) -> None:
        self._held = None


def _is_seen(widget: QWidget) -> bool:
    """Whether a widget is there, and not put away."""
    return bool(isalive(widget) and widget.isVisible())


def _height_of(widget: QWidget) -> int:
    """Where the top of a widget is on the screen [px]."""
    return widget.mapToGlobal(QPoint(0, 0)).y()


def bring_into_sight(widget: QWidget) -> None:
    """Scroll so that all of a widget is seen, or as much as there is room for from its top on."""
    area = widget.parentWidget()
    while area is not None and not isinstance(area, SteadyArea):
        area = area.parentWidget()
    if area is not None:
        area.bring(widget)
