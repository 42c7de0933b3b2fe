"""MMStack: the files of Micro-Manager that hold a whole acquisition, and continue each other."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.geometry import Triple
from napari_lazy_pipeline.micromanager import claims_of
from napari_lazy_pipeline.readers import FileInfo
from napari_lazy_pipeline.readers._directories import OFFSETS, directory_at, walk_order
from napari_lazy_pipeline.readers._planes import PlaneIndex, index_planes, read_piece, stamp

_CONTINUED = re.compile(r"(.*_MMStack(?:_[^/]*?)?)_([0-9]+)((?:\.ome)?\.tiff?)", re.DOTALL)
_INDEX = 54773648
_WAIT = (
    "Micro-Manager writes the index when it is done; after a crash, open the data there and "
    "save them again"
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


def probe(path: str, said_size: Triple | None, interval: float | None) -> FileInfo:
    """Read the index of a stack, and the directory of its first plane."""
    index = _index(path, _stamps(path))
    with tifffile.TiffFile(path, is_ome=False) as tif:
        page = tif.pages.first
        summary = tifffile.tifffile.read_micromanager_metadata(tif.filehandle, {"Summary"})
        if page.compression != 1 or page.ndim != 2 or page.dtype is None:
            raise FileError("The pixels are compressed or in colour", path, "Save them plainly")
        shape, dtype, order = page.shape, page.dtype.newbyteorder("="), tif.byteorder
    said = summary.get("Summary", {})
    names = tuple(map(str, said.get("ChNames") or ()))
    claims = claims_of(said, names, "Micro-Manager")
    size = said_size or claims.voxel_size
    times, channels = index.inner
    return FileInfo(
        os.path.basename(path), (index.depth, shape[0], shape[1]), dtype.name,
        os.path.getsize(path), size, ("OME" if said_size else "Micro-Manager") if size else "",
        interval or claims.time_interval, claims.notes, byteorder=order, inner=(times, channels),
        scenes=index.scenes if len(index.scenes) > 1 else (), firsts=(0,) * len(index.scenes),
        channel_names=names if len(names) == channels else (), indexed=True,
    )  # fmt: skip


def read(path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
    """Read some planes of a volume (z, y, x), and no others."""
    index = _index(path, _stamps(path))
    stored = np.dtype(info.dtype).newbyteorder(info.byteorder)  # type: ignore[arg-type]
    volume = np.empty((stop - start, *info.shape[1:]), stored)
    for plane, (file, place) in zip(volume, index.planes(path, info)[start:stop], strict=True):
        read_piece(file, _pixels(file, place, plane), plane)
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


def _stamps(path: str) -> tuple[tuple[int, int], ...]:
    return tuple(stamp(one) for one in (path, *siblings(path)))


@lru_cache(maxsize=16)
def _index(path: str, stamps: tuple[tuple[int, int], ...]) -> PlaneIndex:
    """Read the indices of a stack; ``stamps`` tell one state of its files from the next."""
    files = (path, *siblings(path)[: len(stamps) - 1])
    maps = [_map(file) for file in files]
    rows = np.concatenate(
        [np.c_[found, np.full(len(found), number)] for number, found in enumerate(maps)]
    ).astype(np.int64)
    # (channel, slice, frame, position, offset, file) of each plane.
    scenes = np.unique(rows[:, 3])
    place = np.searchsorted(scenes, rows[:, 3])
    columns = (place, rows[:, 2] - rows[:, 2].min(), rows[:, 0] - rows[:, 0].min(),
               rows[:, 1] - rows[:, 1].min(), rows[:, 5], rows[:, 4])  # fmt: skip
    return index_planes(
        files, [f"Pos{number}" for number in scenes.tolist()],
        zip(*(column.tolist() for column in columns), strict=True),
    )  # fmt: skip


def _map(path: str) -> np.ndarray:
    with open(path, "rb") as file:
        found = tifffile.tifffile.read_micromanager_metadata(file, {"IndexMap"}).get("IndexMap")
    if found is None or not len(found):
        raise FileError("The file has no index of its planes yet", path, _WAIT)
    return np.asarray(found)
