"""Undo keys: Ctrl+Z and Ctrl+Shift+Z, wherever the focus is in a dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QAbstractSpinBox, QLineEdit, QWidget

from napari_lazy_pipeline.session import Session

# Not Qt's standard key: on Windows that is Ctrl+Y too, with which napari turns to 3-D.
UNDO, REDO = QKeySequence("Ctrl+Z"), QKeySequence("Ctrl+Shift+Z")


class UndoKeys(QObject):
    """Undoes and redoes the edits of a session while a dock, and no text in it, has the focus."""

    def __init__(self, dock: QWidget, session: Session) -> None:
        super().__init__(dock)
        for keys, action in ((UNDO, session.undo), (REDO, session.redo)):
            shortcut = QShortcut(keys, dock)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)


def leaves_undo(control: Any, event: Any) -> bool:
    """Whether a control is about to take the keys, though nothing was typed that it could undo."""
    if event.type() != QEvent.Type.ShortcutOverride:
        return False
    keys = QKeySequence(event.modifiers().value | event.key())
    line = control.lineEdit() if isinstance(control, QAbstractSpinBox) else control
    typing = isinstance(line, QLineEdit) and line.isModified()
    return keys in (UNDO, REDO) and not typing
