"""A layer that was deleted stays away, whatever is edited, until the person wants it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, expected, on_screen
from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.steps import step_types
from shown_pixels import check_pixels
from stacks import write_raw

Settle = Callable[[Any], None]


def right(dock: Any) -> bool:
    """Whether each channel shows what the steps make of the sliders' place."""
    t, z = dock.viewer.dims.current_step[:2]
    return all(
        np.array_equal(on_screen(entry.layer), expected(dock, channel, t, z))
        for channel, entry in dock.layers.screen.channels.items()
    )


def test_its_show_box_brings_it_back(opened: Any, settle: Settle) -> None:
    dims, rows = opened.viewer.dims, opened.data.metadata.channels.rows
    dims.set_current_step(0, 2)
    dims.set_current_step(1, 3)
    settle(opened)
    opened.viewer.layers.remove(opened.layers.layers[1])
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    assert len(opened.viewer.layers) == 1
    box = rows[1].visible
    assert box.isEnabled() and not box.isChecked()
    box.click()
    settle(opened)
    assert [layer.name.split()[1] for layer in opened.viewer.layers] == ["488", "560"]
    assert box.isChecked() and dims.current_step[:2] == (2, 3) and right(opened)
    assert opened.layers.layers[1].colormap.name == "magenta"


@pytest.mark.parametrize(
    ("kind", "values", "left"),
    [
        ("select", {"channels": "560, 488"}, ["560"]),
        ("select", {"channels": "560"}, ["560"]),
        ("select", {"channels": "488"}, []),
        ("ratio", {"keep": False}, ["488/560"]),
        ("ratio", {"keep": True}, ["560", "488/560"]),
    ],
)
def test_it_stays_away_whatever_number_steps_give_its_channel(
    opened: Any, settle: Settle, kind: str, values: dict[str, Any], left: list[str]
) -> None:
    opened.viewer.layers.remove(opened.layers.layers[0])
    settle(opened)
    opened.session.set_pipeline(Pipeline([step_types()[kind](**values)]))
    settle(opened)
    names = opened.session.plan.after.channels
    assert [names[channel] for channel in sorted(opened.layers.screen.channels)] == left
    assert check_pixels(opened)
    opened.session.set_pipeline(Pipeline())
    settle(opened)
    assert sorted(opened.layers.screen.channels) == [1] and check_pixels(opened)
    opened.data.metadata.channels.rows[0].visible.click()
    settle(opened)
    assert sorted(opened.layers.screen.channels) == [0, 1] and check_pixels(opened)


LOOKS = {
    "contrast_limits": [130.0, 321.0], "gamma": 0.7, "opacity": 0.4, "blending": "minimum",
    "interpolation2d": "linear", "rendering": "iso",
}  # fmt: skip


def looks(layer: Any) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in LOOKS}


@pytest.mark.parametrize("way", ["box", "button", "undo", "redo and undo"])
def test_it_comes_back_as_it_looked(opened: Any, settle: Settle, way: str) -> None:
    for name, value in LOOKS.items():
        setattr(opened.layers.layers[1], name, value)
    opened.viewer.layers.remove(opened.layers.layers[1])
    settle(opened)
    if way == "box":
        opened.data.metadata.channels.rows[1].visible.click()
    elif way == "button":
        opened.view.restore.click()
    else:
        opened.session.undo()
    settle(opened)
    if way == "redo and undo":
        opened.layers.layers[1].gamma = 0.9
        opened.session.redo()
        settle(opened)
        opened.session.undo()
        settle(opened)
    assert looks(opened.layers.layers[1]) == LOOKS | ({"gamma": 0.9} if "redo" in way else {})
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    assert list(opened.layers.layers[1].contrast_limits) == LOOKS["contrast_limits"]


def test_its_contrast_is_set_anew_if_the_values_are_others(opened: Any, settle: Settle) -> None:
    layer = opened.layers.layers[1]
    layer.contrast_limits, layer.gamma = (130.0, 321.0), 0.7
    opened.viewer.layers.remove(layer)
    opened.session.set_pipeline(Pipeline([hundredfold]))
    opened.view.restore.click()
    settle(opened)
    back = opened.layers.layers[1]
    assert back.gamma == 0.7 and back.contrast_limits[1] > 5000


def hundredfold(volume: np.ndarray) -> np.ndarray:
    return volume.astype(np.float32) * 100


def test_when_all_are_deleted_a_button_brings_them_back(opened: Any, settle: Settle) -> None:
    view, dims = opened.view, opened.viewer.dims
    assert not view.restore.isVisibleTo(view)
    dims.set_current_step(0, 1)
    dims.set_current_step(1, 9)
    settle(opened)
    opened.viewer.layers.clear()
    settle(opened)
    edit(opened, "subtract_background", value=90.0)
    settle(opened)
    assert not opened.viewer.layers and view.restore.isVisibleTo(view)
    view.restore.click()
    settle(opened)
    assert len(opened.viewer.layers) == 2 and not view.restore.isVisibleTo(view)
    assert dims.current_step[:2] == (1, 9) and right(opened)


def test_undo_brings_it_back_and_redo_takes_it_away(opened: Any, settle: Settle) -> None:
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    before = opened.session.pipeline
    opened.viewer.layers.remove(opened.layers.layers[0])
    opened.foot.undo.click()
    settle(opened)
    assert len(opened.viewer.layers) == 2 and opened.session.pipeline == before and right(opened)
    opened.foot.redo.click()
    settle(opened)
    assert [layer.name.split()[1] for layer in opened.viewer.layers] == ["560"]
    opened.foot.undo.click()
    opened.foot.undo.click()
    settle(opened)
    assert len(opened.viewer.layers) == 2 and opened.session.pipeline != before and right(opened)


def test_an_undo_brings_all_back_that_were_deleted_together(opened: Any, settle: Settle) -> None:
    opened.viewer.layers.clear()
    assert opened.foot.undo.isEnabled()
    opened.foot.undo.click()
    settle(opened)
    assert len(opened.viewer.layers) == 2 and right(opened)


def test_other_data_have_all_their_layers(opened: Any, settle: Settle, tmp_path: Path) -> None:
    opened.viewer.layers.remove(opened.layers.layers[0])
    opened.open_folder(write_raw(tmp_path / "other"))
    settle(opened)
    assert len(opened.viewer.layers) == 2 and not opened.view.restore.isVisibleTo(opened.view)


def test_a_dock_that_is_opened_again_knows_of_it(opened: Any, settle: Settle) -> None:
    opened.viewer.layers.remove(opened.layers.layers[0])
    opened.leave_window()
    opened.compute_thread.join()
    opened.viewer.layers.remove(opened.viewer.layers[0])
    _, again = opened.viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    settle(again)
    assert not again.viewer.layers and again.view.restore.isVisibleTo(again.view)
    again.view.restore.click()
    settle(again)
    assert len(again.viewer.layers) == 2 and right(again)
    again.shut_down()
    again.compute_thread.join()
