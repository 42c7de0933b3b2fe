"""Hands of the monkey: find every control of a window, and press, type, turn and drag it.

An action is a list of plain values, such as ``["press", "QPushButton Draw crop", 0.3]``. It says
all that is needed to do it again, so that a list of actions is a script.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QDrag, QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QMenu,
    QWidget,
)

Action = list[Any]

CANVAS = "canvas"
# What napari would start or end with these is not part of the plugin.
_LEFT_ALONE = ("consoleButton", "QtConsole", "New Points", "console")
_KEYS = ("Up", "Down", "Left", "Right", "Home", "End", "PageUp", "PageDown", "Space", "Escape")
_CANVAS_KEYS = ("Escape", "R", "E", "P", "S", "V", "Delete", "Space", "1", "2", "3", "4", "5")
TEXTS = (
    "0", "1", "2", "-3", "3.5", "31.5", "90", "1e400", "nan", "", "abc", "*.tif", "{t}",
    "cell_ch{c}_stack{t}_*.tif", "<b>bold</b>", "1:3", "::0", "0-5",
    "x" * 300, "µm", "missing/folder",
)  # fmt: skip


def name_of(widget: QWidget) -> str:
    """What a control is called, for people and for scripts."""
    text = getattr(widget, "text", lambda: "")() if isinstance(widget, QAbstractButton) else ""
    words = widget.accessibleName() or text or widget.objectName() or widget.toolTip()
    return f"{type(widget).__name__} {' '.join(words.split())[:60]}"


class Hands:
    """Does actions in a viewer; ``answers`` are the paths that a file dialog may give."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.chance = 0.0  # decides what a menu or a dialog that opens is answered
        self._guard = QTimer()
        self._guard.setInterval(20)
        self._guard.timeout.connect(self._answer_popup)
        self._guard.start()
        self._answered = 0
        self._held = 0  # ticks of the guard since the mouse was pressed
        self._found: dict[str, QWidget] | None = None  # controls, until something is done

    @property
    def window(self) -> Any:
        return self.viewer.window._qt_window

    @property
    def canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native  # type: ignore[no-any-return]

    def close(self) -> None:
        self._guard.stop()

    # ---- finding ----------------------------------------------------------------------------

    def controls(self) -> dict[str, QWidget]:
        """Every control that can be seen and used now, by its name and its number among them."""
        if self._found is not None:
            return self._found
        seen: dict[str, int] = {}
        found = {}
        for widget in self._widgets():
            name = name_of(widget)
            seen[name] = seen.get(name, -1) + 1
            found[f"{name} #{seen[name]}" if seen[name] else name] = widget
        self._found = found
        return found

    def _widgets(self) -> Iterator[QWidget]:
        kinds = (
            QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit,
            QAbstractItemView,
        )  # fmt: skip
        for top in QApplication.topLevelWidgets():
            if not top.isVisible() or isinstance(top, QMenu):
                continue
            # Qt's bindings make an object of Python for each child at each call: one call for all.
            for widget in (one for one in top.findChildren(QWidget) if isinstance(one, kinds)):
                inner = isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
                if not inner and widget.isVisible() and widget.isEnabled():
                    name = name_of(widget)
                    if not any(word in name for word in _LEFT_ALONE):
                        yield widget

    # ---- choosing ---------------------------------------------------------------------------

    def choose(self, dice: random.Random, inside: QWidget | None = None) -> Action:
        """Something that can be done now; with ``inside``, mostly to the controls in there."""
        if dice.random() < 0.15:
            return self._choose_on_canvas(dice)
        self._found = None
        controls = self.controls()
        ours = [n for n, w in controls.items() if inside is not None and inside.isAncestorOf(w)]
        names = ours if ours and dice.random() < 0.75 else sorted(controls)
        if not names:
            return ["wait", 20]
        name = dice.choice(names)
        widget, chance = controls[name], round(dice.random(), 3)
        if isinstance(widget, QAbstractButton):
            return ["press", name, chance]
        if isinstance(widget, QLineEdit):
            return ["type", name, dice.choice(TEXTS), dice.choice(("Return", "Tab", "Escape"))]
        if isinstance(widget, QAbstractSpinBox) and dice.random() < 0.4:
            return ["type", name, dice.choice(TEXTS[:9]), dice.choice(("Return", "Tab"))]
        if isinstance(widget, (QAbstractItemView, QAbstractSlider)) and dice.random() < 0.7:
            x, y = (round(dice.random(), 3) for _ in range(2))
            if dice.random() < 0.3:
                return ["drag", name, x, y, round(dice.random(), 3), round(dice.random(), 3)]
            return ["spot", name, x, y, dice.choice(("left", "left", "left", "right")), chance]
        if dice.random() < 0.15:
            return ["wheel", name, 0.5, 0.5, dice.choice((-120, 120))]
        return ["key", name, dice.choice(_KEYS), dice.choice((1, 1, 1, 3, 20))]

    def _choose_on_canvas(self, dice: random.Random) -> Action:
        ends = [round(dice.uniform(0.05, 0.95), 3) for _ in range(4)]
        turn = dice.random()
        if turn < 0.5:
            return ["drag", CANVAS, *ends]
        if turn < 0.7:
            return ["spot", CANVAS, *ends[:2], dice.choice(("left", "left", "right")), 0.9]
        if turn < 0.85:
            return ["key", CANVAS, dice.choice(_CANVAS_KEYS), 1]
        return ["wheel", CANVAS, *ends[:2], dice.choice((-120, 120))]

    # ---- doing ------------------------------------------------------------------------------

    def do(self, action: Action) -> bool:
        """Do an action with real Qt events; False if its control is not there now."""
        kind, name, *rest = action
        widget = self.canvas if name == CANVAS else self.controls().get(name)
        self._found = None
        if widget is None:
            return False
        getattr(self, f"_{kind}")(widget, *rest)
        return True

    def _press(self, widget: QAbstractButton, chance: float) -> None:
        self.chance = chance
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def _type(self, widget: QWidget, text: str, end: str) -> None:
        line = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
        if line is None:
            return
        line.setFocus()
        line.selectAll()
        QTest.keyClick(line, Qt.Key.Key_Delete)
        QTest.keyClicks(line, text)
        QTest.keyClick(line, getattr(Qt.Key, f"Key_{end}"))

    def _key(self, widget: QWidget, key: str, times: int) -> None:
        widget.setFocus()
        for _ in range(times):
            if isalive(widget):  # what a key does may end it
                QTest.keyClick(widget, getattr(Qt.Key, f"Key_{key}"))
                QTest.qWait(1)  # no hand is faster

    def _spot(self, widget: QWidget, x: float, y: float, button: str, chance: float) -> None:
        self.chance = chance
        target, place = _inner(widget), _place(_inner(widget), x, y)
        which = Qt.MouseButton.LeftButton if button == "left" else Qt.MouseButton.RightButton
        self._send(target, QEvent.Type.MouseButtonPress, place, which)
        self._send(target, QEvent.Type.MouseButtonRelease, place, which)

    def _drag(self, widget: QWidget, x0: float, y0: float, x1: float, y1: float) -> None:
        target, left = _inner(widget), Qt.MouseButton.LeftButton
        self._held = 0
        self._send(target, QEvent.Type.MouseButtonPress, _place(target, x0, y0), left)
        for part in (0.3, 0.6, 1.0):
            place = _place(target, x0 + (x1 - x0) * part, y0 + (y1 - y0) * part)
            self._send(target, QEvent.Type.MouseMove, place, left)
            QTest.qWait(1)
            if not isalive(target):
                return
        self._send(target, QEvent.Type.MouseButtonRelease, _place(target, x1, y1), left)

    def _wheel(self, widget: QWidget, x: float, y: float, turn: int) -> None:
        place = QPointF(_place(widget, x, y))
        event = QWheelEvent(
            place, QPointF(widget.mapToGlobal(place.toPoint())), QPoint(0, 0), QPoint(0, turn),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)

    def _send(self, widget: QWidget, kind: Any, place: QPoint, button: Any) -> None:
        if hasattr(widget, "_last_time"):
            widget._last_time = 0.0  # vispy leaves out what follows within 10 ms
        none = Qt.MouseButton.NoButton
        moved, released = kind == QEvent.Type.MouseMove, kind == QEvent.Type.MouseButtonRelease
        event = QMouseEvent(
            kind, QPointF(place), QPointF(widget.mapToGlobal(place)), none if moved else button,
            none if released else button, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)

    # ---- menus and dialogs ------------------------------------------------------------------

    def _answer_popup(self) -> None:
        """Answer what waits for the person, as the action that opened it says."""
        self._held += 1
        if self._held == 25:  # a row of a list hangs on the mouse until a real one lets it go
            QDrag.cancel()
        popup, modal = QApplication.activePopupWidget(), QApplication.activeModalWidget()
        if popup is None and modal is None:
            self._answered = 0
            return
        self._answered += 1
        if popup is not None:
            entries = [a for a in popup.actions() if a.isEnabled() and not a.isSeparator()]
            if isinstance(popup, QMenu) and entries and self.chance < 0.8 and self._answered < 3:
                entry = entries[int(self.chance / 0.8 * len(entries))]
                popup.close()
                if entry.menu() is None:
                    entry.trigger()
            else:
                popup.close()
        elif isinstance(modal, QDialog):
            buttons = [b for b in modal.findChildren(QAbstractButton) if b.isEnabled()]
            if buttons and self.chance < 0.5 and self._answered < 3:
                QTest.mouseClick(buttons[int(self.chance * 2 * len(buttons))], _LEFT)
            else:
                modal.reject()


_LEFT = Qt.MouseButton.LeftButton


def _inner(widget: QWidget) -> QWidget:
    """The widget that takes the mouse: that of a list is its view port."""
    return widget.viewport() if isinstance(widget, QAbstractItemView) else widget


def _place(widget: QWidget, x: float, y: float) -> QPoint:
    return QPoint(int(x * max(widget.width() - 1, 0)), int(y * max(widget.height() - 1, 0)))
