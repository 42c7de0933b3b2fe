"""Ten steps on at once, on both samples: opened, dragged, undone; pixels and cards are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QScrollArea

from dock_helpers import card, on_screen
from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline.samples.samples import REAL_STACK, TIMELAPSE, real_stack_folder
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from shown_pixels import check_pixels
from ten_steps import steps_of_the_cell, steps_of_the_real_cell

Key, Left = Qt.Key, Qt.MouseButton.LeftButton
Control, Shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
Settle = Callable[[Any], None]
TIMEOUT = 30_000
CHANNELS = {"real": ["488"], "time-lapse": ["488", "560", "560/488"]}


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """The dock in a window of the size of a screen at a microscope, which has the keyboard."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    window = viewer.window._qt_window
    window.setGeometry(0, 0, 1366, 768)
    window.resizeDocks([widget.parent()], [340], Qt.Orientation.Horizontal)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=TIMEOUT)
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


def kinds(dock: Any) -> list[str]:
    return [step.kind for step in dock.session.pipeline.steps]


def bring_into_view(dock: Any, one: Any, qtbot: Any) -> None:
    (area,) = (a for a in dock.findChildren(QScrollArea) if a.isAncestorOf(one))
    top = one.mapTo(area.widget(), QPoint(0, 0)).y()
    area.verticalScrollBar().setValue(top - 20)
    qtbot.wait(20)


def drag_above(dock: Any, one: Any, other: Any, qtbot: Any) -> None:
    """Take a card by its handle, and let it go above another."""
    bring_into_view(dock, other, qtbot)
    handle = one.head.handle
    start = handle.rect().center()
    end = handle.mapFromGlobal(other.mapToGlobal(QPoint(8, 2)))
    qtbot.mousePress(handle, Left, pos=start)
    for part in (0.3, 0.7, 1.0):
        qtbot.mouseMove(handle, start + (end - start) * part)
    qtbot.mouseRelease(handle, Left, pos=end)


def assert_right(dock: Any) -> None:
    """All is on, nothing is wrong, and what is on screen is what is made without a window."""
    assert len(dock.steps.cards) == 10 and all(one.step.enabled for one in dock.steps.cards)
    assert [one.error.text() for one in dock.steps.cards] == [""] * 10
    assert check_pixels(dock)
    session, viewer = dock.session, dock.viewer
    made = Pipeline(session.pipeline.steps).apply(session.stack)
    for channel, layer in enumerate(dock.layers.layers):
        place = zip(viewer.dims.point, layer.translate, layer.scale, strict=True)
        t, z = [round((point - start) / size) for point, start, size in place][:2]
        # On screen, a step may work on what is seen alone: 2.5 % of the brightest voxel.
        volume = made.volume(t, channel)
        bound = 0.025 * np.nanmax(volume)
        np.testing.assert_allclose(on_screen(layer), volume[z], rtol=0, atol=bound)


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("data", CHANNELS)
def test_ten_steps_are_opened_dragged_and_undone(
    dock: Any, data: str, qtbot: Any, settle: Settle, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = data == "real"
    steps = steps_of_the_real_cell() if real else steps_of_the_cell()
    recipe = tmp_path / "ten.yaml"
    Recipe(pipeline=Pipeline(steps)).save(recipe)
    stated = REAL_STACK if real else TIMELAPSE
    dock.open_folder(real_stack_folder() if real else write_timelapse(tmp_path / "cell"))
    settle(dock)
    dock.session.state(voxel_size=stated["voxel_size"], angle=stated["angle"], step="stage")
    settle(dock)

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(recipe), ""))
    dock.save.open_recipe.trigger()
    qtbot.waitUntil(lambda: len(kinds(dock)) == 10, timeout=TIMEOUT)
    settle(dock)
    assert_right(dock)
    assert [layer.name.split(" ")[1] for layer in dock.layers.layers] == CHANNELS[data]
    before = kinds(dock)

    drag_above(dock, card(dock, "filter"), card(dock, "deconvolve"), qtbot)
    after = kinds(dock)
    assert after.index("filter") == before.index("deconvolve") == after.index("deconvolve") - 1
    assert sorted(after) == sorted(before)
    settle(dock)
    assert_right(dock)

    moved = card(dock, "filter")
    moved.setFocus()
    qtbot.keyClick(moved, Key.Key_Z, Control)
    assert kinds(dock) == before
    settle(dock)
    assert_right(dock)
    qtbot.keyClick(moved, Key.Key_Z, Control | Shift)
    assert kinds(dock) == after
    settle(dock)
    assert_right(dock)
    for one in dock.steps.cards:
        assert "µm" in QLabel.text(one.result), "shape and size are seen whole"
