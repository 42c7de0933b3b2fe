"""Folder info: what a folder holds, before any pixel is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.image import Scan, Shape, Stack
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count
from napari_lazy_pipeline.image.scan_geometry import StatedSize
from napari_lazy_pipeline.image.spec import checked_size
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.metadata.claim import MetadataFact, Question
from napari_lazy_pipeline.io.patterns.field_table import FieldRow, field_rows
from napari_lazy_pipeline.io.patterns.field_values import format_names
from napari_lazy_pipeline.io.patterns.proposal import Proposal

Place = tuple[str, str | None, str]  # a folder, one of several positions, and a pattern


@dataclass(frozen=True)
class FolderInfo:
    """What a folder holds, before any pixel is read.

    Attributes
    ----------
    proposals
        Patterns that may fit, the best first.
    unmatched
        Number of images in the folder that do not belong to the stack; some are in ``others``.
    time_interval
        Time between two time points [s]; None if unknown.
    voxel_size
        (z, y, x) [um], z as it was recorded; None where it is unknown.
    scan, angle
        How the stack is skewed; angle between light sheet and scan [degree]; None if unknown.
    voxel_source, angle_source, interval_source, channel_source
        What states these: ``"OME"``, ``"ImageJ"``, the name of a Settings.txt, or ``"unknown"``.
    notes
        Sentences a person should read.
    positions
        All positions there are; one of them, `position`, is open.
    """

    source: FileSource = field(repr=False)
    pattern: str
    proposals: tuple[Proposal, ...]
    unmatched: int
    channel_names: tuple[str, ...]
    time_interval: float | None
    voxel_size: StatedSize
    voxel_source: str
    scan: Scan | None
    angle: float | None
    angle_source: str
    notes: tuple[str, ...]
    interval_source: str = "unknown"
    channel_source: str = "file names"
    positions: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def position(self) -> str:
        """Return which of several positions this is; empty if there is one."""
        return self.source.position

    @property
    def table(self) -> tuple[FieldRow, ...]:
        """Values in the names, a row for each field of the pattern; no file is opened."""
        return field_rows(self.source.layout)

    @property
    def facts(self) -> tuple[MetadataFact, ...]:
        """Every value, and where it comes from."""
        scan, source = self.scan, self.angle_source
        angle = f"{self.angle:g} degree" if self.angle else "unknown"
        interval = f"{self.time_interval:g} s" if self.time_interval else "unknown"
        return (
            MetadataFact("shape", f"{self.shape} {self.dtype}", self.source.info.name),
            self._length("z step", self.voxel_size[0]),
            self._length("pixel", self.voxel_size[2]),
            MetadataFact("angle", angle, source),
            MetadataFact("z step is", *((scan.step, source) if scan else ("unknown", "unknown"))),
            MetadataFact("time interval", interval, self.interval_source),
            MetadataFact("channels", ", ".join(self.channel_names), self.channel_source),
        )

    def _length(self, what: str, length: float | None) -> MetadataFact:
        if length is None:
            return MetadataFact(what, "unknown", "unknown")
        return MetadataFact(what, f"{length:g} um", self.voxel_source)

    @property
    def folder(self) -> str:
        """Absolute path of the folder."""
        return self.source.folder

    @property
    def place(self) -> Place:
        """Where it was recorded."""
        return self.folder, self.position or None, self.pattern

    @property
    def matched(self) -> int:
        """Number of files in the stack."""
        return self.source.files

    @property
    def missing(self) -> int:
        """Number of combinations (t, c) that should have a file, and have none."""
        return self.source.missing

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.source.sizes

    @property
    def shape(self) -> Shape:
        """Shape of each volume (z, y, x)."""
        return self.source.spec.shape

    @property
    def dtype(self) -> str:
        """Type of the pixels."""
        return self.source.spec.dtype

    @property
    def total_bytes(self) -> int:
        """Size of the pixels in all files [byte]."""
        source, plan = self.source, self.source.plan
        sizes = (
            count * source.files_of(column).nbytes(plan.pieces[column])
            for column, count in enumerate(plan.recorded)
        )
        return sum(sizes) * math.prod(source.info.inner)

    @property
    def summary(self) -> str:
        """One line for a person."""
        times, channels = self.sizes
        return (
            f"{format_count(self.matched, 'file')} -> {format_count(channels, 'channel')} "
            f"({format_names(self.channel_names)}) x {format_count(times, 'time point')}, "
            f"{self.shape} {self.dtype}, {format_bytes(self.total_bytes)}. {self.missing} missing."
        )

    def stack(
        self,
        voxel_size: Sequence[float | None] | None = None,
        *,
        time_interval: float | None = None,
        channel_names: Sequence[str] | None = None,
        scan: Scan | None = None,
    ) -> Stack:
        """Make the stack; nothing is read. See `open_stack`."""
        names = tuple(channel_names) if channel_names is not None else self.channel_names
        if len(names) != self.sizes[1]:
            what = f"There are {len(names)} channel names for {self.sizes[1]} channels"
            raise FolderError(what, self.folder)
        if time_interval is not None and not (math.isfinite(time_interval) and time_interval > 0):
            raise FolderError(f"time_interval has to be a positive number [s], not {time_interval}")
        stated = checked_size(voxel_size)
        size = tuple(a or b for a, b in zip(stated, self.voxel_size, strict=True))
        spec = self.source.spec.replace(voxel_size=size, scan=scan or self.scan)
        return Stack(self.source.with_spec(spec), names, time_interval or self.time_interval)
