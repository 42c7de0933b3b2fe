"""The PSF in the card of the deconvolution: looked at, asked about, computed and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QComboBox, QFileDialog

from dock_helpers import card, edit, expected, on_screen
from folder_contents import listing
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf import theoretical_psf as psf_models
from napari_lazy_pipeline.psf.radial_otf import save_otf
from napari_lazy_pipeline.psf.theoretical_psf import Optics, compute_psf
from napari_lazy_pipeline.steps import Deconvolve, Function, step_types
from stacks import gaussian_psf

TIMEOUT = 30_000
Settle = Callable[[Any], None]
needs_psf = pytest.mark.skipif(bool(psf_models.unavailable()), reason="psf is not installed")


def panel(dock: Any) -> Any:
    """What the card of the deconvolution has below its form, unfolded."""
    from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel

    here = card(dock, "deconvolve")
    here.unfold.setChecked(True)
    return here.findChild(PsfPanel)


def pick(dock: Any, path: Path) -> None:
    card(dock, "deconvolve").form.fields["psf"].controls[0].value = path


def spacing(dock: Any) -> list[Any]:
    return [*card(dock, "deconvolve").form.fields["psf_voxel_size"].editors]


@pytest.fixture
def bare_psf(tmp_path: Path) -> Path:
    """A PSF whose file says nothing about its spacing."""
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, gaussian_psf())
    return path


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def pictured(dock: Any) -> list[Any]:
    """The PSFs that are shown on the card."""
    return [view.picture for view in panel(dock).pictures.views]


def viewer_state(viewer: Any) -> tuple[Any, ...]:
    """What a person has set in napari: sliders, camera, layers."""
    dims, camera = viewer.dims, viewer.scene.camera
    return (
        dims.point, dims.current_step, dims.nsteps, dims.range, dims.ndisplay,
        camera.center, camera.zoom, list(viewer.layers), viewer.layers.selection.active,
    )  # fmt: skip


def test_a_spacing_that_nobody_states_is_asked_and_nothing_is_computed(
    opened: Any, settle: Settle, bare_psf: Path, qtbot: Any
) -> None:
    here = panel(opened)
    pick(opened, bare_psf)
    asked = "Enter the PSF voxel size along z, y, x: it is not in the file"
    qtbot.waitUntil(lambda: here.question.text() == asked, timeout=TIMEOUT)
    assert [box.text() for box in spacing(opened)] == ["file", "file", "file"]
    edit(opened, "deconvolve", iterations=2)
    settle(opened)
    waiting = "Waits for the PSF voxel size: enter it below"
    assert card(opened, "deconvolve").waiting.text() == waiting
    for box, text in zip(spacing(opened), ("0.2", "0.1", "0.1"), strict=True):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    settle(opened)
    assert card(opened, "deconvolve").step.psf_voxel_size == (0.2, 0.1, 0.1)
    assert here.question.text() == ""
    assert here.origin.text() == "PSF voxel size (z, y, x) 0.2 x 0.1 x 0.1 µm, entered by you"
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_the_file_that_says_its_spacing_is_believed_and_named(
    opened: Any, settle: Settle, psf_file: Path, qtbot: Any
) -> None:
    here = panel(opened)
    pick(opened, psf_file)
    overrides = "PSF voxel size (z, y, x) from ImageJ: 0.1 x 0.1 x 0.1 µm"
    qtbot.waitUntil(lambda: here.origin.text() == overrides, timeout=TIMEOUT)
    edit(opened, "deconvolve", iterations=2)
    settle(opened)
    before = on_screen(opened.layers.layers[0]).copy()
    edit(opened, "deconvolve", psf_voxel_size=(0.3, 0.1, 0.1))
    settle(opened)
    assert here.origin.text() == (
        "PSF voxel size (z, y, x) 0.3 x 0.1 x 0.1 µm, entered by you (ImageJ: 0.1 x 0.1 x 0.1 µm)"
    )
    assert np.abs(on_screen(opened.layers.layers[0]) - before).max() > 1


def test_another_file_is_asked_anew(
    opened: Any, settle: Settle, bare_psf: Path, psf_file: Path
) -> None:
    """What was typed for one PSF is not taken for another; one undo brings both back."""
    pick(opened, bare_psf)
    edit(opened, "deconvolve", psf_voxel_size=(0.2, 0.1, 0.1), iterations=2)
    settle(opened)
    pick(opened, psf_file)
    assert card(opened, "deconvolve").step.psf_voxel_size == (0.0, 0.0, 0.0)
    assert spacing(opened)[0].text() == "file"
    opened.session.undo()
    step = card(opened, "deconvolve").step
    assert (step.psf, step.psf_voxel_size) == (str(bare_psf), (0.2, 0.1, 0.1))
    settle(opened)


def test_the_psf_is_seen_on_the_card_and_nothing_moves(
    opened: Any, settle: Settle, psf_file: Path, qtbot: Any
) -> None:
    """A PSF as a layer has other planes: the z slider got other steps, and jumped."""
    from napari_lazy_pipeline._gui.tools.psf_pictures import PsfProjections

    here, viewer = panel(opened), opened.viewer
    pick(opened, psf_file)
    edit(opened, "deconvolve", psf_voxel_size=(0.25, 0.1, 0.1), iterations=1)
    settle(opened)
    viewer.dims.set_current_step(1, 5)
    settle(opened)
    before = viewer_state(viewer)
    click(qtbot, here.show_button)
    qtbot.waitUntil(lambda: bool(pictured(opened)), timeout=TIMEOUT)
    (picture,) = pictured(opened)
    assert viewer_state(viewer) == before
    assert here.pictures.views[0].height() == 110
    assert (picture.name, picture.voxel_size) == ("psf.tif", (0.25, 0.1, 0.1))
    np.testing.assert_array_equal(picture.volume, tifffile.imread(psf_file))
    view = PsfProjections(picture)
    qtbot.addWidget(view)
    view.resize(228, 110)
    image = view.grab().toImage()
    # 21 planes of 0.25 um are less than 64 voxels of 0.1 um; the peak is in the middle of both.
    ratio, scale = image.devicePixelRatio(), 110 / 6.4
    for x, y in ((55, 55), (110 + 8 + 55, scale * 21 * 0.25 / 2)):
        assert image.pixelColor(round(ratio * x), round(ratio * y)).red() > 200
    assert image.pixelColor(round(ratio * 3), round(ratio * 3)).red() < 100
    click(qtbot, here.show_button)
    assert not pictured(opened) and not here.pictures.isVisibleTo(here)


def test_an_otf_is_seen_as_the_psf_it_stands_for(opened: Any, tmp_path: Path, qtbot: Any) -> None:
    psf = gaussian_psf((20, 64, 64)).astype(float)
    save_otf(make_otf(psf, (0.2, 0.1, 0.1)), tmp_path / "otf.tif")
    here = panel(opened)
    pick(opened, tmp_path / "otf.tif")
    edit(opened, "deconvolve", psf_voxel_size=(0.2, 0.1, 0.1))
    click(qtbot, here.show_button)
    qtbot.waitUntil(lambda: bool(pictured(opened)), timeout=TIMEOUT)
    (picture,) = pictured(opened)
    seen = picture.volume
    np.testing.assert_allclose(picture.voxel_size, (0.2, 0.1, 0.1), rtol=1e-6)
    middle = seen[10, 32] / seen.max()
    np.testing.assert_allclose(middle, (psf[10, 32] - 100) / 5000, atol=0.05)


@pytest.mark.parametrize(
    ("content", "words"), [(b"no TIFF", "cannot be read as TIFF"), (None, "There is no PSF")]
)
def test_what_cannot_be_shown_is_said(
    opened: Any, tmp_path: Path, qtbot: Any, content: bytes | None, words: str
) -> None:
    here = panel(opened)
    if content is not None:
        (tmp_path / "bad.tif").write_bytes(content)
    pick(opened, tmp_path / "bad.tif")
    click(qtbot, here.show_button)
    qtbot.waitUntil(lambda: words in here.error.text(), timeout=TIMEOUT)
    assert not pictured(opened)


@needs_psf
def test_a_psf_is_computed_saved_and_used(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "made.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    here = panel(opened)
    assert not here.maker.isVisibleTo(here)
    click(qtbot, here.make_button)
    assert here.maker.isVisibleTo(here)
    fields = here.maker.form.fields
    assert fields["wavelength"].caption.text() == "Emission (nm)"
    for name, value in (("numerical_aperture", 1.0), ("wavelength", 610), ("sheet_thickness", 0.8)):
        fields[name].controls[0].value = value
    for control, value in zip(fields["voxel_size"].controls, (0.2, 0.1, 0.1), strict=True):
        control.value = value
    optics = Optics(
        numerical_aperture=1.0, wavelength=610, sheet_thickness=0.8, voxel_size=(0.2, 0.1, 0.1)
    )
    assert here.maker.form.value == optics
    assert here.maker.extent.text() == "{} x {} x {} voxels".format(*optics.shape)
    click(qtbot, here.maker.save)
    qtbot.waitUntil(lambda: card(opened, "deconvolve").step.psf == str(target), timeout=TIMEOUT)
    assert card(opened, "deconvolve").step.psf_voxel_size == (0.2, 0.1, 0.1)
    np.testing.assert_array_equal(tifffile.imread(target), compute_psf(optics))
    edit(opened, "deconvolve", iterations=2)
    settle(opened)
    assert not card(opened, "deconvolve").error.text()
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


@needs_psf
def test_no_psf_is_saved_beside_the_raw_files(opened: Any, raw_folder: Path, qtbot: Any) -> None:
    before = listing(raw_folder)
    here = panel(opened)
    here.maker.save_as(raw_folder / "psf.tif")
    qtbot.waitUntil(lambda: "would write into the raw data" in here.maker.error.text())
    assert listing(raw_folder) == before
    assert here.maker.save.isEnabled()


def test_impossible_optics_are_said_at_their_field(opened: Any) -> None:
    maker = panel(opened).maker
    maker.form.fields["numerical_aperture"].controls[0].value = 1.4
    assert "below the refractive index" in maker.form.fields["numerical_aperture"].error.text()
    maker.form.fields["numerical_aperture"].controls[0].value = 1.2
    assert not maker.form.fields["numerical_aperture"].error.text()
    maker.form.fields["voxel_size"].controls[0].value = 0.001
    assert "Give larger voxels" in maker.error.text() and not maker.save.isEnabled()


def test_without_the_library_the_button_is_grey_and_says_why(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline._gui.tools.psf_maker import PsfMaker

    monkeypatch.setattr(psf_models, "find_spec", lambda name: None)
    maker = PsfMaker(lambda: None)
    assert not maker.save.isEnabled()
    assert 'pip install "napari-lazy-pipeline[psf]"' in maker.error.text()
    maker.deleteLater()


def test_every_control_has_a_name_and_a_tooltip(opened: Any) -> None:
    here = panel(opened)
    controls = [
        widget
        for kind in (QAbstractButton, QAbstractSpinBox, QComboBox)
        for widget in here.findChildren(kind)
    ]
    assert len(controls) >= 10
    assert [w for w in controls if not (w.accessibleName() and w.toolTip())] == []


def test_a_psf_of_a_script_is_asked_about_shown_and_kept(
    opened: Any, settle: Settle, qtbot: Any
) -> None:
    psf = gaussian_psf().astype(np.float32)
    opened.session.set_pipeline(Pipeline([Deconvolve(psf=psf, iterations=2)]))
    here, form = panel(opened), card(opened, "deconvolve").form
    assert here.question.text().startswith("Enter the PSF voxel size along z, y, x")
    for control in form["psf_voxel_size"].controls:
        control.value = 0.1
    form["iterations"].control.value = 3
    settle(opened)
    assert opened.session.pipeline.steps == (
        Deconvolve(psf=psf, psf_voxel_size=(0.1, 0.1, 0.1), iterations=3),
    )
    assert here.question.text() == "" and not card(opened, "deconvolve").error.text()
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))
    click(qtbot, here.show_button)
    qtbot.waitUntil(lambda: bool(pictured(opened)), timeout=TIMEOUT)
    np.testing.assert_array_equal(pictured(opened)[0].volume, psf)


def test_a_card_that_is_gone_is_told_of_no_edit(dock: Any) -> None:
    dock.session.set_pipeline(Pipeline([Deconvolve(), Function()]))
    here = panel(dock)
    assert here is not None
    dock.session.set_pipeline(Pipeline([]))
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    dock.session.set_pipeline(Pipeline([Deconvolve(iterations=3)]))
    assert len(dock.steps.cards) == 1


def test_a_psf_of_one_channel_leaves_those_of_channels_that_steps_made(
    opened: Any, settle: Settle, bare_psf: Path, psf_file: Path
) -> None:
    session, types = opened.session, step_types()
    paths = {name: str(psf_file) for name in ("488", "560", "488/560")}
    steps = [types["ratio"](background=(1, 1)), Deconvolve(psf=paths, enabled=False)]
    session.set_pipeline(Pipeline(steps))
    settle(opened)
    panel(opened)._on_saved(str(bare_psf), (0.1, 0.1, 0.1), "560")
    assert dict(card(opened, "deconvolve").step.psf) == {**paths, "560": str(bare_psf)}
    panel(opened)._on_saved(str(bare_psf), (0.1, 0.1, 0.1))
    assert card(opened, "deconvolve").step.psf == str(bare_psf), "for all"


def test_each_channel_has_its_own_psf(
    opened: Any, settle: Settle, bare_psf: Path, psf_file: Path, qtbot: Any
) -> None:
    here, form = panel(opened), card(opened, "deconvolve").form
    edit(opened, "deconvolve", iterations=2)
    form["psf"].control.set_per_channel(True)
    first, second = form["psf"].control.parts
    for control, path in zip(form["psf"].controls, (psf_file, bare_psf), strict=True):
        control.value = path
    qtbot.waitUntil(lambda: here.question.text() != "", timeout=TIMEOUT)
    assert here.question.text().startswith(f"{second}: Enter the PSF voxel size along z, y, x")
    assert here.origin.text().startswith(f"{first}: PSF voxel size (z, y, x) from ")
    form["psf_voxel_size"].control.set_per_channel(True)
    for box in form["psf_voxel_size"].editors[3:]:
        box.setValue(0.1)
    settle(opened)
    assert here.question.text() == "" and not card(opened, "deconvolve").error.text()
    session, z = opened.session, opened.viewer.dims.current_step[1]
    for channel, name in enumerate((first, second)):
        steps = [step.for_channel(name) for step in session.pipeline.steps]
        volume = session.stack.source.read(0, channel)
        made = Pipeline(steps).run_volume(volume, session.stack.spec, session.engine)
        np.testing.assert_array_equal(on_screen(opened.layers.layers[channel]), made[z])
    click(qtbot, here.show_button)
    qtbot.waitUntil(lambda: len(pictured(opened)) == 2, timeout=TIMEOUT)
