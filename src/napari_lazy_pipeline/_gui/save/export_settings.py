"""Export settings: what a person states for an export, and an export as a thread runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_lazy_pipeline._gui.save.selection_entries import RangeEntry, TicksEntry
from napari_lazy_pipeline._gui.widgets.background_task import TaskRun
from napari_lazy_pipeline.compute.resource_estimate import DiskCost, TimeLeft, disk_cost
from napari_lazy_pipeline.exports.destination import raw_folder, refuse_dtype, refuse_raw
from napari_lazy_pipeline.exports.export import ExportReport, export
from napari_lazy_pipeline.exports.formats import Dtype, FormatName, format_names, get_format
from napari_lazy_pipeline.image import Stack

_FORMATS = {name: (get_format(name).title, get_format(name).summary) for name in format_names()}
WORKERS = {
    "here": ("This computer", "One volume after the other, while you go on looking"),
    "cluster": (
        "Dask cluster",
        "All workers of a dask scheduler, which see the same folders as this computer",
    ),
}


def _field(default: object, title: str, description: str, **options: Any) -> Any:
    return Field(default, title=title, description=description, json_schema_extra=options)


class ExportSettings(BaseModel):
    """What is written, where to, in which format, and who computes it."""

    model_config = ConfigDict(frozen=True)

    folder: Path | None = _field(
        None, "Write to", "Folder to write to; never that of the raw files", format="path", mode="d"
    )
    times: tuple[int, int] = _field(
        (0, 0),
        "Time points",
        "time point, counted from 0 as the slider does",
        widget_type=RangeEntry,
    )
    channels: tuple[int, ...] = _field((), "Channels", "Channels to write", widget_type=TicksEntry)
    format: FormatName = _field("tiff", "Format", "Kind of files", buttons=True, words=_FORMATS)
    dtype: Dtype | None = _field(
        None,
        "Data type",
        "Type of the pixels; integers are rounded, and clipped to what they can hold",
        empty="as computed",
    )
    workers: Literal["here", "cluster"] = _field(
        "here", "Compute on", "Who makes the volumes", buttons=True, words=WORKERS
    )
    scheduler: str = _field(
        "",
        "Scheduler",
        "Address of the dask scheduler, as it says when it is started",
        empty="tcp://node1:8786",
    )

    def after_edit(self, name: str, before: ExportSettings) -> ExportSettings:
        """Leave out pixels that the format cannot hold."""
        dtypes = get_format(self.format).dtypes
        return self if self.dtype in (None, *dtypes) else self.model_copy(update={"dtype": None})

    @property
    def complete(self) -> bool:
        """Whether it is stated where to write, and who computes."""
        return self.folder is not None and (self.workers == "here" or bool(self.scheduler))


@dataclass(frozen=True)
class ExportJob:
    """An export of processed data that can be started."""

    view: Stack
    settings: ExportSettings  # complete
    expected: float | None = None  # time for a volume [s], as far as it was measured

    @property
    def folder(self) -> Path:
        """Folder to write to."""
        assert self.settings.folder is not None
        return self.settings.folder

    @property
    def scheduler(self) -> str | None:
        """Address of the dask scheduler; None for this computer."""
        return self.settings.scheduler if self.settings.workers == "cluster" else None

    @property
    def count(self) -> int:
        """Number of volumes."""
        first, last = self.settings.times
        return (last + 1 - first) * len(self.settings.channels)

    def disk_cost(self) -> DiskCost:
        """Estimate what it takes on the disk; an `ExportError` if it cannot be written there."""
        refuse_raw(self.folder, raw_folder(self.view.source))
        spec, format_ = self.view.spec, get_format(self.settings.format)
        dtype = self.settings.dtype or spec.dtype
        refuse_dtype(format_, dtype)
        return disk_cost(spec, self.count, dtype, self.folder, format_.overhead)

    def write(self, run: TaskRun) -> ExportReport:
        """Write it in the background; reports `ExportProgress`, raises what `export` raises."""
        settings = self.settings
        here = self.scheduler is None
        time_left = TimeLeft(self.expected if here else None, serial=here)

        def report(done: int, total: int) -> None:
            run.report(ExportProgress(done, total, time_left.update(done, total)))

        return export(
            self.view, self.folder, t=range(settings.times[0], settings.times[1] + 1),
            c=settings.channels, dtype=settings.dtype, format=settings.format,
            scheduler=self.scheduler, progress=report, cancelled=run.cancelled,
        )  # fmt: skip


@dataclass(frozen=True)
class ExportProgress:
    """Number of volumes that exist, and of all."""

    done: int
    total: int
    seconds_left: float | None  # None if nothing was measured
