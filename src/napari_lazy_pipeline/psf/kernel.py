"""Kernel: the PSF in the voxels of the data, and its spectrum on the grid of any volume."""

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


@lru_cache(maxsize=6)  # at most 25 MB each
def kernel(
    otf: RadialOtf, voxel_size: Triple, shear: float = 0.0, skew_axis: SkewAxis = "x"
) -> np.ndarray:
    """Make the PSF of an OTF, its centre at index 0: float32 (z, y, x), as large as it is known.

    Parameters are those of `interpolate`.
    """
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
