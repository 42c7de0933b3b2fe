"""Help for the angle: from the data, from a line, and by eye in 3-D."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt

from canvas import drag, press_key
from dock_helpers import card, edit
from leaning_beads import VOXEL, bead_stack, noise, shear_for
from napari_lazy_pipeline._gui import triangulation
from napari_lazy_pipeline._gui.tools.angle_tool import AnglePanel
from napari_lazy_pipeline.image import Scan

Settle = Callable[[Any], None]
TIMEOUT = 20_000
ANGLE = 40.0


def open_stack_of(dock: Any, settle: Settle, folder: Path, volume: np.ndarray) -> Any:
    folder.mkdir()
    tifffile.imwrite(folder / "cell_ch0_stack0000_488nm_0000000msec_0000000000msecAbs.tif", volume)
    dock.open_folder(folder)
    settle(dock)
    dock.data.z_step.setValue(VOXEL[0])
    dock.data.pixel.setValue(VOXEL[2])
    settle(dock)
    return dock


@pytest.fixture
def beads(dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with a stack of beads, scanned at 40 degrees along x."""
    return open_stack_of(dock, settle, tmp_path / "beads", bead_stack(shear_for(ANGLE)))


def panel(dock: Any) -> AnglePanel:
    """The help on the card of the deskew."""
    (found,) = card(dock, "deskew").body.findChildren(AnglePanel)
    return found


