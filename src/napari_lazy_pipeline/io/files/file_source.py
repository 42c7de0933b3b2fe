"""File source: the volumes of a stack, read from files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from itertools import cycle, islice
from typing import Any, Self

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import FileError, MissingFileError
from napari_lazy_pipeline.image import VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck
from napari_lazy_pipeline.io.files.file_access import (
    END,
    FileAccess,
    FileRead,
    Planes,
    probe_first_volume,
)
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.readers import FileInfo, GrowingReader, PlaneReader, Reader

_COPY = "Copy it once more, or state that all files are complete"


class FileSource(VolumeSource):
    """Reads the volumes of a stack from files.

    ``info`` is the header of one file, or those of the files of one volume; all others must agree.
    As an attribute it is that of the first good file. ``judge`` tells whole files from those that
    are still being written; where they are ``complete``, pixels do not tell. If it is ``strict``,
    a bad or missing file is an error.
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
    ) -> None:
        infos = [info] if isinstance(info, FileInfo) else info
        self.folder, self.layout, self.reader = folder, layout, reader
        self.complete = complete
        self._infos, self.info = tuple(infos), infos[0]
        planes = sum(info.shape[0] for info in islice(cycle(infos), layout.pieces))
        shape = (planes, *self.info.shape[1:])
        self._spec = spec or VolumeSpec(shape, self.info.dtype, translate=self.info.translate)
        reference = os.path.join(folder, _reference(layout, infos[0]))
        self.judge = CompletenessCheck(reference, reader, infos, complete)
        self._access = FileAccess(folder, reader, self.judge)
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

    @property
    def missing(self) -> int:
        """Number of volumes without a file."""
        incomplete = np.count_nonzero((self.layout.cells < 0).any(1))
        return int(incomplete) * self.info.inner[0] * self.info.inner[1]

    @property
    def reads(self) -> int:
        """How often a file was read so far, by this source and what `with_spec` made of it."""
        return self._access.count.reads

    @property
    def volumes_read(self) -> int:
        """Number of distinct volumes of which something was read, since the count was reset."""
        return len(self._access.count.volumes)

    def reset_volumes_read(self) -> None:
        """Count the volumes that are read from 0 on."""
        self._access.count.volumes = set()

    @property
    def bytes_read(self) -> int:
        """Size of the pixels that were read so far [byte]."""
        return self._access.count.nbytes

    @cached_property
    def token(self) -> str:
        """Name of folder, files and shape; equal for equal sources, in any process."""
        table, info = self.layout.table, self.info
        shape = f"{self._spec.shape} {info.dtype} {table.shape}"
        if info.inner != (1, 1) or info.scene:
            shape += f" {info.inner} {info.scene} {info.strides}"
        names = "\0".join((self.folder, shape + self.reader.token, *self.layout.names_in_order()))
        digest = hashlib.blake2b(names.encode(errors="surrogateescape"), digest_size=16)
        digest.update(np.packbits(table >= 0).tobytes())
        return digest.hexdigest()

    def with_info(self, change: Callable[[FileInfo], FileInfo]) -> FileSource:
        """Return the same files, understood in another way; problems and count are shared."""
        infos = [change(info) for info in self._infos]
        parts = self.folder, self.layout, self.reader, infos, None, self._strict, self.complete
        other = FileSource(*parts)
        other._access.count, other.problems = self._access.count, self.problems
        return other

    def with_layout(self, layout: FileTable) -> FileSource:
        """Return other files of the same folder and shape; problems and count are shared.

        Problems of files that are not among them any more are taken back.
        """
        other = self._with(layout=layout)
        other.__dict__.pop("token", None)
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

    def moved_to(self, now: FileSource) -> Callable[[int], int]:
        """Tell the number of a time point among other files of the folder, by its files."""
        rows, length = now.layout.rows(), self.info.inner[0]
        last = now.layout.table.shape[0] - 1

        def move(t: int) -> int:
            row, rest = divmod(t, length)
            indices = self.layout.table[row].ravel().tolist()
            names = (self.names[index] for index in indices if index >= 0)
            moved = (rows[name] for name in names if name in rows)
            return next(moved, min(row, last)) * length + rest

        return move

    def same_files(self, now: FileSource) -> Callable[[int, int], bool]:
        """Tell whether place (t, c) holds the same files among those that are there now."""

        def same(t: int, c: int) -> bool:
            in_both = t < min(self.sizes[0], now.sizes[0])
            return in_both and self.paths(t, c) == now.paths(t, c)

        return same

    def path(self, t: int, c: int) -> str | None:
        """Path of the file of a volume, or of the first of them; None if one is missing."""
        paths = self.paths(t, c)
        return paths[0] if paths else None

    def paths(self, t: int, c: int) -> list[str]:
        """Paths of the files of a volume; empty if one is missing."""
        files = [index for index, _ in self._pieces(t, c)]
        if min(files) < 0:
            return []
        return [os.path.join(self.folder, self.names[index]) for index in files]

    def identity(self, t: int, c: int) -> Hashable:
        paths = self.paths(t, c)
        if not paths:
            return ("missing", int(t), int(c))
        return self._access.identity(paths, next(self._pieces(t, c))[1], self.grows)

    def read(self, t: int, c: int) -> np.ndarray:
        pieces = self._complete(t, c)
        if len(pieces) == 1:
            volume = self._read(*pieces[0])
            self._count(pieces)
            return volume
        volume, start = pool().empty(self._spec.shape, self._spec.dtype), 0
        for index, info in pieces:
            volume[start : start + info.shape[0]] = self._read(index, info)
            start += info.shape[0]
        self._count(pieces)
        return volume

    @property
    def overhead(self) -> int:
        return max(info.overhead for info in self._infos)

    @property
    def by_planes(self) -> bool:
        return isinstance(self.reader, PlaneReader) or self.layout.pieces > 1

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        # Of each file the last plane is read, too, once: one that is being written shows there.
        pieces = self._complete(t, c)
        parts, first = [], 0
        for index, info in pieces:
            low, high = max(start - first, 0), min(stop - first, info.shape[0])
            if low < high:
                parts.append(self._read(index, info, (low, high)))
            first += info.shape[0]
        self._count(pieces)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _pieces(self, t: int, c: int) -> Iterator[tuple[int, FileInfo]]:
        """Yield index, -1 if there is none, and header of each file of a volume."""
        inner = self.info.inner
        cell = self.layout.table[t // inner[0], c // inner[1]]
        for index, info in zip(cell.ravel().tolist(), cycle(self._infos), strict=False):
            yield index, info if inner == (1, 1) else info.at(t % inner[0], c % inner[1])

    def _complete(self, t: int, c: int) -> list[tuple[int, FileInfo]]:
        """The files of a volume, all of which have to be there."""
        pieces = list(self._pieces(t, c))
        count = sum(index >= 0 for index, _ in pieces)
        if not count:
            raise MissingFileError(f"There is no file for {self.place(t, c)}", self.folder)
        if count < len(pieces):
            what = f"{count} of the {len(pieces)} files for {self.place(t, c)} are there"
            raise FileError(what, self.folder, "It is still being recorded, or was interrupted")
        return pieces

    def _count(self, pieces: list[tuple[int, FileInfo]]) -> None:
        """Count a volume once, by the name of its first file: its place may change."""
        index, info = pieces[0]
        self._access.count.add_volume((self.names[index], info.part))

    def place(self, t: int, c: int) -> str:
        names = self.layout.channels if self.info.inner[1] == 1 else self.info.channel_names
        return f"t={t}, channel {names[c] if c < len(names) else c}"

    def _read(self, index: int, info: FileInfo, planes: Planes = None) -> np.ndarray:
        path = os.path.join(self.folder, self.names[index])
        about = FileRead(path, info.part, planes or (0, info.shape[0]))
        try:
            pixels = self._access.read(path, info, planes, self.grows)
        except FileError as error:
            error.about = about.with_stamp()
            raise
        if len(self.problems):
            self.problems.withdraw(about.with_stamp().solves)
        doubt = self.judge.doubt(path)
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
        parts = self.folder, self.layout, self.reader, self._infos, self._spec
        return FileSource, (*parts, self._strict, self.complete)


def _reference(layout: FileTable, info: FileInfo) -> str:
    """Name of the file whose header ``info`` is; that does not know its folder."""
    if not layout.names or "/" not in layout.names[0]:
        return info.name
    ends = (name for name in layout.names if name.endswith(f"/{info.name}"))
    return next(ends, info.name)
