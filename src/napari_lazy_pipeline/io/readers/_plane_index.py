"""Plane index: where each plane of volumes is whose planes lie anywhere in several files."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from time import time
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError, MissingFileError, NotRecordedError
from napari_lazy_pipeline.image.spec import channel_labels
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.micromanager import file_summary
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan
from napari_lazy_pipeline.io.readers._reader import FileInfo, GrowthState, file_stamp

_NO_PLACES = np.empty((0, 2), np.int64)
_JUST_NOW = 10  # s
# An index that has this many times more places than planes counts something else, or is damaged.
_SPARSE, _FEW = 100, 100_000
_HINT = "It is still being recorded, or was interrupted"


@dataclass(frozen=True, eq=False)
class PlaneIndex:
    """Where the planes of all volumes are."""

    files: tuple[str, ...]  # paths
    scenes: tuple[str, ...]  # names of the positions
    table: NDArray[np.int64]  # (position, t, c, z, 2): file, and place in it [byte]; or -1
    count: int = 0  # of planes that were recorded
    last: tuple[int, ...] = ()  # (position, t, c, z) of the last of them

    @property
    def inner(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.table.shape[1], self.table.shape[2]

    def info(
        self, path: str, shape: Sequence[int], dtype: DTypeLike, order: str, claims: MetadataClaims
    ) -> FileInfo:
        """Describe the file at a path, with planes of a shape (y, x) in a byte order."""
        scenes = self.scenes if len(self.scenes) > 1 else ()
        names = claims.channel_names if len(claims.channel_names) == self.inner[1] else ()
        plan = RecordingPlan.of(self.table[0, ..., 0] >= 0)
        labels = enumerate(channel_labels(names, self.inner[1]))
        notes = filter(None, (plan.note(c, label) for c, label in labels))
        claims = replace(claims, notes=(*claims.notes, *notes))
        return FileInfo.of(
            path, (self.table.shape[3], *shape), dtype, claims, byteorder=order, inner=self.inner,
            scenes=scenes, firsts=(0,) * len(self.scenes), channel_names=names, indexed=True,
        )  # fmt: skip

    def read(
        self,
        path: str,
        info: FileInfo,
        start: int,
        stop: int,
        pixels_at: Callable[[str, int, NDArray[np.generic]], int] | None = None,
    ) -> np.ndarray:
        """Read some planes of a volume (z, y, x), and no others; raise FileError if one is missing.

        ``pixels_at`` finds the pixels of a plane by the file, the place and the plane; without it
        they are at the place.
        """
        stored = np.dtype(info.dtype).newbyteorder(info.byteorder)  # type: ignore[arg-type]
        volume = pool().empty((stop - start, *info.shape[1:]), stored)
        for plane, at in zip(volume, self._places(path, info)[start:stop], strict=True):
            if at is None:
                plane[...] = 0
                continue
            file, place = at
            _fill(plane, file, pixels_at(file, place, plane) if pixels_at else place)
        self._check_last(path, info, volume, start)
        return np.ascontiguousarray(volume.astype(info.dtype, copy=False))

    def state(self, info: FileInfo) -> Hashable:
        """The run, and the places of the planes of a volume, as far as they are there.

        Not the time at which their files were changed: that is always now while others come.
        """
        table = self._table(info)
        files = {self.files[number] for number in table[table[:, 0] >= 0, 0].tolist()}
        numbers = [os.stat(file).st_ino for file in sorted(files)]
        digest = hashlib.blake2b(table.tobytes(), digest_size=16)
        return self._run(), (digest.hexdigest(), tuple(numbers))

    def growth(self, scene: int) -> GrowthState:
        """How much of a position there is; the index may know a plane before it is written."""
        table = np.asarray(self.table[scene, ..., 0] >= 0)
        recorded = np.asarray(table.any(axis=2))
        # A channel that was left out before is not waited for.
        expected = np.logical_or(recorded[:-1].all(axis=0), len(recorded) == 1)
        left_out = np.logical_not(np.logical_or(recorded, expected))
        full = np.asarray(table == self._planned(scene)).all(axis=2)
        done = np.logical_or(full, left_out)
        whole = np.flatnonzero(done.all(axis=1) & recorded.any(axis=1))
        present = int(whole[-1]) + 1 if whole.size else 0
        complete = present - (self.last[:2] == (scene, present - 1))
        mark = self.count, file_stamp(self.files[-1])
        _, _, channels, planes, _ = self.table.shape
        return GrowthState(complete, present, planes, channels, self._run(), mark)

    def _planned(self, scene: int) -> NDArray[np.bool_]:
        """Which planes of each channel are recorded at any time point (c, z).

        A channel may have a single plane, or every second one.
        """
        recorded = np.asarray(self.table[scene, ..., 0] >= 0)
        return np.asarray(recorded.any(axis=0))

    def _table(self, info: FileInfo) -> NDArray[np.int64]:
        """File and place of each plane of a volume (z, 2); nothing if it is beyond the index."""
        t, c = info.part
        inside = t < self.inner[0] and c < self.inner[1] and info.scene < len(self.scenes)
        places: NDArray[np.int64] = self.table[info.scene, t, c] if inside else _NO_PLACES
        return places

    def _places(self, path: str, info: FileInfo) -> list[tuple[str, int] | None]:
        """File and place of each plane of a volume; None for one that its channel never has.

        All others have to be there.
        """
        table = self._table(info)
        there = table[:, 0] >= 0
        if len(table) != info.shape[0] or not there.any():
            self._raise_missing(path, info, int(there.sum()), info.shape[0])
        planned = self._planned(info.scene)[info.part[1]]
        if (there != planned).any() or self._may_get_more(info, there):
            self._raise_missing(path, info, int(there.sum()), int(planned.sum()))
        return [(self.files[f], int(start)) if f >= 0 else None for f, start in table.tolist()]

    def _raise_missing(self, path: str, info: FileInfo, count: int, planned: int) -> NoReturn:
        """Say how much there is of a volume; nothing, at a time that is over, is no problem."""
        t, c = info.part
        if not count and t < self.inner[0]:
            nothing = f"Nothing was recorded for t={t}, c={c}"
            if not RecordingPlan.of(self.table[info.scene, ..., 0] >= 0).times[t, c]:
                raise NotRecordedError(nothing, path)
            if self.last and t < self.last[1]:
                raise MissingFileError(nothing, path)
        raise FileError(f"{count} of {planned} planes are there for t={t}, c={c}", path, _HINT)

    def _may_get_more(self, info: FileInfo, there: NDArray[np.bool_]) -> bool:
        """Whether a channel that has few planes so far is being recorded for the first time."""
        part = (info.scene, *info.part)
        if there.all() or self.last[:3] != part:
            return False
        others = (self.table[info.scene, :, info.part[1], :, 0] >= 0).any(axis=1).sum() > 1
        file = self.files[self.table[(*self.last, 0)]]
        return not others and time() - os.stat(file).st_mtime < _JUST_NOW

    def _check_last(
        self, path: str, info: FileInfo, planes: NDArray[np.generic], start: int
    ) -> None:
        """Refuse the plane that was recorded last if its index is written, and it is not.

        It ends with a zero then, as reserved space does, and its file was changed just now.
        """
        *part, z = self.last
        if part != [info.scene, *info.part] or not 0 <= z - start < len(planes):
            return
        file = self.files[self.table[(*self.last, 0)]]
        if not planes[z - start, -1, -1] and time() - os.stat(file).st_mtime < _JUST_NOW:
            raise FileError("The last plane is being written", path, "Wait until it is complete")

    def _run(self) -> str:
        """Name of the run, by the summary that is written before its first plane."""
        text = json.dumps(file_summary(self.files[0]), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def make_index(files: Sequence[str], scenes: Sequence[str], entries: ArrayLike) -> PlaneIndex:
    """Make an index of entries (position, t, c, z, file, place); of two for a plane, the later."""
    rows = np.asarray(entries, np.int64).reshape(-1, 6)
    sizes = (rows[:, :4].max(0) + 1 if len(rows) else np.zeros(4, np.int64)).tolist()
    if math.prod(sizes) > max(_FEW, _SPARSE * len(rows)):
        _, t, c, z = sizes
        what = f"The index has {len(rows)} planes for {t} time points x {c} channels of {z} planes"
        raise FileError(what, files[0], "It is damaged")
    table = np.full((*sizes, 2), -1, np.int64)
    table[tuple(rows[:, :4].T)] = rows[:, 4:]
    last = tuple(rows[-1, :4].tolist()) if len(rows) else ()
    return PlaneIndex(tuple(files), tuple(scenes), table, len(rows), last)


def _fill(plane: NDArray[np.generic], file: str, start: int) -> None:
    """Fill a plane with the pixels that lie plain in a file."""
    with open_regular(file) as handle:
        handle.seek(start)
        if handle.readinto(plane.data.cast("B")) != plane.nbytes:
            raise FileError("The file ends before its pixels do", file, _HINT)
