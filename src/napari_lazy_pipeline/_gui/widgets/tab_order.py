"""Tab order: lets the Tab key go through a panel as one reads it, rows that came later included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QWidget


def tab_in_reading_order(panel: QWidget) -> None:
    """Chain all that Tab stops at in the order of the layouts; the first one stays where it is."""
    for before, after in pairwise(stops(panel)):
        QWidget.setTabOrder(before, after)


def stops(widget: QWidget) -> Iterator[QWidget]:
    """All that Tab stops at in a widget, itself included."""
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
        yield widget
        # What such a control is made of is its own affair.
        return
    layout = widget.layout()
    if layout is not None:
        children = widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        yield from _stops_in(layout, children)


def _stops_in(layout: QLayout, children: Sequence[QWidget]) -> Iterator[QWidget]:
    # Not by `itemAt`: what that returns outlives its widget in PySide 6 (docs/upstream.md, 11).
    inner = [part for part in layout.children() if isinstance(part, QLayout)]
    parts: tuple[Any, ...] = (*children, *inner)
    places = {layout.indexOf(part): part for part in parts}
    for place in sorted(number for number in places if number >= 0):
        part = places[place]
        yield from _stops_in(part, children) if isinstance(part, QLayout) else stops(part)
