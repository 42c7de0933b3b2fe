"""A PSF of a bead stack, made in the card of the deconvolution: found, looked at, saved, used."""

from __future__ import annotations

import threading
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
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline._gui.tools.shown_beads import in_place
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image import Scan, VolumeSpec
from napari_lazy_pipeline.psf.psf_doubts import report_of

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
    widths = {axis: float(width) for axis, width, *_ in beads.widths.rows}
    sigma = dict(zip("zyx", np.multiply((1.7, 1.4, 1.4), VOXEL), strict=True))
    for axis, width in widths.items():
        assert width == pytest.approx(2.3548 * sigma[axis], rel=0.03)
    assert beads.plot.isVisibleTo(opened) and beads.plot.curve.names == ("z", "y", "x")
    assert beads.find_button.text() == "Find beads" and not beads.bar.isVisibleTo(opened)
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


def test_a_search_can_be_cancelled(
    beads: Any, bead_stack: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline.psf import bead_average

    begun, stopped = threading.Event(), threading.Event()

    def endless(stack: Any, size: Any, extent: Any, cancelled: Any, progress: Any) -> None:
        progress(0.37)
        begun.set()
        while not cancelled():
            threading.Event().wait(0.001)
        stopped.set()
        raise Cancelled

    monkeypatch.setattr(bead_average, "average_beads", endless)
    beads.form.fields["path"].controls[0].value = str(bead_stack)
    click(qtbot, beads.find_button)
    assert begun.wait(30) and beads.find_button.text() == "Cancel"
    qtbot.waitUntil(lambda: beads.bar.value() == 37, timeout=TIMEOUT)
    click(qtbot, beads.find_button)
    assert stopped.wait(30) and beads.find_button.text() == "Find beads"
    assert not beads.save_button.isEnabled() and not beads.error.text()


def test_beads_on_screen_are_averaged_in_place_for_their_channel(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is skewed: what is saved is not."""
    raw = write_skewed_beads(tmp_path / "beads")
    dock.open_folder(raw)
    settle(dock)
    here = card(dock, "deconvolve")
    here.unfold.setChecked(True)
    panel = here.findChild(PsfPanel)
    panel.beads_button.setChecked(True)
    beads = panel.beads
    names = [beads.source.itemText(i) for i in range(beads.source.count())]
    assert names == ["Beads in a file", "Beads on screen: 488", "Beads on screen: 560"]
    beads.source.setCurrentIndex(2)
    assert not beads.form.fields["path"].native.isVisibleTo(dock)
    beads.form.fields["size"].value = (3.0, 1.6, 1.6)
    click(qtbot, beads.find_button)
    qtbot.waitUntil(lambda: "light-sheet angle" in beads.error.text(), timeout=TIMEOUT)
    dock.session.state(angle=30.0, step="stage")
    settle(dock)
    click(qtbot, beads.find_button)
    qtbot.waitUntil(beads.save_button.isEnabled, timeout=TIMEOUT)
    used = int(beads.result.text().split()[0])
    assert beads.result.text() == f"{used} of 48 bright spots used" and used > 40
    (_, z, *_), (_, y, *_), (_, x, *_) = beads.widths.rows
    # Linear interpolation adds up to a sixth of a squared pixel to the variance along x.
    expected = 2.3548 * np.array((0.34, 0.15, 0.15))
    assert float(z) == pytest.approx(expected[0], rel=0.05)
    assert float(y) == pytest.approx(expected[1], rel=0.05)
    assert expected[2] * 0.97 < float(x) < 2.3548 * np.hypot(0.15, 0.1 / 6**0.5) * 1.03
    out = tmp_path / "psf_560.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    click(qtbot, beads.save_button)
    qtbot.waitUntil(lambda: here.step.psf != "", timeout=TIMEOUT)
    assert here.step.psf == {"488": "", "560": str(out)}
    size = here.step.psf_voxel_size["560"]
    np.testing.assert_allclose(size, (0.2, 0.1, 0.1))
    report = report_of(tifffile.imread(out), size)
    assert report.doubts == ()


def write_skewed_beads(folder: Path) -> Path:
    """Two channels of beads, recorded at 30 degrees by moving the stage by 0.4 um."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    z, y, x = np.meshgrid(
        0.2 * np.arange(60), 0.1 * np.arange(100), 0.1 * np.arange(110), indexing="ij", sparse=True
    )
    x = x + z / 0.2 * 0.4 * np.cos(np.radians(30))
    seen = np.full((60, 100, 110), 100.0)
    for place in np.ndindex(3, 4, 4):
        centre = np.array((3.2, 1.6, 2.0)) + np.multiply(place, (2.8, 2.2, 2.2))
        centre[2] += centre[0] / 0.2 * 0.4 * np.cos(np.radians(30))
        centre += rng.uniform(-0.05, 0.05, 3)
        squares = (
            (a - c) / s for a, c, s in zip((z, y, x), centre, (0.34, 0.15, 0.15), strict=True)
        )
        seen += 3000 * np.exp(-sum(d * d for d in squares) / 2)
    for c, wave in enumerate((488, 560)):
        tifffile.imwrite(
            folder / f"beads_ch{c}_stack0000_{wave}nm.tif", rng.poisson(seen).astype(np.uint16),
            imagej=True, resolution=(10, 10),
            metadata={"axes": "ZYX", "spacing": 0.4, "unit": "um"},
        )  # fmt: skip
    return folder


def test_beads_of_deskewed_data_are_not_sheared_again() -> None:
    """Also where an angle is stated for them, as Rotate needs it."""
    volume = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    spec = VolumeSpec(volume.shape, "uint16", (0.3, 0.1, 0.1), scan=Scan(31.5))
    assert in_place(volume, spec)[0].shape[2] > 6
    same, size = in_place(volume, spec.replace(frame="sample"))
    assert same is volume and size == (0.3, 0.1, 0.1)
