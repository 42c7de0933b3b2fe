"""Layout: rows and columns of widgets, and buttons, as they look everywhere in the dock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLayout,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

SPACING = 4  # px
Margins = tuple[int, int, int, int]
_NONE = (0, 0, 0, 0)
Item = QWidget | QLayout | tuple[QWidget, int]  # with how much of the room it takes


def row(*items: Item, parent: QWidget | None = None, spacing: int = SPACING) -> QHBoxLayout:
    """Put things beside each other."""
    return _filled(QHBoxLayout(), items, parent, _NONE, spacing)


def column(
    *items: Item, parent: QWidget | None = None, margins: Margins = _NONE, spacing: int = SPACING
) -> QVBoxLayout:
    """Put things below each other."""
    return _filled(QVBoxLayout(), items, parent, margins, spacing)


def scroll_area(content: QWidget) -> QScrollArea:
    """Make an area that scrolls up and down, never sideways."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def push_button(
    text: str, tooltip: str, on_click: Callable[..., Any] | None = None, checkable: bool = False
) -> QPushButton:
    """Make a button of a few words."""
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(text.rstrip("…"))
    button.setCheckable(checkable)
    if on_click is not None:
        button.clicked.connect(lambda _=False: on_click())
    return button


def tool_button(text: str, tooltip: str, name: str) -> QToolButton:
    """Make a button of a word or a sign; its name is for screen readers."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(name)
    return button


def small_button(text: str, tooltip: str, name: str) -> QToolButton:
    """Make a flat button of one sign."""
    button = tool_button(text, tooltip, name)
    button.setAutoRaise(True)
    button.setStyleSheet("padding: 1px; min-width: 14px;")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _filled(
    layout: Any, items: tuple[Item, ...], parent: QWidget | None, margins: Margins, spacing: int
) -> Any:
    if parent is not None:
        parent.setLayout(layout)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, QLayout):
            layout.addLayout(item)
        else:
            layout.addWidget(*(item if isinstance(item, tuple) else (item,)))
    return layout
