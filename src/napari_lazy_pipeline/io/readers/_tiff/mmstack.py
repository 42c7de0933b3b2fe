"""MMStack: the files of Micro-Manager that hold a whole acquisition, and continue each other."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.micromanager import claims_of
from napari_lazy_pipeline.io.readers import FileInfo, GrowthState
from napari_lazy_pipeline.io.readers._plane_index import (
    PlaneIndex,
    check_end,
    index_planes,
    read_piece,
    run_mark,
)
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import OFFSETS, directory_at, walk_order
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

_CONTINUED = re.compile(r"(.*_MMStack(?:_[^/]*?)?)_([0-9]+)((?:\.ome)?\.tiff?)", re.DOTALL)
_INDEX = 54773648
_WAIT = (
    "An old Micro-Manager writes the index when it is done; after a crash, open the data there "
    "and save them again"
)


def continuations(names: Sequence[str]) -> set[str]:
    """Names of the files that continue another one that is there, too."""
    # One search in all names at once costs a tenth of one in each.
    if "_MMStack" not in "\0".join(names):
        return set()
    stacks = {name for name in names if "_MMStack" in name}
    found = ((name, _CONTINUED.fullmatch(name)) for name in stacks)
    return {name for name, match in found if match and match[1] + match[3] in stacks}


def siblings(path: str) -> tuple[str, ...]:
    """Paths of the files that continue a file: ``_1``, ``_2``, ..."""
    match = re.fullmatch(r"(.*?)((?:\.ome)?\.tiff?)", path, re.IGNORECASE | re.DOTALL)
    found: list[str] = []
    while match and os.path.exists(one := f"{match[1]}_{len(found) + 1}{match[2]}"):
        found.append(one)
    return tuple(found)


def is_mmstack(head: bytes) -> bool:
    """Whether the first bytes of a TIFF say that Micro-Manager wrote it."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    return bool(order) and len(head) >= 12 and struct.unpack_from(f"{order}I", head, 8)[0] == _INDEX


def probe(path: str) -> FileInfo:
    """Read the index of a stack, and the directory of its first plane."""
    index = _index(path)
    with tifffile.TiffFile(path, is_ome=False) as tif:
        header = metadata(tif, os.path.basename(path))
        page = tif.pages.first
        summary = tifffile.tifffile.read_micromanager_metadata(tif.filehandle, {"Summary"})
        if page.compression != 1 or page.ndim != 2 or page.dtype is None:
            raise FileError("The pixels are compressed or in colour", path, "Save them plainly")
        shape, dtype, order = page.shape, page.dtype.newbyteorder("="), tif.byteorder
    said = summary.get("Summary", {})
    names = tuple(map(str, said.get("ChNames") or ()))
    claims = claims_of(said, names, "Micro-Manager")
    size = header.voxel_size or claims.voxel_size
    times, channels = index.inner
    return FileInfo(
        os.path.basename(path), (index.depth, shape[0], shape[1]), dtype.name,
        os.path.getsize(path), size,
        ("OME" if header.voxel_size else "Micro-Manager") if size else "",
        header.time_interval or claims.time_interval, claims.notes, byteorder=order,
        inner=(times, channels), scenes=index.scenes if len(index.scenes) > 1 else (),
        firsts=(0,) * len(index.scenes),
        channel_names=names if len(names) == channels else (), indexed=True,
    )  # fmt: skip


def read(path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
    """Read some planes of a volume (z, y, x), and no others."""
    index = _index(path)
    stored = np.dtype(info.dtype).newbyteorder(info.byteorder)  # type: ignore[arg-type]
    volume = pool().empty((stop - start, *info.shape[1:]), stored)
    for plane, (file, place) in zip(volume, index.planes(path, info)[start:stop], strict=True):
        read_piece(file, _pixels(file, place, plane), plane)
    check_end(index, path, info, volume, start)
    return np.ascontiguousarray(volume.astype(stored.newbyteorder("="), copy=False))


def _pixels(file: str, start: int, plane: np.ndarray) -> int:
    """Where the pixels of a plane lie whose directory is at ``start``."""
    with open(file, "rb") as handle:
        found = directory_at(
            handle, walk_order(handle, file), start, os.fstat(handle.fileno()).st_size
        )
    # Rows, columns and the one strip.
    said = [found.tags.get(tag, 0) for tag in (257, 256, 279)] if found else []
    if not found or said != [*plane.shape, plane.nbytes]:
        raise FileError(f"There is no such plane at byte {start}", file, _WAIT)
    return found.tags[OFFSETS]


def recorded(path: str, info: FileInfo) -> GrowthState:
    """Look into the indices; see `GrowingReader.recorded`."""
    return _index(path).recorded(info.scene, run_mark(path))


def state(path: str, info: FileInfo) -> Hashable:
    """The run, and the places of the planes; see `GrowingReader.state`."""
    return run_mark(path), _index(path).where(info)


def _index(path: str) -> PlaneIndex:
    """The indices of a stack as they are now: not every share tells that a file has changed."""
    files = (path, *siblings(path))
    maps = tuple(_map(file) for file in files)
    if not any(maps):
        raise FileError("The index names no plane yet", path, "Wait until some are recorded")
    return _indexed(files, maps)


@lru_cache(maxsize=16)
def _indexed(files: tuple[str, ...], maps: tuple[bytes, ...]) -> PlaneIndex:
    """Make one index of those of several files: (channel, slice, frame, position, place)."""
    found = [np.frombuffer(data, np.uint32).reshape(-1, 5) for data in maps]
    rows = np.concatenate(found).astype(np.int64)
    numbers = np.repeat(np.arange(len(files)), [len(rows) for rows in found])
    channels, planes, times, positions, places = rows.T
    scenes, scene = np.unique(positions, return_inverse=True)
    entries = np.column_stack((
        scene, times - times.min(), channels - channels.min(), planes - planes.min(), numbers,
        places,
    ))  # fmt: skip
    return index_planes(files, [f"Pos{number}" for number in scenes.tolist()], entries)


def _map(path: str) -> bytes:
    """The index of one file, in the byte order of this machine.

    Newer versions reserve space for it, and fill that in plane by plane.
    """
    with open(path, "rb") as file:
        found = tifffile.tifffile.read_micromanager_metadata(file, {"IndexMap"}).get("IndexMap")
    if found is None or not len(found):
        raise FileError("The file has no index of its planes yet", path, _WAIT)
    reserved = np.flatnonzero(found[:, 4] == 0)
    count = int(reserved[0]) if reserved.size else len(found)
    return np.ascontiguousarray(found[:count], np.uint32).tobytes()
