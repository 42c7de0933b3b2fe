"""List card: a card with a head and a body, and what mouse and keys do on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.steps.card_frame import CardFrame
from napari_lazy_pipeline._gui.steps.card_head import CardHead
from napari_lazy_pipeline.steps._base import Step

Key, Modifier = Qt.Key, Qt.KeyboardModifier


class ListCard(CardFrame):
    """A card of a step that can be selected, moved and unfolded."""

    removed = Signal()
    duplicated = Signal()
    trial_requested = Signal(str, str)  # values of a field are to be tried, perhaps of a channel
    moved = Signal(int)  # up (-1) or down (+1)
    select_requested = Signal(bool)  # the person selected the step, or let go of it
    focus_moved = Signal(int)  # the person goes on to the card above (-1) or below (+1)

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._pressed = False
        self.head, self._body = CardHead(step), QWidget()
        self._body.setObjectName("body")
        self._body.setStyleSheet("#body { background: transparent; }")
        self._body.setVisible(False)
        self.head.unfold.toggled.connect(self._on_unfold)
        self.setAccessibleName(f"Step {step.title}")
        self._actions: dict[Any, Callable[[], Any]] = {
            (Key.Key_Up, Modifier.AltModifier): partial(self.moved.emit, -1),
            (Key.Key_Down, Modifier.AltModifier): partial(self.moved.emit, 1),
            (Key.Key_D, Modifier.ControlModifier): self.duplicated.emit,
        }
        alone: dict[Any, Callable[[], Any]] = {
            Key.Key_Up: partial(self.focus_moved.emit, -1),
            Key.Key_Down: partial(self.focus_moved.emit, 1),
            Key.Key_Right: partial(self.head.unfold.setChecked, True),
            Key.Key_Left: partial(self.head.unfold.setChecked, False),
            Key.Key_Return: self.open,
            Key.Key_Enter: self.open,
            Key.Key_Space: self.head.switch.toggle,
            Key.Key_Delete: self.removed.emit,
            Key.Key_Backspace: self.removed.emit,
            Key.Key_Escape: partial(self.select_requested.emit, False),
        }
        self._actions |= {(key, Modifier.NoModifier): action for key, action in alone.items()}

    def make_body(self) -> None:
        """Fill the body: called before it is used for the first time."""
        raise NotImplementedError

    @property
    def body(self) -> QWidget:
        """Return what is below the head, filled."""
        self.make_body()
        return self._body

    def _on_unfold(self, on: bool) -> None:
        (self.body if on else self._body).setVisible(on)

    def open(self) -> None:
        """Select the step, and show its parameters or fold them away."""
        self.head.unfold.toggle()
        self.select_requested.emit(True)

    def keyPressEvent(self, event: Any) -> None:
        action = self._action_of(event)
        if action is None:
            super().keyPressEvent(event)
        else:
            event.accept()
            action()

    def event(self, event: Any) -> bool:
        """Claim our keys before a shortcut of the window takes them."""
        if event.type() == QEvent.Type.ShortcutOverride and self._action_of(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def _action_of(self, event: Any) -> Callable[[], Any] | None:
        """What a key does; None if it is none of ours. One that a field left does nothing."""
        modifiers = event.modifiers() & ~Modifier.KeypadModifier
        action = self._actions.get((event.key(), modifiers))
        focus = self.window().focusWidget()
        in_body = focus is not None and self._body.isAncestorOf(focus)
        # To remove the step because a list has no use for Del would be a surprise; napari, which
        # hears next of what nobody takes, would do something else.
        if action is not None and modifiers == Modifier.NoModifier and in_body:
            return lambda: None
        return action

    def mousePressEvent(self, event: Any) -> None:
        self._pressed = self._on_head(event)

    def mouseReleaseEvent(self, event: Any) -> None:
        if self._pressed and self.rect().contains(event.position().toPoint()):
            self.select_requested.emit(not self.selected)
        self._pressed = False

    def mouseDoubleClickEvent(self, event: Any) -> None:
        if self._on_head(event):
            self.open()

    def _on_head(self, event: Any) -> bool:
        place = event.position().toPoint()
        return self._body.isHidden() or not self._body.geometry().contains(place)
