"""One TIFF file a volume, which ImageJ opens; see `napari_lazy_pipeline.exports.formats.imagej_tiff`."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.exports.formats.imagej_tiff import DTYPES, write_volume
from napari_lazy_pipeline.image.stack import Stack


@dataclass(frozen=True)
class TiffFiles:
    """Files ``{name}_ch{c}_t{t}.tif``."""

    title: str = "TIFF, a file per volume"
    dtypes: tuple[str, ...] = DTYPES
    overhead: float = 1.01

    def unavailable(self) -> str | None:
        """It always can."""
        return None

    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        """The file of a volume."""
        return folder / f"{name}_ch{c}_t{t:04d}.tif"

    def place(self, folder: Path, name: str) -> Path:
        """The folder of the files."""
        return folder

    def strangers(self, folder: Path, name: str) -> list[Path]:
        """Files of these names."""
        return sorted(folder.glob(f"{glob.escape(name)}_ch*_t*.tif"))

    def create(self, folder: Path, name: str, stack: Stack, dtype: str, about: Any) -> None:
        """Nothing: each file stands for itself."""

    def write(
        self, folder: Path, name: str, stack: Stack, t: int, c: int, volume: np.ndarray
    ) -> None:
        """Write a file under another name, and give it its own when it is complete."""
        path = self.path(folder, name, t, c)
        part = path.with_name(path.name + ".part")
        try:
            write_volume(part, volume, stack, c)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def finished(self, folder: Path, name: str, t: int, c: int) -> None:
        """Nothing: each file stands for itself."""
