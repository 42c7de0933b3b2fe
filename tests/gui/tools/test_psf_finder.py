"""PSFs beside the data are found when a deconvolution is switched on; what is doubtful is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from dock_helpers import card, on_screen
from napari_lazy_pipeline._gui.plugin import sample_data
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline._gui.tools import psf_finder
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.steps import Deconvolve
from stacks import gaussian_psf, write_raw

TIMEOUT = 30_000
Settle = Callable[[Any], None]


def write_psfs(folder: Path, *names: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    for name in names:
        save_psf(gaussian_psf(), (0.1, 0.1, 0.1), folder / name)
    return [str(folder / name) for name in names]


def switch_on(dock: Any, qtbot: Any) -> None:
    """The one click of the person; then the search is over."""
    card(dock, "deconvolve").switch.setChecked(True)
    qtbot.waitUntil(lambda: not dock.psfs.busy, timeout=TIMEOUT)


def psf_of(dock: Any) -> Any:
    return card(dock, "deconvolve").step.psf


def empty(dock: Any) -> None:
    """The person takes the PSFs away."""
    index = next(
        i for i, step in enumerate(dock.session.pipeline.steps) if step.kind == "deconvolve"
    )
    dock.session.replace_step(index, dock.session.pipeline.steps[index].replace(psf=""))


def panel(dock: Any) -> Any:
    here = card(dock, "deconvolve")
    here.unfold.setChecked(True)
    return here.findChild(PsfPanel)


def test_the_sample_of_three_colours_is_right_without_a_click(
    make_napari_viewer: Callable[..., Any], settle: Settle, tmp_path: Path, qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sample_data, "sample_cache", lambda: tmp_path)
    dock = dock_of(make_napari_viewer())
    try:
        dock.viewer.open_sample("napari-lazy-pipeline", "three_colours")
        settle(dock)
        switch_on(dock, qtbot)
        folder = tmp_path / "three_colours" / "PSF"
        waves = ("488", "560", "642")
        assert dict(psf_of(dock)) == {wave: str(folder / f"psf_{wave}.tif") for wave in waves}
        settle(dock)
        here = card(dock, "deconvolve")
        assert not here.waiting.text() and not here.error.text() and not here.caution.text()
        assert "psf_488.tif, psf_560.tif, psf_642.tif" in here.step.brief()
        assert panel(dock).evidence.text().splitlines() == [
            f"{wave}: psf_{wave}.tif ({wave} nm in both names)" for wave in waves
        ]
        said = "488, 560, 642: PSF voxel size (z, y, x) from ImageJ: 0.1 x 0.1 x 0.1 µm"
        qtbot.waitUntil(lambda: panel(dock).origin.text() == said, timeout=TIMEOUT)
        t, z = dock.viewer.dims.current_step[:2]
        session = dock.session
        for channel, wave in enumerate(waves):
            steps = [step.for_channel(wave) for step in session.pipeline.steps]
            volume = session.stack.source.read(t, channel)
            made = Pipeline(steps).run_volume(volume, session.stack.spec, session.engine)
            np.testing.assert_array_equal(on_screen(dock.layers.layers[channel]), made[z])
    finally:
        dock.shut_down()
        dock.compute_thread.join()


@pytest.mark.parametrize("meanwhile", ["chosen", "undone", "removed", "moved"])
def test_what_the_person_does_during_the_search_stays(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
) -> None:  # fmt: skip
    write_psfs(tmp_path / "PSF", "psf_488.tif", "psf_560.tif")
    (mine,) = write_psfs(tmp_path / "mine", "own.tif")
    gate, near, session = threading.Event(), psf_finder.psf_files_near, opened.session

    def wait(*args: Any) -> Any:
        assert gate.wait(30)
        return near(*args)

    monkeypatch.setattr(psf_finder, "psf_files_near", wait)
    card(opened, "deconvolve").switch.setChecked(True)
    index = next(i for i, s in enumerate(session.pipeline.steps) if s.kind == "deconvolve")
    steps = list(session.pipeline.steps)
    if meanwhile == "chosen":
        steps[index] = steps[index].replace(psf=mine)
    elif meanwhile == "removed":
        steps = steps[:index]
    elif meanwhile == "moved":
        steps.append(steps.pop(index))
    session.undo() if meanwhile == "undone" else session.set_pipeline(Pipeline(steps))
    before = session.pipeline
    gate.set()
    qtbot.waitUntil(lambda: not opened.psfs.busy, timeout=TIMEOUT)
    settle(opened)
    if meanwhile == "moved":
        assert set(session.pipeline.steps[-1].psf) == {"488", "560"}
    else:
        assert session.pipeline == before


def test_one_undo_takes_switch_and_psfs_back_and_one_redo_makes_both_again(
    opened: Any, tmp_path: Path, qtbot: Any
) -> None:
    write_psfs(tmp_path / "PSF", "psf_488.tif", "psf_560.tif")
    session = opened.session
    switch_on(opened, qtbot)
    found = psf_of(opened)
    assert set(found) == {"488", "560"}
    session.undo()
    step = card(opened, "deconvolve").step
    assert (step.enabled, step.psf) == (False, "") and not session.can_undo
    session.redo()
    step = card(opened, "deconvolve").step
    assert (step.enabled, step.psf) == (True, found)
    empty(opened)
    assert not opened.psfs.finder.busy  # what a person emptied stays empty


def test_a_step_that_is_added_and_the_next_folder_find_theirs(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    (day2,) = write_psfs(tmp_path / "day2", "psf_488.tif")
    opened.session.set_pipeline(Pipeline([]))
    opened.steps.add.requested.emit(Deconvolve)
    qtbot.waitUntil(lambda: not opened.psfs.busy, timeout=TIMEOUT)
    assert psf_of(opened) == "" and opened.psfs.finder.choices == {}
    opened.open_folder(write_raw(tmp_path / "day2" / "cell", times=1, channels=1))
    qtbot.waitUntil(lambda: psf_of(opened) == day2, timeout=TIMEOUT)
    opened.session.undo()
    assert psf_of(opened) == "" and not opened.psfs.finder.busy


def test_two_files_for_a_channel_are_asked_about(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    one, _, other = write_psfs(tmp_path / "PSF", "a_488.tif", "b_488.tif", "psf_560.tif")
    switch_on(opened, qtbot)
    here = card(opened, "deconvolve")
    assert dict(psf_of(opened)) == {"488": "", "560": other}
    assert here.waiting.text() == "Waits for a PSF: enter it below"
    tool = panel(opened)
    assert tool.evidence.text() == "560: psf_560.tif (560 nm in both names)"
    assert list(tool.questions.boxes) == ["488"] and tool.questions.isVisibleTo(opened)
    box = tool.questions.boxes["488"]
    assert [box.itemText(i) for i in range(box.count())] == [
        "Choose the PSF…", "a_488.tif", "b_488.tif", "psf_560.tif"
    ]  # fmt: skip
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert dict(psf_of(opened)) == {"488": one, "560": other}
    settle(opened)
    assert not here.waiting.text() and box.currentText() == "a_488.tif"
    opened.session.undo()
    assert psf_of(opened)["488"] == "" and box.currentIndex() == 0


def test_a_channel_that_was_given_another_name_keeps_its_wavelength(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    (path,) = write_psfs(tmp_path, "psf_488.tif")
    dock.open_folder(write_raw(tmp_path / "cell", channels=1))
    settle(dock)
    dock.session.state(channel_names=("GFP",))
    switch_on(dock, qtbot)
    assert psf_of(dock) == path


def test_a_folder_and_several_files_are_searched(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = write_psfs(tmp_path / "measured", "488nm.tif", "561nm.tif", "642nm.tif")
    tool = panel(opened)
    where = str(tmp_path / "measured")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: where)
    qtbot.mouseClick(tool.folder_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: psf_of(opened) != "", timeout=TIMEOUT)
    assert dict(psf_of(opened)) == {"488": first, "560": second}
    assert "560: 561nm.tif (nearest to 560 nm)" in tool.evidence.text()
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([second, first], ""))
    empty(opened)
    qtbot.mouseClick(tool.choose_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: psf_of(opened) != "", timeout=TIMEOUT)
    assert dict(psf_of(opened)) == {"488": first, "560": second}
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "cell2"))
    (tmp_path / "cell2").mkdir()
    qtbot.mouseClick(tool.folder_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no TIFF file here" in tool.error.text(), timeout=TIMEOUT)
    assert dict(psf_of(opened)) == {"488": first, "560": second}
