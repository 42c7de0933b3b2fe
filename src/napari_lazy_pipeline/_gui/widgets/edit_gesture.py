"""Edit gesture: tells which edits are one movement of the hand, and what the wheel may turn."""

from __future__ import annotations

from time import monotonic
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QWidget

from napari_lazy_pipeline._gui.widgets.undo_keys import leaves_undo

# Turns of the wheel, or of an arrow that is held down, are one movement if they follow each
# other this soon [s].
PAUSE = 0.7

_TURNING = {
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
}


class EditGesture(QObject):
    """Watches the controls of a form.

    A drag of a slider is one movement from the press to the release, however long it rests.
    """

    def __init__(self) -> None:
        super().__init__()
        self._gesture: object = None
        self._field = ""
        self._pressed = False
        self._control: object = None
        self._touched = self._edited = float("-inf")

    def watch(self, control: QWidget) -> None:
        """Watch a control; the wheel turns it only while it has the focus."""
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(self)
        if isinstance(control, QAbstractSlider):
            control.sliderPressed.connect(self._on_pressed)
            control.sliderReleased.connect(self._on_released)

    def gesture(self, field: str) -> object:
        """Name the movement that an edit of a field is part of; None if it stands alone."""
        now = monotonic()
        if not self._pressed and now - self._touched > PAUSE:
            self._gesture = None
            return None
        rested = not self._pressed and now - self._edited > PAUSE
        if self._gesture is None or field != self._field or rested:
            self._gesture = object()
        self._field, self._edited = field, now
        return self._gesture

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Note turns of the wheel and of the arrows; let the wheel scroll what it only passes."""
        kind = event.type()
        if leaves_undo(watched, event) or (kind == QEvent.Type.Wheel and not watched.hasFocus()):
            event.ignore()
            return True
        turning = kind == QEvent.Type.KeyPress and event.key() in _TURNING
        if turning or kind in (QEvent.Type.Wheel, QEvent.Type.MouseButtonPress):
            self._touched = monotonic()
            if watched is not self._control:
                self._control, self._gesture = watched, None
        return False

    def _on_pressed(self) -> None:
        self._pressed, self._gesture = True, None

    def _on_released(self) -> None:
        self._pressed, self._gesture = False, None
        self._touched = float("-inf")
