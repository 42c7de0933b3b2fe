"""The FFTs of the CPU engine: those of scipy, or of ducc0, which is quicker, if that is installed.

They run on one thread and release the GIL. Both libraries agree to about 1e-6 of the maximum.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from scipy import fft


class Transforms(Protocol):
    """What the iterations need; pixels are float32 (z, y, x), spectra complex64."""

    def to_spectrum(self, pixels: np.ndarray, spectrum: np.ndarray) -> None:
        """Transform planes along y and x into ``spectrum`` (z, y, x // 2 + 1)."""

    def to_pixels(self, spectrum: np.ndarray, width: int) -> np.ndarray:
        """Undo that; ``spectrum`` is lost."""

    def along_z(self, spectrum: np.ndarray) -> np.ndarray:
        """Transform along z into a new array."""

    def back_along_z(self, slab: np.ndarray, spectrum: np.ndarray) -> None:
        """Undo that, into ``spectrum``; ``slab`` is lost."""


class ScipyTransforms:
    """Those of scipy."""

    def to_spectrum(self, pixels: np.ndarray, spectrum: np.ndarray) -> None:
        """Transform planes along y and x."""
        spectrum[...] = fft.rfft2(pixels)

    def to_pixels(self, spectrum: np.ndarray, width: int) -> np.ndarray:
        """Undo that."""
        pixels: np.ndarray = fft.irfft2(spectrum, (spectrum.shape[1], width), overwrite_x=True)
        return pixels

    def along_z(self, spectrum: np.ndarray) -> np.ndarray:
        """Transform along z."""
        slab: np.ndarray = fft.fft(spectrum, axis=0)
        return slab

    def back_along_z(self, slab: np.ndarray, spectrum: np.ndarray) -> None:
        """Undo that."""
        spectrum[...] = fft.ifft(slab, axis=0, overwrite_x=True)


class DuccTransforms:
    """Those of ducc0, which writes its results where they belong."""

    def __init__(self) -> None:
        self._fft: Any = importlib.import_module("ducc0").fft

    def to_spectrum(self, pixels: np.ndarray, spectrum: np.ndarray) -> None:
        """Transform planes along y and x."""
        self._fft.r2c(pixels, axes=(1, 2), out=spectrum)

    def to_pixels(self, spectrum: np.ndarray, width: int) -> np.ndarray:
        """Undo that."""
        pixels: np.ndarray = self._fft.c2r(
            spectrum,
            axes=(1, 2),
            lastsize=width,
            forward=False,
            inorm=2,
            allow_overwriting_input=True,
        )
        return pixels

    def along_z(self, spectrum: np.ndarray) -> np.ndarray:
        """Transform along z."""
        slab: np.ndarray = self._fft.c2c(spectrum, axes=(0,))
        return slab

    def back_along_z(self, slab: np.ndarray, spectrum: np.ndarray) -> None:
        """Undo that."""
        self._fft.c2c(slab, axes=(0,), forward=False, inorm=2, out=spectrum)


@cache
def transforms() -> Transforms:
    """The quicker library that is there."""
    return DuccTransforms() if find_spec("ducc0") else ScipyTransforms()
