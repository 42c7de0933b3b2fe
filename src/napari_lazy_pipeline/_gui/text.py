"""Sentences in the dock: wrapped, never cut, and red where something is wrong."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel

ERROR_STYLE = "color: #ff6b6b;"


class Sentence(QLabel):
    """A label that wraps, and takes the height its text needs.

    Inside a scroll area, Qt takes the height of a wrapped label for that of one line.
    """

    def __init__(self, text: str = "", error: bool = False) -> None:
        super().__init__(text)
        self.setWordWrap(True)
        if error:
            self.setStyleSheet(ERROR_STYLE)

    def setText(self, text: str | None) -> None:
        """Show another text."""
        super().setText(text or "")
        self._fit()

    def say(self, text: str) -> None:
        """Show a text; hide if there is none."""
        self.setText(text)
        self.setVisible(bool(text))

    def resizeEvent(self, event: Any) -> None:
        """Follow the width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = max(self.heightForWidth(self.width()), 0)
        if height != self.minimumHeight():
            self.setMinimumHeight(height)
