"""Arrays in memory that two processes share."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.errors import EngineError

# Where Linux keeps shared memory; in a container it may be small.
FOLDER = Path("/dev/shm")


@dataclass(frozen=True)
class Place:
    """An array in shared memory: what another process has to know to find it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Buffer:
    """A block of shared memory of this process, for one array at a time; it only grows."""

    def __init__(self) -> None:
        self._block: SharedMemory | None = None

    def reserve(self, shape: tuple[int, ...], dtype: np.dtype) -> Place:
        """Make room for an array.

        Raises
        ------
        EngineError
            If there is not enough shared memory.
        """
        size = math.prod(shape) * dtype.itemsize
        if self._block is None or self._block.size < size:
            self.close()
            self._block = _create(size)
        return Place(self._block.name, shape, dtype.str)

    def put(self, array: np.ndarray) -> Place:
        """Copy an array into the block."""
        place = self.reserve(array.shape, array.dtype)
        self._view(place)[...] = array
        return place

    def take(self, place: Place) -> np.ndarray:
        """Copy the array out of the block."""
        return self._view(place).copy()

    def close(self) -> None:
        """Give the memory back."""
        if self._block is not None:
            self._block.close()
            self._block.unlink()
            self._block = None

    def _view(self, place: Place) -> np.ndarray:
        assert self._block is not None
        return np.ndarray(place.shape, place.dtype, self._block.buf)


@contextmanager
def borrowed(place: Place) -> Iterator[np.ndarray]:
    """Look at an array that another process keeps; no reference to it may stay behind."""
    block = _attach(place.name)
    try:
        yield np.ndarray(place.shape, place.dtype, block.buf)
    finally:
        block.close()


def _create(size: int) -> SharedMemory:
    try:
        block = SharedMemory(create=True, size=max(size, 1))
    except OSError as error:
        raise _too_small(size, error) from error
    try:
        _commit(block)
    except OSError as error:
        block.close()
        block.unlink()
        raise _too_small(size, error) from error
    return block


def _commit(block: SharedMemory) -> None:
    """Claim the pages now: a full file system would end the process when they are written to."""
    if sys.platform == "linux" and (FOLDER / block.name).exists():
        descriptor = os.open(FOLDER / block.name, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, block.size)
        finally:
            os.close(descriptor)


def _too_small(size: int, error: OSError) -> EngineError:
    return EngineError(
        f"There are no {size / 2**20:.0f} MB of shared memory: {error}",
        hint=f"Enlarge {FOLDER}, crop the volume, or use the cpu engine",
    )


def _attach(name: str) -> SharedMemory:
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    else:
        block = SharedMemory(name)
        if os.name == "posix":
            # Or the block would be removed at the end of this process, which does not own it.
            resource_tracker.unregister(f"/{block.name}", "shared_memory")
        return block
