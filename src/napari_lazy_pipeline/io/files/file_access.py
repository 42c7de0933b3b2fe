"""File access: headers, volumes and planes of single files, read so that none is half there."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_lazy_pipeline._runtime.free_memory import require
from napari_lazy_pipeline.errors import FileError, FolderError, FolderMissingError
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.readers import (
    FileInfo,
    GrowingReader,
    PlaneReader,
    Reader,
    file_errors,
    file_stamp,
    file_stamp_or_empty,
    reader_for,
)

FOLDER_MISSING = "folder missing"
Planes = tuple[int, int] | None
END = (-1, -1)  # the part of a file that shows whether it is complete
_TRIES = 5  # volumes


@dataclass(frozen=True)
class FileRead:
    """A read of some planes of a volume in a file: what its `FileError` is about."""

    path: str
    part: tuple[int, int]  # which volume of the file
    planes: tuple[int, int]
    stamp: tuple[int, ...] = ()  # of the file at that time; empty if it was gone

    def with_stamp(self) -> FileRead:
        """Note the state of the file."""
        try:
            return replace(self, stamp=file_stamp_or_empty(self.path))
        except OSError:
            return self

    def solves(self, about: Hashable) -> bool:
        """Return whether a read that failed would not fail any more, as this one did not."""
        if not isinstance(about, FileRead) or about.path != self.path:
            return False
        if about.part not in (self.part, END):
            return False
        (start, stop), (first, last) = about.planes, self.planes
        return about.stamp != self.stamp or (first <= start and stop <= last)


class ReadCount:
    """Number of reads, the bytes of their pixels, and the distinct volumes; by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reads, self.nbytes = 0, 0
        self.volumes: set[Hashable] = set()

    def add(self, reads: int = 0, nbytes: int = 0) -> None:
        """Count reads and their bytes."""
        with self._lock:
            self.reads += reads
            self.nbytes += nbytes

    def add_volume(self, volume: Hashable) -> None:
        """Count a volume of which something was read, once."""
        with self._lock:
            self.volumes.add(volume)


class ReadStatistics:
    """What a source has read so far, by its ``_count``."""

    _count: ReadCount

    @property
    def reads(self) -> int:
        """How often a file was read so far, by this source and what `with_spec` made of it."""
        return self._count.reads

    @property
    def volumes_read(self) -> int:
        """Number of distinct volumes of which something was read, since the count was reset."""
        return len(self._count.volumes)

    def reset_volumes_read(self) -> None:
        """Count the volumes that are read from 0 on."""
        self._count.volumes = set()

    @property
    def bytes_read(self) -> int:
        """Size of the pixels that were read so far [byte]."""
        return self._count.nbytes


