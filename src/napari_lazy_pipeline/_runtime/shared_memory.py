"""Shared memory: arrays that two processes see."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_lazy_pipeline.errors import EngineError

# Where Linux keeps shared memory; in a container it may be small.
FOLDER = Path("/dev/shm")


class SharedArray(NamedTuple):
    """What another process has to know of an array in shared memory to find it."""

    block: str
    shape: tuple[int, ...]
    dtype: str


class SharedBlock:
    """A block of shared memory of this process, for one array at a time; it only grows."""

    def __init__(self) -> None:
        self._block: SharedMemory | None = None

    def reserve(self, shape: tuple[int, ...], dtype: np.dtype) -> SharedArray:
        """Make room for an array; an `EngineError` if there is not enough shared memory."""
        size = math.prod(shape) * dtype.itemsize
        if self._block is None or self._block.size < size:
            self.close()
            self._block = _create(size)
        return SharedArray(self._block.name, shape, dtype.str)

    def put(self, array: np.ndarray) -> SharedArray:
        """Copy an array into the block."""
        shared = self.reserve(array.shape, array.dtype)
        self._view(shared)[...] = array
        return shared

    def copy(self, shared: SharedArray) -> np.ndarray:
        """Copy the array out of the block."""
        return self._view(shared).copy()

    def close(self) -> None:
        """Give the memory back."""
        if self._block is not None:
            self._block.close()
            self._block.unlink()
            self._block = None

    def _view(self, shared: SharedArray) -> np.ndarray:
        assert self._block is not None
        return np.ndarray(shared.shape, shared.dtype, self._block.buf)


@contextmanager
def attach(shared: SharedArray) -> Iterator[np.ndarray]:
    """See an array of another process; no reference to it may stay behind."""
    if sys.version_info >= (3, 13):
        block = SharedMemory(shared.block, track=False)
    else:
        block = SharedMemory(shared.block)
        if os.name == "posix":
            # Or the block would be removed at the end of this process, which does not own it.
            resource_tracker.unregister(f"/{block.name}", "shared_memory")
    try:
        yield np.ndarray(shared.shape, shared.dtype, block.buf)
    finally:
        block.close()


def _create(size: int) -> SharedMemory:
    block = None
    try:
        block = SharedMemory(create=True, size=max(size, 1))
        if sys.platform == "linux" and (FOLDER / block.name).exists():
            # Claim the pages now: a full file system would end the process at the first write.
            with open(FOLDER / block.name, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, block.size)
    except OSError as error:
        if block is not None:
            block.close()
            block.unlink()
        more = f"Enlarge {FOLDER}" if sys.platform == "linux" else "End other programs"
        raise EngineError(
            f"There are no {size / 2**20:.0f} MB of shared memory: {error}",
            hint=f"{more}, crop the volume, or use the cpu engine",
        ) from error
    return block
