"""Number box: a number that is typed or turned, shown without idle zeros."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QLocale, QSize, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

DECIMALS = 6


class NumberBox(QDoubleSpinBox):
    """Holds a whole or a real number within bounds.

    A number that is out of bounds can be typed, but not entered: the old one comes back, and
    the signal says what was refused. "31.5" is one edit, not the three of typing it.

    Signals
    -------
    refused(number)
        The person entered a number that is not allowed.
    """

    refused = Signal(object)

    def __init__(self, whole: bool, low: float, high: float, step: float, zero: str = "") -> None:
        super().__init__()
        self._typed = ""
        # Files and other programs of the field write a point, whatever the country.
        self.setLocale(QLocale.c())
        self.setKeyboardTracking(False)
        self.setDecimals(0 if whole else DECIMALS)
        self.setRange(max(low, -1e12), min(high, 1e12))
        self.setSingleStep(step)
        self.setSpecialValueText(zero)
        line = self.lineEdit()
        assert line is not None
        line.textEdited.connect(self._on_typed)
        self.valueChanged.connect(self._on_value)
        self.editingFinished.connect(self._on_finished)

    def number(self) -> float | int:
        """The value, of the type of the field."""
        value = self.value()
        return int(value) if self.decimals() == 0 else value

    def without_arrows(self) -> None:
        """Leave them away where there is no room: the keys and the wheel do the same."""
        self.setButtonSymbols(self.ButtonSymbols.NoButtons)
        self.setStyleSheet("min-width: 24px; padding: 1px 2px;")

    def minimumSizeHint(self) -> QSize:
        """Room for six digits: what is longer can be scrolled."""
        hint = super().minimumSizeHint()
        return QSize(
            min(self.fontMetrics().horizontalAdvance("000000") + 8, hint.width()), hint.height()
        )

    def textFromValue(self, value: float) -> str:
        """As few digits as the number needs."""
        text = super().textFromValue(value)
        return text.rstrip("0").rstrip(".") if "." in text else text

    def valueFromText(self, text: str | None) -> float:
        """Read a number, also with a comma."""
        return super().valueFromText((text or "").replace(",", "."))

    def validate(self, text: str | None, position: int) -> Any:
        """Let any number be typed: what is wrong with it is said when it is entered."""
        text = text or ""
        state: Any
        state = super().validate(text.replace(",", "."), position)[0]
        if state == QValidator.State.Invalid and _number(text) is not None:
            state = QValidator.State.Intermediate
        return state, text, position

    def _on_typed(self, text: str) -> None:
        self._typed = text

    def _on_value(self) -> None:
        self._typed = ""

    def _on_finished(self) -> None:
        """Take what Qt did not, if it is a number within the bounds; or say what is refused."""
        typed, self._typed = _number(self._typed), ""
        line = self.lineEdit()
        if line is not None:
            line.setModified(False)
        if typed is None or typed == self.value():
            return
        whole = self.decimals() > 0 or typed == round(typed)
        if whole and self.minimum() <= typed <= self.maximum():
            self.setValue(typed)
        else:
            self.refused.emit(typed)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


class ShortBox(QDoubleSpinBox):
    """A box that shows no digits which say nothing."""

    def textFromValue(self, value: float) -> str:
        """The number without zeros at its end."""
        text = super().textFromValue(value)
        return text.rstrip("0").rstrip(".,") if {".", ","} & set(text) else text


def angle_box(tooltip: str) -> QDoubleSpinBox:
    """A box for the angle of a scan; at its lowest, nobody says which."""
    box = number_box("Angle (degree)", tooltip, -180.0, 179.0, 0.1)
    box.setDecimals(2)
    box.setSpecialValueText("?")
    box.setValue(-180.0)
    return box


def number_box(name: str, tooltip: str, low: float, high: float, step: float) -> QDoubleSpinBox:
    """A box for a number, that tells of it when it is complete."""
    box = ShortBox()
    box.setRange(low, high)
    box.setDecimals(4)
    box.setSingleStep(step)
    box.setToolTip(tooltip)
    box.setAccessibleName(name)
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setStyleSheet("min-width: 48px; padding: 1px 2px;")
    return box