class FileAccess:
    """Reads files of a folder, where ``judge`` tells whole files from half-written ones.

    ``growing`` files are those that grow from within, of a `GrowingReader`.
    """

    def __init__(
        self,
        folder: str,
        reader: Reader,
        judge: CompletenessCheck,
        count: ReadCount | None = None,
    ) -> None:
        self._folder, self._reader, self._judge = folder, reader, judge
        self.count = count or ReadCount()

    def identity(self, paths: list[str], info: FileInfo, growing: bool = False) -> Hashable:
        """Path and state of the file of a volume, a digest of several, or that they are gone."""
        token, stamps = self._reader.token, list[tuple[str, Hashable]]()
        try:
            for first in paths:
                path = first
                stamps.append((path, self._state(path, info, growing)))
                for path in () if growing else self._reader.companions(first, info):
                    stamps.append((path, file_stamp(path)))
        except FileError:
            # One file that is gone was deleted; if all are, the share is missing and comes back.
            return ("vanished" if os.path.isdir(self._folder) else FOLDER_MISSING, path)
        return (*_joint_stamp(stamps), *_place_in_file(info), *([token] if token else []))

    def _state(self, path: str, info: FileInfo, growing: bool) -> Hashable:
        """What changes when the volume in a file does; raise FileError if the file is gone."""
        growing = growing or self._reader.in_folders
        if growing and isinstance(self._reader, GrowingReader):
            return self._reader.state(path, info)
        return file_stamp(path)

    def read(
        self, path: str, info: FileInfo, planes: Planes = None, growing: bool = False
    ) -> np.ndarray:
        """Read a volume (z, y, x), or some planes of it; raise FileError if it is not whole.

        A file that changes meanwhile, or that the system fails to hand out, is read once more.
        """
        self.count.add(reads=1)
        try:
            return self._read_steady(path, info, planes, growing)
        except FileError as error:
            if self._folder_was_missing(error.__cause__):
                hint = "It is read again once it is back"
                raise FolderMissingError("The folder is not there", self._folder, hint) from error
            raise

    def _folder_was_missing(self, cause: BaseException | None) -> bool:
        """Whether the folder was not there; it may be back, and with it what was not there."""
        if not isinstance(cause, FileNotFoundError):
            return False
        return not os.path.isdir(self._folder) or os.path.exists(cause.filename or "")

    def _read_steady(self, path: str, info: FileInfo, planes: Planes, growing: bool) -> np.ndarray:
        for last in (False, True):
            before = self._state(path, info, growing)
            try:
                pixels = self._read_checked(path, info, planes, before)
            except FileError as error:
                changed = not last and self._state(path, info, growing) != before
                if last or not (changed or isinstance(error.__cause__, OSError)):
                    raise
            else:
                if self._state(path, info, growing) == before:
                    return pixels
        raise FileError("The file is being written", path, "Wait until it is complete")

    def _read_checked(
        self, path: str, info: FileInfo, planes: Planes, state: Hashable
    ) -> np.ndarray:
        """Read planes, and check that the last one of the file is written."""
        end = info.shape[0]
        start, stop = planes or (0, end)
        pixels = self._pixels(path, info, start, stop)
        if not self._judge.knows_end(path, state):
            read = partial(self._pixels, path, info)
            last = pixels if stop == end else read(end - 1, end)
            self._judge.check_end(path, state, last, read)
        return pixels

    def _pixels(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read planes of a file; all of them where the reader knows no better."""
        if isinstance(self._reader, PlaneReader) and (start, stop) != (0, info.shape[0]):
            _require_memory(stop - start, path, info)
            pixels = self._reader.read_planes(path, info, start, stop)
            self.count.add(nbytes=pixels.nbytes)
            return pixels
        _require_memory(info.shape[0], path, info)
        pixels = self._reader.read(path, info)
        self.count.add(nbytes=pixels.nbytes)
        return pixels[start:stop]


def _require_memory(planes: int, path: str, info: FileInfo) -> None:
    """Raise FileError if so many planes of a file do not fit into memory."""
    with file_errors(path):
        require(planes * math.prod(info.shape[1:]) * np.dtype(info.dtype).itemsize)


def probe_first_volume(
    folder: str, layout: FileTable, reader: Reader | None = None
) -> tuple[list[FileInfo], Reader, list[FileError]]:
    """Read the headers of the files of the first volume that has good ones.

    Also return the reader, and the errors of files that were passed over. Raise FolderError if
    the first few volumes are all bad.
    """
    errors: list[FileError] = []
    complete = layout.cells[(layout.cells >= 0).all(1)]
    if not len(complete):
        # No channel has all planes: those that it should have are enough.
        complete = layout.cells[layout.plan.whole.ravel() & (layout.cells >= 0).any(1)]
    for files in complete[:_TRIES].tolist():
        try:
            paths = [os.path.join(folder, layout.names[index]) for index in files if index >= 0]
            chosen = reader or reader_for(paths[0])
            infos = [chosen.probe(paths[0])]
            # Single planes are alike; where a volume goes on, the last file is shorter.
            if infos[0].shape[0] > 1:
                infos += [chosen.probe(path) for path in paths[1:]]
            return infos, chosen, errors
        except FileError as error:
            errors.append(error)
    if not errors:
        what = "There is no volume of which all files are there"
        raise FolderError(what, folder, "Check the pattern")
    first = errors[0]
    what = f"None of the first {len(errors)} files can be read: {first.what}"
    raise FolderError(what, first.where, first.hint) from first


def _place_in_file(info: FileInfo) -> tuple[Hashable, ...]:
    """Which of the volumes of a file it is: of a position, and of pages of these axes."""
    if info.inner == (1, 1) and not info.scenes and not info.restated:
        return ()
    return info.scene, info.axes, info.depth, *info.part


def _joint_stamp(stamps: list[tuple[str, Hashable]]) -> tuple[Hashable, ...]:
    """The stamp of one file; of several, the path of the first and a digest of all."""
    flat = [(path, *s) if isinstance(s, tuple) else (path, s) for path, s in stamps]
    if len(flat) == 1:
        return flat[0]
    digest = hashlib.blake2b(repr(flat).encode("utf-8", "replace"), digest_size=16)
    return stamps[0][0], digest.hexdigest()
