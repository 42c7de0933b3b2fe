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


class CanvasRepairs:
    """Sees to it that napari deletes what drew a layer in the OpenGL context of the canvas.

    napari deletes the shaders of a removed layer at once, in whichever context is current. If
    that is another one, such as that of the window, the next picture may crash the process
    (docs/upstream.md, 1).
    """

    def __init__(self, viewer: Any, dock: QWidget) -> None:
        self._events, self._dock = viewer.layers.events, dock
        for emitter in (self._events.inserted, self._events.removing):
            emitter.connect(self._ensure)

    def close(self) -> None:
        """Let go of the viewer; its canvas stays as it is, for layers are still removed."""
        for emitter in (self._events.inserted, self._events.removing):
            emitter.disconnect(self._ensure)

    def _ensure(self, _: Any) -> None:
        window = main_window(self._dock)
        for canvas in window.findChildren(QOpenGLWidget) if window is not None else ():
            _finish_in_own_context(canvas)


def _finish_in_own_context(canvas: Any) -> None:
    """Let a vispy canvas make its context current before it carries out what is due there."""
    context = getattr(getattr(canvas, "_vispy_canvas", None), "context", None)
    if context is None or "finish" in vars(context):
        return
    finish, alive = type(context).finish, weakref.ref(canvas)

    def finish_in_own_context() -> None:
        canvas = alive()
        if canvas is not None:
            canvas.makeCurrent()
        finish(context)

    context.finish = finish_in_own_context
