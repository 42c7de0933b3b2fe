"""Order: what a person wants to be written, as a value that a thread can work on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.costs import DiskCost, disk_cost
from napari_lazy_pipeline.stack import Stack
from napari_lazy_pipeline.target import raw_folder, refuse_raw


@dataclass(frozen=True)
class Order:
    """What the person wants to be written.

    Attributes
    ----------
    view
        The processed data.
    folder
        Where to.
    t, c
        Time points and channels.
    dtype
        Type of the pixels; None for that of the data.
    """

    view: Stack
    folder: Path
    t: range
    c: tuple[int, ...]
    dtype: Any

    @property
    def count(self) -> int:
        """Number of volumes."""
        return len(self.t) * len(self.c)

    def look(self) -> DiskCost:
        """What it takes on the disk, and what is free there.

        Raises
        ------
        ExportError
            If that would be in the folder of the raw files.
        """
        refuse_raw(self.folder, raw_folder(self.view.source))
        return disk_cost(self.view.spec, self.count, self.dtype, self.folder)
