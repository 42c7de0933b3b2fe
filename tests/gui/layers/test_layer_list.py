"""Another folder is shown, and napari's list stays whole, though somebody who listens fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QListView

from dock_helpers import expected, on_screen
from napari_lazy_pipeline._gui.layers.layer_list import GridPause, put_in
from napari_lazy_pipeline._gui.widgets.canvas_repairs import main_window
from stacks import write_raw


def _rows(dock: Any) -> list[int]:
    """The layers, by their numbers, that napari's list shows."""
    views = main_window(dock).findChildren(QListView)
    (rows,) = (view.model() for view in views if hasattr(view.model(), "sourceModel"))
    return sorted(rows.mapToSource(rows.index(k, 0)).row() for k in range(rows.rowCount()))


def test_listener_that_fails_when_the_last_layer_goes(
    opened: Any, qtbot: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    dims = opened.viewer.dims
    opened.viewer.add_image(np.zeros((4, 4)), name="mine")

    def fail() -> None:
        if dims.ndim == 2:
            raise IndexError("no such slider")

    dims.events.ndim.connect(fail)
    other = write_raw(tmp_path / "other", times=2, channels=1, shape=(5, 12, 9))
    with qtbot.capture_exceptions() as told:
        opened.open_folder(other)
        settle(opened)
    dims.events.ndim.disconnect(fail)
    assert [str(error) for _, error, _ in told] == ["no such slider"]
    assert _rows(opened) == [0, 1]
    mine, layer = opened.viewer.layers
    assert mine.name == "mine"
    assert (on_screen(layer) == expected(opened, 0, 0, 2)).all()


def test_listener_that_fails_before_a_layer_is_drawn(opened: Any, qtbot: Any) -> None:
    """Because there are more sliders: without the canvas, the layer would never be seen."""
    viewer, data = opened.viewer, np.zeros((2, 2, 2, 2, 4, 4))
    before = [*viewer.layers]

    def fail() -> None:
        raise IndexError("no such slider")

    viewer.dims.events.ndim.connect(fail)
    with qtbot.capture_exceptions() as told, pytest.raises(IndexError, match="no such slider"):
        put_in(viewer, data)
    viewer.dims.events.ndim.disconnect(fail)
    assert len(told) == 1, "when it is taken out"
    assert [*viewer.layers] == before and _rows(opened) == [0, 1]
    assert put_in(viewer, data) in viewer.layers and _rows(opened) == [0, 1, 2]


def test_listener_that_fails_once_a_layer_is_drawn(opened: Any, qtbot: Any) -> None:
    def fail() -> None:
        raise ValueError("not mine")

    opened.viewer.layers.events.inserted.connect(fail)
    with qtbot.capture_exceptions() as told:
        layer = put_in(opened.viewer, np.zeros((4, 4)))
    opened.viewer.layers.events.inserted.disconnect(fail)
    assert [str(error) for _, error, _ in told] == ["not mine"]
    assert layer in opened.viewer.layers and _rows(opened) == [0, 1, 2]


def test_listener_that_fails_when_the_person_removes_layers(opened: Any) -> None:
    layers = opened.viewer.layers

    def fail() -> None:
        raise IndexError("no such slider")

    opened.viewer.add_image(np.zeros((4, 4)))
    opened.viewer.dims.events.ndim.connect(fail)
    with pytest.raises(IndexError, match="no such slider"):
        while len(layers) > 1:
            layers.pop(0)
    opened.viewer.dims.events.ndim.disconnect(fail)
    assert _rows(opened) == [0]


def test_a_grid_is_arranged_once_for_layers_in_a_row(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, settle: Callable[[Any], None]
) -> None:
    """Sixteen channels took ten seconds, in which the window answered nobody."""
    viewer, made, come = opened.viewer, list[int](), list[int]()
    canvas = viewer.window._qt_viewer.canvas
    arrange, begin = canvas._init_or_update_grid, GridPause.begin
    viewer.canvas.grid.enabled = True
    monkeypatch.setattr(
        canvas, "_init_or_update_grid", lambda: (made.append(len(viewer.layers)), arrange())
    )
    pause = GridPause(viewer)
    for number in range(3):
        pause.begin()
        put_in(viewer, np.full((4, 4), number))
    assert made == []
    qtbot.waitUntil(lambda: bool(made))
    assert made == [5], "once, all of them"
    assert all(visual.node.parent is not None for visual in canvas.layer_to_visual.values())
    pause.begin()
    pause.end()
    assert made == [5, 5], "a dock that is closed leaves nothing to be done"

    monkeypatch.setattr(GridPause, "begin", lambda self: (come.append(1), begin(self)))
    opened.session.delete_layers(frozenset({0, 1}))
    opened.session.undo()
    settle(opened)
    assert len(come) == 2, "each layer of the dock waits for the others"
