"""Reader: a folder of stacks, or a file that holds one, opens lazily in the dock when dropped."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from napari_lazy_pipeline.io.readers import suffixes

Reader = Callable[[Any], list[Any]]
# Pictures are napari's own, and .raw may be anything; the manifest lists the others.
_NOT_OURS = (".png", ".jpg", ".jpeg", ".bmp", ".raw")
_MOST_NAMES = 1000  # names, before a folder is taken for one that holds no stacks
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
    if isinstance(path, list):
        path = path[0] if len(path) == 1 else ""
    if not path or not (_is_ours(path) or _holds_ours(path)):
        return None
    return _open_in_dock


def _is_ours(name: str) -> bool:
    endings = tuple(end for end in suffixes() if end not in _NOT_OURS)
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
    """Open the folder in the dock, which makes the layers when the first pixels are there."""
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    dock_of().open_folder(Path(path[0] if isinstance(path, list) else path))
    return [(None,)]
