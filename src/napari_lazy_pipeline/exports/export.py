"""Export: writes the volumes of a stack to files, and goes on where it was stopped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.pipeline_source import cautions_of
from napari_lazy_pipeline.compute.progress import Remark
from napari_lazy_pipeline.errors import Cancelled, ExportError
from napari_lazy_pipeline.exports.cluster import connect, write_on_cluster
from napari_lazy_pipeline.exports.destination import Destination
from napari_lazy_pipeline.exports.export_log import same_interval, this_version
from napari_lazy_pipeline.exports.formats import Dtype, FormatName
from napari_lazy_pipeline.exports.outputs import Failed, Outputs, StageName, Volume
from napari_lazy_pipeline.exports.projections import Axis
from napari_lazy_pipeline.exports.this_computer import write_here
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_count

__all__ = ["ExportReport", "Failure", "export"]


@dataclass(frozen=True)
class Failure:
    """A volume that could not be made, and why, in words."""

    t: int
    c: int
    why: str
    stage: str = ""  # folder of the stage that it is of; empty for the result

    def __str__(self) -> str:
        return f"t={self.t}, c={self.c}{self.stage and f' in {self.stage}'}: {self.why}"


@dataclass(frozen=True)
class ExportReport:
    """Result of an export."""

    folder: Path
    written: tuple[Path, ...] = ()  # files that were made now
    kept: tuple[Path, ...] = ()  # files that an earlier run had finished
    failed: tuple[Failure, ...] = ()
    cancelled: bool = False  # whether it was stopped before the end
    place: Path | None = None  # what a person opens: the folder, or the one store in it
    total: int = 0  # number of volumes that were asked for, of each stage
    remarks: tuple[Remark, ...] = ()  # what was said of the volumes that are there

    @property
    def complete(self) -> bool:
        """Return whether every volume that was asked for is there."""
        return not self.failed and not self.cancelled

    def __str__(self) -> str:
        parts = [f"{len(self.written)} volumes written to {self.folder}"]
        if self.cancelled:
            parts = [f"Cancelled, {self.done} of {self.total} written"]
        elif self.kept:
            parts.append(f"{len(self.kept)} were there already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return ". ".join([", ".join(parts), *self.remark_lines])

    @property
    def remark_lines(self) -> list[str]:
        """Every remark that concerns no single volume; of the others, the first of each step."""
        by_step: dict[tuple[str, str], list[Remark]] = {}
        for remark in self.remarks:
            about = "" if remark.place else remark.text
            by_step.setdefault((remark.step, about), []).append(remark)
        return [
            f"{of_step[0]}" + (f"; {len(of_step)} volumes in all" if len(of_step) > 1 else "")
            for of_step in by_step.values()
        ]

    @property
    def done(self) -> int:
        """Number of volumes that are there."""
        return len(self.written) + len(self.kept)


def export(
    stack: Stack,
    folder: str | os.PathLike[str],
    *,
    t: Iterable[int] | None = None,
    c: Iterable[int] | None = None,
    dtype: Dtype | None = None,
    format: FormatName = "tiff",  # noqa: A002 - what everybody calls it
    stages: Iterable[StageName] = (),
    projections: Iterable[Axis] = (),
    scheduler: str | None = None,
    unit: Unit | None = None,
    outdated: bool = True,
    progress: Callable[[int, int], None] = no_progress,
    cancelled: Callable[[], bool] = not_cancelled,
) -> ExportReport:
    """Write volumes as TIFF files ``{name}_ch{c}_t{t}.tif``, or into ``{name}.ome.zarr``.

    Files appear when they are complete. An export that was stopped, or in which volumes
    failed, is completed by running it again with the same settings. Volumes that cannot be
    made are listed in the report, and do not keep the others from being written. Beside the files
    stand ``{name}_recipe.yaml``, which makes them again, and ``{name}_provenance.json``.

    Parameters
    ----------
    stack
        What to write; usually the result of `Pipeline.apply`.
    folder
        Where to; made if it is missing. Never the folder of the raw files.
    t, c
        Time points and channels; None for all.
    dtype
        Type of the pixels; None for that of the stack. Integers are rounded, and clipped to
        what the type can hold; blanks (NaN) become 0.
    format
        ``"tiff"``: a file a volume, for ImageJ. ``"ome-zarr"``: one OME-Zarr 0.5 with smaller
        resolutions.
    stages
        Steps after which the volumes are written as well, in folders ``after_{n}_{step}`` of the
        folder: kinds of steps, such as ``"deconvolve"``, or numbers of steps; 0 for the raw data.
        What several stages need is read and computed once.
    projections
        Axes, such as ``"z"``, along which the brightest voxels of each volume are written as well:
        TIFF files in folders ``mip_{axis}``.
    scheduler
        Address of a dask.distributed scheduler whose workers see the same folders; None: here,
        where one volume is written while the next is made, and the one after that read.
    unit
        Write only the share of one of several processes that run at the same time, and write to no
        file that another one writes to. When all have ended, an export without a unit completes
        what is missing, and joins their journals: then all is as if it had been alone.
    outdated
        Whether the report tells of volumes in the folder that were not asked for, and would be made
        from other files now: of numbers that have moved, or with a longer range of F0.
    progress
        Called with the number of finished volumes, and of all.
    cancelled
        Asked between volumes, and between the steps and iterations of a pipeline. On a cluster,
        volumes under way are finished.

    Returns
    -------
    ExportReport
        What was written, what was there already, and what failed.

    Raises
    ------
    ExportError
        If the folder cannot be used, holds other files of these names, or is full; or if the
        cluster cannot be used.
    """
    source = stack.source
    if isinstance(source, PipelineSource):
        # What a deconvolution makes of a part differs a little from what it makes of everything.
        plan = source.stated_plan.on_whole_volumes()
        stack = replace(stack, source=replace(source, stated_plan=plan))
    if not os.fspath(folder).strip():
        raise ExportError("It is not stated where to write", hint="Choose a folder")
    if unit is not None and scheduler is not None:
        raise ExportError("Units need no scheduler", hint="Give one of the two")
    outputs = Outputs.open(stack, Path(folder), dtype, format, projections, stages, unit)
    volumes = outputs.volumes(t, c)
    if unit is not None:
        volumes = unit.share(volumes)
        if not volumes:
            return _report(outputs, (), (), (), 0, False, ())
    total = sum(map(len, volumes.values()))
    kept: list[Path] = []
    made_by: list[str] = []  # versions of the program that made what is kept
    remarks = cautions_of(outputs.plan) if outputs.plan is not None else []
    pending: dict[Volume, list[int]] = {}
    for volume, indices in volumes.items():
        if cancelled():
            return _report(outputs, (), kept, (), total, True, remarks)
        finished = [i for i in indices if outputs.destinations[i].is_finished(*volume)]
        kept += [outputs.destinations[i].path(*volume) for i in finished]
        made_by += [outputs.destinations[i].line(*volume)["version"] for i in finished]
        remarks += [said for i in finished for said in outputs.destinations[i].remarks(*volume)]
        if len(finished) < len(indices):
            pending[volume] = [i for i in indices if i not in finished]
    remarks += _of_versions(made_by)
    written: list[Path] = []
    failed: list[Failure] = []
    with connect(scheduler, cancelled) if scheduler else nullcontext() as connection:
        places = range(len(outputs.destinations))
        outputs.prepare(sum(i in indices for indices in pending.values()) for i in places)
        progress(len(kept), total)
        # Looked up before any file is read: one that changes meanwhile is made again next time.
        origins = {
            (volume, i): outputs.destinations[i].origin(*volume)
            for volume, indices in pending.items()
            for i in indices
        }
        if connection is not None:
            results = write_on_cluster(connection, outputs, pending, cancelled)
        else:
            results = write_here(outputs, pending, cancelled)
        with closing(results):
            for volume, result in results:
                destination = outputs.destinations[result.index]
                if isinstance(result, Failed):
                    stage = "" if destination is outputs.result else destination.folder.name
                    failed.append(Failure(*volume, result.why, stage))
                else:
                    origin = origins[volume, result.index]
                    destination.finish(*volume, origin, result.remarks)
                    remarks += result.remarks
                    written.append(destination.path(*volume))
                progress(len(kept) + len(written) + len(failed), total)
    stopped = len(kept) + len(written) + len(failed) < total
    if not stopped:
        outputs.join_units()
        if outdated and unit is None:  # those of other units may be written just now
            with suppress(Cancelled):
                remarks += _of_others(outputs.outdated(volumes, cancelled))
    remarks += _of_interval(outputs.result)
    return _report(outputs, written, kept, failed, total, stopped, remarks)


def _of_versions(made_by: Iterable[str]) -> list[Remark]:
    """What is to be said of volumes that other versions of the program made."""
    now = this_version()
    counts = Counter(version for version in made_by if version not in ("", now))
    others = [
        f"{format_count(n, 'volume')} {'was' if n == 1 else 'were'} made by version {version}"
        for version, n in counts.items()
    ]
    return [Remark("Export", "", f"{', '.join(others)}; this is {now}")] if others else []


def _of_interval(destination: Destination) -> list[Remark]:
    """What is to be said of files that state another time between two time points than now."""
    now, log = destination.stack.time_interval, destination.log
    first = log.about.get("time_interval", now)
    told = (line.get("time_interval", first) for line in log.finished.values())
    others = dict.fromkeys(
        f"{one:g} s" if one else "none" for one in told if not same_interval(one, now)
    )
    if not others or not (destination.format.states_interval or destination.projections):
        return []
    was, is_now = " or ".join(others), f"{now:g} s" if now else "none"
    said = f"Time between two time points: files that were there state {was}, now it is {is_now}"
    return [Remark("Export", "", f"{said}: export into another folder to have it in all")]


def _of_others(count: int) -> list[Remark]:
    """What is to be said of volumes that were not asked for, and would be made from other files."""
    said = f"The folder holds {format_count(count, 'volume')} made from other files than now"
    hint = "export all time points and channels to remake those that need it"
    return [Remark("Export", "", f"{said}: {hint}")] if count else []


def _report(
    outputs: Outputs,
    written: Iterable[Path],
    kept: Iterable[Path],
    failed: Iterable[Failure],
    total: int,
    stopped: bool,
    remarks: Iterable[Remark],
) -> ExportReport:
    lists = tuple(written), tuple(kept), tuple(failed)
    result = outputs.result
    said = tuple(dict.fromkeys(remarks))  # of what several stages share, once
    return ExportReport(result.folder, *lists, stopped, result.result, total, said)
