"""Reads NDTiff, what Pycro-Manager and Micro-Manager 2 write: an index, and files of planes."""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.micromanager import claims_of
from napari_lazy_pipeline.io.readers import FileInfo, GrowthState
from napari_lazy_pipeline.io.readers._file_errors import guarded
from napari_lazy_pipeline.io.readers._plane_index import (
    PlaneIndex,
    check_end,
    index_planes,
    read_piece,
    run_mark,
)

_INDEX = "NDTiff.index"
_TYPES = {0: "uint8", 1: "uint16", 3: "uint16", 4: "uint16", 5: "uint16", 6: "uint16"}
_STACK = "NDTiffStack"
_HEAD = 256  # bytes that tell one index from another
# Offset of the pixels, width, height, type, packing; then the same of the metadata.
_NUMBERS = struct.Struct("<IiiiiIii")


@dataclass(frozen=True)
class NdTiffReader:
    """Reads the volumes of an NDTiff, named by its index."""

    suffixes: tuple[str, ...] = (".index",)

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is the index of an NDTiff."""
        return os.fspath(path).lower().endswith(self.suffixes)

    def hidden(self, names: Sequence[str]) -> set[str]:
        """The files of planes beside an index."""
        # One search in all names at once costs a tenth of one in each.
        if _INDEX not in "\0".join(names):
            return set()
        beside = {name.removesuffix(_INDEX) for name in names if name.endswith(_INDEX)}
        return {name for name in names if _STACK in name and name[: name.rfind("/") + 1] in beside}

    def companions(self, path: str, info: FileInfo) -> tuple[str, ...]:
        """None: the index changes whenever one of the files does."""
        return ()

    def grows(self, info: FileInfo) -> bool:
        """It may always go on."""
        return True

    def recorded(self, path: str, info: FileInfo) -> GrowthState:
        """Look into the index; see `GrowingReader.recorded`."""
        with guarded(path):
            found = _index(path)
            return found.planes.recorded(info.scene, run_mark(found.planes.files[0]))

    def state(self, path: str, info: FileInfo) -> Hashable:
        """The run, and the places of the planes; see `GrowingReader.state`."""
        with guarded(path):
            planes = _index(path).planes
            return run_mark(planes.files[0]), planes.where(info)

    def probe(self, path: str) -> FileInfo:
        """Read the index, and the summary in the first file; see `Reader.probe`.

        Raises
        ------
        FileError
            If these are no grey volumes, or if there is nothing yet.
        """
        with guarded(path):
            size = os.path.getsize(path)
            found = _index(path)
            index = found.planes
            claims = _summary(index.files[0])
        return FileInfo(
            os.path.basename(path), (index.depth, *found.shape), found.dtype, size,
            claims.voxel_size, "Micro-Manager" if claims.voxel_size else "", claims.time_interval,
            claims.notes, inner=index.inner, scenes=index.scenes if len(index.scenes) > 1 else (),
            firsts=(0,) * len(index.scenes), channel_names=found.channels, indexed=True,
        )  # fmt: skip

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read one volume (z, y, x): its planes only; see `Reader.read`.

        Raises
        ------
        FileError
            If one of its planes is not there yet, or if planes are of another size.
        """
        return self.read_planes(path, info, 0, info.shape[0])

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some planes of a volume; see `PlaneReader.read_planes`."""
        with guarded(path):
            found = _index(path)
            if (found.shape, found.dtype) != (info.shape[1:], info.dtype):
                raise FileError(
                    f"The planes are {found.shape} {found.dtype}, not {info.shape[1:]} "
                    f"{info.dtype}",
                    path,
                )
            places = found.planes.planes(path, info)[start:stop]
            stored = np.dtype(info.dtype).newbyteorder("<")
            volume = pool().empty((len(places), *found.shape), stored)
            for plane, (file, place) in zip(volume, places, strict=True):
                read_piece(file, place, plane)
            check_end(found.planes, path, info, volume, start)
            return np.ascontiguousarray(volume.astype(info.dtype, copy=False))


@dataclass(frozen=True)
class _Index:
    """What an index says.

    Attributes
    ----------
    planes
        Where the planes are.
    shape, dtype
        What each plane is like.
    channels
        Names of the channels; empty if they have none.
    """

    planes: PlaneIndex
    shape: tuple[int, int]
    dtype: str
    channels: tuple[str, ...]


class _Log:
    """An index file that grows: each look reads only what is new in it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._forget(b"")

    def _forget(self, head: bytes) -> None:
        self._head, self._stop = head, 0
        self._made: _Index | None = None
        self._rows: list[tuple[int, ...]] = []
        self._kinds: set[tuple[int, ...]] = set()
        self._names: tuple[dict[str, int], ...] = ({}, {}, {})

    def look(self) -> _Index:
        """Read what is new; a place for it that begins otherwise is another index."""
        with self._lock, open(self._path, "rb") as file:
            head = file.read(_HEAD)
            size = file.seek(0, os.SEEK_END)
            if size < self._stop or not head.startswith(self._head):
                self._forget(head)
            self._head = head
            file.seek(self._stop)
            before = len(self._rows)
            for entry, length in _entries(file.read()):
                self._note(entry)
                self._stop += length
            if self._made is None or len(self._rows) > before:
                self._made = self._index()
            return self._made

    def _note(self, entry: _Entry) -> None:
        axes = dict(entry.axes)
        channel = str(axes.pop("channel", ""))
        t, z = (int(axes.pop(axis, 0)) for axis in ("time", "z"))
        scene = " ".join(str(axes[axis]) for axis in sorted(axes))
        files, channels, scenes = self._names
        self._kinds.add(entry.kind)
        self._rows.append((
            scenes.setdefault(scene, len(scenes)), t, channels.setdefault(channel, len(channels)),
            z, files.setdefault(entry.file, len(files)), entry.start,
        ))  # fmt: skip

    def _index(self) -> _Index:
        if not self._rows:
            raise FileError(
                "The index names no plane yet", self._path, "Wait until some are recorded"
            )
        if len(self._kinds) > 1:
            raise FileError("The planes are of several sizes or types", self._path)
        ((width, height, kind, packed),) = self._kinds
        if kind not in _TYPES or packed:
            raise FileError("The planes are compressed or in colour", self._path)
        files, channels, scenes = self._names
        rows = np.array(self._rows, np.int64)
        # z may count from below zero: around where the focus was.
        rows[:, 3] -= rows[:, 3].min()
        folder = os.path.dirname(self._path)
        planes = index_planes([os.path.join(folder, name) for name in files], list(scenes), rows)
        names = tuple(channels) if all(channels) else ()
        return _Index(planes, (height, width), _TYPES[kind], names)


