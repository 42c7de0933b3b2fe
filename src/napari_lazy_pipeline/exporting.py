"""Export: writes the volumes of a stack as TIFF files, and goes on where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_lazy_pipeline.errors import Cancelled, ExportError, LazyPipelineError
from napari_lazy_pipeline.pipeline import PipelineSource, Watcher
from napari_lazy_pipeline.stack import Stack
from napari_lazy_pipeline.target import Target

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
    """

    folder: Path
    written: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    failed: tuple[Failure, ...] = ()
    cancelled: bool = False

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


def _nothing(done: int, total: int) -> None:
    """Report progress to nobody."""


def _never() -> bool:
    """Never cancel."""
    return False


def export(
    stack: Stack,
    folder: str | os.PathLike[str],
    *,
    t: Iterable[int] | None = None,
    c: Iterable[int] | None = None,
    dtype: Dtype | None = None,
    progress: Callable[[int, int], None] = _nothing,
    cancelled: Callable[[], bool] = _never,
) -> ExportReport:
    """Write each volume as one TIFF file ``{name}_ch{c}_t{t}.tif``, one volume at a time.

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
    progress
        Told the number of finished volumes, and of all.
    cancelled
        Asked between volumes, and between the steps and iterations of a pipeline.

    Returns
    -------
    ExportReport
        What was written, what was there already, and what failed.

    Raises
    ------
    ExportError
        If the folder cannot be used, holds other files of these names, or is full.
    """
    target = Target.of(stack, Path(folder), dtype)
    volumes = _selection(stack, t, c)
    kept: dict[tuple[int, int], Path] = {}
    for volume in volumes:
        if cancelled():
            return ExportReport(target.folder, kept=tuple(kept.values()), cancelled=True)
        if target.has(*volume):
            kept[volume] = target.path(*volume)
    pending = [volume for volume in volumes if volume not in kept]
    target.prepare(len(pending))
    written: list[Path] = []
    failed: list[Failure] = []
    progress(len(kept), len(volumes))
    for done, volume in enumerate(pending, start=len(kept) + 1):
        try:
            # Asked for before the file is read: if it changes meanwhile, it is made again.
            origin = target.origin(*volume)
            written.append(target.write(*volume, _make(stack, *volume, cancelled), origin))
        except Cancelled:
            break
        except ExportError:
            raise
        except LazyPipelineError as error:
            failed.append(Failure(*volume, str(error)))
        progress(done, len(volumes))
    stopped = len(written) + len(failed) < len(pending)
    return ExportReport(target.folder, tuple(written), tuple(kept.values()), tuple(failed), stopped)


def _make(stack: Stack, t: int, c: int, cancelled: Callable[[], bool]) -> np.ndarray:
    """Make one volume; unlike what is shown, a bad one raises."""
    if cancelled():
        raise Cancelled
    if isinstance(stack.source, PipelineSource):
        return stack.source.read(t, c, Watcher(cancelled=cancelled))
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
