"""The first day: an own folder, the next one, and both processed, in few clicks and fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from dock_helpers import card, on_screen
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline.compute.parameter import Parameter
from stacks import gaussian_psf, write_raw

Key, Left = Qt.Key, Qt.MouseButton.LeftButton
TIMEOUT = 60_000
Settle = Callable[[Any], None]


class Person:
    """Uses mouse and keys, and counts clicks and fields."""

    def __init__(self, dock: Any, qtbot: Any) -> None:
        self.dock, self.qtbot, self.count = dock, qtbot, 0

    def click(self, widget: Any) -> None:
        self.count += 1
        self.qtbot.waitUntil(widget.isVisible, timeout=TIMEOUT)
        self.qtbot.mouseClick(widget, Left)

    def tick(self, box: Any) -> None:
        """Click on the square itself."""
        self.count += 1
        self.qtbot.mouseClick(box, Left, pos=QPoint(9, box.height() // 2))

    def enter(self, line: Any, text: str) -> None:
        self.count += 1
        line.setFocus()
        line.selectAll()
        self.qtbot.keyClicks(line, text)
        self.qtbot.keyClick(line, Key.Key_Return)

    def open_folder(self, folder: Path) -> None:
        self.enter(self.dock.data.folder.line_edit.native, str(folder))

        def is_open() -> bool:
            folder_info = self.dock.session.folder_info
            return folder_info is not None and folder_info.folder == str(folder)

        self.qtbot.waitUntil(is_open, timeout=TIMEOUT)

    def answer(self, about: str, *values: str) -> None:
        """Enter the numbers that a question asks for; Return in the last sets all."""
        question = self.dock.data.metadata.questions.cards[about]
        for box, value in zip(question.numbers.values(), values, strict=True):
            self.count += 1
            box.setFocus()
            box.selectAll()
            self.qtbot.keyClicks(box, value)
        self.qtbot.keyClick(box, Key.Key_Return)


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """The dock in a window of a small screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def psfs(tmp_path: Path) -> list[str]:
    """A PSF for each channel; their files say how large the voxels are."""
    paths, folder = [], tmp_path / "calibration"
    folder.mkdir()
    for wave, sigma in ((488, 1.2), (560, 1.5)):
        paths.append(str(folder / f"psf_{wave}.tif"))
        tifffile.imwrite(
            paths[-1], gaussian_psf(sigma=sigma), imagej=True, resolution=(10, 10),
            metadata={"axes": "ZYX", "spacing": 0.1, "unit": "um"},
        )  # fmt: skip
    return paths


def test_two_folders_of_a_day(
    nothing_stated: None,
    dock: Any,
    qtbot: Any,
    settle: Settle,
    psfs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = write_raw(tmp_path / "cell7", times=2, shape=(12, 24, 20))
    second = write_raw(tmp_path / "cell8", times=2, shape=(12, 24, 20))
    person, session = Person(dock, qtbot), dock.session

    person.open_folder(first)
    settle(dock)
    person.answer("voxel_size", "0.3", "0.1")
    person.answer("angle", "31.5")
    person.click(dock.data.metadata.questions.cards["step"].buttons[0])
    deconvolve = card(dock, "deconvolve")
    person.tick(deconvolve.switch)
    settle(dock)
    assert "Waits for a PSF" in deconvolve.waiting.text() and not deconvolve.error.text()
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0]), raw(dock, 0))
    person.click(deconvolve.unfold)
    chosen = staticmethod(lambda *_, **__: (psfs[::-1], ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", chosen)
    person.click(deconvolve.findChild(PsfPanel).choose_button)
    settle(dock)
    assert person.count <= 8
    assert dict(deconvolve.step.psf) == {"488": psfs[0], "560": psfs[1]}
    assert session.plan.waiting == () and session.plan.raw.volume.scan.angle == 31.5
    for channel in (0, 1):
        shown = on_screen(dock.layers.layers[channel])
        np.testing.assert_array_equal(shown, made(dock, channel))

    person.count = 0
    person.open_folder(second)
    settle(dock)
    assert not session.stack.spec.size_known, "nothing is assumed of another folder"
    assert "As for cell7: z step 0.3 µm, pixel 0.1 µm, 31.5°, along the stage" in (
        dock.data.metadata.questions.cards["offer"].text.text()
    )
    person.click(dock.data.metadata.questions.cards["offer"].buttons[0])
    settle(dock)
    assert person.count <= 2
    assert session.stack.voxel_size == (0.3, 0.1, 0.1) and not session.plan.waiting
    np.testing.assert_array_equal(on_screen(dock.layers.layers[1]), made(dock, 1))

    # Crop, and try values side by side.
    person.tick(card(dock, "crop").switch)
    card(dock, "crop").form["x"].controls[1].value = 12
    settle(dock)
    card(dock, "deconvolve").form["method"].control.value = "rl"
    index = [step.kind for step in session.pipeline.steps].index("deconvolve")
    dock.trial.start(Parameter(index, "iterations"), "1, 3")
    qtbot.waitUntil(lambda: not dock.trial.busy, timeout=TIMEOUT)
    qtbot.keyClick(dock.trial.panel.tiles, Key.Key_Home)
    qtbot.keyClick(dock.trial.panel.tiles, Key.Key_Return)
    assert card(dock, "deconvolve").step.iterations == 1
    settle(dock)

    # Process both folders.
    person.click(dock.save.process_all)
    process = dock.save.process
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", staticmethod(lambda *_, **__: str(first))
    )
    person.click(process.list.add_folder)
    person.click(process.start)
    qtbot.waitUntil(lambda: not process.exporter.busy, timeout=TIMEOUT)
    for folder in (first, second):
        out = folder.with_name(f"{folder.name}_processed")
        assert len(list(out.glob("*.tif"))) == 4
        assert (out / f"{folder.name}_recipe.yaml").exists()


def made(dock: Any, channel: int) -> np.ndarray:
    """The plane on screen as it is made without the dock."""
    session = dock.session
    return np.asarray(session.pipeline.apply(session.stack).volume(0, channel)[6])


def raw(dock: Any, channel: int) -> np.ndarray:
    return np.asarray(dock.session.stack.volume(0, channel)[6])
