"""Process all: what is asked and shown before, what is written, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QProgressBar

from gui_helpers import edit, expected, on_screen
from listing import listing
from napari_lazy_pipeline import target
from napari_lazy_pipeline.step import Context
from napari_lazy_pipeline.steps import SubtractBackground

TIMEOUT = 60_000
Settle = Callable[[Any], None]


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def process(opened: Any, qtbot: Any, tmp_path: Path) -> Any:
    """The form, unfolded, with a folder to write to."""
    click(qtbot, opened.save.process_all)
    panel = opened.save.process
    assert panel.isVisibleTo(opened.save)
    panel.form.folder.value = tmp_path / "out"
    qtbot.waitUntil(lambda: bool(panel.estimate.text()), timeout=TIMEOUT)
    return panel


def done(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(
        lambda: not panel.exporter.busy and not panel.bar.isVisibleTo(panel), timeout=TIMEOUT
    )


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Volumes of the export wait at a gate, one at a time, until they are let through."""

    class Gate:
        def __init__(self) -> None:
            self.waiting, self.through = threading.Semaphore(0), threading.Semaphore(0)

        def one(self, qtbot: Any) -> None:
            qtbot.waitUntil(lambda: self.waiting.acquire(blocking=False), timeout=TIMEOUT)

    gate, run = Gate(), SubtractBackground.run

    def wait(self: Any, volume: np.ndarray, context: Context) -> np.ndarray:
        if threading.current_thread().name.startswith("lazy-export"):
            gate.waiting.release()
            while not gate.through.acquire(timeout=0.01):
                if context.cancelled():
                    break
        return run(self, volume, context)

    monkeypatch.setattr(SubtractBackground, "run", wait)
    return gate


def test_all_is_proposed_and_its_size_is_told(opened: Any, process: Any) -> None:
    assert (process.form.first.value(), process.form.last.value()) == (0, 2)
    assert [box.text() for box in process.form.channels] == ["488", "560"]
    assert process.estimate.text().startswith("6 volumes, 45 kB; ")
    assert "are free" in process.estimate.text()
    assert process.start.isEnabled() and not process.cancel.isEnabled()


def test_what_is_written_is_what_is_shown(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    edit(opened, "subtract_background", value=120.0)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    click(qtbot, process.start)
    done(qtbot, process)
    files = sorted(path.name for path in (tmp_path / "out").glob("*.tif"))
    assert files == [f"cell_ch{c}_t{t:04d}.tif" for c in range(2) for t in range(3)]
    shown = tifffile.imread(tmp_path / "out" / "cell_ch0_t0000.tif")
    np.testing.assert_array_equal(shown[6], on_screen(opened.layers.layers[0]))
    other = tifffile.imread(tmp_path / "out" / "cell_ch1_t0002.tif")
    np.testing.assert_array_equal(other[3], expected(opened, 1, 2, 3))
    assert "6 volumes written" in process.state.text()
    click(qtbot, process.start)
    done(qtbot, process)
    assert "0 volumes written" in process.state.text()
    assert "6 were there already" in process.state.text()


def test_a_part_is_written_in_another_type(
    opened: Any, process: Any, tmp_path: Path, qtbot: Any
) -> None:
    for box, text in ((process.form.last, "1"), (process.form.first, "1")):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    process.form.channels[0].setChecked(False)
    process.form.dtype.setCurrentText("float32")
    qtbot.waitUntil(lambda: process.estimate.text().startswith("1 volume, 15 kB"), timeout=TIMEOUT)
    click(qtbot, process.start)
    done(qtbot, process)
    (path,) = (tmp_path / "out").glob("*.tif")
    assert path.name == "cell_ch1_t0001.tif"
    assert tifffile.imread(path).dtype == np.float32


def test_the_last_time_point_is_not_before_the_first(process: Any) -> None:
    process.form.last.setValue(1)
    process.form.first.setValue(2)
    assert (process.form.first.value(), process.form.last.value()) == (2, 2)
    process.form.last.setValue(0)
    assert (process.form.first.value(), process.form.last.value()) == (0, 0)


@pytest.mark.parametrize("place", ["", "inside"])
def test_the_raw_folder_is_refused_before_anything_is_written(
    opened: Any, process: Any, raw_folder: Path, qtbot: Any, place: str
) -> None:
    before = listing(raw_folder)
    process.form.folder.value = raw_folder / place
    qtbot.waitUntil(lambda: "raw data would be written to" in process.warning.text())
    assert not process.start.isEnabled()
    process.form.folder.value = raw_folder.parent / "elsewhere"
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)
    assert not process.warning.text()
    assert listing(raw_folder) == before


