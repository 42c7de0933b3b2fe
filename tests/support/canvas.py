"""How the tests use mouse and keys over the canvas of a viewer: real Qt events, at places in µm."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

Place = tuple[float, float]

_HAND = 7  # ms from one move to the next: napari takes one in 5 ms
_LEFT, _NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def _canvas(viewer: Any) -> Any:
    viewer = getattr(viewer, "__wrapped__", viewer)
    return viewer.window._qt_viewer.canvas


def native(viewer: Any) -> Any:
    """The Qt widget of the canvas."""
    return _canvas(viewer).native


def pixel(viewer: Any, place: Place) -> QPointF:
    """Where a place, given along the two axes on screen [um], is on the canvas."""
    canvas = _canvas(viewer)
    axes = list(viewer.dims.displayed)
    low, high = canvas._viewbox_corners_in_world[:, axes]
    down, right = (np.array(place) - low) / (high - low) * canvas.view.rect.size[::-1]
    return QPointF(round(right), round(down))


def drag(viewer: Any, *places: Place) -> None:
    """Press at the first place, move over the others, and let go at the last one."""
    pixels = [pixel(viewer, place) for place in places]
    _send(viewer, QEvent.Type.MouseMove, pixels[0], _NONE, _NONE)
    _send(viewer, QEvent.Type.MouseButtonPress, pixels[0], _LEFT, _LEFT)
    for before, after in pairwise(pixels):
        for part in (0.25, 0.5, 0.75, 1.0):
            between = before + (after - before) * part
            _send(viewer, QEvent.Type.MouseMove, between, _NONE, _LEFT)
    _send(viewer, QEvent.Type.MouseButtonRelease, pixels[-1], _LEFT, _NONE)


def press_key(viewer: Any, key: Any) -> None:
    """Press and let go a key over the canvas."""
    QTest.keyClick(native(viewer), key)


def _send(viewer: Any, kind: Any, pos: QPointF, button: Any, buttons: Any) -> None:
    """Send one event; QTest would move the mouse itself, which needs a window on screen."""
    widget = native(viewer)
    widget._last_time = 0.0  # vispy leaves out what follows within 10 ms
    place = QPointF(widget.mapToGlobal(pos))
    modifiers = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QMouseEvent(kind, pos, place, button, buttons, modifiers))
    if kind == QEvent.Type.MouseMove:
        # napari takes one move in 5 ms, and the last of those in between when they are over.
        for _ in range(2000):
            if _cursor_at(viewer, pos):
                return
            QTest.qWait(1)
        raise AssertionError("napari has not noticed that the mouse moved")


def _cursor_at(viewer: Any, pos: QPointF) -> bool:
    """Whether napari knows that the mouse is there."""
    there = pixel(viewer, tuple(viewer.cursor.position[axis] for axis in viewer.dims.displayed))
    return abs(there.x() - pos.x()) <= 1 and abs(there.y() - pos.y()) <= 1
