"""Export settings: what a person states for an export, and what follows for the open data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_lazy_pipeline._gui.save.selection_entries import RangeEntry, TicksEntry
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.resource_estimate import DiskCost, disk_cost
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.formats import Dtype, FormatName, format_names, get_format
from napari_lazy_pipeline.exports.job import Job, JobSettings
from napari_lazy_pipeline.exports.maxima import maxima
from napari_lazy_pipeline.exports.outputs import parts_of, stage_labels, stage_stacks
from napari_lazy_pipeline.exports.projections import AXES
from napari_lazy_pipeline.exports.proposed_folder import propose_folder
from napari_lazy_pipeline.exports.refusals import refuse_dtype, refuse_folder
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.session import Recipe, Session

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
        None,
        "Write to",
        "Folder to write to; never that of the raw files",
        format="path",
        mode="d",
        empty="beside the raw data",
    )
    times: tuple[int, int] = _field(
        (0, 0),
        "Time points",
        "time point of what the steps make, counted from 0",
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
    stages: tuple[int, ...] = _field(
        (), "Also after", "Steps after which the volumes are written, too", widget_type=TicksEntry
    )
    projections: tuple[int, ...] = _field(
        (),
        "Projections",
        "Axes along which maximum projections are written, too, as TIFF files",
        widget_type=TicksEntry,
    )
    maxima: bool = _field(
        False,
        "Only maxima",
        "Write the maximum along z of each volume instead of the volume; after Deskew, straight "
        "from the raw planes",
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
        """Return whether it is stated who computes."""
        return self.workers == "here" or bool(self.scheduler)


@dataclass(frozen=True)
class ExportPlan:
    """What would be written of the data that are open, as far as it is chosen."""

    view: Stack
    settings: ExportSettings

    @classmethod
    def of(cls, session: Session, settings: ExportSettings) -> ExportPlan | None:
        """Plan of the steps of a session; None if there are no data, or the steps do not fit."""
        pipeline = maxima(session.pipeline) if settings.maxima else session.pipeline
        if session.stack is None:
            return None
        try:
            view = pipeline.apply(session.stack, session.engine)
        except StepError:
            return None  # a file that a step names was changed just now: its card will say so
        if isinstance(view.source, PipelineSource):
            # What it takes is measured, for the estimates.
            view = replace(view, source=replace(view.source, compute_log=session.compute_log))
        return cls(view, settings)

    @property
    def count(self) -> int:
        """Number of volumes of each stage."""
        first, last = self.settings.times
        return (last + 1 - first) * len(self.settings.channels)

    def _count_of(self, stage: Stack) -> int:
        """Number of volumes of a stage that these are made of."""
        source = self.view.source
        if not isinstance(source, PipelineSource) or not source.stated_plan.gathers:
            return self.count
        first, last = self.settings.times
        volumes = product(range(first, last + 1), self.settings.channels)
        return len(parts_of(self.view, volumes, stage))

    @property
    def stages(self) -> tuple[int, ...]:
        """Numbers of steps after which the volumes are written as well."""
        counts = list(stage_labels(self.view))
        return tuple(counts[i] for i in self.settings.stages if i < len(counts))

    @property
    def job_settings(self) -> JobSettings:
        """The same for a queue."""
        settings = self.settings
        return JobSettings(
            folder=settings.folder, times=settings.times, channels=settings.channels,
            dtype=settings.dtype, format=settings.format, stages=self.stages,
            projections=tuple(AXES[i] for i in settings.projections), maxima=settings.maxima,
            scheduler=settings.scheduler if settings.workers == "cluster" else None,
        )  # fmt: skip

    def proposed(self, position: str | None) -> ExportPlan:
        """The same, to be written beside the raw data."""
        settings = self.settings
        folder = propose_folder(self.view, settings.dtype, settings.format, position)
        return replace(self, settings=settings.model_copy(update={"folder": folder}))

    def prepare(self, job: Job, recipe: Recipe, channels: int | None) -> None:
        """Let a job wait for its turn, with this recipe unless it has its own.

        ``channels`` is their number in the open data, and None for the job of these.
        """
        job.restart()
        job.out = None  # other steps are written elsewhere
        settings = self.job_settings
        if channels is None:
            job.recipe, job.view, job.settings = recipe, self.view, settings
            return
        changes: dict[str, Any] = {"times": None, "folder": job.settings.folder}
        if job.own_recipe:
            changes |= {"stages": (), "channels": None}
        else:
            job.recipe, job.channels = recipe, channels
        if len(self.settings.channels) == self.view.shape[1]:
            changes["channels"] = None
        job.settings = settings.model_copy(update=changes)

    def disk_cost(self) -> DiskCost:
        """Estimate what it takes on the disk; an `ExportError` if it cannot be written there."""
        folder, format_ = self.settings.folder, get_format(self.settings.format)
        if folder is not None:
            refuse_folder(folder, raw_folder(self.view.source))
        costs = []
        for stack in (*stage_stacks(self.view, self.stages).values(), self.view):
            dtype = self.settings.dtype or stack.spec.dtype
            refuse_dtype(format_, dtype)
            costs.append(
                disk_cost(stack.spec, self._count_of(stack), dtype, folder, format_.overhead)
            )
        return DiskCost(sum(cost.needed for cost in costs), costs[-1].free)
