"""Tab order: lets the Tab key go through a panel as one reads it, rows that came later included."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

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
        yield from _stops_in(layout)


def _stops_in(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        inner, widget = (item.layout(), item.widget()) if item is not None else (None, None)
        if inner is not None:
            yield from _stops_in(inner)
        elif widget is not None:
            yield from stops(widget)
