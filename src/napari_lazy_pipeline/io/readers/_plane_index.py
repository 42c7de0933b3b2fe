"""Volumes whose planes lie anywhere in several files: where each is, as an index says it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import time

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers import FileInfo, GrowthState

_ABSENT = -1
_JUST_NOW = 10  # s
_HOW = "It is still being recorded, or was interrupted"


@dataclass(frozen=True, eq=False)
class PlaneIndex:
    """Where the planes of all volumes are.

    Attributes
    ----------
    files
        Paths of the files.
    scenes
        Names of the positions.
    table
        (position, t, c, z, 2): which file, and where in it [byte]; -1 if there is none.
    count, last
        Number of planes that were recorded, and (position, t, c, z) of the last one.
    """

    files: tuple[str, ...]
    scenes: tuple[str, ...]
    table: NDArray[np.int64]
    count: int = 0
    last: tuple[int, ...] = ()

    @property
    def inner(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.table.shape[1], self.table.shape[2]

    @property
    def depth(self) -> int:
        """Number of planes of each volume."""
        return int(self.table.shape[3])

    def planes(self, path: str, info: FileInfo) -> list[tuple[str, int]]:
        """File and place of each plane of a volume.

        Raises
        ------
        FileError
            If the volume, or one of its planes, is not there.
        """
        t, c = info.part
        inside = t < self.inner[0] and c < self.inner[1] and info.scene < len(self.scenes)
        where = self.table[info.scene, t, c] if inside else np.empty((0, 2), np.int64)
        there = int(np.count_nonzero(where[:, 0] >= 0))
        if there < info.shape[0] or self.depth != info.shape[0]:
            raise FileError(
                f"{there} of {info.shape[0]} planes are there for t={t}, c={c}", path, _HOW
            )
        return [(self.files[file], int(start)) for file, start in where.tolist()]

    def where(self, info: FileInfo) -> Hashable:
        """Names the places of the planes of a volume, as far as they are there.

        Not the time at which their files were changed: that is always now while others come.
        """
        t, c = info.part
        inside = t < self.inner[0] and c < self.inner[1] and info.scene < len(self.scenes)
        places = self.table[info.scene, t, c] if inside else np.empty((0, 2), np.int64)
        files = {self.files[number] for number in places[places[:, 0] >= 0, 0].tolist()}
        numbers = [os.stat(file).st_ino for file in sorted(files)]
        digest = hashlib.blake2b(places.tobytes(), digest_size=16)
        return digest.hexdigest(), tuple(numbers)

    def recorded(self, scene: int, run: Hashable) -> GrowthState:
        """How much of a position there is.

        The index may know of a plane before its pixels are written, so the last one alone
        proves nothing.
        """
        whole = np.flatnonzero((self.table[scene, ..., 0] >= 0).all(axis=(1, 2)))
        seen = int(whole[-1]) + 1 if whole.size else 0
        sure = seen - (self.last[:2] == (scene, seen - 1))
        mark = self.count, stamp(self.files[-1])
        return GrowthState(sure, seen, self.depth, self.inner[1], run, mark)


def index_planes(files: Sequence[str], scenes: Sequence[str], entries: ArrayLike) -> PlaneIndex:
    """Make an index of entries (n, 6): position, t, c, z, file, place in it.

    Of two entries for the same plane, the later one counts.
    """
    rows = np.asarray(entries, np.int64).reshape(-1, 6)
    sizes = rows[:, :4].max(0) + 1 if len(rows) else np.zeros(4, np.int64)
    table = np.full((*sizes.tolist(), 2), _ABSENT, np.int64)
    table[tuple(rows[:, :4].T)] = rows[:, 4:]
    last = tuple(rows[-1, :4].tolist()) if len(rows) else ()
    return PlaneIndex(tuple(files), tuple(scenes), table, len(rows), last)


def read_piece(file: str, start: int, plane: np.ndarray) -> None:
    """Fill a plane with the pixels that lie plain in a file."""
    with open(file, "rb") as handle:
        handle.seek(start)
        if handle.readinto(plane.data.cast("B")) != plane.nbytes:
            raise FileError("The file ends before its pixels do", file, _HOW)


def stamp(path: str) -> tuple[int, int]:
    """Size [byte] and time of change [ns] of a file."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def check_end(
    index: PlaneIndex, path: str, info: FileInfo, planes: NDArray[np.generic], start: int
) -> None:
    """Check the plane that was recorded last: an index may know of it before it is written.

    Parameters
    ----------
    planes
        What was read (z, y, x), from plane ``start`` of the volume on.

    Raises
    ------
    FileError
        If the plane ends with a zero, as reserved space does, and its file was changed just now.
    """
    *part, z = index.last
    if part != [info.scene, *info.part] or not 0 <= z - start < len(planes):
        return
    file = index.files[index.table[(*index.last, 0)]]
    if not planes[z - start, -1, -1] and time() - os.stat(file).st_mtime < _JUST_NOW:
        raise FileError("The last plane is being written", path, "Wait until it is complete")


def run_mark(path: str) -> str:
    """Names the run that a file of Micro-Manager belongs to, by the summary in its head.

    That is written before the first plane, and tells when and how the run was started.
    """
    with open(path, "rb") as file:
        said = tifffile.tifffile.read_micromanager_metadata(file, {"Summary"}).get("Summary", {})
    text = json.dumps(said, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
