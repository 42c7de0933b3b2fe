"""Without a mouse: from the folder to a deconvolved picture; and every control has a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from dock_helpers import card, expected, on_screen
from napari_lazy_pipeline._gui.widgets.choice import Choice

Key = Qt.Key
Control = Qt.KeyboardModifier.ControlModifier
Settle = Callable[[Any], None]
TIMEOUT = 30_000
INPUTS = (QAbstractButton, QComboBox, QAbstractSpinBox, QAbstractSlider, QLineEdit)


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """The dock in a window that is shown, and has the keyboard."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    window = widget.window()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=TIMEOUT)
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


def focus() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def tab_to(qtbot: Any, wanted: Callable[[QWidget], bool], most: int = 200) -> QWidget:
    """Press Tab until the focus is where it is wanted."""
    for _ in range(most):
        if wanted(focus()):
            return focus()
        qtbot.keyClick(focus(), Key.Key_Tab)
    raise AssertionError("the Tab key does not get there")


def named(name: str) -> Callable[[QWidget], bool]:
    return lambda widget: widget.accessibleName() == name


def retype(qtbot: Any, text: str) -> None:
    """Replace what is in the field that has the focus."""
    qtbot.keyClick(focus(), Key.Key_A, Control)
    qtbot.keyClicks(focus(), text)
    qtbot.keyClick(focus(), Key.Key_Return)


def test_from_a_folder_to_a_deconvolved_picture(
    dock: Any, raw_folder: Path, psf_file: Path, settle: Settle, qtbot: Any
) -> None:
    dock.data.folder.line_edit.native.setFocus()  # where F6, or the first Tab into the dock, leads
    retype(qtbot, str(raw_folder))
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=TIMEOUT)
    settle(dock)
    tab_to(qtbot, named("Voxels and time"))
    qtbot.keyClick(focus(), Key.Key_Space)
    tab_to(qtbot, named("z step (µm)"))
    retype(qtbot, "0.3")
    tab_to(qtbot, named("Pixel (µm)"))
    retype(qtbot, "0.1")
    settle(dock)
    assert dock.session.stack.voxel_size == (0.3, 0.1, 0.1)

    deconvolve = card(dock, "deconvolve")
    tab_to(qtbot, lambda widget: widget in (deconvolve, dock.steps.cards[0]))
    while focus() is not deconvolve:
        qtbot.keyClick(focus(), Key.Key_Down)
    qtbot.keyClick(deconvolve, Key.Key_Right)
    assert deconvolve.form.visible
    path = deconvolve.form.fields["psf"].editors[0]
    tab_to(qtbot, lambda widget: widget is path)
    retype(qtbot, str(psf_file))
    method = deconvolve.form.fields["method"].editors[0]
    tab_to(qtbot, lambda widget: widget is method)
    qtbot.keyClick(method, Key.Key_Down)
    assert deconvolve.step.method == "accelerated"
    iterations = deconvolve.form.fields["iterations"].editors[0]
    tab_to(qtbot, lambda widget: widget is iterations or widget is iterations.lineEdit())
    retype(qtbot, "3")
    deconvolve.setFocus()
    qtbot.keyClick(deconvolve, Key.Key_Space)
    settle(dock)
    step = deconvolve.step
    assert step.enabled and step.iterations == 3 and step.psf == str(psf_file)
    z = dock.viewer.dims.current_step[1]
    for channel, layer in enumerate(dock.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(dock, channel, 0, z))


def test_the_tab_key_goes_everywhere_and_every_stop_has_a_name(
    dock: Any, raw_folder: Path, settle: Settle, qtbot: Any
) -> None:
    """One walk round the dock, with everything unfolded."""
    dock.open_folder(raw_folder)
    settle(dock)
    for one in dock.steps.cards:
        one.unfold.setChecked(True)
    qtbot.wait(1)
    dock.data.folder.line_edit.native.setFocus()
    seen: list[QWidget] = []
    for _ in range(400):
        if focus() in seen or not dock.isAncestorOf(focus()):
            break
        seen.append(focus())
        qtbot.keyClick(focus(), Key.Key_Tab)
    nameless = [widget for widget in seen if not _name(widget)]
    assert not nameless, [type(widget).__name__ for widget in nameless]
    inputs = [widget for widget in dock.findChildren(QWidget) if _is_input(widget)]
    missed = {_name(widget) for widget in inputs} - {_name(widget) for widget in seen}
    # Of buttons that exclude each other, Tab stops at the pressed one; arrows go to the others.
    choices = dock.findChildren(Choice)
    missed -= {_name(one) for choice in choices for one in choice.buttons.values()}
    assert len(inputs) > 60 and missed == {"Data"}, "that is where the walk began, below it"


def test_every_control_has_a_name_and_a_tooltip(
    dock: Any, raw_folder: Path, settle: Settle, qtbot: Any
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    for one in dock.steps.cards:
        one.unfold.setChecked(True)
    qtbot.wait(1)
    inputs = [widget for widget in dock.findChildren(QWidget) if _is_input(widget)]
    assert not [type(widget).__name__ for widget in inputs if not _name(widget)]
    assert not [_name(widget) for widget in inputs if not _tooltip(widget)]


def _is_input(widget: QWidget) -> bool:
    """Whether a person can work it now; not what belongs to another control."""
    part = isinstance(widget.parent(), QAbstractSpinBox | QComboBox)
    usable = widget.isVisible() and widget.isEnabled()
    mouse_only = widget.focusPolicy() == Qt.FocusPolicy.NoFocus
    return (
        isinstance(widget, INPUTS)
        and usable
        and not (part or mouse_only or isinstance(widget, QScrollBar))
    )


def _name(widget: Any) -> str:
    """What a screen reader says; the parts of a control speak for the whole."""
    own = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
    inside = isinstance(widget.parent(), QAbstractSpinBox | QComboBox)
    return own or (_name(widget.parent()) if inside else "")


def _tooltip(widget: Any) -> str:
    """What is told on hovering; that of the control around it, if it has none of its own."""
    around = widget.parent()
    return widget.toolTip() or (around.toolTip() if isinstance(around, QWidget) else "")
