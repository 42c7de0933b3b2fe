"""Result links: says where the written files are, and leads there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence


class ResultLinks(QWidget):
    """Buttons that lead to a result."""

    # What is to be shown in napari: Path, a file of it, and the recorded time points it shows.
    show_requested = Signal(object, object, object)

    def __init__(self) -> None:
        super().__init__()
        self._path, self._file = Path(), Path()
        self._recorded: range | None = None
        self.where = Sentence()
        self.where.setToolTip("What to open in other programs")
        tooltip = "Show the files in the file manager"
        self.folder = push_button("Open folder", tooltip, self._on_folder)
        tooltip = "Copy where the result is, for other programs"
        self.copy = push_button("Copy path", tooltip, self._on_copy)
        tooltip = "Show what was written as layers of napari"
        self.show_button = push_button(
            "Show result",
            tooltip,
            lambda: self.show_requested.emit(self._path, self._file, self._recorded),
        )
        for button in (self.folder, self.copy, self.show_button):
            button.setStyleSheet("padding: 3px 4px;")
        column(self.where, row(self.folder, self.copy, self.show_button), parent=self)
        self.setVisible(False)

    def show_result(
        self,
        path: Path | None,
        named: Path | None = None,
        title: str = "",
        files: Sequence[Path] = (),
        recorded: range | None = None,
    ) -> None:
        """Lead to a result, and say where it is unless that was ``named``; None: there is none.

        The ``title`` of its data, where there are several, is said with the place in any case.
        What lies there besides its ``files`` is of others. The time points that its steps made
        show those ``recorded``.
        """
        self.setVisible(path is not None)
        if path is not None:
            self._path, self._file = path.absolute(), files[0] if files else path
            self._recorded = recorded
            place = f"{title}: {self._path}" if title else str(self._path)
            self.where.say(place if title or path != named else "")

    def forget_times(self) -> None:
        """The time points of the recording have other numbers now."""
        self._recorded = None

    def _on_folder(self) -> None:
        # Of a store, the folder around it: inside it are hundreds of chunks.
        store = self._path.suffix == ".zarr"
        folder = self._path.parent if store else self._path
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(str(self._path))
