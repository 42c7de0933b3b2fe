"""Destination: the folder that an export writes to, what it holds already, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from napari_lazy_pipeline._runtime.fresh_file import (
    ForeignFileError,
    remove_leftovers,
)
from napari_lazy_pipeline._runtime.regular_file import NotAFileError, refuse_other
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.progress import Remark
from napari_lazy_pipeline.compute.resource_estimate import DiskCost, disk_cost
from napari_lazy_pipeline.errors import ExportError, OccupiedError
from napari_lazy_pipeline.exports.export_log import ExportLog, digest
from napari_lazy_pipeline.exports.formats import Format, get_format
from napari_lazy_pipeline.exports.output_name import output_name
from napari_lazy_pipeline.exports.projections import (
    Axis,
    checked_axes,
    existing_projections,
    projection,
    projection_path,
    write_projection,
)
from napari_lazy_pipeline.exports.records import provenance, recipe_of, record_paths, write_records
from napari_lazy_pipeline.exports.refusals import (
    refuse_dtype,
    refuse_folder,
    refuse_inner_link,
    refuse_unknown_size,
)
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack, VolumeSource
from napari_lazy_pipeline.image.pixel_type import clipping, convert

_GO_ON = "What was written stays: mend it and run the export again"
_MOVE = "Move it away, and run the export again"


@dataclass(frozen=True)
class Content:
    """What the files of one volume hold, and what was left out of them."""

    encoded: Any  # the volume, by its format
    projections: dict[Axis, np.ndarray]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Destination:
    """The folder that is written to, and what is in it already."""

    stack: Stack
    folder: Path
    name: str  # how the names of all files begin
    dtype: str
    log: ExportLog
    format: Format
    projections: tuple[Axis, ...] = ()  # axes along which the brightest voxels are written, too
    unit: Unit | None = None  # that writes here, if it is one of several

    @classmethod
    def open(
        cls,
        stack: Stack,
        folder: Path,
        dtype: str | None,
        kind: str = "tiff",
        projections: Iterable[str] = (),
        unit: Unit | None = None,
    ) -> Destination:
        """Check the folder, and read its log; nothing is written yet."""
        format_ = get_format(kind)
        reason = format_.unavailable()
        if reason is not None:
            raise ExportError(f"{format_.title} cannot be written", reason)
        raw = raw_folder(stack.source)
        refuse_folder(folder, raw)
        refuse_unknown_size(stack.spec)
        dtype = dtype or stack.spec.dtype
        refuse_dtype(format_, dtype)
        name = output_name(raw)
        path = folder / f"{name}_export.jsonl"
        settings = digest(*_settings(stack.source), stack.spec, stack.channel_names, dtype)
        log = ExportLog(path, settings, {})
        axes = checked_axes(projections)
        destination = cls(stack, folder, name, dtype, log, format_, axes, unit)
        inner = (path.parent for path in destination.projection_paths(0, 0).values())
        for place in (destination.result, *inner):
            refuse_inner_link(place, folder)
        # Before the log is read: another unit writes that first.
        existing = destination.existing()
        try:
            destination = replace(destination, log=ExportLog.open(path, settings, unit))
        except OSError as error:
            _refuse(error, path, "Choose another folder")
        if existing and not destination.log.begun:
            what = "The file is there already, and no journal says what it was made with"
            raise ExportError(what, str(existing[0]), "Choose an empty folder")
        return destination

    def path(self, t: int, c: int) -> Path:
        """Path of the file of a volume."""
        return self.format.path(self.folder, self.name, t, c)

    def projection_paths(self, t: int, c: int) -> dict[Axis, Path]:
        """Path of each projection of a volume."""
        paths = (projection_path(self.folder, self.name, axis, t, c) for axis in self.projections)
        return dict(zip(self.projections, paths, strict=True))

    def existing(self) -> list[Path]:
        """Paths that exist already under the names that would be written."""
        records = filter(os.path.lexists, record_paths(self.folder, self.name))
        projections = existing_projections(self.folder, self.name, self.projections)
        return [*self.format.existing(self.folder, self.name), *projections, *records]

    @property
    def result(self) -> Path:
        """Path that a person opens: the folder of files, or the one store in it."""
        return self.format.result(self.folder, self.name)

    @property
    def folders(self) -> tuple[str, str]:
        """The folder of the raw files, or nothing, and the folder that is written to."""
        raw = raw_folder(self.stack.source)
        return str(raw) if raw else "", str(self.folder)

    def is_finished(self, t: int, c: int) -> bool:
        """Return whether the file of a volume exists, and was made from what would be read now."""
        line = self.line(t, c)
        # What was never written needs no look at its raw file, perhaps on a slow share.
        if not line or line["origin"] != self.origin(t, c):
            return False
        if not set(self.projections).issubset(line.get("projections", ())):
            return False
        if not all(path.is_file() for path in self.projection_paths(t, c).values()):
            return False
        return bool(line.get("empty")) or self.path(t, c).is_file()

    def origin(self, t: int, c: int) -> str:
        """Digest of what a volume is made from."""
        return digest(self.stack.source.identity(t, c))

    def remarks(self, t: int, c: int) -> list[Remark]:
        """What was said of a volume when it was written, by this run or an earlier one."""
        return [Remark(*remark) for remark in self.line(t, c).get("remarks", ())]

    def line(self, t: int, c: int) -> dict[str, Any]:
        """What the log has of a volume; empty if it is not finished."""
        return self.log.finished.get(self._log_name(t, c), {})

    def _log_name(self, t: int, c: int) -> str:
        """Name of a volume in the log: its file, below the folder."""
        return self.path(t, c).relative_to(self.folder).as_posix()

    def for_worker(self, volumes: Iterable[tuple[int, int]]) -> Destination:
        """Return a copy for another process, which knows of these volumes only what is logged."""
        names = (self._log_name(t, c) for t, c in volumes)
        lines = {name: self.log.finished[name] for name in names if name in self.log.finished}
        return replace(self, log=replace(self.log, finished=lines))

    def cost(self, count: int) -> DiskCost:
        """Estimate what so many volumes take on the disk, and look at what is free."""
        overhead = self.format.overhead
        return disk_cost(self.stack.spec, count, self.dtype, self.folder, overhead)

    def prepare(self) -> None:
        """Make what has to exist before the first volume."""
        recipe = recipe_of(self.stack)
        about = provenance(self.stack, recipe, self.dtype)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.unit is None:  # where others write, what is not complete is theirs
                remove_leftovers(self.folder)
            self.log.begin(about)
            if self.unit is None or self.unit.first:
                write_records(self.folder, self.name, recipe, about)
            if self.unit is None or not self.format.existing(self.folder, self.name):
                self._create(about)
        except OSError as error:
            _refuse(error, self.folder, "Choose another folder")
        if self.unit is not None and not self.format.has_room(self.folder, self.name, self.stack):
            what = "There are more time points than when the first unit began"
            hint = "Run it once without units, and with -t 0: it makes room for all"
            raise ExportError(what, str(self.result), hint)

    def _create(self, about: dict[str, Any]) -> None:
        try:
            self.format.create(self.folder, self.name, self.stack, self.dtype, about)
        except OSError:
            # Another unit was faster: what it made is the same.
            if self.unit is None or not self.format.existing(self.folder, self.name):
                raise

    def refuse_occupied(self, t: int, c: int) -> None:
        """Raise an `OccupiedError` if a link, a pipe, ... has a name that would be written."""
        with _write_errors(self.path(t, c)):
            for path in (self.path(t, c), *self.projection_paths(t, c).values()):
                refuse_other(path)

    def content(self, t: int, c: int, volume: np.ndarray) -> Content:
        """Make what the files of a volume hold, while others are written."""
        with _write_errors(self.path(t, c)):
            pixels = convert(volume, self.dtype)
            encoded = self.format.encode(self.folder, self.name, self.stack, pixels)
        projections = {axis: projection(pixels, axis) for axis in self.projections}
        clipped, place = clipping(volume, self.dtype), self.stack.stack_spec.place(t, c)
        remarks = (Remark(f"Export as {self.dtype}", place, clipped),) if clipped else ()
        return Content(encoded, projections, remarks)

    def write(self, t: int, c: int, content: Content) -> None:
        """Write one volume; the file appears when it is complete.

        An `OccupiedError` if something not of this export has its name, else an `ExportError`.
        """
        line = self.line(t, c)
        ours, projected = bool(line), line.get("projections", ())
        with _write_errors(self.path(t, c)):
            for axis, path in self.projection_paths(t, c).items():
                largest = content.projections[axis]
                write_projection(path, largest, self.stack, c, axis, axis in projected)
            self.format.write(self.folder, self.name, self.stack, t, c, content.encoded, ours)

    def finish(self, t: int, c: int, origin: str, remarks: Sequence[Remark] = ()) -> None:
        """Log that a volume is written, what it was made from, and what was said of it."""
        try:
            if self.unit is None and not self.log.of_units:
                self.format.finish(self.folder, self.name, t, c)
            empty = not self.path(t, c).is_file()
            told = self.projections, remarks, self.stack.time_interval
            self.log.finish(self._log_name(t, c), origin, empty, *told)
        except OSError as error:
            _refuse(error, self.log.path, _GO_ON)

    def join_units(self) -> None:
        """Do once what units left undone, so that all is as one run would have written it."""
        if self.unit is not None or not self.log.of_units:
            return
        times, channels = self.stack.source.sizes
        volumes = {self._log_name(*at): at for at in product(range(times), range(channels))}
        try:
            for name, volume in volumes.items():
                if name in self.log.finished:
                    self.format.finish(self.folder, self.name, *volume)
            self.log.join(volumes)
        except OSError as error:
            _refuse(error, self.log.path, _GO_ON)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Tell what concerns one file from what concerns the whole export."""
    try:
        yield
    except (NotAFileError, ForeignFileError) as error:
        what = f"Cannot write: {error.strerror}"
        raise OccupiedError(what, str(error.filename), _MOVE) from error
    except OSError as error:
        _refuse(error, path, _GO_ON)


def _refuse(error: OSError, path: Path, hint: str) -> NoReturn:
    what = f"Cannot write: {error.strerror or error}"
    raise ExportError(what, str(error.filename or path), hint) from error


def _settings(source: VolumeSource) -> tuple[object, ...]:
    """Settings that all volumes are made with; a folder that has grown since is the same."""
    raw = _raw_source(source)
    data = source.token if raw is None else (str(raw.folder), getattr(raw, "pattern", ""))
    # What is written is the same, whether the files were stated to be complete or not.
    options = sorted(item for item in getattr(raw, "options", {}).items() if item[0] != "complete")
    return data, options, source.stated_plan.token if isinstance(source, PipelineSource) else ""


def raw_folder(source: VolumeSource) -> Path | None:
    """Folder of the raw files, however deep the source is wrapped; None if there is none."""
    raw = _raw_source(source)
    return None if raw is None else Path(raw.folder)


def _raw_source(source: Any) -> Any:
    """Return the innermost source, if it has a folder."""
    while source is not None and getattr(source, "folder", None) is None:
        source = getattr(source, "raw", None) or getattr(source, "source", None)
    return source
