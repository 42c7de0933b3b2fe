"""Result row: says where the written files are, and leads there."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.widgets.text import Sentence


class ResultLinks(QWidget):
    """Where the result is.

    Signals
    -------
    wanted(Path)
        The person wants to see the result in napari.
    """

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._place = Path()
        self.where = Sentence()
        self.where.setToolTip("What to open in other programs")
        self.folder = _button("Open folder", "Show the files in the file manager")
        self.copy = _button("Copy path", "Copy where the result is, for other programs")
        self.show_button = _button("Show result", "Show what was written as layers of napari")
        row = QHBoxLayout()
        for button in (self.folder, self.copy, self.show_button):
            row.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.where)
        layout.addLayout(row)
        self.folder.clicked.connect(self._on_folder)
        self.copy.clicked.connect(self._on_copy)
        self.show_button.clicked.connect(lambda: self.wanted.emit(self._place))
        self.setVisible(False)

    def show_place(self, place: Path | None, told: Path | None = None) -> None:
        """Lead to the result, and say where it is unless that was told; None: there is none."""
        self.setVisible(place is not None)
        if place is not None:
            self._place = place.absolute()
            self.where.say(str(self._place) if place != told else "")

    def _on_folder(self) -> None:
        # Of a store, the folder around it: inside it are hundreds of chunks.
        store = self._place.suffix == ".zarr"
        folder = self._place.parent if store else self._place
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(str(self._place))


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(text)
    button.setStyleSheet("padding: 3px 4px;")
    return button