def press(qtbot: Any, button: Any) -> None:
    """Click at the left, where a check box has its box."""
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(10, button.height() // 2))


def estimated(dock: Any, qtbot: Any) -> AnglePanel:
    """Press the button and wait for the answer."""
    press(qtbot, panel(dock).estimate)
    qtbot.waitUntil(lambda: not dock.angles.task.busy, timeout=TIMEOUT)
    return panel(dock)


def deskew(dock: Any) -> Any:
    return card(dock, "deskew").shown


def test_the_angle_is_found_and_taken_over_by_a_button(beads: Any, qtbot: Any) -> None:
    before = beads.session.pipeline
    found = estimated(beads, qtbot)
    texts = [button.text() for button in found.proposals]
    assert [text.split("\n")[1] for text in texts] == [
        "z step along the stage",
        "z step perpendicular to the planes",
    ]
    assert re.fullmatch(
        r"Planes shift \d\.\d\d px along x \(match \d+ %\)\. Apply:", found.sentence.text()
    )
    assert beads.session.pipeline is before
    press(qtbot, found.proposals[0])
    assert deskew(beads).enabled
    assert deskew(beads).angle == pytest.approx(ANGLE, abs=1.0)
    assert (deskew(beads).skew_axis, deskew(beads).step) == ("x", "stage")
    press(qtbot, found.proposals[1])
    tangent = VOXEL[0] / (shear_for(ANGLE) * VOXEL[2])
    assert deskew(beads).angle == pytest.approx(np.degrees(np.arctan(tangent)), abs=1.0)
    assert deskew(beads).step == "perpendicular"
    beads.session.undo()
    beads.session.undo()
    assert beads.session.pipeline is before
    reads = beads.session.stack.source.reads
    estimated(beads, qtbot)
    assert beads.session.stack.source.reads == reads, "the raw volume is in the cache"


def test_what_was_proposed_for_other_data_is_gone(
    beads: Any, settle: Settle, raw_folder: Path, qtbot: Any
) -> None:
    assert estimated(beads, qtbot).proposals
    beads.session.state(voxel_size=(VOXEL[0], 0.2, 0.2))
    settle(beads)
    assert panel(beads).proposals, "these are the same data"
    beads.open_folder(raw_folder)
    settle(beads)
    assert not panel(beads).proposals and not panel(beads).sentence.text()


def test_data_that_do_not_tell_offer_nothing(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    open_stack_of(dock, settle, tmp_path / "noise", noise((40, 96, 128)))
    found = estimated(dock, qtbot)
    assert found.proposals == []
    assert "too little in common" in found.sentence.text()


def test_a_stack_too_small_says_so(dock: Any, settle: Settle, tmp_path: Path, qtbot: Any) -> None:
    open_stack_of(dock, settle, tmp_path / "thin", noise((40, 8, 128)))
    found = estimated(dock, qtbot)
    assert "too small to tell" in found.sentence.text()
    assert found.proposals == []


def test_before_a_folder_is_open(dock: Any, qtbot: Any) -> None:
    for button in (panel(dock).estimate, panel(dock).line):
        press(qtbot, button)
        assert panel(dock).sentence.text() == "Open a folder first"


def test_the_window_lives_while_it_is_estimated_and_it_can_be_dropped(
    beads: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate goes on for as long as somebody wants it."""
    from napari_lazy_pipeline._gui.tools import angle_tool as angle_help
    from napari_lazy_pipeline.errors import Cancelled

    seen: Counter[str] = Counter()

    def never(volume: np.ndarray, size: Any, cancelled: Callable[[], bool]) -> None:
        seen["began"] += 1
        while not cancelled():
            pass
        seen["given up"] += 1
        raise Cancelled

    monkeypatch.setattr(angle_help, "estimate_scan", never)
    press(qtbot, panel(beads).estimate)
    qtbot.waitUntil(lambda: seen["began"] == 1, timeout=TIMEOUT)
    assert panel(beads).sentence.text() == "Comparing the planes…"
    beads.angles.task.forget()
    qtbot.waitUntil(lambda: seen["given up"] == 1, timeout=TIMEOUT)


def test_a_line_along_a_streak_gives_the_angle(beads: Any, qtbot: Any, settle: Settle) -> None:
    viewer = beads.viewer
    order, layers, until = viewer.dims.order, list(viewer.layers), beads.session.until
    press(qtbot, panel(beads).line)
    settle(beads)
    assert viewer.dims.order == (0, 2, 1, 3)
    assert beads.session.until == 0
    viewer.reset_view()
    # In raw planes, what is upright in the sample goes back by the shear from each to the next.
    lean = -shear_for(ANGLE) * VOXEL[2] / VOXEL[0]
    drag(viewer, (1.0, 9.0), (10.0, 9.0 + 9.0 * lean))
    qtbot.waitUntil(lambda: len(panel(beads).proposals) == 2, timeout=TIMEOUT)
    assert list(viewer.layers) == layers
    assert (viewer.dims.order, beads.session.until) == (order, until)
    press(qtbot, panel(beads).proposals[0])
    assert deskew(beads).angle == pytest.approx(ANGLE, abs=0.5)


def test_the_line_waits_for_what_napari_would_compile(
    beads: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = [True]
    monkeypatch.setattr(triangulation, "is_under_way", lambda: under_way[0])
    press(qtbot, panel(beads).line)
    said = panel(beads).sentence
    assert said.text().startswith("Preparing for this computer, once")
    under_way[0] = False
    qtbot.waitUntil(lambda: said.text().startswith("Draw a line"), timeout=TIMEOUT)
    assert beads.viewer.layers[-1].mode == "add_line"


def test_escape_drops_the_line_and_turns_back(beads: Any, qtbot: Any, settle: Settle) -> None:
    viewer = beads.viewer
    viewer.dims.ndisplay = 3
    order, layers = viewer.dims.order, list(viewer.layers)
    press(qtbot, panel(beads).line)
    settle(beads)
    press_key(viewer, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: viewer.dims.ndisplay == 3, timeout=TIMEOUT)
    assert (list(viewer.layers), viewer.dims.order) == (layers, order)
    assert beads.session.until is None


def test_a_line_within_a_plane_can_be_drawn_again(beads: Any, qtbot: Any, settle: Settle) -> None:
    press(qtbot, panel(beads).line)
    settle(beads)
    drag(beads.viewer, (5.0, 2.0), (5.05, 9.0))
    qtbot.waitUntil(
        lambda: "across several planes" in panel(beads).sentence.text(), timeout=TIMEOUT
    )
    assert beads.angles.drawing.layer.mode == "add_line"
    beads.angles.cancel_line()


def live(dock: Any, qtbot: Any) -> Any:
    """Switch the preview on in 3-D, and wait until it is ready."""
    dock.viewer.dims.ndisplay = 3
    press(qtbot, panel(dock).preview)
    qtbot.waitUntil(lambda: dock.angles.preview.layer is not None, timeout=TIMEOUT)
    return dock.angles.preview.layer


def test_the_raw_stack_leans_along_and_gives_way_to_the_real_one(
    beads: Any, qtbot: Any, settle: Settle
) -> None:
    edit(beads, "deskew", angle=35.0)
    settle(beads)
    (real,) = beads.layers.layers
    real.opacity = 0.7
    layer = live(beads, qtbot)
    reads = beads.session.stack.source.reads
    assert not layer.visible
    for angle in (36.0, 38.5, 41.0):
        edit(beads, "deskew", angle=angle)
        assert (layer.visible, real.opacity) == (True, 0.0)
        shown = np.asarray(layer.affine)[:3, :3]
        np.testing.assert_allclose(shown, Scan(angle).deskewing(VOXEL))
    settle(beads)
    qtbot.waitUntil(lambda: not layer.visible, timeout=TIMEOUT)
    assert real.opacity == 0.7
    assert beads.session.stack.source.reads == reads
    press(qtbot, panel(beads).preview)
    assert list(beads.viewer.layers) == [real]


def test_a_voxel_of_the_leaning_stack_is_where_deskewing_puts_it(
    beads: Any, qtbot: Any, settle: Settle
) -> None:
    edit(beads, "deskew", angle=35.0)
    layer = live(beads, qtbot)
    edit(beads, "deskew", angle=ANGLE)
    world = layer.data_to_world((10, 20, 30))
    z, x = 10 * 0.3 * np.sin(np.radians(ANGLE)), 0.1 * (30 + 10 * shear_for(ANGLE))
    np.testing.assert_allclose(world, (z, 2.0, x), rtol=1e-6)
    settle(beads)


def test_it_waits_for_3d(beads: Any, qtbot: Any, settle: Settle) -> None:
    edit(beads, "deskew", angle=35.0)
    settle(beads)
    press(qtbot, panel(beads).preview)
    assert "3-D only" in panel(beads).preview.text()
    qtbot.waitUntil(lambda: beads.angles.preview.layer is not None, timeout=TIMEOUT)
    edit(beads, "deskew", angle=36.0)
    assert not beads.angles.preview.layer.visible
    beads.viewer.dims.ndisplay = 3
    edit(beads, "deskew", angle=37.0)
    assert beads.angles.preview.layer.visible
    beads.viewer.dims.ndisplay = 2
    assert not beads.angles.preview.layer.visible
    assert beads.layers.layers[0].opacity == 1.0


@pytest.mark.parametrize("how", ["dock", "layer", "folder", "step"])
def test_it_ends_with_what_it_belongs_to(
    beads: Any, qtbot: Any, settle: Settle, raw_folder: Path, how: str
) -> None:
    edit(beads, "deskew", angle=35.0)
    settle(beads)
    layer = live(beads, qtbot)
    edit(beads, "deskew", angle=36.0)
    if how == "dock":
        beads.shut_down()
    elif how == "layer":
        beads.viewer.layers.remove(layer)
    elif how == "folder":
        beads.open_folder(raw_folder)
        settle(beads)
    else:
        card(beads, "deskew").removed.emit()
    assert not beads.angles.preview.is_on
    assert beads.angles.preview.layer is None
    assert "Angle preview" not in [layer.name for layer in beads.viewer.layers]
    assert all(layer.opacity == 1.0 for layer in beads.viewer.layers)


def test_every_control_has_a_tooltip(dock: Any) -> None:
    for control in (panel(dock).estimate, panel(dock).line, panel(dock).preview):
        assert control.toolTip()
        assert control.text()
