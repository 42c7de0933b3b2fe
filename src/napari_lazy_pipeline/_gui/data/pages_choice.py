"""Pages choice: what the pages of a file are, where the file leaves it open."""

from __future__ import annotations

import re

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.forms.number_box import NumberBox
from napari_lazy_pipeline._gui.widgets.layout import column, row
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.readers import axes_in_words, possible_axes

_ALL = {"": "as the files say", "ZYX": "planes (z)", "TYX": "time points", "CYX": "channels"}
# Of volumes with a number of planes each.
_VOLUMES = {
    "TZYX": "volumes in time", "CZYX": "channels, one after the other",
    "ZCYX": "planes whose channels alternate", "ZTYX": "planes whose time points alternate",
}  # fmt: skip
# Of volumes with a number of planes, and a number of channels, each.
_BOTH = {
    "TCZYX": "in time, channel by channel",
    "TZCYX": "in time, channels alternate",
}  # fmt: skip


class PagesChoice(QWidget):
    """A list of what pages may be, and the planes and channels of a volume where that is asked."""

    changed = Signal(dict)  # `axes` and `planes` of `open_stack`, as the person chose them

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = combo_box(
            "Pages", "What the pages of a file are: those that no text tells of are one volume"
        )
        self.count = NumberBox(whole=True, low=1, high=1_000_000)
        self.count.setAccessibleName("Planes of a volume")
        self.count.setToolTip("Number of planes (z) of each volume")
        self.count.without_arrows()
        self._label = QLabel("planes each")
        self.channels = NumberBox(whole=True, low=1, high=1000)
        self.channels.setAccessibleName("Channels of a time point")
        self.channels.setToolTip("Number of channels of each time point")
        self.channels.without_arrows()
        self._of_channels = QLabel("channels")
        self._boxes = self.count, self._label, self.channels, self._of_channels
        column(self.combo, row(*self._boxes), parent=self)
        self._pages = 0
        self.combo.activated.connect(self._on_axes)
        self.count.valueChanged.connect(self._on_count)
        self.channels.valueChanged.connect(self._on_count)

    @property
    def _asks_depth(self) -> bool:
        return self.combo.currentData() in {**_VOLUMES, **_BOTH} and self._pages > 0

    def show_folder_info(self, folder_info: FolderInfo) -> bool:
        """Show what the pages of the open files are taken for; return whether they are a choice."""
        info = folder_info.source.info
        asked = any(question.about == "axes" for question in folder_info.questions)
        lengths = info.unnamed
        self._pages = lengths[0] if len(lengths) == 1 else 0
        choices = {**_ALL, **({**_VOLUMES, **_BOTH} if self._pages else {})}
        if len(lengths) in (2, 3):
            choices |= {axes: axes_in_words(axes, lengths) for axes in possible_axes(lengths)}
        axes, depth, channels = _shown(info.axes, info.depth)
        if depth or axes not in choices:
            self._pages = self._pages or depth
            choices |= {**_VOLUMES, **_BOTH} if depth else {axes: axes}
        self.combo.clear()
        for value, words in choices.items():
            self.combo.addItem(words, value)
        self.combo.setCurrentIndex(self.combo.findData(axes))
        self._show_counts(depth or max(self._pages, 1), channels)
        return info.restated or asked or bool(lengths)

    def _show_counts(self, depth: int, channels: int) -> None:
        for box, number in ((self.count, depth), (self.channels, channels)):
            box.blockSignals(True)
            box.set_number(number)
            box.blockSignals(False)
        for part in self._boxes:
            part.setVisible(self._asks_depth)
        for part in (self.channels, self._of_channels):
            part.setVisible(self._asks_depth and self.combo.currentData() in _BOTH)

    def _counts(self) -> tuple[int, int]:
        return int(self.count.number() or 1), int(self.channels.number() or 1)

    def _on_axes(self) -> None:
        self._show_counts(*self._counts())
        if self._asks_depth:
            # All planes in one volume is what there is already.
            self.count.setFocus()
            self.count.selectAll()
        else:
            axes = self.combo.currentData()
            self.changed.emit({"axes": axes} if axes else {})

    def _on_count(self) -> None:
        axes, (depth, channels) = self.combo.currentData(), self._counts()
        if axes in _VOLUMES:
            self.changed.emit({"axes": axes, "planes": depth})
        elif depth * channels <= self._pages:  # else the other number is still to come
            stated = axes.replace("C", f"C{channels}").replace("Z", f"Z{depth}")
            self.changed.emit({"axes": stated})


def _shown(axes: str, depth: int) -> tuple[str, int, int]:
    """Axes as they stand in the list, and the planes and channels of a volume."""
    stated = {name: int(size) for name, size in re.findall("([CZ])([0-9]+)", axes)}
    plain = re.sub("[0-9]", "", axes)
    if plain in _BOTH and len(stated) == 2:
        return plain, stated["Z"], stated["C"]
    return axes or ("TZYX" if depth else ""), depth, 1
