"""Reader: a folder of TIFF files that is dropped on napari opens lazily in the dock."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

Reader = Callable[[Any], list[Any]]
_SUFFIXES = (".tif", ".tiff")
_LOOK_AT = 1000  # names, before a folder is taken for one that holds no stacks


def folder_reader(path: str | list[str]) -> Reader | None:
    """Return a reader if the path is a folder of TIFF files; decides by names alone."""
    if isinstance(path, list):
        path = path[0] if len(path) == 1 else ""
    if not path or not os.path.isdir(path):
        return None
    try:
        with os.scandir(path) as entries:
            found = any(e.name.lower().endswith(_SUFFIXES) for e in islice(entries, _LOOK_AT))
    except OSError:
        # Another reader may know better what to do with a folder that cannot be listed.
        return None
    return _open_in_dock if found else None


def _open_in_dock(path: str | list[str]) -> list[Any]:
    """Open the folder in the dock, which makes the layers when the first pixels are there."""
    from napari_lazy_pipeline._gui.docks import dock_of

    dock_of().open_folder(Path(path[0] if isinstance(path, list) else path))
    return [(None,)]
