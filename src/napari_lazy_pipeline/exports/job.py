"""Job: one export of a queue, from its recipe to its state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.progress import Remark
from napari_lazy_pipeline.errors import ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.export import ExportReport, export
from napari_lazy_pipeline.exports.formats import Dtype, FormatName
from napari_lazy_pipeline.exports.maxima import maxima
from napari_lazy_pipeline.exports.other_folder import (
    check_fit,
    open_other,
)
from napari_lazy_pipeline.exports.projections import Axis
from napari_lazy_pipeline.exports.proposed_folder import propose_folder
from napari_lazy_pipeline.exports.refusals import refuse_folder
from napari_lazy_pipeline.exports.time_left import TimeLeft
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_count, format_duration
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.session.recipe_numbers import of_elsewhere, times_of_today

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class JobSettings(BaseModel):
    """How an export is written.

    Attributes
    ----------
    folder
        Where to; None: beside the raw data, see `propose_folder`.
    times
        First and last time point; None for all.
    channels, dtype, format, stages, projections, scheduler
        As `export` takes them.
    maxima
        Whether the maximum along z is written instead of each volume.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path | None = None
    times: tuple[int, int] | None = None
    channels: tuple[int, ...] | None = None
    dtype: Dtype | None = None
    format: FormatName = "tiff"
    stages: tuple[int | str, ...] = ()
    projections: tuple[Axis, ...] = ()
    scheduler: str | None = None
    maxima: bool = False


@dataclass(eq=False)
class Job:
    """One export, and how far it is.

    Attributes
    ----------
    title
        What a person calls the data.
    recipe
        Steps and engine, and what is stated about the data; None until it is known.
    settings
        How it is written.
    raw, position
        The data, if they are not those of the recipe.
    channels
        Number of channels that the recipe was made for; None for any.
    own_recipe
        Whether the recipe is its own, and not the one that is on screen when the queue is started.
    view
        Processed data that are open already; else the recipe opens them.
    out
        Folder where it was begun, once that is known.
    """

    title: str
    recipe: Recipe | None = None
    settings: JobSettings = field(default_factory=JobSettings)
    raw: Path | None = None
    position: str | None = None
    channels: int | None = None
    own_recipe: bool = False
    view: Stack | None = None
    state: State = "waiting"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    error: str = ""  # why it failed
    report: ExportReport | None = None
    out: Path | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def ready(self) -> bool:
        """Return whether it waits for its turn, and it is known what to do."""
        return self.state == "waiting" and (self.recipe is not None or self.view is not None)

    @property
    def resumable(self) -> bool:
        """Return whether it was begun, and not completed."""
        return self.state in ("cancelled", "failed")

    @property
    def raw_folder(self) -> Path | None:
        """Folder of its raw files; None if there is none, or nobody knows it yet."""
        if self.raw is not None:
            return self.raw
        if self.view is not None:
            return raw_folder(self.view.source)
        source = self.recipe.source if self.recipe is not None else None
        return Path(source.folder) if source is not None else None

    @property
    def description(self) -> str:
        """Its state in a few words."""
        count = f"{self.done} of {self.total}"
        remarks = self.report.remark_lines if self.report is not None else []
        if self.state == "running":
            left = self.seconds_left if self.done < self.total else None
            time = "" if left is None else f", {format_duration(left, 2)} left"
            return f"{count}{time}" if self.total else "Opening…"
        return {
            "waiting": "Waiting",
            "done": ". ".join([f"Done, {self.total} written", *remarks]),
            "failed": self.error,
            "cancelled": f"Cancelled, {count} written" if self.total else "Cancelled",
        }[self.state]

    def restart(self) -> None:
        """Let it wait for its turn, once more."""
        self.state, self.error, self.seconds_left = "waiting", "", None
        self.stop.clear()

    def run(
        self,
        changed: Callable[[Job], None],
        cancelled: Callable[[], bool],
        raw_folders: Iterable[Path] = (),
    ) -> None:
        """Write it; whatever goes wrong is its `error`, and no reason for others to stop.

        Nothing is written to ``raw_folders``, nor to its own.
        """
        self.state, self.error, self.report, time_left = "running", "", None, TimeLeft()
        self.done = self.total = 0
        changed(self)

        def progress(done: int, total: int) -> None:
            self.done, self.total = done, total
            self.seconds_left = time_left.update(done, total)
            changed(self)

        try:
            self.report = self._export(
                progress, lambda: cancelled() or self.stop.is_set(), raw_folders
            )
        except LazyPipelineError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - it must not keep others from being written
            self._fail(f"The export failed: {type(error).__name__}: {error}")
        else:
            self._end(self.report)
        changed(self)

    def _fail(self, error: str) -> None:
        self.state, self.error = "failed", error

    def _end(self, report: ExportReport) -> None:
        self.done, self.total = report.done, report.total
        if report.cancelled:
            self.state = "cancelled"
        elif report.failed:
            count = format_count(len(report.failed), "volume")
            self._fail(f"{count} failed: {report.failed[0].why}")
        else:
            self.state = "done"

    def _export(
        self,
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        raw_folders: Iterable[Path],
    ) -> ExportReport:
        (view, times, said), settings = self._open(), self.settings
        folder = settings.folder or self.out  # where it was begun
        if folder is None:
            folder = propose_folder(view, settings.dtype, settings.format, self.position)
        if folder is None:
            raise ExportError("It is not stated where to write", hint="Choose a folder")
        for raw in raw_folders:
            refuse_folder(folder, raw)
        self.out = folder
        report = export(
            view, folder, t=times, c=settings.channels, dtype=settings.dtype,
            format=settings.format, stages=settings.stages, projections=settings.projections,
            scheduler=settings.scheduler, progress=progress, cancelled=cancelled,
        )  # fmt: skip
        remarks = (Remark("Recipe", "", said),) if said else ()
        return replace(report, remarks=(*report.remarks, *remarks))

    def _open(self) -> tuple[Stack, Sequence[int] | None, str]:
        """What is written, which time points, and what is to be said of the recipe.

        An error says what does not fit.
        """
        ends, times = self.settings.times, None
        if ends is not None:
            times = range(ends[0], ends[1] + 1)
        if self.view is not None:
            return self.view, times, ""
        assert self.recipe is not None
        recipe = self.recipe
        if self.settings.maxima:
            recipe = recipe.model_copy(update={"pipeline": maxima(recipe.pipeline)})
        if self.raw is None:
            raw = recipe.open_raw()
            view = recipe.apply(raw)
        else:
            raw = open_other(recipe, self.raw, self.position)
            view = recipe.apply(raw)
            assert isinstance(view.source, PipelineSource)
            check_fit(view.source.stated_plan, self.channels)
        about = recipe.pipeline, recipe.source, raw
        return view, times and times_of_today(*about, times), of_elsewhere(*about)
