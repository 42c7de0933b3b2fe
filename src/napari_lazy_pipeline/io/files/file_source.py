"""FileSource: the volumes of a stack, read from files."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
import zlib
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import AwayError, FileError, LazyPipelineError, MissingFileError
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog
from napari_lazy_pipeline.image.spec import VolumeSpec
from napari_lazy_pipeline.image.volume_source import VolumeSource
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck
from napari_lazy_pipeline.io.files.volume_files import Piece, VolumeFiles, probe_volume_files
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.readers import (
    FileInfo,
    FileSetReader,
    GrowingReader,
    PlaneReader,
    Reader,
    os_problem,
)

AWAY = "away"
_AWAY_HINT = "It is read again once it is back"
Planes = tuple[int, int] | None


class BadFileWarning(UserWarning):
    """A file could not be read, and its volume is blank."""


class _Count:
    """What was read, by all threads; starts anew in another process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reads, self.nbytes = 0, 0

    def add(self, reads: int = 0, nbytes: int = 0) -> None:
        with self._lock:
            self.reads += reads
            self.nbytes += nbytes


class FileSource(VolumeSource):
    """Reads the volumes of a stack from files.

    Parameters
    ----------
    folder
        Absolute path of the folder.
    layout
        The names of the files and their places.
    reader
        Reads them.
    info
        What the header of one file says, or those of the files of one volume; all others
        must agree.
    spec
        What each volume looks like; from ``info`` if not given.

    Attributes
    ----------
    judge
        Tells whole files from those that are still being written.
    problems
        What went wrong with single files.
    """

    def __init__(
        self,
        folder: str,
        layout: FileTable,
        reader: Reader,
        info: FileInfo | Sequence[FileInfo],
        spec: VolumeSpec | None = None,
    ) -> None:
        infos = [info] if isinstance(info, FileInfo) else info
        self._folder, self._reader, self._pattern = folder, reader, layout.pattern
        self._position = layout.position
        self._volumes = VolumeFiles(layout, infos)
        self._spec = spec or VolumeSpec(self._volumes.shape, infos[0].dtype)
        self._token = ""
        self._count = _Count()
        self.judge = CompletenessCheck(
            os.path.join(folder, _reference(layout, infos[0])), reader, infos
        )
        self.problems = ProblemLog()

    @classmethod
    def probe(cls, folder: str, layout: FileTable, reader: Reader | None = None) -> FileSource:
        """Make a source, reading the header of the first file that has a good one.

        Raises
        ------
        FolderError
            If the first few files are all bad.
        """
        volumes, reader, bad = probe_volume_files(folder, layout, reader)
        source = cls(folder, layout, reader, volumes.infos)
        for error in bad:
            source.problems.report(Problem.of(error))
        return source

    @property
    def folder(self) -> str:
        """Absolute path of the folder."""
        return self._folder

    @property
    def pattern(self) -> str:
        """The pattern that gave the files their places."""
        return self._pattern

    @property
    def position(self) -> str:
        """Which of several positions this is; empty if there is one."""
        scenes = self.info.scenes
        return scenes[self.info.scene] if scenes else self._position

    @property
    def options(self) -> dict[str, object]:
        """What `open_stack` has to be told, besides folder and pattern, to open this again."""
        found: dict[str, object] = {}
        several = len(self.info.scenes) > 1 or self._position
        if several:
            found["position"] = self.position
        if self.info.merged:
            found["axes"] = "ZYX"
        return {**found, **getattr(self._reader, "options", {})}

    @property
    def reader(self) -> Reader:
        """What reads the files."""
        return self._reader

    @property
    def info(self) -> FileInfo:
        """What the header of the first good file says."""
        return self._volumes.info

    @property
    def grows(self) -> bool:
        """Whether more time points may come in the one file there is."""
        reader, alone = self._reader, self.files == 1 and not self.info.merged
        return alone and isinstance(reader, GrowingReader) and reader.grows(self.info)

    @property
    def spec(self) -> VolumeSpec:
        """What each volume looks like."""
        return self._spec

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self._volumes.sizes

    @property
    def files(self) -> int:
        """Number of files."""
        return len(self._volumes.names)

    @property
    def names(self) -> list[str]:
        """Names of the files, in the order in which the system lists them."""
        return self._volumes.names

    @property
    def layout(self) -> FileTable:
        """The names of the files and their places."""
        volumes = self._volumes
        return FileTable(
            volumes.names, volumes.table, (), pattern=self._pattern, position=self._position
        )

    @property
    def missing(self) -> int:
        """Number of volumes without a file."""
        return self._volumes.missing

    @property
    def reads(self) -> int:
        """How often a file was read so far, by this source and what `with_spec` made of it."""
        return self._count.reads

    @property
    def bytes_read(self) -> int:
        """Size of the pixels that were read so far [byte]."""
        return self._count.nbytes

    @property
    def token(self) -> str:
        """Names folder, files and shape; equal for equal sources, in any process."""
        if not self._token:
            digest = hashlib.blake2b(digest_size=16)
            volumes, info = self._volumes, self._volumes.info
            shape = f"{self._spec.shape} {info.dtype} {volumes.table.shape}"
            if volumes.inner != (1, 1) or info.scene:
                shape += f" {volumes.inner} {info.scene} {info.strides}"
            names = "\0".join((self._folder, shape, *volumes.ordered()))
            digest.update(names.encode(errors="surrogateescape"))
            digest.update(np.packbits(volumes.table >= 0).tobytes())
            self._token = digest.hexdigest()
        return self._token

    def with_info(self, change: Callable[[FileInfo], FileInfo]) -> FileSource:
        """Return the same files, understood in another way; problems are shared."""
        infos = [change(info) for info in self._volumes.infos]
        other = FileSource(self._folder, self.layout, self._reader, infos)
        other._count, other.problems = self._count, self.problems
        return other

    def with_layout(self, layout: FileTable) -> FileSource:
        """Return other files of the same folder and shape; problems and count are shared."""
        other = object.__new__(type(self))
        volumes = VolumeFiles(layout, self._volumes.infos)
        other.__dict__.update(self.__dict__, _volumes=volumes, _token="")
        return other

    def moved_to(self, now: FileSource) -> Callable[[int], int]:
        """Tell the number of a time point among other files of the folder, by its files."""
        numbers, length = now._rows(), self._volumes.inner[0]
        last = now._volumes.table.shape[0] - 1

        def move(t: int) -> int:
            row, rest = divmod(t, length)
            indices = self._volumes.table[row].ravel().tolist()
            names = (self._volumes.names[index] for index in indices if index >= 0)
            found = (numbers[name] for name in names if name in numbers)
            return next(found, min(row, last)) * length + rest

        return move

    def _rows(self) -> dict[str, int]:
        """Row of the table in which each file is, by its name."""
        table, names = self._volumes.table, self._volumes.names
        where = np.nonzero(table >= 0)
        indices = table[where].tolist()
        return dict(zip((names[index] for index in indices), where[0].tolist(), strict=True))

    def with_spec(self, spec: VolumeSpec) -> FileSource:
        """Return the same files with another voxel size or scan; problems are shared."""
        # Not copy(), which goes the way of pickling and forgets log and count.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _spec=spec)
        return other

    def path(self, t: int, c: int) -> str | None:
        """Path of the file of a volume, or of the first of them; None if one is missing."""
        paths = self.paths(t, c)
        return paths[0] if paths else None

    def paths(self, t: int, c: int) -> list[str]:
        """Paths of the files of a volume; empty if one is missing."""
        files = self._volumes.files(t, c)
        if min(files) < 0:
            return []
        return [os.path.join(self._folder, self._volumes.names[index]) for index in files]

    def identity(self, t: int, c: int) -> Hashable:
        """Path, size [byte] and time of change [ns] of the file, as it is now.

        Of several files it is the path of the first, and a digest of all; in a file that grows,
        the path and what the volume is made from. If there is no file, it says so instead;
        `AWAY` if even the folder is not there.
        """
        paths = self.paths(t, c)
        if not paths:
            return ("missing", int(t), int(c))
        path, stamps = paths[0], []
        try:
            if self.grows:
                ((_, info),) = self._volumes.pieces(t, c)
                return (path, self._state(path, info))
            for path in self._with_companions(paths):
                stamps.append((path, *_stamp(path)))
        except FileError:
            # One file that is gone was deleted; if all are, the share is away and comes back.
            return ("vanished" if os.path.isdir(self._folder) else AWAY, path)
        identity = stamps[0] if len(stamps) == 1 else (paths[0], _digest(stamps))
        inner = self._volumes.inner
        return identity if inner == (1, 1) else (*identity, t % inner[0], c % inner[1])

    def _with_companions(self, paths: list[str]) -> list[str]:
        if not isinstance(self._reader, FileSetReader):
            return paths
        info = self.info
        return [one for path in paths for one in (path, *self._reader.companions(path, info))]

    def read(self, t: int, c: int) -> np.ndarray:
        """Read one volume (z, y, x).

        A file that changes under the hand, or that the system fails to hand out, is read once
        more.

        Raises
        ------
        FileError
            If there is no file, or if it is not a whole volume as the first one is.
        """
        pieces = self._pieces(t, c)
        if len(pieces) == 1:
            return self._read(*pieces[0])
        volume, start = pool().empty(self._spec.shape, self._spec.dtype), 0
        for index, info in pieces:
            volume[start : start + info.shape[0]] = self._read(index, info)
            start += info.shape[0]
        return volume

    @property
    def by_planes(self) -> bool:
        """Whether planes can be read without the rest of their volume."""
        return isinstance(self._reader, PlaneReader) or self._volumes.depth > 1

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Read the planes from ``start`` to just before ``stop`` of one volume (z, y, x).

        Nothing else is read but headers, and once of each file its last plane: a file that is
        still being written shows there. Of several files, those without such planes are only
        looked for.

        Raises
        ------
        FileError
            As `read` does.
        """
        parts, first = [], 0
        for index, info in self._pieces(t, c):
            low, high = max(start - first, 0), min(stop - first, info.shape[0])
            if low < high:
                parts.append(self._read(index, info, (low, high)))
            first += info.shape[0]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _pieces(self, t: int, c: int) -> list[Piece]:
        """The files of a volume, all of which have to be there."""
        pieces = list(self._volumes.pieces(t, c))
        there = sum(index >= 0 for index, _ in pieces)
        if not there:
            raise MissingFileError(f"There is no file for t={t}, c={c}", self._folder)
        if there < len(pieces):
            raise FileError(
                f"{there} of the {len(pieces)} files for t={t}, c={c} are there",
                self._folder,
                "It is still being recorded, or was interrupted",
            )
        return pieces

    def _read(self, index: int, info: FileInfo, planes: Planes = None) -> np.ndarray:
        """Read what is wanted of one file, all its planes or some."""
        path = os.path.join(self._folder, self._volumes.names[index])
        self._count.add(reads=1)
        try:
            return self._read_whole(path, info, planes)
        except FileError as error:
            if self._was_away(error.__cause__):
                raise AwayError("The folder is not there", self._folder, _AWAY_HINT) from error
            raise

    def _was_away(self, cause: BaseException | None) -> bool:
        """Whether the folder was not there; it may be back, and with it what was not found."""
        if not isinstance(cause, FileNotFoundError):
            return False
        return not os.path.isdir(self._folder) or os.path.exists(cause.filename or "")

    def _read_whole(self, path: str, info: FileInfo, planes: Planes) -> np.ndarray:
        """Read once more if the file changes meanwhile, or if the system fails."""
        before = self._state(path, info)
        try:
            volume = self._checked(path, info, planes, before)
        except FileError as error:
            if self._state(path, info) == before and not isinstance(error.__cause__, OSError):
                raise
        else:
            if self._state(path, info) == before:
                return volume
        before = self._state(path, info)
        volume = self._checked(path, info, planes, before)
        if self._state(path, info) != before:
            raise FileError("The file is being written", path, "Wait until it is complete")
        return volume

    def _state(self, path: str, info: FileInfo) -> Hashable:
        """What changes when the volume in a file does."""
        if self.grows and isinstance(self._reader, GrowingReader):
            return self._reader.state(path, info)
        return _stamp(path)

    def _checked(self, path: str, info: FileInfo, planes: Planes, state: Hashable) -> np.ndarray:
        """Read planes, and see that the last one of the file is written."""
        end = info.shape[0]
        start, stop = planes or (0, end)
        pixels = self._pixels(path, info, start, stop)
        if stop == end:
            self.judge.check(pixels, path)
        else:
            self.judge.check_end(path, state, lambda: self._pixels(path, info, end - 1, end))
        return pixels

    def _pixels(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read planes of a file; all of them where the reader knows no better."""
        if isinstance(self._reader, PlaneReader) and (start, stop) != (0, info.shape[0]):
            pixels = self._reader.read_planes(path, info, start, stop)
            self._count.add(nbytes=pixels.nbytes)
            return pixels
        pixels = self._reader.read(path, info)
        self._count.add(nbytes=pixels.nbytes)
        return pixels[start:stop]

    def report(self, error: LazyPipelineError, t: int, c: int) -> bool:
        new = super().report(error, t, c)
        if new:
            # Named is what called the source, three calls up.
            warnings.warn(str(error), BadFileWarning, stacklevel=4)
        return new

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileSource):
            return NotImplemented
        return (self.token, self._spec) == (other.token, other._spec)

    def __hash__(self) -> int:
        return hash((self.token, self._spec))

    def __repr__(self) -> str:
        return f"<FileSource {self._folder!r}: {self.files} files, (t, c) = {self.sizes}>"

    def __reduce__(self) -> tuple[object, ...]:
        volumes = self._volumes
        names = "\0".join(volumes.ordered()).encode(errors="surrogateescape")
        there = np.packbits(volumes.table >= 0).tobytes()
        place = (self._folder, self._pattern, self._position)
        packed = (zlib.compress(names), zlib.compress(there), volumes.table.shape)
        return _restore, (place, packed, self._reader, volumes.infos, self._spec, self.token)


