"""Kernel: the PSF in the voxels of the data, its reach, and its spectrum on any volume's grid."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import cast

import numpy as np
from scipy import fft

from napari_lazy_pipeline.image import Shape, Triple
from napari_lazy_pipeline.image.scan_geometry import SkewAxis
from napari_lazy_pipeline.psf.radial_otf import RadialOtf, interpolate

# Largest kernel (z, y, x) [voxel]: what of a PSF is further out is dark.
LARGEST = (96, 256, 256)
# The PSF ends where no more than this part of its energy lies further out.
TAIL = 1e-3
# Iterations carry an edge further than the PSF reaches at once; wider still changes nothing.
REACH = 1.5
# Widest halo (z, y, x) [voxel].
WIDEST = (32, 64, 64)
# The kernel ends after so many halos, and fades out over the last part of them: light of measured
# PSFs ends there, and noise does not. A crop and the whole would see different parts of that.
END, FADE = 2.0, 0.25


@lru_cache(maxsize=6)  # at most 25 MB each
def kernel(
    otf: RadialOtf, voxel_size: Triple, shear: float = 0.0, skew_axis: SkewAxis = "x"
) -> np.ndarray:
    """Make the PSF of an OTF, its centre at index 0: float32 (z, y, x) of sum 1.

    It fades to 0 within twice the `halo`. Parameters are those of `interpolate`.
    """
    psf = _known(otf, voxel_size, shear, skew_axis).copy()
    light = psf.sum(dtype=np.float64)
    for axis, radius in enumerate(halo(otf, voxel_size, shear, skew_axis)):
        end = END * radius
        rest = np.clip((end - _distances(psf.shape[axis])) / (FADE * end), 0, 1)
        weights = ((1 - np.cos(np.pi * rest)) / 2).astype(np.float32)
        psf *= np.expand_dims(weights, tuple({0, 1, 2} - {axis}))
    psf *= np.float32(light / psf.sum(dtype=np.float64))
    psf.flags.writeable = False
    return psf


@lru_cache(maxsize=64)
def halo(
    otf: RadialOtf, voxel_size: Triple, shear: float = 0.0, skew_axis: SkewAxis = "x"
) -> Shape:
    """Width (z, y, x) of what has to surround a volume [voxel]: about half its PSF."""
    energy = _known(otf, voxel_size, shear, skew_axis) ** 2
    return cast(Shape, tuple(_extent(energy, axis) for axis in range(3)))


def _extent(energy: np.ndarray, axis: int) -> int:
    """Half the width of a halo: outside of a part of it lies no more than the tail."""
    line = energy.sum(axis=tuple(i for i in range(3) if i != axis), dtype=np.float64)
    inside = np.cumsum(np.bincount(_distances(len(line)), line))
    radius = int(np.searchsorted(inside, (1 - TAIL) * inside[-1]))
    return min(math.ceil(REACH * radius) + 1, len(line) // 2, WIDEST[axis])


def _distances(n: int) -> np.ndarray:
    """Distance from index 0 of each position of a periodic axis."""
    return np.minimum(np.arange(n), n - np.arange(n))


@lru_cache(maxsize=2)
def _known(otf: RadialOtf, voxel_size: Triple, shear: float, skew_axis: SkewAxis) -> np.ndarray:
    """The PSF of an OTF as far as that is known, its centre at index 0: float32 (z, y, x)."""
    depth, width = (n * d for n, d in zip(_size(otf), otf.voxel_size, strict=True))
    sizes = [extent / step for extent, step in zip((depth, width, width), voxel_size, strict=True)]
    sizes["zyx".index(skew_axis)] += abs(shear) * min(sizes[0], LARGEST[0])
    shape = [
        min(limit, fft.next_fast_len(math.ceil(size), real=True))
        for size, limit in zip(sizes, LARGEST, strict=True)
    ]
    z, y, x = (n + n % 2 for n in shape)
    grid = interpolate(otf, (z, y, x), voxel_size, shear, skew_axis)
    psf: np.ndarray = fft.irfftn(grid, (z, y, x), overwrite_x=True)
    psf.flags.writeable = False
    return psf


def spectrum(
    otf: RadialOtf,
    shape: Shape,
    voxel_size: Triple,
    shear: float = 0.0,
    skew_axis: SkewAxis = "x",
) -> np.ndarray:
    """Return the spectrum of the kernel on the grid of a volume: complex64 (z, y, x // 2 + 1).

    Voxels of all volumes are blurred alike, however large these are; the blur wraps around.
    """
    psf = kernel(otf, voxel_size, shear, skew_axis)
    for axis, n in enumerate(shape):
        psf = _wrapped(psf, n, axis)
    return cast(np.ndarray, fft.rfftn(psf, overwrite_x=True))


def _size(otf: RadialOtf) -> tuple[int, int]:
    """Planes, and pixels across, of the PSF an OTF was made from."""
    rings, planes = otf.values.shape
    return planes, 2 * (rings - 1)


def _wrapped(psf: np.ndarray, n: int, axis: int) -> np.ndarray:
    """Lay a periodic kernel along an axis of another length; what does not fit comes around."""
    length = psf.shape[axis]
    lines = np.moveaxis(psf, axis, 0)
    out = np.zeros((n, *lines.shape[1:]), np.float32)
    place = (np.arange(length) + length // 2) % length - length // 2
    np.add.at(out, place % n, lines)
    return np.moveaxis(out, 0, axis)
