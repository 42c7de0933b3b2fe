"""Export: writes the volumes of a stack to files, and goes on where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.compute.pipeline import PipelineSource, Progress
from napari_lazy_pipeline.errors import Cancelled, ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.cluster import connected, outcomes
from napari_lazy_pipeline.exports.destination import Destination
from napari_lazy_pipeline.exports.formats import FormatName
from napari_lazy_pipeline.image.stack import Stack

__all__ = ["ExportReport", "Failure", "export"]

Dtype = Literal["uint8", "uint16", "float32"]


@dataclass(frozen=True)
class Failure:
    """A volume that could not be made, and why.

    Attributes
    ----------
    t, c
        Time point and channel.
    why
        The error, in words.
    """

    t: int
    c: int
    why: str


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes
    ----------
    folder
        Where the files are.
    written
        Files that were made now.
    kept
        Files that an earlier run had finished.
    failed
        Volumes that could not be made.
    cancelled
        Whether it was stopped before the end.
    place
        What a person opens: the folder of the files, or the one store in it.
    """

    folder: Path
    written: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    failed: tuple[Failure, ...] = ()
    cancelled: bool = False
    place: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether every volume that was asked for is there."""
        return not self.failed and not self.cancelled

    def __str__(self) -> str:
        parts = [f"{len(self.written)} volumes written to {self.folder}"]
        if self.kept:
            parts.append(f"{len(self.kept)} were there already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        if self.cancelled:
            parts.append("stopped before the end: run it again to go on")
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
        Told the number of finished volumes, and of all.
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
    target = Destination.of(stack, Path(folder), dtype, format)
    volumes = _selection(stack, t, c)
    kept: dict[tuple[int, int], Path] = {}
    for volume in volumes:
        if cancelled():
            done = tuple(kept.values())
            return ExportReport(target.folder, kept=done, cancelled=True, place=target.place)
        if target.has(*volume):
            kept[volume] = target.path(*volume)
    pending = [volume for volume in volumes if volume not in kept]
    with connected(scheduler) if scheduler else nullcontext() as client:
        target.prepare(len(pending))
        progress(len(kept), len(volumes))
        # Asked for before any file is read: one that changes meanwhile is made again next time.
        origins = {volume: target.origin(*volume) for volume in pending}
        written: list[Path] = []
        failed: list[Failure] = []
        if client is not None:
            results = outcomes(client, target, pending, cancelled)
        else:
            results = _here(target, pending, cancelled)
        for volume, why in results:
            if why:
                failed.append(Failure(*volume, why))
            else:
                target.finish(*volume, origins[volume])
                written.append(target.path(*volume))
            progress(len(kept) + len(written) + len(failed), len(volumes))
    stopped = len(written) + len(failed) < len(pending)
    return ExportReport(
        target.folder, tuple(written), tuple(kept.values()), tuple(failed), stopped, target.place
    )


def _here(
    target: Destination, pending: Iterable[tuple[int, int]], cancelled: Callable[[], bool]
) -> Iterator[tuple[tuple[int, int], str]]:
    """Make and write one volume after the other; tell of each why it could not be made."""
    for volume in pending:
        try:
            target.write(*volume, _make(target.stack, *volume, cancelled))
        except Cancelled:
            return
        except ExportError:
            raise
        except LazyPipelineError as error:
            yield volume, str(error)
        else:
            yield volume, ""


def _make(stack: Stack, t: int, c: int, cancelled: Callable[[], bool]) -> np.ndarray:
    """Make one volume; unlike what is shown, a bad one raises."""
    if cancelled():
        raise Cancelled
    if isinstance(stack.source, PipelineSource):
        return stack.source.read(t, c, Progress(cancelled=cancelled))
    return stack.source.read(t, c)


def _selection(
    stack: Stack, t: Iterable[int] | None, c: Iterable[int] | None
) -> list[tuple[int, int]]:
    """The volumes to write, channels of a time point together."""
    times, channels = stack.source.sizes
    chosen_t = _checked("t", t, times)
    chosen_c = _checked("c", c, channels)
    return [(time, channel) for time in chosen_t for channel in chosen_c]


def _checked(axis: str, chosen: Iterable[int] | None, size: int) -> list[int]:
    numbers = sorted(set(range(size) if chosen is None else chosen))
    outside = [number for number in numbers if not 0 <= number < size]
    if outside:
        raise ExportError(f"There is no {axis} = {outside[0]}", hint=f"Choose from 0 to {size - 1}")
    return numbers
