"""NDTiff, written by Pycro-Manager and Micro-Manager 2: an index, and files of planes."""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.micromanager import file_summary, summary_claims
from napari_lazy_pipeline.io.readers._common_volume import common_volume
from napari_lazy_pipeline.io.readers._plane_index import PlaneIndex, make_index
from napari_lazy_pipeline.io.readers._reader import (
    FileInfo,
    GrowingReader,
    GrowthState,
    file_errors,
)

_INDEX = "NDTiff.index"
_TYPES = {0: "uint8", 1: "uint16", 3: "uint16", 4: "uint16", 5: "uint16", 6: "uint16"}
_STACK = "NDTiffStack"
_HEAD = 256  # bytes that tell one index from another
# Offset of the pixels, width, height, type, packing; then the same of the metadata.
_NUMBERS = struct.Struct("<IiiiiIii")


class NdTiffReader(GrowingReader):
    """Reads the acquisition that is named by its index."""

    suffixes = (".index",)
    mark = _INDEX

    def hidden(self, names: Sequence[str]) -> set[str]:
        beside = {name.removesuffix(_INDEX) for name in names if name.endswith(_INDEX)}
        return {name for name in names if _STACK in name and name[: name.rfind("/") + 1] in beside}

    def growth(self, path: str, info: FileInfo) -> GrowthState:
        with file_errors(path):
            return _log(path).update().planes.growth(info.scene)

    def state(self, path: str, info: FileInfo) -> Hashable:
        with file_errors(path):
            return _log(path).update().planes.state(info)

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):
            index = _log(path).update()
            summary = file_summary(index.planes.files[0])
            claims = summary_claims(summary, index.channels, "Micro-Manager")
            shapes = [((1, y, x), dtype) for y, x, dtype in index.kinds]
            (_, *plane), dtype = common_volume(shapes, path)
            info = index.planes.info(path, plane, dtype, "<", claims)
            return replace(info, kinds=index.kinds if len(set(index.kinds)) > 1 else ())

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with file_errors(path):
            index = _log(path).update()
            y, x, dtype = index.kinds[info.part[1]]
            info.check((info.shape[0], y, x), dtype, path)
            return index.planes.read(path, info, start, stop)


class _Index(NamedTuple):
    """Where the planes are, what they are like, and names of the channels if they have any."""

    planes: PlaneIndex
    kinds: tuple[tuple[int, int, str], ...]  # rows, columns and type of each channel
    channels: tuple[str, ...]


class _Log:
    """An index file that grows: only what is new in it is read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._restart(b"")

    def _restart(self, head: bytes) -> None:
        self._head, self._stop = head, 0
        self._index: _Index | None = None
        self._rows: list[tuple[int, ...]] = []
        self._kinds: dict[str, set[tuple[int, ...]]] = {}
        self._names: tuple[dict[str, int], ...] = ({}, {}, {})

    def update(self) -> _Index:
        """Read what is new; a file that begins otherwise is another index."""
        with self._lock, open_regular(self._path) as file:
            head = file.read(_HEAD)
            size = file.seek(0, os.SEEK_END)
            if size < self._stop or not head.startswith(self._head):
                self._restart(head)
            self._head = head
            file.seek(self._stop)
            before = len(self._rows)
            for entry, length in _entries(file.read()):
                self._add(entry)
                self._stop += length
            if self._index is None or len(self._rows) > before:
                self._index = self._make_index()
            return self._index

    def _add(self, entry: _Entry) -> None:
        axes = dict(entry.axes)
        channel = str(axes.pop("channel", ""))
        t, z = (int(axes.pop(axis, 0)) for axis in ("time", "z"))
        scene = " ".join(str(axes[axis]) for axis in sorted(axes))
        files, channels, scenes = self._names
        self._kinds.setdefault(channel, set()).add(entry.kind)
        self._rows.append((
            scenes.setdefault(scene, len(scenes)), t, channels.setdefault(channel, len(channels)),
            z, files.setdefault(entry.file, len(files)), entry.start,
        ))  # fmt: skip

    def _make_index(self) -> _Index:
        if not self._rows:
            what = "The index names no plane yet"
            raise FileError(what, self._path, "Wait until some are recorded")
        if any(len(kinds) > 1 for kinds in self._kinds.values()):
            raise FileError("The planes of a channel are of several sizes or types", self._path)
        own = [kind for (kind,) in self._kinds.values()]
        if any(number not in _TYPES or packed for _, _, number, packed in own):
            raise FileError("The planes are compressed or in colour", self._path)
        files, channels, scenes = self._names
        rows = np.array(self._rows, np.int64)
        # z may count from below zero: around where the focus was.
        rows[:, 3] -= rows[:, 3].min()
        folder = os.path.dirname(self._path)
        planes = make_index([os.path.join(folder, name) for name in files], list(scenes), rows)
        names = tuple(channels) if all(channels) else ()
        kinds = tuple((height, width, _TYPES[kind]) for width, height, kind, _ in own)
        return _Index(planes, kinds, names)


class _Entry(NamedTuple):
    """One plane in an index; ``kind``: width, height, type and packing."""

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


READER = NdTiffReader()
