"""Collapsible: a section under a heading, and a line that sums up what it hides."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, row, small_button
from napari_lazy_pipeline._gui.widgets.steady_area import bring_into_sight
from napari_lazy_pipeline._gui.widgets.text import Sentence

# Calmer than a pressed button, which the heading is to napari; the rim is seen on both themes.
_HEADING = """
QPushButton, QPushButton:checked { text-align: left; padding: 3px 2px; font-weight: bold;
    background: transparent; border: 0px; border-bottom: 1px solid rgba(128, 128, 128, 110); }
QPushButton:hover { background: rgba(128, 128, 128, 50); }
QPushButton:focus { border: 1px solid rgba(128, 128, 128, 220); }
"""


class CollapsibleSection(QWidget):
    """Panels under a heading that folds and unfolds them."""

    def __init__(self, title: str, *panels: QWidget) -> None:
        super().__init__()
        self._title, self._content = title, QWidget()
        self.heading = QPushButton()
        self.heading.setCheckable(True)
        self.heading.setStyleSheet(_HEADING)
        self.heading.setAccessibleName(title)
        self.heading.setToolTip(f"Fold or unfold the section {title}")
        column(*panels, parent=self._content, margins=(2, 0, 0, 0), spacing=6)
        column(self.heading, self._content, parent=self, margins=(2, 2, 2, 4), spacing=6)
        self.heading.toggled.connect(self._on_toggled)
        self.heading.setChecked(True)
        self.setFocusProxy(self.heading)
        self.heading.clicked.connect(lambda on: bring_into_sight(self) if on else None)

    def _on_toggled(self, unfolded: bool) -> None:
        self.heading.setText(f"{'▾' if unfolded else '▸'} {self._title}")
        self._content.setVisible(unfolded)


class CollapsibleLine(QWidget):
    """A line that sums up what is below it, and unfolds it."""

    toggled = Signal(bool)  # it was unfolded, or folded

    def __init__(self, name: str, tooltip: str, content: QWidget) -> None:
        super().__init__()
        self._name, self._summary = name, ""
        self.button = small_button("▸", tooltip, name)
        self.button.setCheckable(True)
        self.button.toggled.connect(self._on_toggled)
        self.button.clicked.connect(lambda on: bring_into_sight(self) if on else None)
        self.line = Sentence()
        self.line.setToolTip(tooltip)
        self.line.setAccessibleName(name)
        self.content = content
        content.setVisible(False)
        head = row(self.button, (self.line, 1), spacing=3)
        head.setAlignment(self.button, Qt.AlignmentFlag.AlignTop)
        column(head, content, parent=self, spacing=2)

    @property
    def unfolded(self) -> bool:
        return self.button.isChecked()

    def unfold(self, on: bool = True) -> None:
        self.button.setChecked(on)

    def set_summary(self, summary: str) -> None:
        """Set the line that is there while the content is folded."""
        self._summary = summary
        self.line.setText(self._name if self.unfolded else summary)

    def _on_toggled(self, on: bool) -> None:
        self.button.setText("▾" if on else "▸")
        if self._summary:
            self.set_summary(self._summary)
        self.content.setVisible(on)
        self.toggled.emit(on)
