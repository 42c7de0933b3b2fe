"""Text in the dock: wrapped or shortened, never cut; red is wrong, amber is doubtful."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QLabel, QWidget

from napari_lazy_pipeline.errors import printable

# Readable on the background of napari's dark and of its light theme.
RED_ON_DARK, RED_ON_LIGHT = "#ff6b6b", "#b3001b"
AMBER_ON_DARK, AMBER_ON_LIGHT = "#f0b840", "#7a4f00"
INDENT = 5  # px; what other labels have
_JOINTS = re.compile(r"([/\\_])")


def on_dark(widget: QWidget) -> bool:
    return widget.palette().color(QPalette.ColorRole.Window).lightness() < 128


def error_style(widget: QWidget) -> str:
    """Style of a text that tells of an error."""
    return f"color: {RED_ON_DARK if on_dark(widget) else RED_ON_LIGHT};"


def caution_style(widget: QWidget) -> str:
    """Style of a text that tells of something doubtful."""
    return f"color: {AMBER_ON_DARK if on_dark(widget) else AMBER_ON_LIGHT};"


def pale_style(widget: QWidget) -> str:
    text = widget.palette().color(QPalette.ColorRole.WindowText)
    return f"color: rgba({text.red()}, {text.green()}, {text.blue()}, 170);"


def plain(text: str) -> str:
    """A text as it stands, for tooltips and notifications, where Qt would take some for HTML."""
    return text.replace("<", "<\u200b").replace("&lt;", "&\u200blt;")


def entry_text(text: str) -> str:
    """A text as it stands, for menus and buttons: an ampersand would underline what follows it."""
    return printable(text).replace("&", "&&")


class Sentence(QLabel):
    """A label that wraps, and takes the height its text needs, also inside a scroll area."""

    def __init__(self, text: str = "", error: bool = False, caution: bool = False) -> None:
        super().__init__()
        self._text = ""
        self._style = error_style if error else caution_style if caution else None
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        # In line with other labels. Of an indent, Qt would take twice the width for the height.
        self.setIndent(0)
        self.setContentsMargins(INDENT, 0, 0, 0)
        self._colour()
        self.setText(text)

    def text(self) -> str:
        return self._text

    def setText(self, text: str | None) -> None:
        if text == self._text:
            return
        self._text = text or ""
        # Names of files are long words: they break where a person would.
        lines = "\n".join(map(printable, self._text.split("\n")))
        super().setText(_JOINTS.sub("\\1\u200b", lines))
        self._fit()

    def say(self, text: str) -> None:
        """Show a text; hide if there is none."""
        self.setText(text)
        self.setVisible(bool(text))

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._colour()

    def _colour(self) -> None:
        style = self._style(self) if self._style is not None else self.styleSheet()
        if style != self.styleSheet():
            self.setStyleSheet(style)

    def _fit(self) -> None:
        before = self.minimumHeight()
        # What Qt says is never less than the minimum: without this, a text could only grow.
        self.setMinimumHeight(0)
        height = max(self.heightForWidth(self.width()), 0)
        self.setFixedHeight(height)
        if height != before:
            self.updateGeometry()


class Elided(QLabel):
    """A label of one line that gives way: what does not fit is in its tooltip."""

    def __init__(self, text: str = "", tooltip: str = "") -> None:
        super().__init__()
        self._text, self._tooltip = text, tooltip
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._fit()

    def text(self) -> str:
        return self._text

    @property
    def shortened(self) -> bool:
        """Return whether there is no room for the whole text."""
        return super().text() != printable(self._text)

    def setText(self, text: str | None) -> None:
        if text != self._text:
            self._text = text or ""
            self._fit()
            self.updateGeometry()

    def set_tooltip(self, tooltip: str) -> None:
        """What the text means; if it is shortened, the tooltip has all of it, too."""
        self._tooltip = tooltip
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(self._width(self._text), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self._width("abc…"), self._width(self._text)), super().sizeHint().height())

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()
            self.updateGeometry()

    def _width(self, text: str) -> int:
        # One more: widths of letters are fractions of pixels, and their sums are rounded.
        return self.fontMetrics().horizontalAdvance(text) + self._rim() + 1

    def _rim(self) -> int:
        """Width that is not for the text: indent, and what the style sheet puts around it."""
        return super().sizeHint().width() - self.fontMetrics().horizontalAdvance(super().text())

    def _fit(self) -> None:
        room, mode = max(self.width() - self._rim(), 0), Qt.TextElideMode.ElideRight
        super().setText(self.fontMetrics().elidedText(printable(self._text), mode, room))
        lines = self._text if self.shortened else "", self._tooltip
        self.setToolTip(plain("\n".join(filter(None, lines))))
