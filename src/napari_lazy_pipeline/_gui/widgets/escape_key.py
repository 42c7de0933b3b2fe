"""Escape key: in a field that is typed into, it takes the typing back, and leaves the field."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLineEdit, QWidget


class EscapeKey(QObject):
    """Gives a line back the text that it had before the typing; without any, leaves the line."""

    def __init__(self, line: QLineEdit) -> None:
        super().__init__(line)
        self._line, self._before = line, line.text()
        line.installEventFilter(self)
        line.editingFinished.connect(self._remember)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Remember the text when the typing begins, and bring it back."""
        if event.type() == QEvent.Type.FocusIn:
            self._remember()
        if not is_escape(event):
            return False
        if self._line.text() != self._before:
            self._line.setText(self._before)
        else:
            leave(self._line)
        return True

    def _remember(self) -> None:
        self._before = self._line.text()


def is_escape(event: Any) -> bool:
    """Return whether an event is a press of the escape key."""
    return bool(event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape)


def leave(field: QWidget) -> None:
    """Give the focus of a field to the card, or the section, that it is part of."""
    around = field.parentWidget()
    while around is not None and not around.isWindow():
        if around.focusPolicy() & Qt.FocusPolicy.TabFocus or around.focusProxy() is not None:
            around.setFocus()
            return
        around = around.parentWidget()
    field.clearFocus()