def test_a_disk_that_is_too_small_is_told(
    process: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline import costs

    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(costs.shutil, "disk_usage", lambda _: full)
    process.form.dtype.setCurrentText("float32")
    qtbot.waitUntil(lambda: "not enough room" in process.warning.text(), timeout=TIMEOUT)
    assert not process.start.isEnabled()


def test_it_is_stopped_and_gone_on_with(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any, held: Any
) -> None:
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    click(qtbot, process.start)
    held.one(qtbot)
    assert process.cancel.isEnabled() and not process.start.isEnabled()
    held.through.release()
    held.one(qtbot)
    qtbot.waitUntil(lambda: "1 of 6 volumes, " in process.state.text(), timeout=TIMEOUT)
    assert process.state.text().endswith(" left") and process.bar.value() == 1
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 2, 6))
    click(qtbot, process.cancel)
    done(qtbot, process)
    assert "stopped before the end" in process.state.text()
    written = sorted((tmp_path / "out").glob("*"))
    assert [path.name for path in written if path.suffix == ".part"] == []
    count = len([path for path in written if path.suffix == ".tif"])
    assert 1 <= count <= 2
    for _ in range(10):
        held.through.release()
    click(qtbot, process.start)
    done(qtbot, process)
    assert f"{6 - count} volumes written" in process.state.text()


def test_what_cannot_be_made_is_listed_at_the_end(
    opened: Any, process: Any, raw_folder: Path, qtbot: Any
) -> None:
    bad = next(raw_folder.glob("cell_ch1_stack0001*"))
    bad.write_bytes(bad.read_bytes()[:3000])
    click(qtbot, process.start)
    done(qtbot, process)
    assert "5 volumes written" in process.state.text() and "1 failed" in process.state.text()
    (problem,) = process.failures.problems
    assert problem.where == "time point 1, channel 1" and bad.name in problem.what
    assert process.failures.isVisibleTo(process)


def test_a_folder_of_others_is_said(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, process.start)
    done(qtbot, process)
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    click(qtbot, process.start)
    qtbot.waitUntil(lambda: "Choose an empty folder" in process.warning.text(), timeout=TIMEOUT)
    done(qtbot, process)
    assert process.start.isEnabled()


def test_the_window_closes_while_it_runs(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any, held: Any
) -> None:
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    click(qtbot, process.start)
    held.one(qtbot)
    opened.close()
    process.exporter.join()
    assert not [t for t in threading.enumerate() if t.name.startswith("lazy-export")]
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_grown_folder_is_written_whole(opened: Any, process: Any, raw_folder: Path) -> None:
    """The range follows, unless the person chose an end."""
    source = opened.session.stack.source
    opened.session.grow(source)
    assert process.form.last.value() == 2
    process.form.last.setValue(1)
    opened.session.grow(source)
    assert (process.form.last.value(), process.form.last.maximum()) == (1, 2)


def test_every_control_has_a_name_and_a_tooltip(opened: Any, process: Any) -> None:
    controls = [
        widget
        for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QProgressBar)
        for widget in opened.save.findChildren(kind)
    ]
    assert len(controls) >= 12
    assert [w for w in controls if not (w.accessibleName() and w.toolTip())] == []


def test_it_never_asks_the_file_system_in_the_window_thread(
    opened: Any, process: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        target, "_same", lambda *_: asked.append(threading.current_thread().name) or False
    )
    process.form.folder.value = tmp_path / "slow"
    qtbot.waitUntil(lambda: bool(asked), timeout=TIMEOUT)
    assert threading.main_thread().name not in asked
