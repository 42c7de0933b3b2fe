"""Many files: empty ones, and a source of some that do not exist."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers.tiff import READER

SHAPE = (6, 4, 5)


def touch(folder: Path, names: Iterable[str]) -> None:
    """Make empty files."""
    for name in names:
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY, 0o644))


def synthetic(count: int) -> FileSource:
    """A source of many files that do not exist."""
    names = [
        f"cell5_ch{c}_stack{t:05d}_488nm_{t * 37:07d}msec_{t * 37 + c:010d}msecAbs.tif"
        for t in range(count // 2)
        for c in range(2)
    ]
    layout = arrange(names, compile_pattern("cell5_ch{c}_stack{t}_*.tif"))
    return FileSource("/nowhere", layout, READER, FileInfo(names[0], SHAPE, "uint16", 9))
