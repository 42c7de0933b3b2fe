"""Proposed folder: where an export is written to unless a person says otherwise."""

from __future__ import annotations

import os
import re
from itertools import count
from pathlib import Path

from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.destination import Destination, raw_folder
from napari_lazy_pipeline.exports.output_name import shortened
from napari_lazy_pipeline.image import Stack

_SUFFIX = "_processed"


def first_proposal(raw: Path, position: str | None = None) -> Path:
    """Name of the folder beside raw data; of several positions, each has its own."""
    name = raw.name + _SUFFIX
    if position:
        name += "_" + position_folder(position)
    return raw.parent / shortened(name)


def position_folder(position: str) -> str:
    """Name of the folder of a position, without what names of files cannot have."""
    return re.sub(r"[^\w.-]+", "_", position)


def propose_folder(
    stack: Stack, dtype: str | None, kind: str, position: str | None = None
) -> Path | None:
    """Return a folder beside the raw data that is empty, or holds a part of the same export.

    None if the stack is from no folder.
    """
    raw = raw_folder(stack.source)
    if raw is None:
        return None
    first = first_proposal(raw, position)
    names = (first if n == 1 else first.with_name(f"{first.name}_{n}") for n in count(1))
    return next(folder for folder in names if _is_free(stack, folder, dtype, kind))


def _is_free(stack: Stack, folder: Path, dtype: str | None, kind: str) -> bool:
    if not os.path.lexists(folder):
        return True
    try:
        destination = Destination.open(stack, folder, dtype, kind)
        return destination.log.begun or not any(folder.iterdir())
    except (ExportError, OSError):
        return False
