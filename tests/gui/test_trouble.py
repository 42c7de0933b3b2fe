"""Bad input: said where the person looks; the window lives, the rest goes on, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from dock_helpers import card, edit, expected, on_screen
from stacks import write_raw

TIMEOUT = 10_000


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(folder)
    }


@pytest.fixture
def notifications() -> Iterator[list[str]]:
    """What napari tells the person."""
    from napari.utils.notifications import notification_manager

    heard: list[str] = []

    def hear(notification: Any) -> None:
        heard.append(str(notification.message))

    notification_manager.notification_ready.connect(hear)
    yield heard
    notification_manager.notification_ready.disconnect(hear)


def says(qtbot: Any, label: Any, words: str) -> None:
    def overrides() -> bool:
        return words in label.text()

    qtbot.waitUntil(overrides, timeout=TIMEOUT)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "no folder"),
        (lambda folder: folder.mkdir(), "The folder is empty"),
        (lambda folder: (folder.mkdir(), (folder / "notes.txt").write_text("hello")), "ends with"),
        (
            lambda folder: (folder.mkdir(), (folder / "a.tif").write_bytes(b"II*\0junk")),
            "can be read",
        ),
    ],
)
def test_a_folder_that_cannot_be_opened(
    opened: Any,
    settle: Callable[[Any], None],
    qtbot: Any,
    tmp_path: Path,
    make: Callable[[Path], object],
    words: str,
) -> None:
    folder = tmp_path / "bad"
    make(folder)
    opened.data.folder.value = folder
    says(qtbot, opened.data.error, words)
    assert len(opened.layers.layers) == 2, "what was open stays open"
    edit(opened, "deskew")
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_a_pattern_that_matches_nothing(opened: Any, qtbot: Any) -> None:
    line = opened.data.pattern.lineEdit()
    line.setText("frame{t}.tif")
    line.editingFinished.emit()
    says(qtbot, opened.data.error, "None of the 6 files fits the pattern")
    assert "cell_ch0" in opened.data.error.text(), "an example of what is there"
    line.setText("*_ch{c}_stack{t}_*.tif")
    line.editingFinished.emit()
    says(qtbot, opened.data.summary, "6 files")
    assert not opened.data.error.text()


def test_a_pattern_that_cannot_be_read(opened: Any, qtbot: Any) -> None:
    line = opened.data.pattern.lineEdit()
    line.setText("cell_{t_*.tif")
    line.editingFinished.emit()
    says(qtbot, opened.data.error, "{t_")


@pytest.mark.parametrize("harm", ["shape", "truncated", "corrupt", "vanished", "empty"])
def test_a_bad_file_in_the_middle(
    opened: Any,
    settle: Callable[[Any], None],
    qtbot: Any,
    notifications: list[str],
    raw_folder: Path,
    harm: str,
) -> None:
    edit(opened, "deskew")
    settle(opened)
    path = Path(opened.session.stack.source.path(1, 0))
    content = path.read_bytes()
    if harm == "shape":
        tifffile.imwrite(path, np.ones((5, 6, 7), "uint16"))
    elif harm == "vanished":
        path.unlink()
    else:
        cut = {"truncated": len(content) // 2, "corrupt": 6, "empty": 0}[harm]
        path.write_bytes(content[:cut])
    before = listing(raw_folder)
    first, second = opened.layers.layers
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    says(qtbot, opened.problems, path.name)
    assert not on_screen(first).any(), "blank"
    np.testing.assert_array_equal(on_screen(second), expected(opened, 1, 1, 6))
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    np.testing.assert_array_equal(on_screen(first), expected(opened, 0, 2, 6))
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    assert not on_screen(first).any()
    assert len(notifications) == 1, "one notification a kind, not one a frame"
    assert listing(raw_folder) == before, "the raw folder is never written to"
    path.write_bytes(content)
    opened.viewer.dims.set_current_step(0, 0)
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    np.testing.assert_array_equal(on_screen(first), expected(opened, 0, 1, 6))
    assert not opened.problems.problems, "what is solved is no problem"
    assert opened.status.text() == "t 1 of 3: up to date"
    path.write_bytes(b"no TIFF")
    opened.viewer.dims.set_current_step(0, 0)
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    says(qtbot, opened.problems, path.name)
    assert len(notifications) == 2, "it came back"


def test_all_planes_of_a_bad_file_are_blank_and_nothing_is_waited_for(
    opened: Any, settle: Callable[[Any], None], qtbot: Any
) -> None:
    path = Path(opened.session.stack.source.path(1, 0))
    content = path.read_bytes()
    path.write_bytes(content[:6])
    first, second = opened.layers.layers
    opened.viewer.dims.set_current_step(0, 1)
    for plane in (6, 5):  # of raw data, each is made alone
        opened.viewer.dims.set_current_step(1, plane)
        settle(opened)
        assert not on_screen(first).any(), plane
        np.testing.assert_array_equal(on_screen(second), expected(opened, 1, 1, plane))
    says(qtbot, opened.problems, path.name)
    path.write_bytes(content)
    opened.viewer.dims.set_current_step(0, 0)
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    np.testing.assert_array_equal(on_screen(first), expected(opened, 0, 1, 5))


def test_a_time_point_that_was_not_recorded(
    dock: Any, settle: Callable[[Any], None], notifications: list[str], tmp_path: Path
) -> None:
    folder = write_raw(tmp_path / "holes", times=4, channels=1)
    next(folder.glob("*stack0002*")).unlink()
    dock.open_folder(folder)
    settle(dock)
    assert "1 missing" in dock.data.summary.text()
    dock.viewer.dims.set_current_step(0, 2)
    settle(dock)
    assert not on_screen(dock.layers.layers[0]).any()
    assert dock.status.text() == "t 2 of 4: 488 not recorded"
    assert not notifications and not dock.problems.button.isVisibleTo(dock)


def recorded(t: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(t).integers(1, 200, shape).astype(np.uint8)


def test_another_camera_at_every_third_time_point(
    dock: Any, settle: Callable[[Any], None], notifications: list[str], tmp_path: Path
) -> None:
    """What was recorded is on screen, and nothing is red."""
    folder = tmp_path / "two cameras"
    folder.mkdir()
    for t in range(7):
        gfp = recorded(t, (5, 16, 20)).astype(np.uint16) + 100
        tifffile.imwrite(folder / f"a_t{t:03d}_GFP.tif", gfp)
        if t % 3 == 0:
            tifffile.imwrite(folder / f"a_t{t:03d}_BF.tif", recorded(t, (5, 8, 10)))
    dock.open_folder(folder)
    settle(dock)
    assert "7 time points, (5, 16, 20) uint16" in dock.data.summary.text()
    assert "0 missing" in dock.data.summary.text()
    bf, gfp = dock.layers.layers
    z = int(dock.viewer.dims.current_step[1])
    for t in (3, 4, 6):
        dock.viewer.dims.set_current_step(0, t)
        settle(dock)
        plane = np.zeros((16, 20))
        if t % 3 == 0:
            plane[:8, :10] = recorded(t, (5, 8, 10))[z]
        np.testing.assert_array_equal(on_screen(bf), plane)
        np.testing.assert_array_equal(on_screen(gfp), recorded(t, (5, 16, 20))[z] + 100.0)
        said = "BF not recorded" if t % 3 else "up to date"
        assert dock.status.text() == f"t {t} of 7: {said}"
    assert not notifications and not dock.problems.button.isVisibleTo(dock)
    text = "\n".join(dock.session.folder_info.notes)
    assert "BF is recorded at every 3rd time point" in text
    assert "BF holds 5 x 8 x 10 voxels of uint8" in text


def test_contrast_waits_for_the_first_volume_that_can_be_read(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    folder = write_raw(tmp_path / "late", times=3, channels=2)
    next(folder.glob("*ch1_stack0000*")).unlink()
    dock.open_folder(folder)
    settle(dock)
    first, second = dock.layers.layers
    assert tuple(second.contrast_limits) == (0, 1)
    assert first.contrast_limits[1] > 500
    dock.viewer.dims.set_current_step(0, 1)
    settle(dock)
    assert second.contrast_limits[1] > 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("missing", "missing.tif"),
        ("nan", "NaN"),
        ("flat", "PSF"),
        ("text", "not"),
    ],
)
def test_a_psf_that_cannot_be_used(
    opened: Any,
    settle: Callable[[Any], None],
    notifications: list[str],
    tmp_path: Path,
    content: str | None,
    words: str,
) -> None:
    path = tmp_path / f"{content}.tif"
    if content == "nan":
        tifffile.imwrite(path, np.full((9, 32, 32), np.nan, "float32"))
    elif content == "flat":
        tifffile.imwrite(path, np.zeros((9, 32, 32), "uint16"))
    elif content == "text":
        path.write_text("not a tiff")
    edit(opened, "deconvolve", psf=path, iterations=1)
    edit(opened, "deconvolve", psf_voxel_size=(0.1, 0.1, 0.1))
    settle(opened)
    red = card(opened, "deconvolve").error
    assert words in red.text(), red.text()
    assert red.text().startswith("Deconvolve failed at t=0, channel ")
    assert all(np.isnan(on_screen(layer)).all() for layer in opened.layers.layers)
    assert len(notifications) == 1
    card(opened, "deconvolve").switch.setChecked(False)
    settle(opened)
    assert not card(opened, "deconvolve").error.text()
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_a_psf_larger_than_the_data_works(
    opened: Any, settle: Callable[[Any], None], psf_file: Path
) -> None:
    """It is 21 x 64 x 64, the data are 12 x 16 x 20."""
    opened.data.z_step.setValue(0.2)
    opened.data.pixel.setValue(0.1)
    edit(opened, "deconvolve", psf=psf_file, iterations=2)
    settle(opened)
    assert not card(opened, "deconvolve").error.text()
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_an_angle_out_of_range(opened: Any, settle: Callable[[Any], None]) -> None:
    edit(opened, "deskew", angle=33.0)
    field = card(opened, "deskew").form.fields["angle"]
    box = field.controls[0]
    box.editor.setMaximum(1000)  # as if a control let it through
    box.editor.setMinimum(-1000)
    box.editor.setValue(0.2)
    assert "at least 1 degree" in field.error.text()
    box.editor.setValue(400)
    assert "must be at most 179" in field.error.text()
    settle(opened)
    assert opened.session.scan.angle == 33.0, "nothing else happened"
    box.editor.setValue(34)
    settle(opened)
    assert not field.error.isVisibleTo(opened)
    assert card(opened, "deskew").step in opened.session.pipeline.steps
    assert opened.session.scan.angle == card(opened, "deskew").shown.angle == 34.0


def test_the_control_itself_keeps_the_range(opened: Any, qtbot: Any) -> None:
    native = card(opened, "deskew").form.fields["angle"].editors[0]
    for number in (-200, 200):
        native.setFocus()
        native.lineEdit().selectAll()
        qtbot.keyClicks(native, str(number))
        qtbot.keyClick(native, Qt.Key.Key_Return)
        assert native.number() == 31.5 == opened.session.scan.angle


def test_a_crop_beside_the_data(opened: Any, settle: Callable[[Any], None]) -> None:
    edit(opened, "crop", x=(18, 0))
    settle(opened)
    edit(opened, "crop", x=(25, 0))
    settle(opened)
    red = card(opened, "crop").error.text()
    assert "starts at x = 25" in red and "below 20" in red
    assert on_screen(opened.layers.layers[0]).shape == (16, 2), "the old picture stays"
    edit(opened, "crop", x=(5, 0))
    settle(opened)
    assert not card(opened, "crop").error.text()
    assert on_screen(opened.layers.layers[0]).shape == (16, 15)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [", "cannot be read"),
        ("pipeline:\n  steps:\n  - kind: deskew\n    angel: 3\n", "line 4: unknown name 'angel'"),
        ("schema_version: 99\n", "version 99"),
    ],
)
def test_an_unreadable_recipe(opened: Any, tmp_path: Path, text: str, words: str) -> None:
    before = opened.session.pipeline
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    opened.save.load(path)
    assert words in opened.save.error.text()
    assert opened.save.error.isVisibleTo(opened)
    assert opened.session.pipeline == before


def test_a_recipe_that_cannot_be_written(opened: Any, tmp_path: Path) -> None:
    opened.save.save(tmp_path / "no" / "such" / "folder.yaml")
    assert "cannot be written" in opened.save.error.text()


def test_the_raw_folder_is_never_written_to(
    opened: Any, settle: Callable[[Any], None], raw_folder: Path, tmp_path: Path, psf_file: Path
) -> None:
    before = listing(raw_folder)
    edit(opened, "deskew")
    edit(opened, "deconvolve", psf=psf_file, iterations=1)
    settle(opened)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    opened.save.save(tmp_path / "recipe.yaml")
    opened.save.load(tmp_path / "recipe.yaml")
    settle(opened)
    assert listing(raw_folder) == before
