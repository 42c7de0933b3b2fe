"""CPU FFT: what the CPU engine wants of the transforms of a volume, compiled or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.engine import Method
from napari_lazy_pipeline.engines.richardson_lucy import VolumeFft
from napari_lazy_pipeline.image.scan_geometry import Shape


class CpuFft(VolumeFft, Protocol):
    """Transforms of a volume, on some threads; how its pixels are laid out is up to the class.

    Parameters
    ----------
    shape
        Shape of the volume (z, y, x).
    threads
        Threads to use. The result does not depend on how many.
    check
        Called many times an iteration, in the calling thread; ends the work by raising.

    Attributes
    ----------
    voxel_bytes
        Memory that each method takes per voxel, the result included.
    """

    voxel_bytes: ClassVar[Mapping[Method, int]] = {"rl": 18, "accelerated": 30, "fast": 22}

    @abstractmethod
    def __init__(self, shape: Shape, threads: Threads, check: Callable[[], object]) -> None: ...

    @staticmethod
    @abstractmethod
    def factor(grid: np.ndarray, shape: Shape) -> np.ndarray:
        """Lay out what a spectrum is multiplied by: complex64 (z, y, x // 2 + 1)."""

    @staticmethod
    @abstractmethod
    def empty(shape: Shape) -> np.ndarray:
        """Make a volume of pixels of any content, its planes along the first axis."""

    @staticmethod
    @abstractmethod
    def put_plane(
        plane: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
        background: np.float32,
        out: np.ndarray,
    ) -> None:
        """Put pixels of a plane, their background subtracted, into one of a volume of pixels.

        Parameters
        ----------
        plane
            float32 (y, x).
        rows, columns
            Which of its rows and columns to take; 0 where negative.
        background
            What to subtract; what is less becomes 0.
        out
            A plane of what `empty` makes.
        """

    @staticmethod
    @abstractmethod
    def crop(pixels: np.ndarray, window: Sequence[slice], threads: Threads) -> np.ndarray:
        """Take a part (z, y, x) out of a volume of pixels."""
