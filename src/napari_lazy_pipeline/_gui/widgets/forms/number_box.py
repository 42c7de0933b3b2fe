"""Number box: a number that is typed or turned; without idle zeros, and with a point everywhere."""

from __future__ import annotations

import math
import re
from typing import Any

from qtpy.QtCore import QLocale, QSize, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

DECIMALS = 6
LARGEST = 1e12
_EMPTY = -10 * LARGEST  # stands for None in a box that may be empty
_State = QValidator.State
_STATES = (_State.Invalid, _State.Intermediate, _State.Acceptable)
# Of what may become a number, also with an exponent, which Qt does not let one type.
_BEGINNING = re.compile(r"[+-]?\d*\.?\d*(e[+-]?\d*)?", re.IGNORECASE)


class NumberBox(QDoubleSpinBox):
    """Holds a whole or a real number within bounds.

    A number that is out of bounds can be typed, but not entered: the old one comes back, and
    the signal says what was refused. "31.5" is one edit, not the three of typing it. Words may
    stand for 0, and for None; without such, the box is never empty.
    """

    refused = Signal(object)  # the person entered a number that is not allowed

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
        self._typed = ""
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
        self.valueChanged.connect(lambda: self._on_typed(""))
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
        """Read a number, also with a comma."""
        for value, word in self._words.items():
            if (text or "").strip() == word:
                return value
        plain = self._without_words(text)
        return super().valueFromText(plain) if plain else _EMPTY

    def validate(self, text: str | None, position: int) -> Any:
        """Let any number be typed: what is wrong with it is said when it is entered."""
        text = text or ""
        plain = self._without_words(text)
        state, number = super().validate(plain, position)[0], _number(plain)
        if state == _State.Acceptable and number is not None and number < self._low:
            state = _State.Intermediate
        elif text in self._words.values() or (not plain and _EMPTY in self._words):
            state = _State.Acceptable
        elif _BEGINNING.fullmatch(plain) or any(w.startswith(text) for w in self._words.values()):
            state = max(state, _State.Intermediate, key=_STATES.index)
        return state, text, position

    def stepBy(self, steps: int) -> None:
        """From an empty box to its lowest number that is not negative."""
        if self.value() == _EMPTY:
            self.set_number(min(max(0.0, self._low), self._high))
        elif self._low <= self.value() + steps * self.singleStep():
            super().stepBy(steps)
        else:
            self.set_number(self._low)

    def _without_words(self, text: str | None) -> str:
        """What was typed, perhaps before or after the words that stood there."""
        text = text or ""
        for word in self._words.values():
            text = text.replace(word, "") if word else text
        return text.strip().replace(",", ".")

    def _on_typed(self, text: str) -> None:
        self._typed = text

    def _on_finished(self) -> None:
        """Enter what Qt did not, if it is a number within the bounds; or say what is refused."""
        number, self._typed = _number(self._without_words(self._typed)), ""
        self._line.setModified(False)
        if number is None or number == self.value():
            return
        whole = self.decimals() > 0 or number == round(number)
        if whole and self._low <= number <= self._high:
            self.setValue(number)
        else:
            self.refused.emit(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
