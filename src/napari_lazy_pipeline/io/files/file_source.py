"""File source: the volumes of a stack, read from files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import cycle, islice
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from napari_lazy_pipeline.errors import FileError, MissingFileError, NotRecordedError
from napari_lazy_pipeline.image import Shape, VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog
from napari_lazy_pipeline.io.files.channel_files import ChannelFiles, assembled, other_channels
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck, is_young
from napari_lazy_pipeline.io.files.file_access import (
    END,
    FileRead,
    ReadCount,
    ReadStatistics,
    probe_first_volume,
)
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan
from napari_lazy_pipeline.io.readers import FileInfo, GrowingReader, PlaneReader, Reader
from napari_lazy_pipeline.io.readers._common_volume import common_volume

_COPY = "Copy it once more, or state that all files are complete"


class FileSource(ReadStatistics, VolumeSource):
    """Reads the volumes of a stack from files.

    ``info`` is the header of one file, or those of the files of one volume; all others must agree.
    As an attribute it is that of the first good file. Where files are ``complete``, pixels do not
    tell that they are still being written. If it is ``strict``, a bad or missing file is an error.

    Channels (of files) may have ``others``: their volumes begin at voxel 0 of the common shape, the
    rest is blank.
    """

    def __init__(
        self,
        folder: str,
        layout: FileTable,
        reader: Reader,
        info: FileInfo | Sequence[FileInfo],
        spec: VolumeSpec | None = None,
        strict: bool = False,
        complete: bool = False,
        others: Mapping[int, Sequence[FileInfo]] = MappingProxyType({}),
        count: ReadCount | None = None,
    ) -> None:
        infos = [info] if isinstance(info, FileInfo) else info
        self.folder, self.layout, self.reader = folder, layout, reader
        self.complete = complete
        self._count = count or ReadCount()
        make = partial(ChannelFiles.of, folder, layout, reader, complete, self._count)
        self._files, self.info = make(infos), infos[0]
        self._others = {c: make(each).after(infos[0]) for c, each in others.items()}
        planes = sum(info.shape[0] for info in islice(cycle(infos), layout.pieces))
        own = (planes, *self.info.shape[1:]), self.info.dtype
        shape, dtype = common_volume([own, *self.kinds.values()], folder)
        first, frame = self.info.translate, self.info.frame
        self._spec = spec or VolumeSpec(shape, dtype, translate=first, frame=frame)
        self.problems = ProblemLog()
        self._strict = strict

    @classmethod
    def probe(
        cls, folder: str, layout: FileTable, reader: Reader | None = None, complete: bool = False
    ) -> FileSource:
        """Make a source, reading headers until the first good one; see `probe_first_volume`."""
        infos, reader, errors = probe_first_volume(folder, layout, reader)
        source = cls(folder, layout, reader, infos, complete=complete)
        for error in errors:
            about = FileRead(error.where, (0, 0), (0, 0)).with_stamp()
            source.problems.report(Problem.of(error), about)
        return source

    @property
    def pattern(self) -> str:
        """The pattern that gave the files their places."""
        return self.layout.pattern

    @property
    def position(self) -> str:
        """Return which of several positions this is; empty if there is one."""
        scenes = self.info.scenes
        return scenes[self.info.scene] if scenes else self.layout.position

    @property
    def options(self) -> dict[str, object]:
        """Arguments of `open_stack`, besides folder and pattern, that open this again."""
        several = len(self.info.scenes) > 1 or self.layout.position
        position = {"position": self.position} if several else {}
        axes = {"axes": self.info.axes} if self.info.axes else {}
        planes = {"planes": self.info.depth} if self.info.depth else {}
        complete = {"complete": True} if self.complete else {}
        return {**position, **axes, **planes, **complete, **self.reader.options}

    @property
    def grows(self) -> bool:
        """Return whether more time points may come in the one file there is."""
        alone = self.files == 1 and not self.info.restated
        return alone and isinstance(self.reader, GrowingReader) and self.reader.grows(self.info)

    @property
    def spec(self) -> VolumeSpec:
        return self._spec

    @property
    def strict(self) -> bool:
        return self._strict

    def as_strict(self) -> FileSource:
        """Return the same files, of which a bad or missing one is an error."""
        return self._with(_strict=True)

    @property
    def sizes(self) -> tuple[int, int]:
        (times, channels, *_), inner = self.layout.table.shape, self.info.inner
        return times * inner[0], channels * inner[1]

    @property
    def files(self) -> int:
        """Number of files."""
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Names of the files, in the order in which the system lists them."""
        return self.layout.names

    @cached_property
    def plan(self) -> RecordingPlan:
        """Which volumes, and files of them, were meant to be recorded."""
        return self.layout.plan

    @property
    def judge(self) -> CompletenessCheck:
        """What tells whole files from those that are being written."""
        return self._files.judge

    def files_of(self, column: int) -> ChannelFiles:
        """What the files in a column of the table are like."""
        return self._others.get(column, self._files)

    @property
    def kinds(self) -> dict[int, tuple[Shape, str]]:
        """Shape and type of the volumes of channels (of files) unlike the first."""
        return {column: files.content for column, files in self._others.items()}

    @property
    def missing(self) -> int:
        """Number of volumes that were meant to be recorded, and have no file."""
        return self.plan.missing * math.prod(self.info.inner)

    @cached_property
    def token(self) -> str:
        """Name of folder, files and shape; equal for equal sources, in any process."""
        info = self.info
        shape = f"{self._spec.shape} {info.dtype} {self.layout.table.shape}"
        if info.inner != (1, 1) or info.scene:
            shape += f" {info.inner} {info.scene} {info.strides}"
        shape += "".join(f" {column} {kind}" for column, kind in self.kinds.items())
        return self.layout.token(self.folder, shape + self.reader.token)

    def with_info(self, change: Callable[[FileInfo], FileInfo]) -> FileSource:
        """Return the same files, understood in another way; problems and count are shared."""
        infos = [change(info) for info in self._files.infos]
        others = {c: [*map(change, files.infos)] for c, files in self._others.items()}
        return self._remade(infos, others)

    def with_other_channels(self) -> FileSource:
        """Return the same, once the channels of another size or type were found."""
        parts = self.folder, self.layout, self.reader, self._files.infos, self.complete
        infos, others = other_channels(*parts)
        same = infos is self._files.infos and not others
        return self if same else self._remade(infos, others)

    def _remade(
        self, infos: Sequence[FileInfo], others: Mapping[int, Sequence[FileInfo]]
    ) -> FileSource:
        parts = self.folder, self.layout, self.reader, infos, None, self._strict, self.complete
        other = FileSource(*parts, others, self._count)
        other.problems = self.problems
        return other

    def with_layout(self, layout: FileTable) -> FileSource:
        """Return other files of the same folder and shape; problems and count are shared.

        Problems of files that are not among them any more are taken back.
        """
        other = self._with(layout=layout)
        for name in ("token", "plan"):
            other.__dict__.pop(name, None)
        if len(self.problems):
            names = set(self.names).difference(layout.names)
            gone = {os.path.join(self.folder, name) for name in names}
            self.problems.withdraw(lambda about: isinstance(about, FileRead) and about.path in gone)
        return other

    def with_spec(self, spec: VolumeSpec) -> FileSource:
        """Return the same files with another voxel size or scan; problems are shared."""
        return self._with(_spec=spec)

    def _with(self, **changes: Any) -> Self:
        # Not copy(), which goes the way of pickling and forgets log and count.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def moved_to(self, now: FileSource) -> dict[int, int]:
        """Tell the numbers of time points among other files of the folder, by their files."""
        rows, length = self.layout.moved_to(now.layout), self.info.inner[0]
        return {a * length + i: b * length + i for a, b in rows.items() for i in range(length)}

    def same_files(self, now: FileSource) -> Callable[[int, int], bool]:
        """Tell whether place (t, c) holds the same files among those that are there now."""
        alike, times = self.layout.alike(now.layout).tolist(), min(self.sizes[0], now.sizes[0])
        (rows, columns), inner = self.info.inner, now.info.inner

        def same(t: int, c: int) -> bool:
            row, column = t // rows, c // columns
            kept = t < times and (row, column) == (t // inner[0], c // inner[1])
            return kept and alike[row][column]

        return same

    def path(self, t: int, c: int) -> str | None:
        """Path of the file of a volume, or of the first of them; None if one is missing."""
        paths = self.paths(t, c)
        return paths[0] if paths else None

    def paths(self, t: int, c: int) -> list[str]:
        """Paths of the files of a volume; empty if one is missing."""
        files = [index for index, *_ in self._pieces(t, c)]
        if not files or min(files) < 0:
            return []
        return [os.path.join(self.folder, self.names[index]) for index in files]

    def identity(self, t: int, c: int) -> Hashable:
        paths = self.paths(t, c)
        if not paths:
            return ("missing", int(t), int(c))
        _, info, _ = next(self._pieces(t, c))
        return self._files_at(c).access.identity(paths, info, self.grows)

    def read(self, t: int, c: int) -> np.ndarray:
        return self.read_planes(t, c, 0, self._spec.shape[0])

    @property
    def overhead(self) -> int:
        every = (self._files, *self._others.values())
        return max(info.overhead for files in every for info in files.infos)

    @property
    def by_planes(self) -> bool:
        return isinstance(self.reader, PlaneReader) or self.layout.pieces > 1

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        # Of each file the last plane is read, too, once: one that is being written shows there.
        pieces, files = self._complete(t, c), self._files_at(c)
        parts = (
            (first + low - start, self._read(files, index, info, (low, high)))
            for index, info, first in pieces
            for low, high in [(max(start - first, 0), min(stop - first, info.shape[0]))]
            if low < high
        )
        planes = assembled(parts, (stop - start, *self._spec.shape[1:]), self._spec.dtype)
        # Counted by the name of the first file: the place of a volume may change.
        self._count.add_volume((self.names[pieces[0][0]], pieces[0][1].part))
        return planes

    def _files_at(self, c: int) -> ChannelFiles:
        """The files of a channel of the stack: a file may hold several."""
        return self.files_of(c // self.info.inner[1])

    def _pieces(self, t: int, c: int) -> Iterator[tuple[int, FileInfo, int]]:
        """Yield index, -1 if there is none, header and first plane of each file of a volume.

        Where a channel was never meant to have a file there is none.
        """
        (row, inner_t), (column, inner_c) = map(divmod, (t, c), self.info.inner)
        cell = self.layout.table[row, column].ravel().tolist()
        files = self._files_at(c).pieces(inner_t, inner_c, len(cell))
        for index, planned, (info, first) in zip(
            cell, self.plan.pieces[column].tolist(), files, strict=True
        ):
            if planned or index >= 0:
                yield index, info, first

    def _complete(self, t: int, c: int) -> list[tuple[int, FileInfo, int]]:
        """The files of a volume, all of which have to be there."""
        pieces = list(self._pieces(t, c))
        count = sum(index >= 0 for index, *_ in pieces)
        (row, _), (column, _) = map(divmod, (t, c), self.info.inner)
        if not count:
            planned = self.plan.times[row, column]
            kind = MissingFileError if planned else NotRecordedError
            raise kind(f"There is no file for {self.place(t, c)}", self.folder)
        begun = not self.complete and self.plan.has_begun_only(column)
        if count < len(pieces) or (begun and any(map(is_young, self.paths(t, c)))):
            of = self.layout.pieces if begun else len(pieces)
            what = f"{count} of the {of} files for {self.place(t, c)} are there"
            raise FileError(what, self.folder, "It is still being recorded, or was interrupted")
        return pieces

    def place(self, t: int, c: int) -> str:
        names = self.layout.channels if self.info.inner[1] == 1 else self.info.channel_names
        return f"t={t}, channel {names[c] if c < len(names) else c}"

    def _read(
        self, files: ChannelFiles, index: int, info: FileInfo, planes: tuple[int, int]
    ) -> np.ndarray:
        path = os.path.join(self.folder, self.names[index])
        about = FileRead(path, info.part, planes)
        try:
            pixels = files.access.read(path, info, planes, self.grows)
        except FileError as error:
            error.about = about.with_stamp()
            raise
        if len(self.problems):
            self.problems.withdraw(about.with_stamp().solves)
        doubt = files.judge.doubt(path)
        if doubt:
            problem = Problem(path, doubt, "shown as it is", _COPY)
            self.problems.report(problem, FileRead(path, END, END).with_stamp())
        return pixels

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileSource):
            return NotImplemented
        return (self.token, self._spec) == (other.token, other._spec)

    def __hash__(self) -> int:
        return hash((self.token, self._spec))

    def __repr__(self) -> str:
        return f"<FileSource {self.folder!r}: {self.files} files, (t, c) = {self.sizes}>"

    def __reduce__(self) -> tuple[object, ...]:
        parts = self.folder, self.layout, self.reader, self._files.infos, self._spec
        others = {c: files.infos for c, files in self._others.items()}
        return FileSource, (*parts, self._strict, self.complete, others)
