"""Layouts: widgets in a column or in a row, without margins."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLayout, QVBoxLayout, QWidget


def fill_column(parent: QWidget, *parts: QWidget | QLayout, spacing: int = 3) -> QVBoxLayout:
    """Put widgets and rows into a widget, one below the other."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    return layout


def row_of(*widgets: QWidget, wide: QWidget | None = None) -> QHBoxLayout:
    """Put widgets side by side; ``wide`` takes the room that the others leave."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(3)
    for widget in widgets:
        layout.addWidget(widget, int(widget is wide))
    return layout
