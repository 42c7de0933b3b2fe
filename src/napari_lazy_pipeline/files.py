"""FileSource: the volumes of a stack, read from one file each."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
import zlib
from collections.abc import Hashable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.completeness import Judge
from napari_lazy_pipeline.errors import FileError, FolderError, MissingFileError
from napari_lazy_pipeline.layout import Layout
from napari_lazy_pipeline.problems import Problem, ProblemLog
from napari_lazy_pipeline.readers import FileInfo, Reader, os_problem, reader_for
from napari_lazy_pipeline.stack import VolumeSpec

_TRIES = 5
AWAY = "away"


class BadFileWarning(UserWarning):
    """A file could not be read, and its volume is blank."""


class _Count:
    """A number that threads may increase; starts anew in another process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self) -> None:
        with self._lock:
            self.value += 1


class FileSource:
    """Reads the volumes of a stack, one file each; a `VolumeSource`.

    Parameters
    ----------
    folder
        Absolute path of the folder.
    layout
        The names of the files and their places.
    reader
        Reads them.
    info
        What the header of one file says; all must agree with it.
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
        layout: Layout,
        reader: Reader,
        info: FileInfo,
        spec: VolumeSpec | None = None,
    ) -> None:
        self._folder, self._names, self._table = folder, layout.names, layout.table
        self._reader, self._info, self._pattern = reader, info, layout.pattern
        self._spec = spec or VolumeSpec(info.shape, info.dtype)
        self._token = ""
        self._count = _Count()
        self.judge = Judge(folder, reader, info)
        self.problems = ProblemLog()

    @classmethod
    def probe(cls, folder: str, layout: Layout) -> FileSource:
        """Make a source, reading the header of the first file that has a good one.

        Raises
        ------
        FolderError
            If the first few files are all bad.
        """
        bad: list[FileError] = []
        places = layout.table[layout.table >= 0]
        for index in islice(places.tolist(), _TRIES):
            path = os.path.join(folder, layout.names[index])
            try:
                reader = reader_for(path)
                source = cls(folder, layout, reader, reader.probe(path))
            except FileError as error:
                bad.append(error)
                continue
            for earlier in bad:
                source.problems.report(_problem(earlier))
            return source
        raise FolderError(
            f"None of the first {len(bad)} files can be read: {bad[0].what}",
            bad[0].where,
            bad[0].hint,
        ) from bad[0]

    @property
    def folder(self) -> str:
        """Absolute path of the folder."""
        return self._folder

    @property
    def pattern(self) -> str:
        """The pattern that gave the files their places."""
        return self._pattern

    @property
    def names(self) -> Sequence[str]:
        """Names of the files."""
        return self._names

    @property
    def table(self) -> NDArray[np.int32]:
        """Index into ``names``, (t, c); -1 where there is no file."""
        return self._table

    @property
    def info(self) -> FileInfo:
        """What the header of the first good file says."""
        return self._info

    @property
    def spec(self) -> VolumeSpec:
        """What each volume looks like."""
        return self._spec

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self._table.shape[0], self._table.shape[1]

    @property
    def files(self) -> int:
        """Number of files."""
        return len(self._names)

    @property
    def missing(self) -> int:
        """Number of volumes without a file."""
        return self._table.size - len(self._names)

    @property
    def reads(self) -> int:
        """Number of files read so far, by this source and what `with_spec` made of it."""
        return self._count.value

    @property
    def token(self) -> str:
        """Names folder, files and shape; equal for equal sources, in any process."""
        if not self._token:
            digest = hashlib.blake2b(digest_size=16)
            shape = f"{self._info.shape} {self._info.dtype} {self._table.shape}"
            names = "\0".join((self._folder, shape, *self._ordered()))
            digest.update(names.encode(errors="surrogateescape"))
            digest.update(np.packbits(self._table >= 0).tobytes())
            self._token = digest.hexdigest()
        return self._token

    def with_spec(self, spec: VolumeSpec) -> FileSource:
        """Return the same files with another voxel size or scan; problems are shared."""
        # Not copy(), which goes the way of pickling and forgets log and count.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _spec=spec)
        return other

    def with_layout(self, layout: Layout) -> FileSource:
        """Return other files of the same folder and shape; problems and count are shared."""
        other = object.__new__(type(self))
        places = {"_names": layout.names, "_table": layout.table, "_token": ""}
        other.__dict__.update(self.__dict__, **places)
        return other

    def time_points(self) -> dict[str, int]:
        """Time point of each file, by its name."""
        times, channels = np.nonzero(self._table >= 0)
        indices = self._table[times, channels].tolist()
        names = (self._names[index] for index in indices)
        return dict(zip(names, times.tolist(), strict=True))

    def path(self, t: int, c: int) -> str | None:
        """Path of the file of a volume; None if it is missing."""
        index = int(self._table[t, c])
        return os.path.join(self._folder, self._names[index]) if index >= 0 else None

    def identity(self, t: int, c: int) -> Hashable:
        """Path, size [byte] and time of change [ns] of the file, as it is now.

        If there is no file, it says so instead; `AWAY` if even the folder is not there.
        """
        path = self.path(t, c)
        if path is None:
            return ("missing", int(t), int(c))
        try:
            return (path, *_stamp(path))
        except FileError:
            # One file that is gone was deleted; if all are, the share is away and comes back.
            return ("vanished" if os.path.isdir(self._folder) else AWAY, path)

    def read(self, t: int, c: int) -> np.ndarray:
        """Read one volume (z, y, x).

        A file that changes under the hand, or that the system fails to hand out, is read once
        more.

        Raises
        ------
        FileError
            If there is no file, or if it is not a whole volume as the first one is.
        """
        path = self.path(t, c)
        if path is None:
            raise MissingFileError(f"There is no file for t={t}, c={c}", self._folder)
        self._count.add()
        before = _stamp(path)
        try:
            volume = self._whole(path)
        except FileError as error:
            if _stamp(path) == before and not isinstance(error.__cause__, OSError):
                raise
        else:
            if _stamp(path) == before:
                return volume
        before = _stamp(path)
        volume = self._whole(path)
        if _stamp(path) != before:
            raise FileError("The file is being written", path, "Wait until it is complete")
        return volume

    def _whole(self, path: str) -> np.ndarray:
        volume = self._reader.read(path, self._info)
        self.judge.check(volume, path)
        return volume

    def __call__(self, t: int, c: int) -> np.ndarray:
        """Read one volume (z, y, x); blank, and a problem, if its file is bad."""
        if self._table[t, c] < 0:
            return self._spec.blank()
        try:
            return self.read(t, c)
        except FileError as error:
            if self.problems.report(_problem(error)):
                warnings.warn(str(error), BadFileWarning, stacklevel=2)
            return self._spec.blank()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileSource):
            return NotImplemented
        return (self.token, self._spec) == (other.token, other._spec)

    def __hash__(self) -> int:
        return hash((self.token, self._spec))

    def __repr__(self) -> str:
        return f"<FileSource {self._folder!r}: {self.files} files, (t, c) = {self.sizes}>"

    def _ordered(self) -> list[str]:
        """Names in the order of their places: the system lists them in any."""
        return [self._names[index] for index in self._table.ravel().tolist() if index >= 0]

    def __reduce__(self) -> tuple[object, ...]:
        names = "\0".join(self._ordered()).encode(errors="surrogateescape")
        there = np.packbits(self._table >= 0).tobytes()
        return _restore, (
            self._folder, self._pattern, zlib.compress(names), zlib.compress(there), self.sizes,
            self._reader, self._info, self._spec, self.token,
        )  # fmt: skip


def _restore(
    folder: str,
    pattern: str,
    names: bytes,
    there: bytes,
    sizes: tuple[int, int],
    reader: Reader,
    info: FileInfo,
    spec: VolumeSpec,
    token: str,
) -> FileSource:
    """Make a source again from what was pickled."""
    bits = np.frombuffer(zlib.decompress(there), np.uint8)
    full = np.unpackbits(bits, count=sizes[0] * sizes[1]).astype(bool)
    table = np.where(full, np.cumsum(full) - 1, -1).astype(np.int32).reshape(sizes)
    listed = zlib.decompress(names).decode(errors="surrogateescape").split("\0")
    layout = Layout(listed, table, (), pattern=pattern)
    source = FileSource(folder, layout, reader, info, spec)
    source._token = token
    return source


def _stamp(path: str) -> tuple[int, int]:
    """Size [byte] and time of change [ns] of a file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise os_problem(error, path) from error
    return status.st_size, status.st_mtime_ns


def _problem(error: FileError) -> Problem:
    return Problem(error.where, f"{error.what}. {error.hint}" if error.hint else error.what)
