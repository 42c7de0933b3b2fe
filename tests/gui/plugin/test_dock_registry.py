"""Docks come and go: what was open stays, nothing is doubled, and nothing is left running."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from stacks import write_raw

Settle = Callable[[Any], None]


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    viewer = make_napari_viewer()
    yield viewer
    for dock in list(LazyPipelineWidget.open_docks):
        dock.shut_down()
        dock.compute_thread.join()


def open_dock(viewer: Any) -> tuple[Any, Any]:
    return viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")


def callbacks(viewer: Any) -> list[int]:
    """How many listen to the viewer."""
    events = viewer.layers.events
    return [
        len(emitter.callbacks)
        for emitter in (events.inserted, events.removed, viewer.dims.events.current_step)
    ]


def alive(*kinds: type) -> Counter[str]:
    """How many objects of some kinds there are."""
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if issubclass(type(one), kinds))


def test_a_dock_that_is_opened_again_goes_on(
    viewer: Any, settle: Settle, raw_folder: Path, calls: Counter[str]
) -> None:
    frame, dock = open_dock(viewer)
    dock.open_folder(raw_folder)
    settle(dock)
    edit(dock, "deskew", angle=33.0)
    edit(dock, "crop", z=(1, 11))
    dock.session.set_quality("full")
    viewer.dims.set_current_step(0, 2)
    viewer.dims.set_current_step(1, 4)
    settle(dock)
    layers, mine = list(viewer.layers), dock.layers.layers
    layers[0].contrast_limits = (3, 333)
    before = [on_screen(layer).copy() for layer in layers]
    step, reads, pipeline = (
        viewer.dims.current_step,
        dock.session.stack.source.reads,
        dock.session.pipeline,
    )
    calls.clear()
    viewer.window.remove_dock_widget(frame)
    assert dock._closed, "as by the cross on its title"
    _, again = open_dock(viewer)
    settle(again)
    assert again is not dock and again.session.pipeline == pipeline
    assert list(viewer.layers) == layers and again.layers.layers == mine
    assert viewer.dims.current_step == step
    assert tuple(layers[0].contrast_limits) == (3, 333)
    for layer, pixels in zip(layers, before, strict=True):
        np.testing.assert_array_equal(on_screen(layer), pixels)
    assert not calls and again.session.stack.source.reads == reads
    assert again.data.folder.value == raw_folder and "2 channels" in again.data.summary.text()
    assert card(again, "deskew").shown.angle == 33.0
    assert again.view.quality.value == "full"
    again.foot.undo.click()
    again.foot.undo.click()
    settle(again)
    viewer.dims.set_current_step(0, 1)
    settle(again)
    z = viewer.dims.current_step[1]
    np.testing.assert_array_equal(on_screen(layers[1]), expected(again, 1, 1, z))


def test_layers_of_other_data_than_were_opened_meanwhile_go(
    viewer: Any, settle: Settle, raw_folder: Path, tmp_path: Path
) -> None:
    frame, dock = open_dock(viewer)
    dock.open_folder(raw_folder)
    settle(dock)
    viewer.window.remove_dock_widget(frame)
    dock.session.show(
        inspect_folder(write_raw(tmp_path / "other", times=2, channels=1, shape=(5, 8, 9)))
    )
    _, again = open_dock(viewer)
    settle(again)
    (layer,) = viewer.layers
    assert layer.data.shape == (2, 5, 8, 9) and again.layers.layers == [layer]
    np.testing.assert_array_equal(on_screen(layer), expected(again, 0, 0, 2))


def test_layers_without_a_dock_are_plain_lazy_arrays(
    viewer: Any, settle: Settle, raw_folder: Path
) -> None:
    frame, dock = open_dock(viewer)
    dock.open_folder(raw_folder)
    edit(dock, "deskew")
    settle(dock)
    viewer.window.remove_dock_widget(frame)
    dock.compute_thread.join()
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(1, 2)
    for channel, layer in enumerate(viewer.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, 1, 2))
    viewer.layers.remove(viewer.layers[0])
    _, again = open_dock(viewer)
    settle(again)
    assert len(viewer.layers) == 1, "what was removed meanwhile stays removed"
    edit(again, "deskew", angle=40.0)
    settle(again)
    np.testing.assert_array_equal(on_screen(viewer.layers[0]), expected(again, 1, 1, 2))


def test_closed_in_the_middle_of_an_edit(
    viewer: Any, settle: Settle, raw_folder: Path, psf_file: Path
) -> None:
    frame, dock = open_dock(viewer)
    dock.open_folder(raw_folder)
    settle(dock)
    edit(dock, "deconvolve", psf=psf_file, iterations=3)
    viewer.window.remove_dock_widget(frame)
    _, again = open_dock(viewer)
    settle(again)
    z = viewer.dims.current_step[1]
    for channel, layer in enumerate(again.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(again, channel, 0, z))


def test_a_second_dock_takes_the_place_of_the_first(
    viewer: Any, settle: Settle, raw_folder: Path, qtbot: Any
) -> None:
    _, dock = open_dock(viewer)
    dock.open_folder(raw_folder)
    edit(dock, "deskew")
    settle(dock)
    before = list(viewer.layers)
    second = LazyPipelineWidget(viewer)
    viewer.window.add_dock_widget(second, name="another")
    settle(second)
    assert list(viewer.layers) == before == second.layers.layers
    qtbot.waitUntil(lambda: dock.parent() is None, timeout=5000)
    assert dock_of(viewer) is second
    edit(second, "deskew", angle=40.0)
    settle(second)
    z = viewer.dims.current_step[1]
    np.testing.assert_array_equal(on_screen(before[0]), expected(second, 0, 0, z))


def test_two_viewers_have_two_sessions(
    make_napari_viewer: Callable[..., Any], settle: Settle, raw_folder: Path
) -> None:
    docks = []
    for _ in range(2):
        docks.append(open_dock(make_napari_viewer())[1])
        docks[-1].open_folder(raw_folder)
        settle(docks[-1])
    first, second = docks
    edit(first, "deskew")
    settle(first)
    assert not card(second, "deskew").step.enabled
    assert first.session is not second.session and not second._closed
    assert len(first.viewer.layers) == len(second.viewer.layers) == 2
    for dock in docks:
        dock.shut_down()
        dock.compute_thread.join()


def test_docks_leave_nothing_behind(
    viewer: Any, settle: Settle, raw_folder: Path, qtbot: Any
) -> None:
    kinds = (LazyPipelineWidget, Layers, ComputeThread, Session, QTimer)

    def once(turn: int) -> None:
        frame, dock = open_dock(viewer)
        if turn == 0:
            dock.open_folder(raw_folder)
            edit(dock, "deskew")
        settle(dock)
        if turn % 5 == 1:
            dock.view.compare.click()
            settle(dock)
        viewer.window.remove_dock_widget(frame)
        dock.compute_thread.join()

    listening = callbacks(viewer)
    for turn in range(3):
        once(turn)
    qtbot.wait(50)
    before, widgets = alive(*kinds), len(QApplication.allWidgets())
    for turn in range(3, 12):
        once(turn)
    qtbot.wait(50)
    after = alive(*kinds)
    assert after["LazyPipelineWidget"] <= before["LazyPipelineWidget"] <= 2
    assert after["Layers"] <= before["Layers"] and after["Runner"] <= before["Runner"]
    assert after["Session"] <= before["Session"] and after["QTimer"] <= before["QTimer"]
    assert len(QApplication.allWidgets()) <= widgets
    assert callbacks(viewer) == listening
    names = [thread.name for thread in threading.enumerate()]
    left = [name for name in names if name.startswith(("lazy-runner", "lazy-watch"))]
    assert not left, "the threads of an engine are shared, and stay"
    assert len(viewer.layers) == 2 and not viewer.canvas.grid.enabled
