"""Registration in the dock: transforms from files and into files, and the overlay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from dock_helpers import card, on_screen
from napari_lazy_pipeline._gui.side_by_side.step_overlay import StepOverlay
from napari_lazy_pipeline._gui.tools.registration_panel import RegistrationPanel
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Crop, RegisterChannels, Select
from stacks import write_raw

SHIFTED = [[1, 0, 0, 0], [0, 1, 0, -2], [0, 0, 1, 3]]  # um, of voxels of 1 um


@pytest.fixture
def registered(opened: Any, settle: Callable[[Any], None]) -> Any:
    """The dock with a crop, and a step that moves nothing yet."""
    opened.session.set_pipeline(Pipeline([Crop(y=(2, 15)), RegisterChannels()]))
    settle(opened)
    return opened


def part(dock: Any, kind: type) -> Any:
    (found,) = card(dock, "register_channels").body.findChildren(kind)
    return found


def test_a_reg_file_is_read_past_a_crop_and_saved_again(registered: Any, tmp_path: Path) -> None:
    turned = np.eye(4)
    turned[:3, :3] = [[1, 0.02, 0], [-0.02, 1, 0], [0, 0, 1]]
    entry = {"mode": "affine", "moving": "560", "reference": "488", "tform": turned.tolist()}
    path = tmp_path / "beads.reg"
    path.write_text(json.dumps({"tforms": [entry], "dx": 1.0, "dz": 1.0}))
    panel, before = part(registered, RegistrationPanel), registered.session.pipeline
    panel.read_from(path)
    step = card(registered, "register_channels").step
    # A shift of half a voxel was subtracted; positions are counted from the same voxel.
    expected = [[1, 0, 0, 0.5], [0, 1, -0.02, 0.5], [0, 0.02, 1, 0.5]]
    np.testing.assert_allclose(step.transform["560"], expected, atol=1e-9)
    assert step.reference == "488" and panel.sentence.text() == "Read onto 488: 560 (affine)"
    assert registered.session.undo() is None and registered.session.pipeline == before
    registered.session.redo()
    panel.save_to(tmp_path / "saved.json")
    registered.session.undo()
    panel.read_from(tmp_path / "saved.json")
    assert card(registered, "register_channels").step == step


def test_what_cannot_be_read_or_saved_is_said(
    registered: Any, tmp_path: Path, raw_folder: Path
) -> None:
    panel, before = part(registered, RegistrationPanel), registered.session.pipeline
    path = tmp_path / "a.csv"
    path.write_text("no numbers")
    panel.read_from(path)
    assert panel.error.text().startswith("No transform can be read")
    panel.save_to(raw_folder / "a.json")
    assert not (raw_folder / "a.json").exists() and "raw" in panel.error.text()
    assert registered.session.pipeline == before


def test_an_overlay_in_two_colours_with_the_step_and_without(
    registered: Any, qtbot: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(SHIFTED))
    part(registered, RegistrationPanel).read_from(path)
    settle(registered)
    overlay = part(registered, StepOverlay)
    layers = registered.layers.layers
    colours = [layer.colormap.name for layer in layers]
    moved = on_screen(layers[1]).copy()
    QTest.mouseClick(overlay.overlay, Qt.MouseButton.LeftButton)
    assert [layer.colormap.name for layer in layers] == ["green", "magenta"]
    assert all(layer.visible and layer.blending == "additive" for layer in layers)
    QTest.mousePress(overlay.without, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: registered.other_state.shown, timeout=60_000)
    QApplication.processEvents()
    still = on_screen(layers[1])
    np.testing.assert_array_equal(moved[:-2, 3:], still[2:, :-3])
    assert not moved[-2:].any() and not moved[:, :3].any()
    QTest.mouseRelease(overlay.without, Qt.MouseButton.LeftButton)
    settle(registered)
    np.testing.assert_array_equal(on_screen(layers[1]), moved)
    QTest.mouseClick(overlay.overlay, Qt.MouseButton.LeftButton)
    assert [layer.colormap.name for layer in layers] == colours
    QTest.mouseClick(overlay.overlay, Qt.MouseButton.LeftButton)
    registered.session.set_pipeline(Pipeline([Crop(y=(2, 15))]))
    qtbot.waitUntil(lambda: [layer.colormap.name for layer in layers] == colours, timeout=60_000)


def test_colours_come_back_to_a_channel_that_was_left_out_meanwhile(
    registered: Any, settle: Callable[[Any], None]
) -> None:
    layers = registered.layers.layers
    layers[1].opacity = 0.7
    colours = [layer.colormap.name for layer in layers]
    overlay, session = part(registered, StepOverlay), registered.session
    overlay.overlay.setChecked(True)
    session.set_pipeline(Pipeline([*session.pipeline.steps, Select(channels="560")]))
    settle(registered)
    overlay.overlay.setChecked(False)
    session.undo()
    settle(registered)
    layers = registered.layers.layers
    assert [layer.colormap.name for layer in layers] == colours
    assert [layer.opacity for layer in layers] == [1.0, 0.7]


def test_after_a_selection_transforms_are_saved_of_the_channel_that_they_lead_to(
    registered: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    """The first channel that is left is not the reference: it is moved, too."""
    still, session = np.eye(4)[:3].tolist(), registered.session
    for transform in ({"488": still, "560": SHIFTED}, {"560": SHIFTED}):
        step = RegisterChannels(transform=transform)
        session.set_pipeline(Pipeline([Select(channels="560"), step]))
        settle(registered)
        part(registered, RegistrationPanel).save_to(tmp_path / f"{len(transform)}.json")
    saved = json.loads((tmp_path / "2.json").read_text())
    assert saved["reference"] == "488"
    assert saved["transforms"] == {"560": [*SHIFTED, [0, 0, 0, 1]]}
    assert not (tmp_path / "1.json").exists()
    error = part(registered, RegistrationPanel).error.text()
    assert error.startswith("All channels are moved")


@pytest.mark.parametrize("end", ["off", "other data", "closed"])
def test_colours_that_are_lent_are_nobodys_choice(
    registered: Any, settle: Callable[[Any], None], tmp_path: Path, end: str
) -> None:
    chosen, session = ("cyan", "red"), registered.session
    for layer, colour in zip(registered.layers.layers, chosen, strict=True):
        layer.colormap = colour
    overlay = part(registered, StepOverlay).overlay
    overlay.setChecked(True)
    layers = registered.layers.layers
    assert [layer.colormap.name for layer in layers] == ["green", "magenta"]
    assert session.colours == session.recipe().source.channel_colours == chosen
    if end == "off":
        overlay.setChecked(False)
    elif end == "closed":
        registered.shut_down()
    else:
        registered.open_folder(write_raw(tmp_path / "other"))
        settle(registered)
        assert not overlay.isChecked() and session.colours == ()
        chosen = ("green", "magenta")
    assert [layer.colormap.name for layer in registered.layers.layers] == list(chosen)
    assert end == "other data" or session.colours == chosen