def _restore(
    place: tuple[str, str, str],
    packed: tuple[bytes, bytes, tuple[int, ...]],
    reader: Reader,
    infos: Sequence[FileInfo],
    spec: VolumeSpec,
    token: str,
) -> FileSource:
    """Make a source again from what was pickled."""
    folder, pattern, position = place
    names, there, sizes = packed
    bits = np.frombuffer(zlib.decompress(there), np.uint8)
    full = np.unpackbits(bits, count=int(np.prod(sizes))).astype(bool)
    table = np.where(full, np.cumsum(full) - 1, -1).astype(np.int32).reshape(sizes)
    listed = zlib.decompress(names).decode(errors="surrogateescape").split("\0")
    layout = FileTable(listed, table, (), pattern=pattern, position=position)
    source = FileSource(folder, layout, reader, infos, spec)
    source._token = token
    return source


def _reference(layout: FileTable, info: FileInfo) -> str:
    """Name of the file that told what volumes look like; ``info`` does not know its folder."""
    if not layout.names or "/" not in layout.names[0]:
        return info.name
    ends = (name for name in layout.names if name.endswith(f"/{info.name}"))
    return next(ends, info.name)


def _digest(stamps: Sequence[object]) -> str:
    return hashlib.blake2b(repr(stamps).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _stamp(path: str) -> tuple[int, int]:
    """Size [byte] and time of change [ns] of a file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise os_problem(error, path) from error
    return status.st_size, status.st_mtime_ns
