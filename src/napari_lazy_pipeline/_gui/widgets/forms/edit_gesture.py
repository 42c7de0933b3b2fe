"""Edit gesture: tells which edits are one movement of the hand, and what the wheel may turn."""

from __future__ import annotations

from time import monotonic
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QWidget

from napari_lazy_pipeline._gui.widgets.undo_keys import leaves_undo

PAUSE = 0.7  # s; turns of the wheel, or of an arrow, that follow sooner are one movement

_Key = Qt.Key
_ARROWS = {_Key.Key_Up, _Key.Key_Down, _Key.Key_Left, _Key.Key_Right}
_TURNING = {*_ARROWS, _Key.Key_PageUp, _Key.Key_PageDown}


class EditGesture(QObject):
    """Watches the controls of a form; a drag is one movement, however long it rests."""

    def __init__(self) -> None:
        super().__init__()
        self._gesture: object = None
        self._control: object = None
        self._field, self._pressed = "", False
        self._touched = self._edited = float("-inf")

    def watch(self, control: QWidget) -> None:
        """Watch a control; the wheel turns it only while it has the focus."""
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(self)
        if isinstance(control, QAbstractSlider):
            control.sliderPressed.connect(lambda: self._set_pressed(True))
            control.sliderReleased.connect(lambda: self._set_pressed(False))

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

    def _set_pressed(self, pressed: bool) -> None:
        self._pressed, self._gesture = pressed, None
        self._touched = float("-inf")
