"""Canvas repairs: what napari draws with is deleted where it was made, and when it is replaced."""

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
    """Mends what napari's canvas does wrong when layers come and go (docs/upstream.md, 1, 8 and 9).

    The shaders of a removed layer are deleted in whichever OpenGL context is current. If that is
    another one than that of the canvas, the next picture may crash the process. A grid of
    pictures that was replaced by one of another shape is kept, and arranged with all others; who
    drags in one of its pictures goes on doing so, which fails.
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
            _let_replaced_grids_go(canvas)


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


def _let_replaced_grids_go(canvas: Any) -> None:
    """Let a vispy canvas give up the grids it has, once napari asks it for a new one."""
    scene: Any = getattr(canvas, "_vispy_canvas", None)
    central = getattr(scene, "_central_widget", None)
    if central is None or "add_grid" in vars(central):
        return

    kept: list[Any] = []

    def add_the_only_grid(*arguments: Any, **options: Any) -> Any:
        replaced = [one for one in central._widgets if hasattr(one, "grid_size")]
        for grid in replaced:
            central.remove_widget(grid)
        scene._mouse_handler = None  # what was dragged is in a picture that goes
        # What is hidden stays in a grid that was replaced, until it is shown again or removed.
        kept[:] = [grid for grid in (*kept, *replaced) if any(map(_holds_something, grid.children))]
        return type(central).add_grid(central, *arguments, **options)

    central.add_grid = add_the_only_grid


def _holds_something(view: Any) -> bool:
    """Return whether a picture of a grid has more in it than the camera that looks at it."""
    return any(not hasattr(node, "viewbox") for node in view.scene.children)
