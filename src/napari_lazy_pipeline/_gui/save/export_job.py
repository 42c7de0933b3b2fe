"""Order: what a person wants to be written, as a value that a thread can work on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from napari_lazy_pipeline._gui.widgets.background_task import TaskRun
from napari_lazy_pipeline.compute.resource_estimate import DiskCost, disk_cost
from napari_lazy_pipeline.exports.destination import raw_folder, refuse_dtype, refuse_raw
from napari_lazy_pipeline.exports.export import ExportReport, export
from napari_lazy_pipeline.exports.formats import FormatName, get_format
from napari_lazy_pipeline.image.stack import Stack


@dataclass(frozen=True)
class ExportJob:
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
    format
        Kind of files.
    scheduler
        Address of the dask scheduler whose workers compute; None for this computer.
    """

    view: Stack
    folder: Path
    t: range
    c: tuple[int, ...]
    dtype: Any
    format: FormatName
    scheduler: str | None

    @property
    def count(self) -> int:
        """Number of volumes."""
        return len(self.t) * len(self.c)

    def look(self) -> DiskCost:
        """What it takes on the disk, and what is free there.

        Raises
        ------
        ExportError
            If that would be in the folder of the raw files, or if such files cannot hold it.
        """
        refuse_raw(self.folder, raw_folder(self.view.source))
        spec, format_ = self.view.spec, get_format(self.format)
        refuse_dtype(format_, self.dtype or spec.dtype)
        return disk_cost(spec, self.count, self.dtype, self.folder, format_.overhead)

    def write(self, run: TaskRun) -> ExportReport:
        """Write it in the background; reports `ExportProgress`, raises what `export` raises."""
        start: tuple[float, int] | None = None

        def report(done: int, total: int) -> None:
            # Volumes that existed before tell nothing about the time that a volume takes.
            nonlocal start
            start = start or (monotonic(), done)
            count = done - start[1]
            left = (monotonic() - start[0]) / count * (total - done) if count else None
            run.report(ExportProgress(done, total, left))

        return export(
            self.view, self.folder, t=self.t, c=self.c, dtype=self.dtype, format=self.format,
            scheduler=self.scheduler, progress=report, cancelled=run.cancelled,
        )  # fmt: skip


@dataclass(frozen=True)
class ExportProgress:
    """How far an export is.

    Attributes
    ----------
    done, total
        Volumes that exist, and all.
    seconds_left
        Until the end [s]; None before one was made.
    """

    done: int
    total: int
    seconds_left: float | None


@dataclass
class ExportSettings:
    """What holds for any data, unlike time points and channels.

    Attributes
    ----------
    folder
        Where to write to; None if nobody said it.
    format
        Kind of files.
    dtype
        Type of the pixels; None for that of the data.
    cluster
        Whether a dask cluster computes.
    address
        Of its scheduler.
    """

    folder: Path | None = None
    format: FormatName = "tiff"
    dtype: str | None = None
    cluster: bool = False
    address: str = ""
