"""Choice: one of a few words, all of them in sight; or in a list."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QComboBox, QPushButton, QSizePolicy, QWidget

from napari_lazy_pipeline._gui.widgets.layout import push_button, row


class Choice(QWidget):
    """A row of buttons of which one is pressed."""

    chosen = Signal(str)  # the person chose a value

    def __init__(self, name: str, words: dict[str, tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.buttons = {value: self._button(value, name, *words[value]) for value in words}
        group = QButtonGroup(self)
        for button in self.buttons.values():
            group.addButton(button)
        row(*[(button, 1) for button in self.buttons.values()], parent=self, spacing=1)

    def _button(self, value: str, name: str, word: str, tooltip: str) -> QPushButton:
        button = push_button(word, tooltip, lambda: self.chosen.emit(value), checkable=True)
        button.setAccessibleName(f"{name}: {word}")
        button.setStyleSheet("padding: 3px 4px;")
        return button

    @property
    def value(self) -> str:
        return next((v for v, button in self.buttons.items() if button.isChecked()), "")

    def set(self, value: str) -> None:
        self.buttons[value].setChecked(True)

    def enable(self, value: str, on: bool, tooltip: str) -> None:
        """Allow a value to be chosen, or not; the tooltip says what it is, or why not."""
        self.buttons[value].setEnabled(on)
        self.buttons[value].setToolTip(tooltip)


def combo_box(name: str, tooltip: str) -> QComboBox:
    """Make an empty list to choose from, which gives way in a narrow dock."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tooltip)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
