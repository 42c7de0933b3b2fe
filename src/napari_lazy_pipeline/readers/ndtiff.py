"""Reads NDTiff, what Pycro-Manager and Micro-Manager 2 write: an index, and files of planes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tifffile

from napari_lazy_pipeline.claims import Claims
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.micromanager import claims_of
from napari_lazy_pipeline.readers import FileInfo
from napari_lazy_pipeline.readers._guard import guarded
from napari_lazy_pipeline.readers._planes import PlaneIndex, index_planes, read_piece, stamp

_INDEX = "NDTiff.index"
_TYPES = {0: "uint8", 1: "uint16", 3: "uint16", 4: "uint16", 5: "uint16", 6: "uint16"}
_STACK = "NDTiffStack"


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

    def probe(self, path: str) -> FileInfo:
        """Read the index, and the summary in the first file; see `Reader.probe`.

        Raises
        ------
        FileError
            If these are no grey volumes, or if there is nothing yet.
        """
        with guarded(path):
            size = os.path.getsize(path)
            index, shape, dtype, channels = _index(path, stamp(path))
            claims = _summary(index.files[0])
        return FileInfo(
            os.path.basename(path), (index.depth, *shape), dtype, size, claims.voxel_size,
            "Micro-Manager" if claims.voxel_size else "", claims.time_interval, claims.notes,
            inner=index.inner, scenes=index.scenes if len(index.scenes) > 1 else (),
            firsts=(0,) * len(index.scenes), channel_names=channels, indexed=True,
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
            index, shape, dtype, _ = _index(path, stamp(path))
            if (shape, dtype) != (info.shape[1:], info.dtype):
                raise FileError(
                    f"The planes are {shape} {dtype}, not {info.shape[1:]} {info.dtype}", path
                )
            places = index.planes(path, info)[start:stop]
            volume = np.empty((len(places), *shape), np.dtype(dtype).newbyteorder("<"))
            for plane, (file, place) in zip(volume, places, strict=True):
                read_piece(file, place, plane)
            return np.ascontiguousarray(volume.astype(dtype, copy=False))


Entry = tuple[PlaneIndex, tuple[int, int], str, tuple[str, ...]]


@lru_cache(maxsize=16)
def _index(path: str, changed: tuple[int, int]) -> Entry:
    """Read an index; ``changed`` tells one state of it from the next."""
    folder = os.path.dirname(path)
    files: dict[str, int] = {}
    channels: dict[str, int] = {}
    scenes: dict[str, int] = {}
    kinds, rows = set(), []
    for axes, name, start, width, height, kind, packed, *_ in tifffile.tifffile.read_ndtiff_index(
        path
    ):
        kinds.add((height, width, kind, packed))
        channel = str(axes.pop("channel", ""))
        t, z = (int(axes.pop(axis, 0)) for axis in ("time", "z"))
        scene = " ".join(str(axes[axis]) for axis in sorted(axes))
        rows.append((
            scenes.setdefault(scene, len(scenes)), t, channels.setdefault(channel, len(channels)),
            z, files.setdefault(name, len(files)), start,
        ))  # fmt: skip
    if not rows:
        raise FileError("The index names no plane yet", path, "Wait until some are recorded")
    if len(kinds) > 1:
        raise FileError("The planes are of several sizes or types", path)
    height, width, kind, packed = kinds.pop()
    if kind not in _TYPES or packed:
        raise FileError("The planes are compressed or in colour", path)
    # z may count from below zero: around where the focus was.
    lowest = min(row[3] for row in rows)
    rows = [(*row[:3], row[3] - lowest, *row[4:]) for row in rows]
    index = index_planes([os.path.join(folder, name) for name in files], list(scenes), rows)
    names = tuple(channels) if all(channels) and len(channels) > 0 else ()
    return index, (height, width), _TYPES[kind], names


def _summary(path: str) -> Claims:
    with open(path, "rb") as file:
        said = tifffile.tifffile.read_micromanager_metadata(file, {"Summary"}).get("Summary", {})
    return claims_of(said, (), "Micro-Manager")


READER = NdTiffReader()
