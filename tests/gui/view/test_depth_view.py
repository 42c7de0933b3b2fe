"""Depth colours: the layer is what argmax says, follows the slider, and goes without a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.colormaps import ensure_colormap

from dock_helpers import edit, view_state
from napari_lazy_pipeline._gui.view.depth_view import COLOURS
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import step_types
from stacks import write_raw

Settle = Callable[[Any], None]


def expected_colours(dock: Any, t: int, channel: int) -> np.ndarray:
    """By numpy alone, of all planes at once."""
    session, layer = dock.session, dock.layers.layers[channel]
    raw = session.stack.source.read(t, channel)
    volume = session.pipeline.run_volume(raw, session.stack.spec).astype(float)
    low, high = layer.contrast_limits
    brightness = np.clip((volume.max(axis=0) - low) / (high - low), 0, 1)
    table = ensure_colormap(COLOURS).map(np.linspace(0, 1, len(volume)))[:, :3]
    return 255 * brightness[..., None] * table[volume.argmax(axis=0)]


def test_depth_colours_follow_slider_and_steps(opened: Any, settle: Settle) -> None:
    before = view_state(opened.viewer)
    opened.depth_view.button.click()
    settle(opened)
    layer = opened.depth_view.layer
    assert layer.name.endswith("[depth]") and not any(one.visible for one in opened.layers.layers)
    assert np.abs(layer.data - expected_colours(opened, 0, 1)).max() <= 1
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    assert np.abs(layer.data - expected_colours(opened, 2, 1)).max() <= 1
    edit(opened, "crop", y=(2, 12))
    settle(opened)
    assert layer.data.shape == (10, 20, 3)
    assert np.abs(layer.data - expected_colours(opened, 2, 1)).max() <= 1
    opened.session.undo()
    opened.viewer.dims.set_current_step(0, 0)
    settle(opened)
    opened.depth_view.button.click()
    settle(opened)
    assert layer not in opened.viewer.layers and opened.depth_view.layer is None
    assert view_state(opened.viewer)[2] == before[2]


def test_they_follow_the_steps_that_are_shown_and_the_channel(opened: Any, settle: Settle) -> None:
    """Of raw data while these are shown; of the same channel, whichever number it gets."""
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    opened.depth_view.button.click()
    settle(opened)
    layer, source = opened.depth_view.layer, opened.session.stack.source

    def brightest(made: np.ndarray) -> bool:
        """Whether the colours are those of a volume: by the places of its maxima."""
        low, high = opened.layers.layers[-1].contrast_limits
        brightness = np.clip((made.max(axis=0) - low) / (high - low), 0, 1)
        table = ensure_colormap(COLOURS).map(np.linspace(0, 1, len(made)))[:, :3]
        colours = 255 * brightness[..., None] * table[made.argmax(axis=0)]
        return colours.shape == layer.data.shape and np.abs(layer.data - colours).max() <= 1

    opened.session.show_until(0)
    settle(opened)
    assert brightest(source.read(0, 1).astype(float)) and layer.name.endswith("[raw] [depth]")
    opened.session.show_until(None)
    opened.session.set_pipeline(Pipeline([step_types()["select"](channels="560, 488")]))
    settle(opened)
    low, high = opened.layers.layers[0].contrast_limits
    opened.layers.layers[1].contrast_limits = low, high
    assert "560" in layer.name and brightest(source.read(0, 1).astype(float))
    opened.session.set_pipeline(Pipeline([step_types()["select"](channels="488")]))
    settle(opened)
    assert opened.depth_view.layer is None and not opened.depth_view.button.isChecked()


@pytest.mark.parametrize("back", ["before", "after"])
def test_a_channel_that_steps_left_out_meanwhile_is_seen_again(
    opened: Any, settle: Settle, back: str
) -> None:
    opened.depth_view.button.click()
    settle(opened)
    opened.session.set_pipeline(Pipeline([step_types()["select"](channels="560")]))
    settle(opened)
    if back == "before":
        opened.session.undo()
        settle(opened)
        assert opened.depth_view.button.isChecked()
        opened.depth_view.button.click()
    else:
        opened.depth_view.button.click()
        opened.session.undo()
    settle(opened)
    assert [layer.visible for layer in opened.layers.layers] == [True, True]


def test_who_deletes_the_layer_has_the_others_back(opened: Any, settle: Settle) -> None:
    opened.depth_view.button.click()
    settle(opened)
    opened.viewer.layers.remove(opened.depth_view.layer)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    assert not opened.depth_view.button.isChecked() and all(
        one.visible for one in opened.layers.layers
    )


def test_other_data_end_it(opened: Any, settle: Settle, raw_folder: Any) -> None:
    opened.depth_view.button.click()
    settle(opened)
    opened.open_folder(raw_folder.parent / "psf")
    opened.open_folder(raw_folder)
    settle(opened)
    assert opened.depth_view.layer is None
    assert not any(layer.name.endswith("[depth]") for layer in opened.viewer.layers)


def test_a_closed_dock_hears_of_nothing(opened: Any, settle: Settle) -> None:
    """The session outlives it, and its button is gone."""
    session = opened.session
    opened.depth_view.button.click()
    settle(opened)
    view = opened.depth_view
    heard = [
        (session.plan_changed, view._on_changed),
        (session.stack_grown, view._on_changed),
        (session.stack_changed, view._on_stack),
    ]
    assert all(slot in signal for signal, slot in heard)
    opened.shut_down()
    assert view.layer is None and not any(slot in signal for signal, slot in heard)


def test_the_layer_follows_a_folder_that_grows(opened: Any, settle: Settle) -> None:
    """What a time point is may be another one then."""
    opened.depth_view.button.click()
    settle(opened)
    made: list[Any] = []
    opened.depth_view._task.finished.connect(made.append)
    opened.session.stack_grown.emit(None)
    settle(opened)
    assert len(made) == 1


def test_of_a_folder_with_fewer_channels(
    opened: Any, settle: Settle, qtbot: Any, tmp_path: Path
) -> None:
    """The layers that are gone are not asked to show anything of it."""
    edit(opened, "rotate")
    settle(opened)
    opened.depth_view.button.click()
    settle(opened)
    with qtbot.capture_exceptions() as raised:
        opened.open_folder(write_raw(tmp_path / "one", times=2, channels=1))
        settle(opened)
    assert not raised
    assert not opened.depth_view.button.isChecked()
    assert [layer.visible for layer in opened.layers.layers] == [True]
