"""A sample that is opened over other data, or over itself: no layer is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, expected, on_screen
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.plugin import sample_data
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from stacks import write_raw

Settle = Callable[[Any], None]


@pytest.fixture
def dock(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A dock in which a small sample can be opened."""
    folder = write_raw(tmp_path / "sample", times=4)
    monkeypatch.setattr(sample_data, "write_timelapse", lambda _: folder)
    dock = dock_of(make_napari_viewer())
    yield dock
    dock.shut_down()
    dock.compute_thread.join()


def open_sample(dock: Any) -> None:
    dock.viewer.open_sample("napari-lazy-pipeline", "timelapse")


def assert_right(dock: Any) -> None:
    t, z = dock.viewer.dims.current_step[:2]
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, t, z))


@pytest.mark.parametrize("edited", [False, True])
def test_over_itself(dock: Any, settle: Settle, edited: bool) -> None:
    open_sample(dock)
    settle(dock)
    dock.viewer.dims.set_current_step(0, 3)
    if edited:
        edit(dock, "deskew", angle=40.0)
    settle(dock)
    open_sample(dock)
    settle(dock)
    assert len(dock.viewer.layers) == len(dock.layers.layers) == 2
    assert_right(dock)
    dock.viewer.dims.set_current_step(0, 2)
    settle(dock)
    assert_right(dock)


def test_over_other_data_beside_a_layer_of_somebody_else(
    dock: Any, settle: Settle, raw_folder: Path
) -> None:
    """Which keeps the slider where it was."""
    viewer = dock.viewer
    dock.open_folder(raw_folder)
    settle(dock)
    viewer.add_points([[5, 3, 4, 4], [0, 0, 1, 1]], name="of somebody else")
    viewer.dims.set_current_step(0, 2)
    settle(dock)
    open_sample(dock)
    settle(dock)
    assert len(viewer.layers) == 3 and len(dock.layers.layers) == 2
    for t in (dock.layers.position.time_point, 2, 1):
        dock.layers.position.go_to(t)
        settle(dock)
        z = round(viewer.dims.point[1] / dock.layers.layers[0].scale[1])
        for channel, layer in enumerate(dock.layers.layers):
            np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, t, z))


def test_an_edit_before_napari_has_its_layers(dock: Any, settle: Settle) -> None:
    open_sample(dock)
    edit(dock, "deskew", angle=45.0)
    settle(dock)
    assert len(dock.viewer.layers) == 2
    assert_right(dock)


def test_a_dock_that_is_opened_again_before_napari_has_its_layers(
    dock: Any, settle: Settle
) -> None:
    viewer = dock.viewer
    open_sample(dock)
    dock.shut_down()
    again = LazyPipelineWidget(viewer)
    viewer.window.add_dock_widget(again)
    try:
        settle(again)
        assert len(viewer.layers) == 2
        assert_right(again)
    finally:
        again.shut_down()
        again.compute_thread.join()


def test_twice_in_a_row(dock: Any, settle: Settle) -> None:
    open_sample(dock)
    open_sample(dock)
    settle(dock)
    assert len(dock.viewer.layers) == 2
    assert_right(dock)
