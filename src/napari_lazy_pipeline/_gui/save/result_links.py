"""Result links: says where the written files are, and leads there."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, row
from napari_lazy_pipeline._gui.widgets.text import Sentence


class ResultLinks(QWidget):
    """Where the result is.

    Signals
    -------
    show_requested(Path)
        The person wants to see the result in napari.
    """

    show_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._path = Path()
        self.where = Sentence()
        self.where.setToolTip("What to open in other programs")
        self.folder = _button("Open folder", "Show the files in the file manager")
        self.copy = _button("Copy path", "Copy where the result is, for other programs")
        self.show_button = _button("Show result", "Show what was written as layers of napari")
        column(self.where, row(self.folder, self.copy, self.show_button), parent=self)
        self.folder.clicked.connect(self._on_folder)
        self.copy.clicked.connect(self._on_copy)
        self.show_button.clicked.connect(lambda: self.show_requested.emit(self._path))
        self.setVisible(False)

    def show_result(self, path: Path | None, named: Path | None = None) -> None:
        """Lead to a result, and say where it is unless that was ``named``; None: there is none."""
        self.setVisible(path is not None)
        if path is not None:
            self._path = path.absolute()
            self.where.say(str(self._path) if path != named else "")

    def _on_folder(self) -> None:
        # Of a store, the folder around it: inside it are hundreds of chunks.
        store = self._path.suffix == ".zarr"
        folder = self._path.parent if store else self._path
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(str(self._path))


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(text)
    button.setStyleSheet("padding: 3px 4px;")
    return button
