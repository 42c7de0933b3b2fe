"""Volumes whose planes lie anywhere in several files: where each is, as an index says it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.readers import FileInfo

_ABSENT = -1
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
    """

    files: tuple[str, ...]
    scenes: tuple[str, ...]
    table: NDArray[np.int64]

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


def index_planes(
    files: Sequence[str], scenes: Sequence[str], rows: Iterable[tuple[int, int, int, int, int, int]]
) -> PlaneIndex:
    """Make an index of rows (position, t, c, z, file, place in it)."""
    entries = np.array(list(rows), np.int64).reshape(-1, 6)
    sizes = entries[:, :4].max(0) + 1 if len(entries) else np.zeros(4, np.int64)
    table = np.full((*sizes.tolist(), 2), _ABSENT, np.int64)
    table[tuple(entries[:, :4].T)] = entries[:, 4:]
    return PlaneIndex(tuple(files), tuple(scenes), table)


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
