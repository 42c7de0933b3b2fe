"""Export: writes the volumes of a stack to files, and goes on where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.compute import PipelineSource, Progress
from napari_lazy_pipeline.errors import Cancelled, ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.cluster import connect, write_on_cluster
from napari_lazy_pipeline.exports.destination import Destination
from napari_lazy_pipeline.exports.formats import Dtype, FormatName
from napari_lazy_pipeline.image import Stack

__all__ = ["ExportReport", "Failure", "export"]

Volume = tuple[int, int]


@dataclass(frozen=True)
class Failure:
    """A volume that could not be made, and why, in words."""

    t: int
    c: int
    why: str


@dataclass(frozen=True)
class ExportReport:
    """Result of an export."""

    folder: Path
    written: tuple[Path, ...] = ()  # files that were made now
    kept: tuple[Path, ...] = ()  # files that an earlier run had finished
    failed: tuple[Failure, ...] = ()
    cancelled: bool = False  # whether it was stopped before the end
    place: Path | None = None  # what a person opens: the folder, or the one store in it

    @property
    def complete(self) -> bool:
        """Return whether every volume that was asked for is there."""
        return not self.failed and not self.cancelled

    def __str__(self) -> str:
        parts = [f"{len(self.written)} volumes written to {self.folder}"]
        if self.kept:
            parts.append(f"{len(self.kept)} were there already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        if self.cancelled:
            parts.append("cancelled: run it again to resume")
        return ", ".join(parts)


def export(
    stack: Stack,
    folder: str | os.PathLike[str],
    *,
    t: Iterable[int] | None = None,
    c: Iterable[int] | None = None,
    dtype: Dtype | None = None,
    format: FormatName = "tiff",  # noqa: A002 - what everybody calls it
    scheduler: str | None = None,
    progress: Callable[[int, int], None] = no_progress,
    cancelled: Callable[[], bool] = not_cancelled,
) -> ExportReport:
    """Write volumes as TIFF files ``{name}_ch{c}_t{t}.tif``, or into ``{name}.ome.zarr``.

    Files appear when they are complete. An export that was stopped, or in which volumes
    failed, is completed by running it again with the same settings. Volumes that cannot be
    made are listed in the report, and do not keep the others from being written.

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
    scheduler
        Address of a dask.distributed scheduler whose workers see the same folders; None: here,
        one volume at a time.
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
    destination = Destination.open(stack, Path(folder), dtype, format)
    volumes = _selection(stack, t, c)
    finished: dict[Volume, Path] = {}
    for volume in volumes:
        if cancelled():
            kept = tuple(finished.values())
            return ExportReport(
                destination.folder, kept=kept, cancelled=True, place=destination.result
            )
        if destination.is_finished(*volume):
            finished[volume] = destination.path(*volume)
    kept = tuple(finished.values())
    pending = [volume for volume in volumes if volume not in finished]
    written: list[Path] = []
    failed: list[Failure] = []
    with connect(scheduler, cancelled) if scheduler else nullcontext() as client:
        destination.prepare(len(pending))
        progress(len(kept), len(volumes))
        # Looked up before any file is read: one that changes meanwhile is made again next time.
        origins = {volume: destination.origin(*volume) for volume in pending}
        if client is not None:
            results = write_on_cluster(client, destination, pending, cancelled)
        else:
            results = _write_here(destination, pending, cancelled)
        for volume, failure in results:
            if failure:
                failed.append(Failure(*volume, failure))
            else:
                destination.finish(*volume, origins[volume])
                written.append(destination.path(*volume))
            progress(len(kept) + len(written) + len(failed), len(volumes))
    stopped = len(written) + len(failed) < len(pending)
    lists = tuple(written), kept, tuple(failed)
    return ExportReport(destination.folder, *lists, stopped, destination.result)


def _write_here(
    destination: Destination, pending: Iterable[Volume], cancelled: Callable[[], bool]
) -> Iterator[tuple[Volume, str]]:
    """Make and write one volume after the other; yield each with why it failed, if it did."""
    source, progress = destination.stack.source, Progress(cancelled=cancelled)
    for volume in pending:
        if cancelled():
            return
        try:
            # Unlike for the screen, a bad volume raises.
            if isinstance(source, PipelineSource):
                pixels = source.read(*volume, progress)
            else:
                pixels = source.read(*volume)
            destination.write(*volume, pixels)
        except Cancelled:
            return
        except ExportError:
            raise
        except LazyPipelineError as error:
            yield volume, str(error)
        else:
            yield volume, ""


def _selection(stack: Stack, t: Iterable[int] | None, c: Iterable[int] | None) -> list[Volume]:
    """Volumes to write, channels of a time point together."""
    times, channels = stack.source.sizes
    return list(product(_indices("t", t, times), _indices("c", c, channels)))


def _indices(axis: str, selected: Iterable[int] | None, size: int) -> list[int]:
    indices = sorted(set(range(size) if selected is None else selected))
    outside = [index for index in indices if not 0 <= index < size]
    if outside:
        raise ExportError(f"There is no {axis} = {outside[0]}", hint=f"Choose from 0 to {size - 1}")
    return indices
