"""Zarr chunks: which files belong to a volume, and which time points are written."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from napari_lazy_pipeline.io.readers import GrowthState


@dataclass(frozen=True)
class Chunks:
    """Files of the chunks of an array; of its shards, if chunks are packed in them.

    Attributes
    ----------
    folder
        Folder of the array.
    axes
        Its axes, of ``"tczyx"``.
    shape, grid
        Shape of the array, and of what each file holds.
    name
        Gives the name of a file by its place in the grid.
    """

    folder: str
    axes: str
    shape: tuple[int, ...]
    grid: tuple[int, ...]
    name: Callable[[tuple[int, ...]], str]

    @classmethod
    def of(cls, array: Any, axes: str) -> Chunks:
        """Make them of an array of zarr."""
        grid = getattr(array, "shards", None) or array.chunks
        folder = os.path.join(array.store.root, *array.path.split("/"))
        return cls(folder, axes, array.shape, grid, array.metadata.encode_chunk_key)

    def state(self, t: int, c: int) -> Hashable:
        """Size [byte] and time of change [ns] of each file of a volume, as far as they exist."""
        return tuple(self._stamps(t, c))

    def growth(self) -> GrowthState:
        """How much of the array was written, by the names of files; no pixel is read.

        A chunk that only holds the fill value may never be written, so it is other time points
        that tell whether one is whole.
        """
        sizes = dict(zip(self.axes, self.shape, strict=True))
        grid = dict(zip(self.axes, self.grid, strict=True))
        written = self._written()
        channels = -(-sizes.get("c", 1) // grid.get("c", 1))
        whole = [t for t, present in written.items() if len(present) == channels]
        last = max(whole, default=-1)
        present = min((last + 1) * grid["t"], sizes["t"])
        complete = present if last < max(written, default=-1) else max(last, 0) * grid["t"]
        mark = tuple(self.state(max(present - 1, 0), c) for c in range(sizes.get("c", 1)))
        return GrowthState(
            complete, present, sizes.get("z", 1), sizes.get("c", 1), os.stat(self.folder).st_ino,
            (len(written), mark),
        )  # fmt: skip

    def _stamps(self, t: int, c: int) -> Iterator[tuple[int, int] | None]:
        part = {"t": t, "c": c}
        ranges = [
            (part[axis] // step,) if axis in part else range(-(-length // step))
            for axis, length, step in zip(self.axes, self.shape, self.grid, strict=True)
        ]
        for place in product(*ranges):
            try:
                status = os.stat(os.path.join(self.folder, *self.name(place).split("/")))
            except FileNotFoundError:
                yield None
            else:
                yield status.st_size, status.st_mtime_ns

    def _written(self) -> dict[int, set[int]]:
        """For each time point, in steps of the grid, the channels of which there is a file."""
        first = self.name((0,) * len(self.axes))
        written: dict[int, set[int]] = defaultdict(set)
        if "/" not in first.removeprefix("c/"):
            for name in _list(self.folder):
                numbers = name.removeprefix("c.").split(".")
                if len(numbers) == len(self.axes) and all(map(str.isdecimal, numbers)):
                    written[int(numbers[0])].add(self._channel(numbers))
            return written
        top = os.path.join(self.folder, "c") if first.startswith("c/") else self.folder
        for time in filter(str.isdecimal, _list(top)):
            names = filter(str.isdecimal, _list(os.path.join(top, time)))
            written[int(time)] |= {self._channel([time, name]) for name in names}
        return written

    def _channel(self, numbers: list[str]) -> int:
        return int(numbers[1]) if self.axes[1] == "c" else 0


def _list(folder: str) -> list[str]:
    """Names in a folder; none if there is no folder yet."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
