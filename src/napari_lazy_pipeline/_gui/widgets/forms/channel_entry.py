"""Channel entry: chooses a channel by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox

from napari_lazy_pipeline._gui.widgets.forms.entries import Entry


class ChannelEntry(Entry):
    """A list of the channels there are; a name that is none of them stays in it.

    ``empty`` is the word for no name.
    """

    def __init__(self, empty: str = "none", **options: Any) -> None:
        self._empty, self._channels = empty, tuple[str, ...]()
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(4)
        box.setMinimumWidth(20)
        self._value = ""
        super().__init__(box, **options)
        self._show_names()
        box.currentIndexChanged.connect(self._on_chosen)

    def get_value(self) -> Any:
        return self._value

    def set_value(self, value: Any) -> None:
        if value != self._value:
            self._value = value
            self._show_names()
            self._on_edited()

    def set_channels(self, names: Sequence[str]) -> None:
        """Offer these channels: those that the step meets."""
        if tuple(names) != self._channels:
            self._channels = tuple(names)
            self._show_names()

    def _show_names(self) -> None:
        names = list(dict.fromkeys([*self._channels, *([self._value] if self._value else [])]))
        with QSignalBlocker(self.editor):
            self.editor.clear()
            self.editor.addItem(self._empty, "")
            for name in names:
                absent = "" if name in self._channels else " (not there)"
                self.editor.addItem(f"{name}{absent}", name)
            self.editor.setCurrentIndex(self.editor.findData(self._value))

    def _on_chosen(self, index: int) -> None:
        self.value = self.editor.itemData(index)
