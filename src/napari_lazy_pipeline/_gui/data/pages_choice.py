"""Pages choice: what the pages of a file are, where the file leaves it open."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.forms.number_box import NumberBox
from napari_lazy_pipeline._gui.widgets.layout import row
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.readers import axes_in_words, possible_axes

_ALL = {"": "as the files say", "ZYX": "planes (z)", "TYX": "time points", "CYX": "channels"}
# Of volumes with a number of planes each.
_VOLUMES = {
    "TZYX": "volumes in time", "CZYX": "channels, one after the other",
    "ZCYX": "planes whose channels alternate", "ZTYX": "planes whose time points alternate",
}  # fmt: skip


class PagesChoice(QWidget):
    """A list of what pages may be, and the number of planes of a volume where that is asked."""

    changed = Signal(dict)  # `axes` and `planes` of `open_stack`, as the person chose them

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = combo_box("Pages", "What the pages of a file are, where files leave it open")
        self.count = NumberBox(whole=True, low=1, high=1_000_000)
        self.count.setAccessibleName("Planes of a volume")
        self.count.setToolTip("Number of planes (z) of each volume")
        self.count.without_arrows()
        self._label = QLabel("planes each")
        row(self.combo, self.count, self._label, parent=self)
        self._pages = 0
        self.combo.activated.connect(self._on_axes)
        self.count.valueChanged.connect(self._on_depth)

    @property
    def _asks_depth(self) -> bool:
        return self.combo.currentData() in _VOLUMES and self._pages > 0

    def show_folder_info(self, folder_info: FolderInfo) -> bool:
        """Show what the pages of the open files are taken for; return whether they are a choice."""
        info = folder_info.source.info
        asked = any(question.about == "axes" for question in folder_info.questions)
        lengths = info.unnamed
        self._pages = lengths[0] if len(lengths) == 1 else 0
        choices = {**_ALL, **(_VOLUMES if self._pages else {})}
        if len(lengths) in (2, 3):
            choices |= {axes: axes_in_words(axes, lengths) for axes in possible_axes(lengths)}
        if info.depth or info.axes not in choices:
            self._pages = self._pages or info.depth
            choices |= _VOLUMES if info.depth else {info.axes: info.axes}
        self.combo.clear()
        for value, words in choices.items():
            self.combo.addItem(words, value)
        axes = info.axes or ("TZYX" if info.depth else "")
        self.combo.setCurrentIndex(self.combo.findData(axes))
        self._show_depth(info.depth)
        alone = bool(lengths) and folder_info.source.files == 1
        return info.restated or asked or alone

    def _show_depth(self, depth: int) -> None:
        self.count.blockSignals(True)
        self.count.set_number(depth or max(self._pages, 1))
        self.count.blockSignals(False)
        for part in (self.count, self._label):
            part.setVisible(self._asks_depth)

    def _on_axes(self) -> None:
        self._show_depth(int(self.count.number() or 0))
        if self._asks_depth:
            # All planes in one volume is what there is already.
            self.count.setFocus()
            self.count.selectAll()
        else:
            axes = self.combo.currentData()
            self.changed.emit({"axes": axes} if axes else {})

    def _on_depth(self) -> None:
        options: dict[str, Any] = {"axes": self.combo.currentData()}
        self.changed.emit({**options, "planes": int(self.count.number() or 1)})
