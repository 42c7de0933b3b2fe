"""Zarr chunks: which files belong to a volume, and which time points are written."""

from __future__ import annotations

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from typing import Any

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import GrowthState, file_stamp_or_empty

# Files of one volume: to ask for the state of more would take longer than a person waits.
_MOST = 1_000_000
_MANY = 256  # for an array without time points, each look at which asks for all


class Chunks:
    """Files of the chunks of an array of zarr; of its shards, if chunks are packed in them."""

    def __init__(self, array: Any, axes: str, path: str) -> None:
        self._path = path
        self._folder = os.path.join(array.store.root, *array.path.split("/"))
        self._axes, self._shape = axes, array.shape
        self._grid = getattr(array, "shards", None) or array.chunks
        self._name: Callable[[tuple[int, ...]], str] = array.metadata.encode_chunk_key

    def state(self, t: int, c: int) -> Hashable:
        """Size [byte] and time of change [ns] of each file of a volume, as far as they exist."""
        part = {"t": t, "c": c}
        ranges: list[Sequence[int]] = [
            (part[axis] // step,) if axis in part else range(-(-length // step))
            for axis, length, step in zip(self._axes, self._shape, self._grid, strict=True)
        ]
        count = math.prod(map(len, ranges))
        folders: dict[str, None] = {}
        by_folder = "t" not in self._axes and count > _MANY
        if by_folder:  # a file that takes the place of another changes the folder it is in
            ranges[-1] = range(1)
        if math.prod(map(len, ranges)) > _MOST:
            what = f"Each volume is cut into {count} files"
            raise FileError(what, self._path, "Save it again in larger chunks")
        if "t" not in self._axes:
            folders[self._folder] = None  # with what is said of the array
        if by_folder:
            names = (self._name(place).split("/")[:-1] for place in product(*ranges))
            folders |= dict.fromkeys(os.path.join(self._folder, *name) for name in names)
            stamps = repr(list(map(file_stamp_or_empty, folders)))
            return hashlib.blake2b(stamps.encode(), digest_size=16).hexdigest()
        names = (self._name(place).split("/") for place in product(*ranges))
        files = (os.path.join(self._folder, *name) for name in names)
        return tuple(map(file_stamp_or_empty, (*folders, *files)))

    def growth(self) -> GrowthState:
        """Return how much of the array was written, by the names of files; no pixel is read.

        A chunk that only holds the fill value may never be written, so it is other time points
        that tell whether one is whole.
        """
        sizes = dict(zip(self._axes, self._shape, strict=True))
        grid = dict(zip(self._axes, self._grid, strict=True))
        written = self._written()
        channels = -(-sizes.get("c", 1) // grid.get("c", 1))
        whole = [t for t, present in written.items() if len(present) == channels]
        last = max(whole, default=-1)
        present = min((last + 1) * grid["t"], sizes["t"])
        complete = present if last < max(written, default=-1) else max(last, 0) * grid["t"]
        mark = tuple(self.state(max(present - 1, 0), c) for c in range(sizes.get("c", 1)))
        return GrowthState(
            complete, present, sizes.get("z", 1), sizes.get("c", 1), os.stat(self._folder).st_ino,
            (len(written), mark),
        )  # fmt: skip

    def _written(self) -> dict[int, set[int]]:
        """For each time point, in steps of the grid, the channels of which there is a file."""
        first = self._name((0,) * len(self._axes))
        written: dict[int, set[int]] = defaultdict(set)
        if "/" not in first.removeprefix("c/"):
            for name in _list(self._folder):
                numbers = name.removeprefix("c.").split(".")
                if len(numbers) == len(self._axes) and all(map(str.isdecimal, numbers)):
                    written[int(numbers[0])].add(self._channel(numbers))
            return written
        top = os.path.join(self._folder, "c") if first.startswith("c/") else self._folder
        for time in filter(str.isdecimal, _list(top)):
            names = filter(str.isdecimal, _list(os.path.join(top, time)))
            written[int(time)] |= {self._channel([time, name]) for name in names}
        return written

    def _channel(self, numbers: list[str]) -> int:
        return int(numbers[1]) if self._axes[1] == "c" else 0


def _list(folder: str) -> list[str]:
    """Names in a folder; none if there is no folder yet."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
