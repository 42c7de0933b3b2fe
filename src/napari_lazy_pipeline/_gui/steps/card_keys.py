"""Card keys: what the keys do on a card, and what they must not do in the picture behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

if TYPE_CHECKING:
    from napari_lazy_pipeline._gui.steps.step_card import StepCard

Key, Modifier = Qt.Key, Qt.KeyboardModifier

KEYS = (
    "Space: on or off. Enter: select and unfold. "
    "Alt+Up, Alt+Down: move. Ctrl+D: duplicate. Del: remove."
)


def action_of(card: StepCard, event: Any) -> Callable[[], Any] | None:
    """What a key does; None if it is none of ours.

    A key that a field of the form had no use for does nothing: to remove the step because a
    list had no use for Del would be a surprise. It is ours all the same, since napari, which
    hears next of what nobody takes, would do something else.
    """
    key, modifiers = event.key(), event.modifiers() & ~Modifier.KeypadModifier
    if modifiers != Modifier.NoModifier:
        return _with_modifier(card).get((key, modifiers))
    action = _alone(card).get(key)
    focus = card.window().focusWidget()
    if action is not None and focus is not None and card.body.isAncestorOf(focus):
        return _nothing
    return action


def _with_modifier(card: StepCard) -> dict[Any, Callable[[], Any]]:
    return {
        (Key.Key_Up, Modifier.AltModifier): lambda: card.moved.emit(-1),
        (Key.Key_Down, Modifier.AltModifier): lambda: card.moved.emit(1),
        (Key.Key_D, Modifier.ControlModifier): card.duplicated.emit,
    }


def _alone(card: StepCard) -> dict[Any, Callable[[], Any]]:
    return {
        Key.Key_Up: lambda: card.walked.emit(-1),
        Key.Key_Down: lambda: card.walked.emit(1),
        Key.Key_Right: lambda: card.unfold.setChecked(True),
        Key.Key_Left: lambda: card.unfold.setChecked(False),
        Key.Key_Return: card.open,
        Key.Key_Enter: card.open,
        Key.Key_Space: card.switch.toggle,
        Key.Key_Delete: card.removed.emit,
        Key.Key_Backspace: card.removed.emit,
        Key.Key_Escape: lambda: card.picked.emit(False),
    }


def _nothing() -> None:
    pass
