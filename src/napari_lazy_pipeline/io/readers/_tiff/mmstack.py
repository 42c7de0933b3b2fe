"""MMStack: the files of Micro-Manager that hold a whole acquisition, and continue each other."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import believed_size
from napari_lazy_pipeline.io.metadata.micromanager import file_summary, summary_claims
from napari_lazy_pipeline.io.readers._common_volume import common_volume
from napari_lazy_pipeline.io.readers._plane_index import PlaneIndex, make_index
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import OFFSETS, directory_at
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

MARK = "_MMStack"
_CONTINUED = re.compile(r"(.*_MMStack(?:_[^/]*?)?)_([0-9]+)((?:\.ome)?\.tiff?)", re.DOTALL)
_NAME = re.compile(r"(.*?)((?:\.ome)?\.tiff?)", re.IGNORECASE | re.DOTALL)
_INDEX = 54773648
_WAIT = (
    "An old Micro-Manager writes the index when it is done; after a crash, open the data there "
    "and save them again"
)


def continuations(names: Sequence[str]) -> set[str]:
    """Names of the files that continue another one that is there, too."""
    stacks = {name for name in names if MARK in name}
    matches = filter(None, map(_CONTINUED.fullmatch, stacks))
    return {match[0] for match in matches if match[1] + match[3] in stacks}


def continuing_files(path: str) -> tuple[str, ...]:
    """Paths of the files that continue a file: ``_1``, ``_2``, ...; one of them may be gone."""
    match = _NAME.fullmatch(path)
    files: list[str] = []
    while match and os.path.exists(file := f"{match[1]}_{len(files) + 1}{match[2]}"):
        files.append(file)
    if not match or MARK not in path:
        return tuple(files)
    folder = os.path.dirname(path)
    known = {os.path.basename(file) for file in files}
    later = sorted(_numbered(folder, os.stat(folder or ".").st_mtime_ns, path))
    return (*files, *(os.path.join(folder, name) for _, name in later if name not in known))


@lru_cache(maxsize=16)
def _numbered(folder: str, changed: int, path: str) -> tuple[tuple[int, str], ...]:
    """Numbers and names of the files that continue one; ``changed`` tells of others that came."""
    match = _NAME.fullmatch(os.path.basename(path))
    stem, ending = match.groups() if match else ("", "")
    form = re.compile(rf"{re.escape(stem)}_([0-9]+){re.escape(ending)}", re.DOTALL)
    matches = filter(None, map(form.fullmatch, os.listdir(folder or ".")))
    return tuple((int(match[1]), match[0]) for match in matches)


def _gaps(path: str) -> tuple[str, ...]:
    """A note on the files that were not copied with the others; none if all are there."""
    match = _NAME.fullmatch(os.path.basename(path))
    folder = os.path.dirname(path)
    numbers = {number for number, _ in _numbered(folder, os.stat(folder or ".").st_mtime_ns, path)}
    gone = sorted(set(range(1, max(numbers, default=0))) - numbers)
    if not match or not gone:
        return ()
    names = ", ".join(f"{match[1]}_{number}{match[2]}" for number in gone[:3])
    more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
    return (f"{names}{more} {'is' if len(gone) == 1 else 'are'} not there: blank",)


def is_mmstack(head: bytes) -> bool:
    """Return whether the first bytes of a TIFF tell that Micro-Manager wrote it."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    return bool(order) and len(head) >= 12 and struct.unpack_from(f"{order}I", head, 8)[0] == _INDEX


def probe(path: str) -> FileInfo:
    """Read the index of a stack, and the directory of its first plane."""
    index = plane_index(path)
    with open_regular(path) as file, tifffile.TiffFile(file, is_ome=False) as tif:
        header = metadata(tif, os.path.basename(path))
        page = tif.pages.first
        if page.compression != 1 or page.ndim != 2 or page.dtype is None:
            raise FileError("The pixels are compressed or in colour", path, "Save them plainly")
        shape, dtype, order = page.shape, page.dtype, tif.byteorder
    summary = file_summary(path)
    claims = summary_claims(summary, tuple(map(str, summary.get("ChNames") or ())), "Micro-Manager")
    size, source = believed_size((header, claims))
    claims = replace(claims, source=source, voxel_size=size)
    claims = replace(
        claims, time_interval=header.time_interval or claims.time_interval,
        notes=(*claims.notes, *_gaps(path)),
    )  # fmt: skip
    kinds = _channel_kinds(index)
    if len(set(kinds)) == 1:
        return index.info(path, shape, dtype, order, claims)
    (_, *common), name = common_volume([((1, y, x), name) for y, x, name in kinds], path)
    return replace(index.info(path, common, name, order, claims), kinds=kinds)


def _channel_kinds(index: PlaneIndex) -> tuple[tuple[int, int, str], ...]:
    """Rows, columns and type of the first plane of each channel."""
    kinds = []
    for c in range(index.inner[1]):
        places = index.table[:, :, c].reshape(-1, 2)
        number, start = places[places[:, 0] >= 0][0].tolist()
        with open_regular(index.files[number]) as file:
            directory = directory_at(file, start, index.files[number])
        y, x, bits = (directory.tags.get(tag, 0) if directory else 0 for tag in (257, 256, 258))
        kinds.append((y, x, f"uint{bits}"))
    return tuple(kinds)


def plane_index(path: str) -> PlaneIndex:
    """The indices of a stack as they are now: not every share tells that a file has changed."""
    files = (path, *continuing_files(path))
    maps = tuple(_index_map(file) for file in files)
    if not any(maps):
        raise FileError("The index names no plane yet", path, "Wait until some are recorded")
    return _merge_maps(files, maps)


def pixels_at(file: str, start: int, plane: NDArray[np.generic]) -> int:
    """Return where the pixels of a plane lie whose directory is at ``start``."""
    with open_regular(file) as handle:
        directory = directory_at(handle, start, file)
    # Rows, columns and the one strip.
    tags = [directory.tags.get(tag, 0) for tag in (257, 256, 279)] if directory else []
    if not directory or tags != [*plane.shape, plane.nbytes]:
        raise FileError(f"There is no such plane at byte {start}", file, _WAIT)
    return directory.tags[OFFSETS]


@lru_cache(maxsize=16)
def _merge_maps(files: tuple[str, ...], maps: tuple[bytes, ...]) -> PlaneIndex:
    """Make one index of those of several files: (channel, slice, frame, position, place)."""
    parts = [np.frombuffer(data, np.uint32).reshape(-1, 5) for data in maps]
    rows = np.concatenate(parts).astype(np.int64)
    numbers = np.repeat(np.arange(len(files)), [len(part) for part in parts])
    channels, planes, times, positions, places = rows.T
    scenes, scene = np.unique(positions, return_inverse=True)
    entries = np.column_stack((
        scene, times - times.min(), channels - channels.min(), planes - planes.min(), numbers,
        places,
    ))  # fmt: skip
    return make_index(files, [f"Pos{number}" for number in scenes.tolist()], entries)


def _index_map(path: str) -> bytes:
    """The index of one file, in the byte order of this machine; newer versions reserve it."""
    with open_regular(path) as file:
        entries = tifffile.tifffile.read_micromanager_metadata(file, {"IndexMap"}).get("IndexMap")
    if entries is None or not len(entries):
        raise FileError("The file has no index of its planes yet", path, _WAIT)
    reserved = np.flatnonzero(entries[:, 4] == 0)
    count = int(reserved[0]) if reserved.size else len(entries)
    return np.ascontiguousarray(entries[:count], np.uint32).tobytes()
