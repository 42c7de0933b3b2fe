"""PSF questions: for each channel whose PSF is not certain, the files that may be meant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePath

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.text import Sentence, plain
from napari_lazy_pipeline.psf.psf_choice import PsfChoice

_ASK = "Choose the PSF…"


class PsfQuestions(QWidget):
    """A row a channel: why its file is not certain, and a list to choose it from."""

    chosen = Signal(str, str)  # the person chose for this channel this file

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, QComboBox] = {}
        self._shown: dict[str, PsfChoice] = {}
        self._column = column(parent=self)
        self.setVisible(False)

    def show_choices(self, choices: Mapping[str, PsfChoice], present: Mapping[str, object]) -> None:
        """Ask about the channels that are not certain; ``present`` is what each of them has now."""
        doubtful = {channel: one for channel, one in choices.items() if not one.path}
        if doubtful != self._shown:
            self._shown = doubtful
            self._rebuild()
        for channel, box in self.boxes.items():
            box.setCurrentIndex(max(box.findData(present.get(channel)), 0))

    def _rebuild(self) -> None:
        self.boxes = {}
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for channel, choice in self._shown.items():
            self._column.addWidget(Sentence(f"{channel}: {choice.reason}"))
            self._column.addWidget(self._box(channel, choice))
        self.setVisible(bool(self._shown))

    def _box(self, channel: str, choice: PsfChoice) -> QComboBox:
        box = self.boxes[channel] = QComboBox()
        box.addItem(_ASK, "")
        for path in choice.candidates:
            box.addItem(PurePath(path).name, path)
            box.setItemData(box.count() - 1, plain(path), Qt.ItemDataRole.ToolTipRole)
        box.setAccessibleName(f"PSF of channel {channel}")
        box.setToolTip(plain(f"PSF files for channel {channel}, the likeliest first"))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.activated.connect(partial(self._on_activated, channel))
        return box

    def _on_activated(self, channel: str, index: int) -> None:
        path = self.boxes[channel].itemData(index)
        if path:
            self.chosen.emit(channel, path)
