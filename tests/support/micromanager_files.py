"""Writes what Micro-Manager writes, byte for byte as its format is documented."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Place = tuple[int, int, int, int]  # position, t, c, z
SUMMARY: dict[str, Any] = {
    "MicroManagerVersion": "2.0.0", "PixelSize_um": 0.108, "z-step_um": 0.4, "Interval_ms": 2500,
    "ChNames": ["GFP", "RFP"], "TimeFirst": True, "SlicesFirst": True, "Prefix": "cell_1",
}  # fmt: skip


def pixels(place: Place, shape: tuple[int, int] = (6, 8)) -> np.ndarray:
    """A plane that tells its place."""
    start = sum(number * factor for number, factor in zip(place, (1000, 100, 10, 1), strict=True))
    return (np.arange(shape[0] * shape[1]).reshape(shape) * 7 + start).astype(np.uint16)


PlaneAt = Callable[[Place], np.ndarray]


def places(sizes: Place) -> list[Place]:
    """All places, in the order they are recorded in."""
    return list(itertools.product(*map(range, sizes)))  # type: ignore[arg-type]


def write_mmstack(
    path: Path,
    here: Iterable[Place],
    sizes: Place,
    index: bool = True,
    plane_at: PlaneAt = pixels,
) -> None:
    """Write one file of an MMStack."""
    summary = {**SUMMARY, "Positions": sizes[0], "Frames": sizes[1], "Channels": sizes[2],
               "Slices": sizes[3]}  # fmt: skip
    text = json.dumps(summary).encode()
    text += b" " * (len(text) % 2)
    data = bytearray(b"II*\0\0\0\0\0" + struct.pack("<6I", 54773648, 0, 483765892, 0, 99384722, 0))
    data += struct.pack("<2I", 2355492, len(text)) + text
    link, entries = 4, []
    for position, t, c, z in here:
        start = len(data)
        struct.pack_into("<I", data, link, start)
        plane = plane_at((position, t, c, z))
        said = json.dumps({"FrameIndex": t, "ChannelIndex": c, "SliceIndex": z}).encode() + b"\0"
        after = start + 162 + plane.nbytes
        tags = [
            (256, 4, 1, plane.shape[1]), (257, 4, 1, plane.shape[0]),
            (258, 3, 1, 8 * plane.itemsize), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, start + 162), (277, 3, 1, 1),
            (278, 3, 1, plane.shape[0]), (279, 4, 1, plane.nbytes), (282, 5, 1, after),
            (283, 5, 1, after + 8), (296, 3, 1, 3), (51123, 2, len(said), after + 16),
        ]  # fmt: skip
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        link = len(data)
        data += struct.pack("<I", 0) + plane.tobytes() + struct.pack("<4I", 1, 1, 1, 1) + said
        entries.append((c, z, t, position, start))
    if index:
        struct.pack_into("<I", data, 12, len(data))
        data += struct.pack("<2I", 3453623, len(entries))
        data += b"".join(struct.pack("<5I", *entry) for entry in entries)
    path.write_bytes(data)


def grow_mmstack(path: Path, here: Iterable[Place], room: int = 40) -> Iterator[int]:
    """Write an MMStack as Micro-Manager does since 2014; yield how many planes are whole.

    The file and its index have room for more from the beginning, and a plane is in the index
    before its pixels are in the file.
    """
    text = json.dumps(SUMMARY).encode()
    text += b" " * (len(text) % 2)
    index = 40 + len(text)
    start = index + 8 + 20 * room
    size = 162 + pixels((0, 0, 0, 0)).nbytes + 16 + 80
    with open(path, "wb") as file:
        file.truncate(start + room * size)
        file.write(b"II*\0" + struct.pack("<I", start))
        file.write(struct.pack("<6I", 54773648, index, 0, 0, 0, 0))
        file.write(struct.pack("<2I", 2355492, len(text)) + text)
        file.write(struct.pack("<2I", 3453623, room))
        file.flush()
        yield 0
        for number, (position, t, c, z) in enumerate(here):
            plane = pixels((position, t, c, z))
            said = json.dumps({"FrameIndex": t, "ChannelIndex": c, "SliceIndex": z}).encode()
            after = start + 162 + plane.nbytes
            tags = [
                (256, 4, 1, plane.shape[1]), (257, 4, 1, plane.shape[0]), (258, 3, 1, 16),
                (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, start + 162), (277, 3, 1, 1),
                (278, 3, 1, plane.shape[0]), (279, 4, 1, plane.nbytes), (282, 5, 1, after),
                (283, 5, 1, after + 8), (296, 3, 1, 3), (51123, 2, 80, after + 16),
            ]  # fmt: skip
            data = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *x) for x in tags)
            data += struct.pack("<I", start + size) + plane.tobytes()
            data += struct.pack("<4I", 1, 1, 1, 1) + said.ljust(80, b"\0")
            file.seek(index + 8 + 20 * number)
            file.write(struct.pack("<5I", c, z, t, position, start))
            file.flush()
            yield number
            half = 162 + plane.nbytes // 2
            for piece, place in ((data[:half], start), (data[half:], start + half)):
                file.seek(place)
                file.write(piece)
                file.flush()
                yield number + (place > start)
            start += size


def grow_ndtiff(folder: Path, here: Iterable[Place]) -> Iterator[int]:
    """Write an NDTiff plane by plane, the end of its index at times half an entry."""
    done: list[Place] = []
    for number, place in enumerate(here):
        done.append(place)
        before = (folder / "NDTiff.index").read_bytes() if number else b""
        write_ndtiff(folder, done)
        whole = (folder / "NDTiff.index").read_bytes()
        (folder / "NDTiff.index").write_bytes(whole[: (len(before) + len(whole)) // 2])
        yield number
        (folder / "NDTiff.index").write_bytes(whole)
        yield number + 1


def write_ndtiff(
    folder: Path, here: Iterable[Place], per_file: int = 5, plane_at: PlaneAt = pixels
) -> None:
    """Write an NDTiff: files of so many planes each, and their index."""
    index, data, name = b"", bytearray(), ""
    text = json.dumps(SUMMARY).encode()
    for number, place in enumerate(here):
        if number % per_file == 0:
            if name:
                (folder / name).write_bytes(data)
            part = number // per_file
            name = "cell_NDTiffStack" + (f"_{part}" if part else "") + ".tif"
            data = bytearray(b"II*\0\0\0\0\0" + struct.pack("<2I", 483729, 3))
            data += struct.pack("<3I", 1, 2355492, len(text)) + text
        plane, start = plane_at(place), len(data)
        data += plane.tobytes()
        position, t, c, z = place
        axes = {"position": position, "time": t, "channel": SUMMARY["ChNames"][c], "z": z - 1}
        said, file = json.dumps(axes).encode(), name.encode()
        index += struct.pack("<I", len(said)) + said + struct.pack("<I", len(file)) + file
        numbers = start, *plane.shape[::-1], plane.itemsize - 1
        index += struct.pack("<IiiiiIii", *numbers, 0, 0, 0, 0)
    (folder / name).write_bytes(data)
    (folder / "NDTiff.index").write_bytes(index)
