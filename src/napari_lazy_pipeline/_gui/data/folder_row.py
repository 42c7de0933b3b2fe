"""Folder row: which folder, or single file, is opened; recent ones are in a menu."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import QPoint, QStandardPaths, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QMenu, QWidget
from superqt.utils import qdebounced

from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.escape_key import EscapeKey
from napari_lazy_pipeline._gui.widgets.layout import row, small_button
from napari_lazy_pipeline._gui.widgets.text import entry_text, plain
from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline.errors import printable

_LONGEST = 48  # letters of a path in the menu
_MOST = 12  # paths in the menu


class FolderRow(QWidget):
    """A field for the folder, and a menu of recent ones."""

    chosen = Signal(str)  # folder or file, which exists
    missing = Signal(str)  # path that was typed and leads nowhere

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.current = ""
        self.field = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.field.native.setToolTip("Folder that holds the raw files; nothing is written to it")
        self.field.native.setAccessibleName("Folder")
        self.field.line_edit.native.setAccessibleName("Folder")
        EscapeKey(self.field.line_edit.native)
        self.field.choose_btn.text = "…"
        self.field.choose_btn.tooltip = "Choose a folder"
        self.field.choose_btn.native.setAccessibleName("Choose a folder")
        self.field.changed.connect(self._on_edited)
        self.button = small_button("▾", "Folders opened before; a single file", "Recent folders")
        self.button.clicked.connect(self.show_menu)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self._file = recent_file()
        self._list, self._check, self._menu_check = (BackgroundTask() for _ in range(3))
        self._list.finished.connect(self._fill)
        self._check.finished.connect(self._on_checked)
        self._menu_check.finished.connect(self._disable_missing)
        row((self.field.native, 1), self.button, parent=self)
        self._fill([])
        self._update_list(read_recent)

    def show_folder(self, folder: str) -> None:
        """Show a folder without opening it."""
        self.current = folder
        with self.field.changed.blocked():
            self.field.value = Path(folder)

    def add_recent(self, path: str) -> None:
        """Put a folder or file that was opened first in the menu."""
        self._update_list(lambda file: add_recent(file, path))

    def show_menu(self) -> None:
        """Open the menu; which folders are missing is checked meanwhile."""
        paths = [str(action.data()) for action in self.recent_actions()]
        self._menu_check.start("recent", lambda _: [p for p in paths if not os.path.exists(p)])
        self.menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height())))

    def choose_folder(self) -> None:
        """Let the person choose a folder."""
        path = QFileDialog.getExistingDirectory(self, "Choose a folder", self.current)
        if path:
            self.chosen.emit(path)

    def choose_file(self) -> None:
        """Let the person choose a single file that holds everything."""
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file", self.current)
        if path:
            self.chosen.emit(path)

    def recent_actions(self) -> list[QAction]:
        """Entries of the menu that open a recent folder or file."""
        return [action for action in self.menu.actions() if action.data()]

    def _update_list(self, update: Callable[[Path], list[str]]) -> None:
        file = self._file
        self._list.start("list", lambda _: update(file))

    def _fill(self, paths: Sequence[str]) -> None:
        """Fill the menu with these paths."""
        self.menu.clear()
        for path in paths:
            action = self.menu.addAction(_shorten(path))
            action.setData(path)
            action.setToolTip(plain(printable(path)))
            action.triggered.connect(lambda _=False, path=path: self.chosen.emit(path))
        if not paths:
            self.menu.addAction("No folder was opened before").setEnabled(False)
        self.menu.addSeparator()
        self.menu.addAction("Choose a single file…", self.choose_file)
        if paths:
            empty = partial(write_recent, folders=[])
            self.menu.addAction("Clear this list", lambda: self._update_list(empty))

    def _disable_missing(self, missing: Sequence[str]) -> None:
        for action in self.recent_actions():
            exists = action.data() not in missing
            action.setEnabled(exists)
            path = plain(printable(str(action.data())))
            action.setToolTip(path if exists else f"{path} is not there")

    @qdebounced(timeout=300)
    def _on_edited(self, folder: Path | None) -> None:
        # The control signals each letter; most of the texts are no folder yet.
        if folder is None or str(folder) == self.current or folder == Path():
            return
        path = str(folder)
        self._check.start(path, lambda _: (path, os.path.exists(path)))

    def _on_checked(self, result: tuple[str, bool]) -> None:
        path, exists = result
        if path != self.current:
            self.current = path
            (self.chosen if exists else self.missing).emit(path)


def _shorten(path: str) -> str:
    """Cut a long path: its end tells more than its beginning."""
    text = path if len(path) <= _LONGEST else f"…{path[1 - _LONGEST :]}"
    return entry_text(text)


# ---- recent folders: a file of this user, for the next session ----------------------------


def recent_file() -> Path:
    """Path of the list: with the other settings of this user."""
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(base) / "napari-lazy-pipeline" / "recent.json"


def read_recent(file: Path) -> list[str]:
    """Read the list, the latest first; a file that is broken, or not there, is an empty list."""
    try:
        data = json.loads(read_text(file))
    except (OSError, ValueError):
        # It is a convenience: the next folder that is opened writes it anew.
        return []
    folders = data.get("folders") if isinstance(data, dict) else None
    if not isinstance(folders, list):
        return []
    return [path for path in folders if isinstance(path, str) and path][:_MOST]


def add_recent(file: Path, folder: str) -> list[str]:
    """Put a folder first, and return the list."""
    return write_recent(file, [folder, *(path for path in read_recent(file) if path != folder)])


def write_recent(file: Path, folders: Sequence[str]) -> list[str]:
    """Write the list in one go, and return it; where that is not allowed, it is not stored."""
    recent = list(folders[:_MOST])
    # A list of folders is not worth a message: nothing of the data depends on it.
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps({"folders": recent}, indent=2))
    return recent
