"""Listening: a widget hears of the session for as long as Qt has it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QWidget


def listen(widget: QWidget, owner: object, signal: str, slot: Callable[..., Any]) -> None:
    """Call a slot at a signal of an owner, until the widget is destroyed.

    Both may end together, as garbage. An exception then, of a signal that is half gone, would end
    napari.
    """
    getattr(owner, signal).connect(slot)
    there = weakref.ref(owner)

    def end() -> None:
        alive = there()
        if alive is not None:
            getattr(alive, signal).disconnect(slot)

    widget.destroyed.connect(end)
