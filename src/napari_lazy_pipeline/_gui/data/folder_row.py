"""Folder row: which folder, or single file, is opened; those of before are in a menu."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import QPoint, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QWidget
from superqt.utils import qdebounced

from napari_lazy_pipeline._gui.data import recent_folders as recent
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, Work
from napari_lazy_pipeline._gui.widgets.collapsible import small_button

_LONGEST = 48  # letters of a path in the menu


class FolderRow(QWidget):
    """A field for the folder, and a menu of those that were opened before.

    Signals
    -------
    chosen(str)
        The person wants this folder or file, and it is there.
    gone(str)
        The person typed a path that leads nowhere.
    """

    chosen = Signal(str)
    gone = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.current = ""
        self.field = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.field.native.setToolTip("Folder that holds the raw files; nothing is written to it")
        self.field.native.setAccessibleName("Folder")
        self.field.line_edit.native.setAccessibleName("Folder")
        self.field.choose_btn.text = "…"
        self.field.choose_btn.tooltip = "Choose a folder"
        self.field.choose_btn.native.setAccessibleName("Choose a folder")
        self.field.changed.connect(self._on_typed)
        self.button = small_button("▾", "Folders opened before; a single file", "Recent folders")
        self.button.clicked.connect(self.show_menu)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self._file = recent.recent_file()
        self._kept, self._look, self._places = BackgroundTask(), BackgroundTask(), BackgroundTask()
        self._kept.answered.connect(self._fill)
        self._look.answered.connect(self._on_looked)
        self._places.answered.connect(self._grey)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.field.native, 1)
        layout.addWidget(self.button)
        self._fill([])
        self._keep(lambda: recent.read_recent(self._file))

    def show_folder(self, folder: str) -> None:
        """Show a folder without asking for it."""
        self.current = folder
        with self.field.changed.blocked():
            self.field.value = Path(folder)

    def remember(self, path: str) -> None:
        """Put a folder or file that was opened first in the menu."""
        file = self._file
        self._keep(lambda: recent.add_recent(file, path))

    def show_menu(self) -> None:
        """Open the menu; which folders are gone is found out meanwhile."""
        paths = [str(action.data()) for action in self._recent()]
        self._places.ask("recent", lambda: [path for path in paths if not os.path.exists(path)])
        self.menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height())))

    def choose_file(self) -> None:
        """Ask for a single file that holds everything."""
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file", self.current)
        if path:
            self.chosen.emit(path)

    def forget_all(self) -> None:
        """Empty the list."""
        file = self._file
        self._keep(lambda: recent.write_recent(file, []))

    def _keep(self, work: Work) -> None:
        self._kept.ask("list", work)

    def _recent(self) -> list[QAction]:
        return [action for action in self.menu.actions() if action.data()]

    def _fill(self, paths: Sequence[str]) -> None:
        """Make the menu anew."""
        self.menu.clear()
        for path in paths:
            action = self.menu.addAction(_shortened(path))
            action.setData(path)
            action.setToolTip(path)
            action.triggered.connect(lambda _=False, path=path: self.chosen.emit(path))
        if not paths:
            self.menu.addAction("No folder was opened before").setEnabled(False)
        self.menu.addSeparator()
        self.menu.addAction("Choose a single file…", self.choose_file)
        if paths:
            self.menu.addAction("Clear this list", self.forget_all)

    def _grey(self, gone: Sequence[str]) -> None:
        for action in self._recent():
            there = action.data() not in gone
            action.setEnabled(there)
            action.setToolTip(str(action.data()) if there else f"{action.data()} is not there")

    @qdebounced(timeout=300)
    def _on_typed(self, folder: Path | None) -> None:
        # The control tells of each letter that is typed; most of them are no folder yet.
        if folder is None or str(folder) == self.current or folder == Path():
            return
        path = str(folder)
        self._look.ask(path, lambda: (path, os.path.exists(path)))

    def _on_looked(self, answer: tuple[str, bool]) -> None:
        path, there = answer
        if path != self.current:
            self.current = path
            (self.chosen if there else self.gone).emit(path)


def _shortened(path: str) -> str:
    """The end of a path tells more than its beginning."""
    shown = path if len(path) <= _LONGEST else f"…{path[1 - _LONGEST :]}"
    return shown.replace("&", "&&")
