"""A whole session by mouse and keys: from an empty viewer to a recipe, and closed half-way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QAbstractSlider, QFileDialog

from canvas import drag, native
from dock_helpers import card, expected, on_screen
from napari_lazy_pipeline.steps import Crop, Deconvolve
from stacks import write_raw

Key, Left = Qt.Key, Qt.MouseButton.LeftButton
Control = Qt.KeyboardModifier.ControlModifier
Settle = Callable[[Any], None]
TIMEOUT = 30_000
KINDS = ["subtract_background", "deconvolve", "deskew", "rotate", "crop"]


@pytest.fixture
def heart() -> Iterator[list[float]]:
    """Moments at which the window was free, 5 ms apart if it always is [s]."""
    beats: list[float] = []
    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: beats.append(perf_counter()))
    timer.start()
    yield beats
    timer.stop()


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """The dock in a window that is shown, and has the keyboard."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    window = viewer.window._qt_window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=TIMEOUT)
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "cell", times=4)


def type_into(qtbot: Any, line: Any, text: str) -> None:
    """Replace what is in a line, letter by letter, and enter it."""
    line.setFocus()
    qtbot.keyClick(line, Key.Key_A, Control)
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Key.Key_Return)


def assert_right(dock: Any) -> None:
    """Every channel shows exactly what the steps make of the file."""
    viewer = dock.viewer
    t, z = viewer.dims.current_step[:2]
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, t, z))


def open_by_typing(dock: Any, folder: Path, qtbot: Any, settle: Settle) -> None:
    type_into(qtbot, dock.data.folder.line_edit.native, str(folder))
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=TIMEOUT)
    settle(dock)
    type_into(qtbot, dock.data.z_step.lineEdit(), "0.3")
    type_into(qtbot, dock.data.pixel.lineEdit(), "0.1")
    settle(dock)
    assert dock.session.stack.voxel_size == (0.3, 0.1, 0.1)


def choose_psf(dock: Any, psf: Path, qtbot: Any) -> None:
    """Unfold the deconvolution, type the path of the PSF and its spacing."""
    deconvolve = card(dock, "deconvolve")
    qtbot.mouseClick(deconvolve.unfold, Left)
    fields = deconvolve.form.fields
    type_into(qtbot, fields["psf"].editors[0], str(psf))
    for box, text in zip(fields["psf_voxel_size"].editors, ("0.3", "0.1", "0.1"), strict=True):
        type_into(qtbot, box.lineEdit(), text)
    qtbot.keyClick(fields["method"].editors[0], Key.Key_Down)  # one that has iterations
    type_into(qtbot, fields["iterations"].editors[0].lineEdit(), "2")
    assert deconvolve.step.psf_voxel_size == (0.3, 0.1, 0.1) and deconvolve.step.iterations == 2


