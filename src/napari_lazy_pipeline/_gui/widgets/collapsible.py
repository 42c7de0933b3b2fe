"""Section: a part of the dock under a heading, which folds it away."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_lazy_pipeline._gui.widgets.text import Sentence

# Calmer than a pressed button, which the heading is to napari; the rim is seen on both themes.
_HEADING = """
QPushButton, QPushButton:checked { text-align: left; padding: 3px 2px; font-weight: bold;
    background: transparent; border: 0px; border-bottom: 1px solid rgba(128, 128, 128, 110); }
QPushButton:hover { background: rgba(128, 128, 128, 50); }
QPushButton:focus { border: 1px solid rgba(128, 128, 128, 220); }
"""


class CollapsibleSection(QCollapsible):
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


class CollapsibleLine(QWidget):
    """A line that tells in short what is below it, and unfolds it.

    Signals
    -------
    toggled(bool)
        It was unfolded, or folded.
    """

    toggled = Signal(bool)

    def __init__(self, name: str, tooltip: str, content: QWidget) -> None:
        super().__init__()
        self._name, self._short = name, ""
        self.button = small_button("▸", tooltip, name)
        self.button.setCheckable(True)
        self.button.toggled.connect(self._on_toggled)
        self.line = Sentence()
        self.line.setToolTip(tooltip)
        self.line.setAccessibleName(name)
        self.content = content
        content.setVisible(False)
        head = QHBoxLayout()
        head.setSpacing(3)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.line, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(content)

    @property
    def unfolded(self) -> bool:
        """Whether the content is to be seen."""
        return self.button.isChecked()

    def unfold(self, on: bool = True) -> None:
        """Show the content, or hide it."""
        self.button.setChecked(on)

    def tell(self, short: str) -> None:
        """Say in a line what is below, for as long as it is folded."""
        self._short = short
        self.line.setText(self._name if self.unfolded else short)

    def _on_toggled(self, on: bool) -> None:
        self.button.setText("▾" if on else "▸")
        if self._short:
            self.tell(self._short)
        self.content.setVisible(on)
        self.toggled.emit(on)


def small_button(text: str, tooltip: str, name: str) -> QToolButton:
    """A flat button of one sign."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(name)
    button.setAutoRaise(True)
    button.setStyleSheet("padding: 1px; min-width: 14px;")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