class _Entry(NamedTuple):
    """What an index says of one plane; ``kind``: width, height, type and packing."""

    axes: dict[str, Any]
    file: str
    start: int
    kind: tuple[int, ...]


def _entries(data: bytes) -> Iterator[tuple[_Entry, int]]:
    """The whole entries at the beginning of a piece of an index, and how long each is [byte]."""
    place = 0
    while True:
        texts, stop = [], place
        for _ in range(2):
            if len(data) < stop + 4:
                return
            (length,) = struct.unpack_from("<I", data, stop)
            texts.append(data[stop + 4 : stop + 4 + length])
            stop += 4 + length
        if len(data) < stop + _NUMBERS.size:
            return
        start, *kind, _, _, _ = _NUMBERS.unpack_from(data, stop)
        stop += _NUMBERS.size
        yield _Entry(json.loads(texts[0]), texts[1].decode(), start, tuple(kind)), stop - place
        place = stop


_log = lru_cache(maxsize=16)(_Log)


def _index(path: str) -> _Index:
    """What an index says now."""
    return _log(path).look()


def _summary(path: str) -> MetadataClaims:
    with open(path, "rb") as file:
        said = tifffile.tifffile.read_micromanager_metadata(file, {"Summary"}).get("Summary", {})
    return claims_of(said, (), "Micro-Manager")


READER = NdTiffReader()
