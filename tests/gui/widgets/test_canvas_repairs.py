"""What napari draws with is deleted in the context of the canvas, and when it is replaced."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QOpenGLContext
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from vispy.gloo.glir import GlirProgram

from napari_lazy_pipeline._gui.widgets.canvas_repairs import main_window


@pytest.mark.parametrize("floating", [False, True])
def test_of_a_layer_that_the_person_removes(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, floating: bool
) -> None:
    viewer = opened.viewer
    main_window(opened).show()
    opened.parentWidget().setFloating(floating)
    qtbot.wait(50)
    (canvas,) = main_window(opened).findChildren(QOpenGLWidget)
    in_canvas: list[bool] = []
    delete = GlirProgram.delete

    def note(program: Any) -> None:
        in_canvas.append(QOpenGLContext.currentContext() is canvas.context())
        if in_canvas[-1]:
            delete(program)  # in another context, the next picture would end the process

    monkeypatch.setattr(GlirProgram, "delete", note)
    for layer in (viewer.add_shapes(ndim=2), viewer.add_labels(np.zeros((12, 16), int))):
        canvas.grabFramebuffer()
        canvas.doneCurrent()
        viewer.layers.remove(layer)
        qtbot.wait(50)
    assert in_canvas
    assert all(in_canvas)


def test_a_grid_of_another_shape_leaves_nothing_of_the_one_before(opened: Any, qtbot: Any) -> None:
    viewer = opened.viewer
    main_window(opened).show()
    shapes, grids = ((1, 2), (2, 2), (3, 1), (1, 2), (2, 2)), []
    for shape in shapes:
        viewer.canvas.grid.shape, viewer.canvas.grid.enabled = shape, True
        qtbot.wait(20)
        grids.append(weakref.ref(viewer.window._qt_viewer.canvas.grid))
        viewer.canvas.grid.enabled = False
    qtbot.wait(20)
    gc.collect()
    assert grids[-1]().grid_size == shapes[-1]
    assert not any(grid() for grid in grids[:-2])  # the last but one may hold what is hidden


def test_a_layer_that_was_hidden_in_such_a_grid_can_be_removed(opened: Any, qtbot: Any) -> None:
    viewer, (layer, _) = opened.viewer, opened.layers.layers
    main_window(opened).show()
    viewer.canvas.grid.shape, viewer.canvas.grid.enabled = (1, 2), True
    qtbot.wait(20)
    layer.visible = False
    for shape in ((2, 1), (2, 2), (1, 2)):
        viewer.canvas.grid.shape = shape
        qtbot.wait(20)
        gc.collect()
    with qtbot.capture_exceptions() as raised:
        viewer.layers.remove(layer)
        qtbot.wait(20)
    assert not raised


def test_a_drag_ends_with_the_picture_it_is_in(opened: Any, qtbot: Any) -> None:
    viewer, left = opened.viewer, Qt.MouseButton.LeftButton
    main_window(opened).show()
    viewer.dims.ndisplay = 3
    viewer.canvas.grid.enabled = True
    qtbot.wait(50)
    (canvas,) = main_window(opened).findChildren(QOpenGLWidget)
    with qtbot.capture_exceptions() as raised:
        qtbot.mousePress(canvas, left, pos=QPoint(60, 60))
        qtbot.mouseMove(canvas, QPoint(70, 70))
        before = viewer.scene.camera.angles
        viewer.canvas.grid.shape = (2, 1)
        for place in (80, 90):
            qtbot.mouseMove(canvas, QPoint(place, place))
            qtbot.wait(20)
        qtbot.mouseRelease(canvas, left, pos=QPoint(90, 90))
    assert not raised
    assert viewer.scene.camera.angles == before
