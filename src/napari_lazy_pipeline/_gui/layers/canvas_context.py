"""Canvas context: what drew a layer is deleted where it was made."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget


def main_window(widget: QWidget) -> QMainWindow | None:
    """Return the window that a widget is part of, docked or floating; None if it is in none."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent


class CanvasContext:
    """Makes the OpenGL context of the canvas current before layers are removed.

    napari deletes the shaders of a removed layer at once, in whichever context is current. If
    that is another one, such as that of the window, the next picture may crash the process: seen
    with Mesa 22.3 for Shapes and Labels layers (docs/upstream.md, 1).
    """

    def __init__(self, viewer: Any, dock: QWidget) -> None:
        self._viewer, self._dock = viewer, dock
        # Kept, because a dock that was taken out of its window still removes layers.
        self._window: Any = lambda: None
        viewer.layers.events.removing.connect(self.make_current)

    def close(self) -> None:
        self._viewer.layers.events.removing.disconnect(self.make_current)

    def make_current(self, _: Any = None) -> None:
        """Make it current, if there is a canvas yet."""
        window = main_window(self._dock)
        if window is not None:
            self._window = weakref.ref(window)
        window = self._window()
        for canvas in window.findChildren(QOpenGLWidget) if window is not None else ():
            canvas.makeCurrent()
