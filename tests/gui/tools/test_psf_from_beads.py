"""A PSF of a bead stack, made in the card of the deconvolution: found, looked at, saved, used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from scipy import ndimage

from dock_helpers import card, edit, expected, on_screen

TIMEOUT = 30_000
VOXEL = (0.2, 0.1, 0.1)
Settle = Callable[[Any], None]


@pytest.fixture
def bead_stack(tmp_path: Path) -> Path:
    """A file of 25 beads that says how large its voxels are."""
    rng = np.random.default_rng(0)
    volume = np.zeros((30, 130, 130))
    for place in np.stack(np.meshgrid([15], range(16, 120, 24), range(16, 120, 24)), -1).reshape(
        -1, 3
    ):
        volume[tuple(place)] = rng.uniform(3, 9) * 1e4
    seen = ndimage.gaussian_filter(volume, (1.7, 1.4, 1.4)) + 100
    path = tmp_path / "beads_488.tif"
    tifffile.imwrite(
        path, rng.poisson(seen).astype(np.uint16), imagej=True, resolution=(10, 10),
        metadata={"axes": "ZYX", "spacing": 0.2, "unit": "um"},
    )  # fmt: skip
    return path


@pytest.fixture
def beads(opened: Any) -> Any:
    """The tool, unfolded."""
    from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel

    here = card(opened, "deconvolve")
    here.unfold.setChecked(True)
    panel = here.findChild(PsfPanel)
    panel.beads_button.setChecked(True)
    return panel.beads


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_beads_are_averaged_saved_and_used(
    opened: Any, settle: Settle, beads: Any, bead_stack: Path, tmp_path: Path, qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert not beads.save_button.isEnabled()
    beads.form.fields["path"].controls[0].value = str(bead_stack)
    beads.form.fields["size"].value = (3.0, 1.6, 1.6)
    click(qtbot, beads.find_button)
    qtbot.waitUntil(beads.save_button.isEnabled, timeout=TIMEOUT)
    assert beads.result.text().startswith("25 of 25 bright spots used")
    assert "z: 0.8" in beads.result.text() and "x: 0.33" in beads.result.text()
    assert len(beads.pictures.views) == 1 and beads.pictures.isVisibleTo(opened)
    out = tmp_path / "psf_488.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    click(qtbot, beads.save_button)
    step = card(opened, "deconvolve").step
    qtbot.waitUntil(lambda: card(opened, "deconvolve").step.psf == str(out), timeout=TIMEOUT)
    step = card(opened, "deconvolve").step
    assert step.psf_voxel_size == VOXEL
    assert tifffile.imread(out).shape == (17, 17, 17)
    edit(opened, "deconvolve")
    settle(opened)
    t, z = opened.viewer.dims.current_step[:2]
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, t, z))


def test_what_is_wrong_is_said(beads: Any, tmp_path: Path, qtbot: Any) -> None:
    click(qtbot, beads.find_button)
    qtbot.waitUntil(lambda: "No bead stack is chosen" in beads.error.text(), timeout=TIMEOUT)
    dark = tmp_path / "dark.tif"
    tifffile.imwrite(dark, np.random.default_rng(0).poisson(100, (20, 60, 60)).astype(np.uint16))
    beads.form.fields["path"].controls[0].value = str(dark)
    click(qtbot, beads.find_button)
    qtbot.waitUntil(lambda: "voxel size" in beads.error.text(), timeout=TIMEOUT)
    beads.form.fields["voxel_size"].value = VOXEL
    assert beads.error.text() == ""
    click(qtbot, beads.find_button)
    qtbot.waitUntil(lambda: "can be used as beads" in beads.error.text(), timeout=TIMEOUT)
    assert beads.find_button.isEnabled() and not beads.save_button.isEnabled()


def test_nothing_is_written_beside_the_raw_files(
    beads: Any, bead_stack: Path, raw_folder: Path, qtbot: Any
) -> None:
    beads.form.fields["path"].controls[0].value = str(bead_stack)
    beads.form.fields["size"].value = (3.0, 1.6, 1.6)
    click(qtbot, beads.find_button)
    qtbot.waitUntil(beads.save_button.isEnabled, timeout=TIMEOUT)
    before = sorted(raw_folder.iterdir())
    beads.save_as(raw_folder / "psf.tif")
    qtbot.waitUntil(lambda: "raw" in beads.error.text(), timeout=TIMEOUT)
    assert sorted(raw_folder.iterdir()) == before
