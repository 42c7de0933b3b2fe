"""Channel files: those of channels that are alike; another camera writes another size or type."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, cycle, islice

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import Shape, VolumeSpec
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck, is_young
from napari_lazy_pipeline.io.files.file_access import FileAccess, ReadCount
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.recording_plan import Flags
from napari_lazy_pipeline.io.readers import FileInfo, Reader, with_axes

_TRIES = 5  # files of a channel


@dataclass(frozen=True)
class ChannelFiles:
    """The headers of the files of one volume, what tells whole files, and what reads them."""

    infos: tuple[FileInfo, ...]
    judge: CompletenessCheck
    access: FileAccess
    start: int = 0  # plane of the stack at which volumes begin

    @classmethod
    def of(
        cls,
        folder: str,
        layout: FileTable,
        reader: Reader,
        complete: bool,
        count: ReadCount,
        infos: Sequence[FileInfo],
    ) -> ChannelFiles:
        """Make them for files like those with these headers; ``count`` counts what is read."""
        reference = os.path.join(folder, _reference(layout, infos[0]))
        judge = CompletenessCheck(reference, reader, infos, complete)
        return cls(tuple(infos), judge, FileAccess(folder, reader, judge, count))

    def pieces(self, t: int, c: int, count: int) -> Iterator[tuple[FileInfo, int]]:
        """Yield the header of each piece of volume (t, c) of a file, and its first plane."""
        infos = [info.at(t, c) for info in islice(cycle(self.infos), count)]
        depths = (info.shape[0] for info in infos)
        yield from zip(infos, accumulate(depths, initial=self.start), strict=False)

    def after(self, first: FileInfo) -> ChannelFiles:
        """The same, where a text tells at which plane of the first channel they begin."""
        own = self.infos[0]
        start = own.first_plane - first.first_plane
        inside = 0 < start <= first.shape[0] - own.shape[0]
        return replace(self, start=start) if inside and len(self.infos) == 1 else self

    def nbytes(self, planned: Flags) -> int:
        """Size of the pixels of a volume that has these of its pieces [byte]."""
        infos = zip(cycle(self.infos), planned.tolist(), strict=False)
        return sum(VolumeSpec(info.shape, info.dtype).nbytes for info, there in infos if there)

    @property
    def content(self) -> tuple[Shape, str]:
        """Shape (z, y, x) and type of what the headers are of."""
        depth = sum(info.shape[0] for info in self.infos)
        return (depth, *self.infos[0].shape[1:]), self.infos[0].dtype


def assembled(parts: Iterator[tuple[int, np.ndarray]], shape: Shape, dtype: str) -> np.ndarray:
    """Put parts of a volume (z, y, x) in place, each with its first plane; the rest is blank."""
    volume: np.ndarray | None = None
    for first, part in parts:
        if part.shape == shape and part.dtype == dtype:
            return part
        volume = _blank(shape, dtype) if volume is None else volume
        volume[first : first + len(part), : part.shape[1], : part.shape[2]] = part
    return _blank(shape, dtype) if volume is None else volume


def _blank(shape: Shape, dtype: str) -> np.ndarray:
    """Zeros, also for floats: steps that look around would spread a NaN over the real pixels."""
    volume = pool().empty(shape, dtype)
    volume[...] = 0
    return volume


def other_channels(
    folder: str, layout: FileTable, reader: Reader, infos: Sequence[FileInfo], complete: bool
) -> tuple[Sequence[FileInfo], dict[int, Sequence[FileInfo]]]:
    """Headers of the channels whose files are of another shape or type than ``infos`` say.

    Those of the largest volumes come first: they state the voxel size. Files are opened only where
    the first of a channel that is not empty has another size [byte] than that of ``infos``; two
    have to agree.
    """
    table = layout.table.reshape(*layout.table.shape[:2], -1)
    channels = []
    for column in table.transpose(1, 0, 2):
        rows = column[(column >= 0).any(axis=1)][:_TRIES].tolist()
        names = ([layout.names[index] for index in row if index >= 0] for row in rows)
        channels.append([[os.path.join(folder, name) for name in row] for row in names])
    if all(_same_size(volumes, infos[0]) for volumes in channels):
        return infos, {}
    agreed = [_agreed(volumes, reader, infos[0]) or infos for volumes in channels]
    largest = max(agreed, key=_pixels)
    others = {}
    for column, (own, volumes) in enumerate(zip(agreed, channels, strict=True)):
        # A single one may be half written, which shows in its number of planes alone.
        alone = len(volumes) == 1
        if alone and len(own) == 1:
            own = (_lengthened(own[0], largest[0].inner),)
        begun = alone and _may_grow(own[0], largest[0], volumes[0][0]) and not complete
        fewer = alone and own[0].whole and own[0].pages != largest[0].pages
        unlike = _kind(own[0]) != _kind(largest[0]) or fewer
        if unlike and own[0].inner == largest[0].inner and not begun:
            others[column] = own
    return largest, others


def _same_size(volumes: Sequence[Sequence[str]], info: FileInfo) -> bool:
    """Whether the first file that is not empty has the size of another; reading tells of none."""
    try:
        sizes = (os.path.getsize(paths[0]) for paths in volumes)
        return next(filter(None, sizes), info.size) == info.size
    except OSError:
        return True  # reading it says what is wrong


def _agreed(
    volumes: Sequence[Sequence[str]], reader: Reader, info: FileInfo
) -> tuple[FileInfo, ...]:
    """Headers of the first volume of a channel that is like another one of it, or is the only one.

    Understood as ``info`` is; none if there is no such volume.
    """
    found: list[tuple[FileInfo, ...]] = []
    for paths in volumes:
        try:
            infos = _headers(paths, reader, info)
        except FileError:
            continue  # reading it says what is wrong
        if any(list(map(_kind, infos)) == list(map(_kind, other)) for other in found):
            return infos
        found.append(infos)
    return found[0] if len(found) == 1 == len(volumes) else ()


def _headers(paths: Sequence[str], reader: Reader, info: FileInfo) -> tuple[FileInfo, ...]:
    """Headers of the files of a volume, understood as ``info`` is: of one where it has a plane."""
    first = _header(paths[0], reader, info.scene)
    more = paths[1:] if first.shape[0] > 1 else ()
    infos = [first, *(_header(path, reader, info.scene) for path in more)]
    if info.restated:
        infos = [with_axes(one, info.axes, info.depth) for one in infos]
    return tuple(replace(one, places=()) for one in infos)


def _header(path: str, reader: Reader, scene: int) -> FileInfo:
    return reader.at_scene(path, reader.probe(path), scene)


def _lengthened(own: FileInfo, inner: tuple[int, int]) -> FileInfo:
    """A file of fewer time points than others, as far as its own text says that these are all."""
    times, channels = own.inner
    if not own.whole or channels != inner[1] or times >= inner[0]:
        return own
    table = own.page_table
    lacking = np.full((len(table), inner[0] - times, *table.shape[2:]), -1, np.int32)
    longer = own.with_pages(np.concatenate([table, lacking], axis=1))
    if own.set_channels:
        return longer  # its text says which
    note = f"{own.name} holds {times} of {inner[0]} time points: they are taken to be the first"
    return replace(longer, notes=(*own.notes, note))


def _may_grow(own: FileInfo, info: FileInfo, path: str) -> bool:
    """Whether a file may just be too short yet."""
    alike = (own.shape[1:], own.dtype) == (info.shape[1:], info.dtype) and not own.whole
    return alike and own.shape[0] < info.shape[0] and is_young(path)


def _pixels(infos: Sequence[FileInfo]) -> int:
    planes = sum(math.prod(info.inner) * info.shape[0] - info.missing for info in infos)
    return planes * math.prod(infos[0].shape[1:])


def _kind(info: FileInfo) -> tuple[Shape, str]:
    return info.shape, info.dtype


def _reference(layout: FileTable, info: FileInfo) -> str:
    """Name of the file whose header ``info`` is; that does not know its folder."""
    if not layout.names or "/" not in layout.names[0]:
        return info.name
    ends = (name for name in layout.names if name.endswith(f"/{info.name}"))
    return next(ends, info.name)
