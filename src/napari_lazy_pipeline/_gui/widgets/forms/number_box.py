"""Number box: a number that is typed or turned; without idle zeros, and with a point everywhere."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QLocale, QPoint, QSize, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QToolTip

from napari_lazy_pipeline._gui.widgets.escape_key import is_escape, leave
from napari_lazy_pipeline._gui.widgets.forms.number_text import is_ambiguous, read_number
from napari_lazy_pipeline._gui.widgets.text import plain

DECIMALS = 6
LARGEST = 1e12
_EMPTY = -10 * LARGEST  # stands for None in a box that may be empty
_State = QValidator.State


class NumberBox(QDoubleSpinBox):
    """Holds a whole or a real number within bounds.

    Anything can be typed, but only a number within the bounds be entered: else the old one comes
    back, and the signal says what was refused. "31.5" is one edit, not the three of typing it.
    Words may stand for 0, and for None; without such, the box is never empty.
    """

    refused = Signal(object)  # what the person entered: a number that is not allowed, or a text

    def __init__(
        self,
        whole: bool = False,
        low: float = -math.inf,
        high: float = math.inf,
        step: float = 1,
        zero: str = "",
        empty: str | None = None,
    ) -> None:
        super().__init__()
        self._typed = self._ambiguous = ""
        self._low = self._high = 0.0
        self._words = {0.0: zero} if zero else {}
        if empty is not None:
            self._words[_EMPTY] = empty
        # Files and other programs of the field write a point, whatever the country.
        self.setLocale(QLocale.c())
        self.setKeyboardTracking(False)
        self.setDecimals(0 if whole else DECIMALS)
        self.set_bounds(low, high)
        self.setSingleStep(step)
        self._line: Any = self.lineEdit()
        self._line.textEdited.connect(self._on_typed)
        self.valueChanged.connect(self._on_value)
        self.editingFinished.connect(self._on_finished)

    def set_bounds(self, low: float, high: float) -> None:
        self._low, self._high = max(low, -LARGEST), min(high, LARGEST)
        self.setRange(_EMPTY if _EMPTY in self._words else self._low, self._high)

    def number(self) -> float | int | None:
        """The value, of the type of the field; None if the box is empty."""
        value = self.value()
        if value == _EMPTY:
            return None
        return int(value) if self.decimals() == 0 else value

    def set_number(self, number: float | None) -> None:
        self.setValue(_EMPTY if number is None else number)

    def without_arrows(self) -> None:
        """Leave them away where there is no room: the keys and the wheel do the same."""
        self.setButtonSymbols(self.ButtonSymbols.NoButtons)
        self.setStyleSheet("min-width: 24px; padding: 1px 2px;")

    def minimumSizeHint(self) -> QSize:
        """Room for six digits: what is longer can be scrolled."""
        room = self.fontMetrics().horizontalAdvance("000000") + 8
        return super().minimumSizeHint().boundedTo(QSize(room, 1000))

    def textFromValue(self, value: float) -> str:
        """As few digits as the number needs."""
        if value in self._words:
            return self._words[value]
        text = super().textFromValue(value)
        return text.rstrip("0").rstrip(".") if "." in text else text

    def valueFromText(self, text: str | None) -> float:
        """Read a number; of what is none, the one that is there."""
        for value, word in self._words.items():
            if (text or "").strip() == word:
                return value
        plain = self._without_words(text)
        number = read_number(plain) if plain else _EMPTY
        return self.value() if number is None else number

    def validate(self, text: str | None, position: int) -> Any:
        """Let any number be typed: what is wrong with it is said when it is entered."""
        text = text or ""
        plain = self._without_words(text)
        word = text in self._words.values() or (not plain and _EMPTY in self._words)
        entered = word or self._is_allowed(read_number(plain))
        return _State.Acceptable if entered else _State.Intermediate, text, position

    def fixup(self, text: str | None) -> str:
        """Leave what was typed as it is: Qt would make 123 of 1,2,3."""
        return text or ""

    def stepBy(self, steps: int) -> None:
        """From an empty box to its lowest number that is not negative."""
        if self.value() == _EMPTY:
            self.set_number(min(max(0.0, self._low), self._high))
        elif self._low <= self.value() + steps * self.singleStep():
            super().stepBy(steps)
        else:
            self.set_number(self._low)

    def _without_words(self, text: str | None) -> str:
        """Return what was typed, perhaps before or after the words that stood there."""
        text = text or ""
        for word in self._words.values():
            text = text.replace(word, "") if word else text
        return text.strip()

    def _is_allowed(self, number: float | None) -> bool:
        """Return whether it is a number within the bounds, and whole where it has to be."""
        if number is None or not self._low <= number <= self._high:
            return False
        return self.decimals() > 0 or number == round(number)

    def keyPressEvent(self, event: Any) -> None:
        """Escape takes back what was typed; without any, it leaves the box."""
        if not is_escape(event):
            super().keyPressEvent(event)
        elif self._line.text() != self.textFromValue(self.value()):
            self._typed = self._ambiguous = ""
            self._line.setText(self.textFromValue(self.value()))
        else:
            leave(self)

    def _on_typed(self, text: str) -> None:
        self._typed = text
        self._ambiguous = text.strip() if is_ambiguous(text) else ""

    def _on_value(self) -> None:
        self._typed = ""

    def _on_finished(self) -> None:
        """Say how the text was read if that could be doubted, or what is refused."""
        text, ambiguous = self._without_words(self._typed), self._ambiguous
        self._typed = self._ambiguous = ""
        self._line.setModified(False)
        number = read_number(text)
        if text and number is None:
            self._say(f"“{text}” is not a number")
            self.refused.emit(text)
        elif number is not None and number != self.value() and not self._is_allowed(number):
            self.refused.emit(number)
        elif ambiguous:
            self._say(f"“{ambiguous}” was read as {self.text()}")

    def _say(self, sentence: str) -> None:
        """Say something beside the box, where no line is reserved for it."""
        QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), plain(sentence), self)