def test_from_a_folder_to_a_recipe(
    dock: Any, folder: Path, psf_file: Path, tmp_path: Path, heart: list[float],
    settle: Settle, calls: Counter[str], qtbot: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    session, viewer = dock.session, dock.viewer
    open_by_typing(dock, folder, qtbot, settle)
    assert_right(dock)

    # Each step, one after the other; what comes before it is not made again. Previews are not
    # wanted, so that all that is made can be counted.
    qtbot.mouseClick(dock.view.quality.buttons["full"], Left)
    choose_psf(dock, psf_file, qtbot)
    settle(dock)
    for kind in KINDS:
        calls.clear()
        qtbot.mouseClick(card(dock, kind).switch, Left)
        settle(dock)
        assert card(dock, kind).step.enabled
        # With the first step that needs volumes, planes are no longer enough; and data that are
        # known to be skewed are deconvolved with a skewed PSF.
        first = {"deconvolve": 0, "deskew": 1}.get(kind, KINDS.index(kind))
        assert {one for one in calls if calls[one]} <= set(KINDS[first:]), (kind, calls)
        assert_right(dock)
    qtbot.mouseClick(card(dock, "rotate").switch, Left)
    settle(dock)

    # The angle over 40 values, with previews: the picture follows, superseded work is dropped.
    qtbot.mouseClick(card(dock, "deskew").unfold, Left)
    slider = card(dock, "deskew").form.fields["angle"].controls[0].slider
    qtbot.mouseClick(dock.view.quality.buttons["auto"], Left)
    settle(dock)
    calls.clear()
    del heart[:]
    slider.setFocus()
    for _ in range(40):
        qtbot.keyClick(slider, Key.Key_Right)
        qtbot.wait(5)
    settle(dock)
    angle = card(dock, "deskew").shown.angle
    assert angle == pytest.approx(31.5 + 40 * 0.1)
    assert 0 < calls["deskew"] <= 2 * 2 * 40, "once a channel and value, and once its preview"
    assert_right(dock)
    assert np.diff(heart).max() < 2.0, "the window was never held up for long"

    # A crop, drawn over the picture.
    viewer.reset_view()
    qtbot.mouseClick(dock.region.draw, Left)
    drag(viewer, (0.36, 0.53), (1.16, 1.77))
    qtbot.waitUntil(lambda: _crop(dock).y != (0, 0), timeout=TIMEOUT)
    settle(dock)
    assert on_screen(dock.layers.layers[0]).shape == (8, _crop(dock).x[1] - _crop(dock).x[0])
    assert_right(dock)
    qtbot.mouseClick(dock.region.draw, Left)

    # Through time and back: going back costs nothing.
    for t in (1, 2, 3):
        go_to_time(viewer, t, qtbot)
        settle(dock)
        assert viewer.dims.current_step[0] == t
        assert_right(dock)
    reads = session.stack.source.reads
    calls.clear()
    for t in (2, 1, 0):
        go_to_time(viewer, t, qtbot)
        settle(dock)
    assert viewer.dims.current_step[0] == 0
    assert not calls and session.stack.source.reads == reads
    assert_right(dock)

    # Raw beside processed, and back.
    names = [layer.name for layer in viewer.layers]
    qtbot.mouseClick(dock.view.compare, Left)
    settle(dock)
    assert len(viewer.layers) == 2 * len(names)
    qtbot.mouseClick(dock.view.compare, Left)
    settle(dock)
    assert [layer.name for layer in viewer.layers] == names

    # The recipe is saved; ten edits are taken back; the recipe brings all of them again.
    wanted = session.pipeline
    path = tmp_path / "out" / "tuned.yaml"
    path.parent.mkdir()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    dock.save.save_recipe.trigger()
    qtbot.waitUntil(path.exists, timeout=TIMEOUT)
    steps = dock.steps
    steps.cards[0].setFocus()
    for _ in range(10):
        assert session.can_undo
        qtbot.keyClick(steps.cards[0], Key.Key_Z, Control)
    settle(dock)
    assert session.pipeline != wanted
    assert_right(dock)
    dock.save.open_recipe.trigger()
    qtbot.waitUntil(lambda: session.pipeline == wanted, timeout=TIMEOUT)
    settle(dock)
    assert_right(dock)
    qtbot.keyClick(steps.cards[0], Key.Key_Z, Control)
    assert session.pipeline != wanted, "loading a recipe can be undone"


def _crop(dock: Any) -> Crop:
    return next(step for step in dock.session.pipeline.steps if isinstance(step, Crop))


def go_to_time(viewer: Any, t: int, qtbot: Any) -> None:
    """Click into the time slider below the picture."""
    window = native(viewer).window()
    bar = next(bar for bar in window.findChildren(QAbstractSlider)
               if getattr(bar.parent(), "axis", None) == 0)  # fmt: skip
    place = QPoint(round(bar.width() * (t + 0.5) / (bar.maximum() + 1)), bar.height() // 2)
    qtbot.mouseClick(bar, Left, pos=place)


def test_closed_in_the_middle_of_a_computation(
    dock: Any, folder: Path, psf_file: Path, qtbot: Any, settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The dock goes at once, and its threads soon after; the layers stay, and stay right."""
    reached = threading.Event()
    original = Deconvolve.run

    def run(self: Deconvolve, parts: Any, at: Any) -> np.ndarray:
        reached.set()
        while not at.cancelled():
            threading.Event().wait(0.005)
        return original(self, parts, at)

    open_by_typing(dock, folder, qtbot, settle)
    choose_psf(dock, psf_file, qtbot)
    (first, _) = dock.layers.layers
    shown = on_screen(first).copy()
    monkeypatch.setattr(Deconvolve, "run", run)
    qtbot.mouseClick(card(dock, "deconvolve").switch, Left)
    qtbot.waitUntil(reached.is_set, timeout=TIMEOUT)
    qtbot.mouseClick(dock.parent().title.close_button, Left)
    assert dock._closed
    np.testing.assert_array_equal(on_screen(first), shown)
    dock.compute_thread.join()
    ours = [thread.name for thread in threading.enumerate() if thread.name.startswith("lazy-")]
    assert not [name for name in ours if "runner" in name]
    volume = first.data[1].compute()
    np.testing.assert_array_equal(volume, dock.session.stack.source.read(1, 0))
