"""Section: a part of the dock under a heading, which folds it away."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

# Calmer than a pressed button, which the heading is to napari; the rim is seen on both themes.
_HEADING = """
QPushButton, QPushButton:checked { text-align: left; padding: 3px 2px; font-weight: bold;
    background: transparent; border: 0px; border-bottom: 1px solid rgba(128, 128, 128, 110); }
QPushButton:hover { background: rgba(128, 128, 128, 50); }
QPushButton:focus { border: 1px solid rgba(128, 128, 128, 220); }
"""


class Section(QCollapsible):
    """Panels under a heading.

    It is always as tall as its panels; without this, only when it is resized.

    Parameters
    ----------
    title
        The heading.
    panels
        What is below, in this order.
    """

    def __init__(self, title: str, *panels: QWidget) -> None:
        super().__init__(title)
        self._title = title
        self.setDuration(0)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(4, 2, 4, 4)
        button = self.toggleButton()
        button.setStyleSheet(_HEADING)
        button.setAccessibleName(title)
        button.setToolTip(f"Fold or unfold the section {title}")
        for panel in panels:
            self.addWidget(panel)
        self.toggled.connect(self._mark)
        self.expand(animate=False)
        self._mark(True)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the panels."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize) and self.isExpanded():
            content = self.content()
            content.setMaximumHeight(content.sizeHint().height())
        return False

    def _mark(self, unfolded: bool) -> None:
        """The same signs as elsewhere in the dock: icons would keep the colour of one theme."""
        self.toggleButton().setIcon(QIcon())
        self.setText(f"{'▾' if unfolded else '▸'} {self._title}")
