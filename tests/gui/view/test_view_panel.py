"""The view: a part of the steps, beside the raw data; nothing that is there is made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import step_types
from stacks import write_raw

Settle = Callable[[Any], None]


@pytest.fixture
def three(opened: Any, settle: Settle) -> Any:
    """The dock with three steps on."""
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    edit(opened, "crop", z=(2, 10))
    settle(opened)
    return opened


def up_to(dock: Any, count: int, channel: int, t: int, z: int) -> np.ndarray:
    """The plane after some of the steps, computed without any cache."""
    session = dock.session
    steps = session.pipeline.steps
    some = Pipeline(steps=tuple(s.replace(enabled=s.enabled and i < count)
                                for i, s in enumerate(steps)))  # fmt: skip
    volume = session.stack.source.read(t, channel)
    return np.asarray(some.run_volume(volume, session.stack.spec)[z])


def test_a_part_of_the_steps_is_shown_and_nothing_is_made_again(
    three: Any, settle: Settle, calls: Counter[str]
) -> None:
    viewer, (layer, _) = three.viewer, three.layers.layers
    viewer.dims.set_current_step(1, 4)
    settle(three)
    calls.clear()
    reads = three.session.stack.source.reads
    clims, ids = tuple(layer.contrast_limits), [id(one) for one in viewer.layers]
    kinds = [c.step.kind for c in three.steps.cards]
    counts = {kind: kinds.index(kind) + 1 for kind in ("subtract_background", "deskew", "crop")}
    for count, name, z in (
        (0, "raw", 6),
        (counts["subtract_background"], "subtract background", 6),
        (counts["deskew"], "deskew", 6),
        (counts["crop"], "crop", 4),
        (counts["deskew"], "deskew", 6),
        (None, "crop", 4),
    ):
        three.session.show_until(count)
        settle(three)
        assert f"[{name}]" in layer.name
        made = len(kinds) if count is None else count
        seen = on_screen(layer).copy()
        assert not calls, "all of it was in the cache"
        assert three.session.stack.source.reads == reads
        np.testing.assert_array_equal(seen, up_to(three, made, 0, 0, z))
        reads += 1  # what `up_to` read just now
        calls.clear()
    assert tuple(layer.contrast_limits) == clims
    assert [id(one) for one in viewer.layers] == ids


def test_steps_after_the_last_one_shown_cost_nothing(
    three: Any, settle: Settle, calls: Counter[str]
) -> None:
    kinds = [c.step.kind for c in three.steps.cards]
    three.session.show_until(kinds.index("deskew") + 1)
    settle(three)
    calls.clear()
    edit(three, "crop", z=(3, 9))
    three.viewer.dims.set_current_step(0, 1)
    settle(three)
    assert calls["crop"] == 0 and calls["deskew"] > 0


def test_the_view_section_chooses_what_is_shown(three: Any, settle: Settle) -> None:
    view, session = three.view, three.session
    buttons = view.show_choice.buttons
    assert view.show_choice.value == "all" and not buttons["here"].isEnabled()
    buttons["raw"].click()
    assert session.until == 0
    session.show_until(2)
    assert view.show_choice.value == "here" and buttons["here"].isEnabled()
    assert session.pipeline.steps[1].title in buttons["here"].toolTip()
    buttons["all"].click()
    assert session.until is None
    buttons["here"].click()
    assert session.until == 2, "the step that was shown last"
    settle(three)
    card(three, session.pipeline.steps[1].kind).removed.emit()
    card(three, session.pipeline.steps[0].kind).removed.emit()
    settle(three)
    assert session.until is None and view.show_choice.value == "all"
    z = three.viewer.dims.current_step[1]
    np.testing.assert_array_equal(on_screen(three.layers.layers[0]), expected(three, 0, 0, z))


def test_the_quality_is_chosen_in_the_view_section(three: Any) -> None:
    assert three.view.quality.value == "auto"
    three.view.quality.buttons["full"].click()
    assert three.session.quality == "full"
    three.session.set_quality("auto")
    assert three.view.quality.value == "auto"


def test_all_controls_have_a_name_and_a_tooltip(three: Any) -> None:
    from qtpy.QtWidgets import QAbstractButton, QComboBox

    kinds = (QAbstractButton, QComboBox)
    controls = [one for kind in kinds for one in three.view.findChildren(kind)]
    assert len(controls) >= 8
    for control in controls:
        assert control.toolTip(), control
        assert control.accessibleName() or control.text(), control


def state(viewer: Any) -> tuple[Any, ...]:
    """What comparing must leave as it was."""
    grid, camera, dims = viewer.canvas.grid, viewer.scene.camera, viewer.dims
    return (
        (grid.enabled, tuple(grid.shape), grid.stride, grid.spacing),
        (camera.zoom, tuple(camera.center), tuple(camera.angles)),
        [id(layer) for layer in viewer.layers],
        {id(layer) for layer in viewer.layers.selection},
        id(viewer.layers.selection.active),
        tuple(dims.current_step),
        [tuple(layer.contrast_limits) for layer in viewer.layers if hasattr(layer, "gamma")],
    )


def test_raw_beside_processed_and_back(
    three: Any, settle: Settle, calls: Counter[str], qtbot: Any
) -> None:
    viewer, session = three.viewer, three.session
    like = viewer.layers[0]
    viewer.add_points([[0, 1, 1, 1]], name="of somebody else", units=like.units, scale=like.scale)
    viewer.layers.move(2, 1)
    viewer.layers.selection = {viewer.layers[0]}
    viewer.dims.set_current_step(1, 3)
    viewer.scene.camera.zoom = 3.0
    settle(three)
    point = viewer.dims.point
    before, reads = state(viewer), session.stack.source.reads
    calls.clear()
    three.view.compare.click()
    settle(three)
    raw = three.comparison.layers
    assert session.stack.source.reads == reads and not calls, "all of it was read already"
    assert len(raw) == 2 and viewer.canvas.grid.enabled
    positions = [viewer.canvas.grid.position(viewer.layers.index(layer), viewer.layers)
                 for layer in (*raw, *three.layers.layers)]  # fmt: skip
    assert positions == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert all("[raw, skewed]" in layer.name for layer in raw)
    assert [layer.colormap.name for layer in raw] == ["green", "magenta"]
    for z, t in ((4, 0), (7, 0), (7, 2)):
        viewer.dims.set_current_step(0, t)
        viewer.dims.set_point(1, (z) * three.layers.layers[0].scale[1])
        settle(three)
        reads = session.stack.source.reads
        for channel, layer in enumerate(raw):
            np.testing.assert_array_equal(
                on_screen(layer), session.stack.source.read(t, channel)[z]
            )
            np.testing.assert_array_equal(
                on_screen(three.layers.layers[channel]), expected(three, channel, t, z - 2)
            )
    viewer.dims.set_current_step(0, 0)
    viewer.dims.point = point
    raw[0].contrast_limits = (0, 50)
    settle(three)
    three.view.compare.click()
    settle(three)
    assert state(viewer) == before
    assert not three.comparison.layers


@pytest.mark.parametrize("name", ["view.compare", "depth_view.button"])
def test_a_grid_of_many_pictures_is_arranged_once(
    opened: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """napari takes a second for a new grid of 16 pictures, and made up to 20 in a row."""
    viewer, made = opened.viewer, []
    for number in range(6):
        viewer.add_image(np.zeros((4, 4)), name=f"{number} of hers")
    viewer.canvas.grid.shape, viewer.canvas.grid.enabled = (4, 4), True
    button = attrgetter(name)(opened)
    button.click()
    settle(opened)
    canvas = viewer.window._qt_viewer.canvas
    arrange = canvas._init_or_update_grid
    monkeypatch.setattr(canvas, "_init_or_update_grid", lambda: (made.append(1), arrange()))
    button.click()
    settle(opened)
    assert len(viewer.layers) == 8 and viewer.canvas.grid.shape == (4, 4)
    assert 1 <= len(made) <= 2, "once all that was added is gone, and once to arrange the rest"


def test_edits_while_comparing(three: Any, settle: Settle) -> None:
    three.view.compare.click()
    settle(three)
    (raw, _), (layer, _) = three.comparison.layers, three.layers.layers
    before = on_screen(raw).copy()
    edit(three, "deskew", angle=45.0)
    settle(three)
    assert raw.scale[1] == pytest.approx(layer.scale[1]), "the planes stay side by side"
    assert tuple(raw.scale[2:]) == pytest.approx(three.session.stack.voxel_size[1:])
    np.testing.assert_array_equal(on_screen(raw), before)
    z = three.viewer.dims.current_step[1]
    first = round(layer.translate[1] / layer.scale[1])
    np.testing.assert_array_equal(on_screen(layer), expected(three, 0, 0, z - first))
    three.viewer.dims.ndisplay = 3
    settle(three)
    np.testing.assert_array_equal(on_screen(raw), three.session.stack.source.read(0, 0))
    edit(three, "rotate")
    settle(three)
    assert tuple(raw.scale[1:]) == pytest.approx(three.session.stack.voxel_size)
    three.view.compare.click()
    settle(three)
    assert len(three.viewer.layers) == 2 and not three.viewer.canvas.grid.enabled


def test_planes_stay_side_by_side_also_of_hidden_layers(opened: Any, settle: Settle) -> None:
    opened.view.compare.click()
    settle(opened)
    for layer in opened.layers.layers:
        layer.visible = False
    edit(opened, "deskew", angle=45.0)
    settle(opened)
    (raw, _), (layer, _) = opened.comparison.layers, opened.layers.layers
    assert raw.scale[1] == pytest.approx(layer.scale[1])
    assert raw.scale[1] < opened.session.stack.voxel_size[0]


def test_hidden_channels_are_not_compared(three: Any, settle: Settle) -> None:
    three.layers.layers[0].visible = False
    reads = three.session.stack.source.reads
    three.view.compare.click()
    settle(three)
    assert [layer.colormap.name for layer in three.comparison.layers] == ["magenta"]
    assert three.session.stack.source.reads == reads


@pytest.mark.parametrize(
    ("kind", "values", "channels", "cells"),
    [
        ("select", {"channels": "560"}, [1], [(0, 1)]),
        ("select", {"channels": "560, 488"}, [0, 1], [(0, 1)] * 2),
        ("ratio", {"background": (100.0, 100.0)}, [0, 1], [(0, 2), (0, 1), (0, 1)]),
        ("ratio", {"background": (100.0, 100.0), "keep": False}, [0], [(0, 1)]),
        ("split_chip", {}, [0, 1], [(0, 2), (0, 2), (0, 1), (0, 1)]),
    ],
)
def test_raw_channels_are_those_that_the_picture_is_made_of(
    opened: Any, settle: Settle, kind: str, values: dict[str, Any], channels: list[int],
    cells: list[tuple[int, int]],
) -> None:  # fmt: skip
    """Steps may leave out channels, or make others of them."""
    viewer, session = opened.viewer, opened.session
    session.set_pipeline(Pipeline([step_types()[kind](**values)]))
    settle(opened)
    opened.view.compare.click()
    settle(opened)
    raw, processed = opened.comparison.layers, opened.layers.layers
    z = viewer.dims.current_step[1]
    for layer, channel in zip(raw, channels, strict=True):
        np.testing.assert_array_equal(on_screen(layer), session.stack.source.read(0, channel)[z])
        assert layer.colormap.name == ("green", "magenta")[channel]
        assert session.stack.channel_names[channel] in layer.name
    assert [
        viewer.canvas.grid.position(viewer.layers.index(layer), viewer.layers)
        for layer in (*raw, *processed)
    ] == [(0, 0)] * len(raw) + cells


def test_another_folder_ends_the_comparison(three: Any, settle: Settle, tmp_path: Any) -> None:
    three.view.compare.click()
    settle(three)
    three.open_folder(write_raw(tmp_path / "other", times=2, channels=1))
    settle(three)
    assert len(three.viewer.layers) == 1 and not three.view.compare.isChecked()
    assert not three.viewer.canvas.grid.enabled


def test_nothing_to_compare(dock: Any) -> None:
    dock.view.compare.click()
    assert not dock.view.compare.isChecked() and not dock.viewer.layers
