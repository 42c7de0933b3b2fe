"""Fold: a line that tells in short what is below it, and unfolds it; and the button for it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.widgets.text import Sentence


class Fold(QWidget):
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
