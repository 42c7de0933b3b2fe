"""Card frame: how a card of a list looks: raised, selected, focused, or paler than the others."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QFrame, QGraphicsOpacityEffect, QWidget

ACCENT = QColor("#5a7be0")  # seen on dark and on light
_PALER = 0.45


class CardFrame(QFrame):
    """A card that can be selected, and shows where the keys go."""

    def __init__(self) -> None:
        super().__init__()
        self.selected = self.dimmed = False  # dimmed: its step is not part of the picture
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_selected(self, selected: bool) -> None:
        if selected != self.selected:
            self.selected = selected
            self.setAccessibleDescription("selected" if selected else "")
            self.update()

    def dim(self, dimmed: bool, parts: tuple[QWidget, ...]) -> None:
        """Draw some parts of the card paler, or no more."""
        if dimmed == self.dimmed:
            return
        self.dimmed = dimmed
        for part in parts:
            effect = QGraphicsOpacityEffect(part) if dimmed else None
            if effect is not None:
                effect.setOpacity(_PALER)
            part.setGraphicsEffect(effect)  # type: ignore[arg-type]

    def focusInEvent(self, event: Any) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Paint a slightly raised field, in the colours of the theme."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        ground, rim = QColor(text), QColor(text)
        ground.setAlpha(14)
        rim.setAlpha(200 if self.hasFocus() else 40)
        painter.setBrush(ground)
        painter.setPen(rim)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        if self.selected:
            painter.fillRect(1, 3, 3, self.height() - 6, ACCENT)
