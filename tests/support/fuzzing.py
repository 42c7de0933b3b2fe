"""Mutated TIFF files, and what the reader makes of them."""

from __future__ import annotations

import faulthandler
import io
import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers.tiff import READER
from napari_lazy_pipeline.samples.microscope import WRITERS, put

SHAPE = (5, 24, 32)
MOST = 50  # planes that are read one by one
MEMORY = 2 * 1024**3  # byte
_TAGS = (256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 282, 284, 317, 322, 324, 339)
_VALUES = (0, 1, 2, 3, 7, 8, 255, 65535, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 50_000, 34712, 33003)


def _hyperstack(pixels: np.ndarray) -> list[tuple[int, bytes]]:
    """The volume as the second of two time points."""
    buffer = io.BytesIO()
    pair = np.stack([pixels[::-1], pixels])
    tifffile.imwrite(buffer, pair, imagej=True, metadata={"axes": "TZYX"})
    return [(0, buffer.getvalue())]


def _alternating(pixels: np.ndarray) -> list[tuple[int, bytes]]:
    """The volume as the second of two channels of OME-XML, packed, with its planes all over."""
    buffer = io.BytesIO()
    pair = np.stack([pixels[::-1], pixels], axis=1)
    tifffile.imwrite(buffer, pair, ome=True, compression="zlib", metadata={"axes": "ZCYX"})
    return [(0, buffer.getvalue())]


def _predicted(pixels: np.ndarray) -> list[tuple[int, bytes]]:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, pixels, compression="lzw", predictor=2, rowsperstrip=7, photometric="minisblack"
    )
    return [(0, buffer.getvalue())]


def _tiles(pixels: np.ndarray) -> list[tuple[int, bytes]]:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, tile=(16, 16), compression="lzw", photometric="minisblack")
    return [(0, buffer.getvalue())]


FORMATS = {
    **WRITERS, "hyperstack": _hyperstack, "tiles": _tiles, "alternating": _alternating,
    "predicted": _predicted,
}  # fmt: skip


@dataclass
class Outcome:
    """What became of so many mutated files.

    Attributes
    ----------
    counts
        Number of files refused, exact (every pixel as written), and changed (right shape and
        type, other pixels: the file holds other pixels, too).
    slowest
        Longest processor time for one file [s].
    wrong
        What must not happen: a volume of another shape, wrong pixels from a file that was cut, or a
        plane that is another one when it is read alone.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


def volume(seed: int) -> np.ndarray:
    """Pixels as of a camera: none is zero."""
    pixels = np.random.default_rng(seed).integers(90, 4000, SHAPE)
    return pixels.astype(np.uint16)


def mutations(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Make so many broken versions of a file, each another; most wounds are in its directories."""
    chance = random.Random(seed)
    entries = _entries(data)
    kinds = (_flip, _flip_head, _cut, _edit, _edit, _zero, _swap)
    for _ in range(count):
        kind = chance.choice(kinds)
        broken = bytearray(data)
        for _ in range(1 if kind is _cut else chance.choice((1, 1, 2, 5))):
            broken = kind(broken, chance, entries)
        yield kind.__name__[1:], bytes(broken)


def _flip(data: bytearray, chance: random.Random, _: list[int]) -> bytearray:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _flip_head(data: bytearray, chance: random.Random, entries: list[int]) -> bytearray:
    start = chance.choice([0, *entries])
    data[min(start + chance.randrange(16), len(data) - 1)] ^= 1 << chance.randrange(8)
    return data


def _cut(data: bytearray, chance: random.Random, _: list[int]) -> bytearray:
    return data[: chance.randrange(len(data))]


def _edit(data: bytearray, chance: random.Random, entries: list[int]) -> bytearray:
    """Another tag, type, count or value in an entry of a directory."""
    start = chance.choice(entries)
    what = chance.randrange(5)
    if what == 0:
        struct.pack_into("<H", data, start, chance.choice(_TAGS))
    elif what == 1:
        struct.pack_into("<H", data, start + 2, chance.randrange(20))
    elif what == 4:
        # A signed number, or another type, with a value that only then has a meaning.
        kind = chance.choice((1, 3, 4, 6, 8, 9, 11, 16))
        struct.pack_into("<HII", data, start + 2, kind, 1, chance.choice(_VALUES))
    else:
        struct.pack_into("<I", data, start + 4 * (what - 1), chance.choice(_VALUES))
    return data


