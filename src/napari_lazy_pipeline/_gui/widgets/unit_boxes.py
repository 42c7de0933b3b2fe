"""Boxes for numbers, that tell of a number when it is complete."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox


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
