"""Drift and bleaching in the dock: estimated, plotted, corrected by hand, undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from dock_helpers import card, expected, on_screen
from moving_sample import VOXEL, MovingSample
from napari_lazy_pipeline._gui.tools.estimate_panel import EstimatePanel
from napari_lazy_pipeline._gui.tools.step_curve import StepCurve
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import BleachCorrection, Drift

TIMEOUT = 30_000


@pytest.fixture
def sample() -> MovingSample:
    return MovingSample(seed=6, times=5, shape=(16, 48, 56))


@pytest.fixture
def moving(dock: Any, settle: Callable[[Any], None], tmp_path: Path, sample: MovingSample) -> Any:
    """The dock with the sample open, and both steps with nothing to correct yet."""
    folder = tmp_path / "moving"
    folder.mkdir()
    for t, volume in enumerate(sample.data[:, 0]):
        name = f"cell_ch0_stack{t:04d}_488nm_{t:07d}msec_{t:010d}msecAbs.tif"
        tifffile.imwrite(folder / name, volume)
    dock.open_folder(folder)
    settle(dock)
    dock.data.z_step.setValue(VOXEL[0])
    dock.data.pixel.setValue(VOXEL[2])
    dock.session.set_pipeline(Pipeline([Drift(), BleachCorrection()]))
    settle(dock)
    return dock


def tool(dock: Any, kind: str, of_type: type) -> Any:
    card(dock, kind).unfold.setChecked(True)
    (found,) = card(dock, kind).body.findChildren(of_type)
    return found


def estimated(dock: Any, kind: str, qtbot: Any) -> EstimatePanel:
    """Press the button, and wait for the answer."""
    panel: EstimatePanel = tool(dock, kind, EstimatePanel)
    qtbot.mouseClick(next(iter(panel.buttons.values())), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel.task.busy, timeout=TIMEOUT)
    return panel


def test_drift_is_estimated_plotted_and_corrected_by_hand(
    moving: Any, settle: Callable[[Any], None], qtbot: Any, sample: MovingSample
) -> None:
    here, plot = card(moving, "drift"), tool(moving, "drift", StepCurve)
    assert "No drift is stated" in here.waiting.text() and plot.curve is None
    before = moving.session.pipeline
    panel = estimated(moving, "drift", qtbot)
    settle(moving)
    assert panel.sentence.text().startswith("Channel 488 drifts by up to ")
    assert not here.waiting.text()
    way = np.array(here.step.drift) / VOXEL
    assert np.sqrt(np.mean((way - sample.walk) ** 2)) < 0.2
    np.testing.assert_allclose(plot.curve.dots["x"][1], way[:, 2] * VOXEL[2])
    moving.viewer.dims.set_point(0, moving.viewer.dims.range[0].stop)
    settle(moving)
    shown = on_screen(moving.layers.layers[0])
    assert shown.shape and moving.session.plan.misfit is None
    table = here.form["drift"].control.table
    assert table.rowCount() == 5
    table.setCurrentCell(3, 2)
    QApplication.clipboard().setText("0.5")
    qtbot.keyClick(table, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert here.step.drift[3][2] == 0.5 and plot.curve.dots["x"][1][3] == 0.5
    moving.session.undo()
    assert here.step.drift[3][2] != 0.5 and table.text(3, 2) != "0.5"
    moving.session.undo()
    assert moving.session.pipeline == before and plot.curve is None


def test_bleaching_is_measured_after_the_drift_and_shown(
    moving: Any, settle: Callable[[Any], None], qtbot: Any, sample: MovingSample
) -> None:
    estimated(moving, "drift", qtbot)
    panel = estimated(moving, "bleach_correction", qtbot)
    settle(moving)
    step = card(moving, "bleach_correction").step
    np.testing.assert_allclose(step.brightness, sample.light, rtol=0.05)
    assert panel.sentence.text().startswith("Left at the last time point: 488: 8")
    curve = tool(moving, "bleach_correction", StepCurve).curve
    np.testing.assert_allclose(curve.lines["all channels"][1], step.brightness)
    z = moving.viewer.dims.current_step[1]
    np.testing.assert_allclose(
        on_screen(moving.layers.layers[0]), expected(moving, 0, 0, z), rtol=1e-6
    )
