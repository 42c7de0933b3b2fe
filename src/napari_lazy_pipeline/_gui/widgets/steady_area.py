"""Steady area: scrolls up and down, and keeps in its place what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QScrollArea, QWidget

_REST = 300  # ms; PSF files, for example, are looked at when their card is unfolded
_LAYOUT = QEvent.Type.LayoutRequest
_HOVER = (QEvent.Type.HoverEnter, QEvent.Type.HoverMove)


class SteadyArea(QScrollArea):
    """Scrolls along when something above the mouse grows or shrinks: a message, a new line."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content: Any = content
        self._held: tuple[QWidget, int] | None = None  # under the mouse, and its height on screen
        self._brought: tuple[QWidget, int] | None = None  # and where that was
        self._again = QTimer(self, singleShot=True, interval=_REST)
        self._again.timeout.connect(self._bring_again)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        # Nothing should need it; with the large letters of a person's own, nothing is cut.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setWidget(content)
        content.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._position.valueChanged.connect(self._on_scrolled)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Hold what comes under the mouse."""
        if event.type() in _HOVER:
            self._held = self._under_mouse()
        return self._steadily(event, super().eventFilter, watched, event)

    def event(self, event: Any) -> bool:
        return self._steadily(event, super().event, event)

    def _steadily(self, event: Any, handle: Callable[..., bool], *arguments: Any) -> bool:
        """Handle an event, and scroll back to what was under the mouse if that has moved."""
        if event.type() != _LAYOUT or self._held is None:
            return handle(*arguments)
        held, self._held = self._held, None
        done = handle(*arguments)
        if _is_seen(held[0]):
            self._content.layout().activate()
            self._scroll_back(*held)
        self._held = held
        return done

    def bring(self, widget: QWidget) -> None:
        """Scroll to a part of the content; once more if it grows by what it has yet to find out."""
        self._scroll_to(widget)
        self._brought = widget, self._position.value()
        self._again.start()

    def leaveEvent(self, event: Any) -> None:
        """Give back the room around the content that was needed to scroll on."""
        super().leaveEvent(event)
        self._held = None
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

    def _on_scrolled(self, *_: object) -> None:
        """Another part came under the mouse, unless the scrolling is ours."""
        if self._held is not None:
            self._held = self._under_mouse()

    def _scroll_back(self, widget: QWidget, before: int) -> None:
        bar = self._position
        target = bar.value() + _height_of(widget) - before
        above, below = max(-target, 0), max(target - bar.maximum(), 0)
        if above or below:
            rim = self._content.contentsMargins()
            self._content.setContentsMargins(0, rim.top() + above, 0, rim.bottom() + below)
            super().event(QEvent(_LAYOUT))
            self._content.layout().activate()
        bar.setValue(target + above)


def _is_seen(widget: QWidget) -> bool:
    """Return whether a widget is there, and not put away."""
    return bool(isalive(widget) and widget.isVisible())


def _height_of(widget: QWidget) -> int:
    """Return where the top of a widget is on the screen [px]."""
    return widget.mapToGlobal(QPoint(0, 0)).y()


def bring_into_sight(widget: QWidget) -> None:
    """Scroll so that all of a widget is seen, or as much as there is room for from its top on."""
    area = widget.parentWidget()
    while area is not None and not isinstance(area, SteadyArea):
        area = area.parentWidget()
    if area is not None:
        area.bring(widget)
