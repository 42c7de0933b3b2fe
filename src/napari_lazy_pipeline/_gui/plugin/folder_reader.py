"""Reader: a folder of stacks, or a file that holds one, opens lazily in the dock when dropped."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_lazy_pipeline.io.ome_set import COMPANION, is_companion
from napari_lazy_pipeline.io.patterns.proposal import pattern_of_files
from napari_lazy_pipeline.io.readers import suffixes

if TYPE_CHECKING:
    from napari_lazy_pipeline._gui.dock import LazyPipelineWidget

Reader = Callable[[Any], list[Any]]
# Pictures are napari's own, and .raw may be anything; the manifest lists the others.
_NOT_OURS = (".png", ".jpg", ".jpeg", ".bmp", ".raw")
_MOST_NAMES = 1000  # names, before a folder is taken for one that holds no stacks
_dropped: WeakKeyDictionary[LazyPipelineWidget, _DroppedFiles] = WeakKeyDictionary()
_FOLDERS = 3  # that are looked into, where there is nothing beside them


def folder_reader(path: str | list[str] | None = None) -> Reader | None:
    """Return a reader if the path is a stack, or a folder of them; decides by names alone.

    Without a path, as the command palette calls it, ask for a folder and open that.
    """
    if path is None:
        folder = QFileDialog.getExistingDirectory(None, "Open a folder of raw stacks")
        if folder:
            _open_in_dock(folder)
        return None
    paths = path if isinstance(path, list) else [path]
    if len(paths) > 1:
        return _open_in_dock if _is_one_stack(paths) else None
    ours = paths and paths[0] and (_is_ours(paths[0]) or _holds_ours(paths[0]))
    return _open_in_dock if ours else None


def _is_ours(name: str) -> bool:
    endings = (*(end for end in suffixes() if end not in _NOT_OURS), COMPANION)
    return name.rstrip("/\\").lower().endswith(endings)


def _holds_ours(folder: str, deeper: bool = True) -> bool:
    """Return whether there are stacks in a folder, or in one of its first folders."""
    try:
        with os.scandir(folder) as entries:
            first = list(islice(entries, _MOST_NAMES))
    except OSError:
        # Another reader may know better what to do with what cannot be listed.
        return False
    # An OME-Zarr may be part of something larger, that others know.
    if any(_is_ours(entry.name) and not entry.name.lower().endswith(".zarr") for entry in first):
        return True
    folders = islice((entry.path for entry in first if entry.is_dir()), _FOLDERS if deeper else 0)
    return any(_holds_ours(inside, deeper=False) for inside in folders)


def _open_in_dock(path: str | list[str]) -> list[Any]:
    """Open the folder in the dock, which makes the layers when the first pixels are there.

    Files that are dropped together come one by one; they are opened as one stack.
    """
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    paths = path if isinstance(path, list) else [path]
    dock = dock_of()
    if len(paths) > 1 or not _is_ours(paths[0]):
        _show(dock, paths)
    else:
        if dock not in _dropped:
            _dropped[dock] = _DroppedFiles(dock)
        _dropped[dock].add(paths[0])
    return [(None,)]


class _DroppedFiles(QObject):
    """Gathers files until napari is done with all of them: between two it handles events.

    How long that takes tells nothing. An object that is to be deleted later goes when what handles
    the drop has returned, whatever events it handles meanwhile.
    """

    def __init__(self, dock: LazyPipelineWidget) -> None:
        super().__init__(dock)
        self._paths: dict[str, None] = {}
        self._end: QObject | None = None

    def add(self, path: str) -> None:
        if not self._paths:
            self._end = QObject()
            self._end.destroyed.connect(self._open)
            self._end.deleteLater()
        self._paths[path] = None

    def _open(self) -> None:
        paths = list(self._paths)
        self._paths.clear()
        if len(paths) > 1 and not _is_one_stack(paths):
            show_warning(f"Files of several folders were dropped; {paths[0]} is opened")
            paths = paths[:1]
        dock: Any = self.parent()
        _show(dock, paths)


def _is_one_stack(paths: list[str]) -> bool:
    return len({os.path.dirname(one) for one in paths}) == 1 and all(map(_is_ours, paths))


def _show(dock: LazyPipelineWidget, paths: list[str]) -> None:
    # One that describes the others is enough.
    whole = paths if len(paths) == 1 else list(filter(is_companion, paths))
    if whole:
        dock.open_folder(Path(whole[0]))
    else:
        folder, names = os.path.dirname(paths[0]), [os.path.basename(one) for one in paths]
        dock.open_folder(folder, pattern_of_files(names, suffixes()))