def _zero(data: bytearray, chance: random.Random, _: list[int]) -> bytearray:
    start = chance.randrange(len(data))
    length = min(chance.choice((4, 64, 512, len(data))), len(data) - start)
    data[start : start + length] = bytes(length)
    return data


def _swap(data: bytearray, chance: random.Random, _: list[int]) -> bytearray:
    """Two pieces change places, as after a bad transfer."""
    length = min(256, len(data) // 4)
    first, second = (chance.randrange(len(data) - length) for _ in range(2))
    one, other = data[first : first + length], data[second : second + length]
    data[first : first + length], data[second : second + length] = other, one
    return data


def _entries(data: bytes) -> list[int]:
    """Where the entries of the directories lie (little-endian, classic TIFF)."""
    found = []
    (position,) = struct.unpack_from("<I", data, 4)
    while position:
        (count,) = struct.unpack_from("<H", data, position)
        found += [position + 2 + 12 * index for index in range(count)]
        (position,) = struct.unpack_from("<I", data, position + 2 + 12 * count)
    return found


def fuzz(folder: Path, count: int, seed: int = 0) -> Outcome:
    """Read so many broken files, a share of each writer's, as the plugin does."""
    outcome = Outcome()
    for index, writer in enumerate(FORMATS):
        right = volume(index)
        whole = folder / f"{writer}.tif"
        with open(whole, "wb") as file:
            put(file, FORMATS[writer](right))
        info = READER.probe(str(whole))
        info = info.at(info.inner[0] - 1, info.inner[1] - 1)
        judge = CompletenessCheck(str(whole), READER, [info])
        share = count // len(FORMATS) + (index < count % len(FORMATS))
        for number, (kind, data) in enumerate(mutations(whole.read_bytes(), share, seed + index)):
            # Under one name, a file could not be told from the one before of the same instant.
            broken = folder / f"broken_{writer}_{number}.tif"
            broken.write_bytes(data)
            start = process_time()
            result = _outcome(broken, judge, right, info)
            outcome.slowest = max(outcome.slowest, process_time() - start)
            broken.unlink()
            outcome.counts[result] += 1
            if result in _WRONG or (kind == "cut" and result == "changed"):
                outcome.wrong.append(f"{writer} {kind} {number}: {result}")
    return outcome


_WRONG = ("shape", "planes", "planes of its own")


def _outcome(path: Path, judge: CompletenessCheck, right: np.ndarray, info: FileInfo) -> str:
    judge.why_incomplete(str(path))
    if not _alike(path, _own(path)):
        return "planes of its own"
    if not _alike(path, info):
        return "planes"
    try:
        found = READER.read(str(path), info)
        judge.check_end(str(path), path.name, found[-1:], lambda start, stop: found[start:stop])
    except FileError:
        return "refused"
    if found.shape != right.shape or found.dtype != right.dtype:
        return "shape"
    return "exact" if np.array_equal(found, right) else "changed"


def _own(path: Path) -> FileInfo | None:
    """What a file says as the first one of a folder: whatever it is, there is an answer."""
    try:
        return READER.probe(str(path))
    except FileError:
        return None


def _alike(path: Path, info: FileInfo | None) -> bool:
    """Whether each plane is that of its volume, as far as both can be read."""
    if info is None or info.shape[0] > MOST:
        return True
    whole = _read(path, info, 0, info.shape[0])
    planes = [_read(path, info, z, z + 1) for z in range(info.shape[0])]
    return whole is None or all(
        plane is None or np.array_equal(plane[0], whole[z], equal_nan=plane.dtype.kind == "f")
        for z, plane in enumerate(planes)
    )


def _read(path: Path, info: FileInfo, start: int, stop: int) -> np.ndarray | None:
    try:
        return READER.read_planes(str(path), info, start, stop)
    except FileError:
        return None


def main(arguments: list[str]) -> int:
    """Read as many broken files as are asked for, in a process whose memory is limited."""
    count, seed, folder = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    if sys.platform == "linux":
        import resource

        # A header that is believed to hold terabytes, or even gigabytes, ends the process.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Should a file hang, it is said where.
    faulthandler.dump_traceback_later(600, exit=True)
    before = _peak()
    outcome = fuzz(folder, count, seed)
    said = {**outcome.counts, "slowest": outcome.slowest, "wrong": outcome.wrong}
    print(json.dumps({**said, "memory": _peak() - before}))
    return 0


def _peak() -> int:
    """Most memory this process ever had [byte]; 0 where that is not known."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
