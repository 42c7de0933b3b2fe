"""Padding: what surrounds a volume while it is deconvolved, the same for every engine."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.psf.kernel import halo

# Values of that size are damage, and their sums would not fit into float32.
LARGEST = 1e18


@dataclass(frozen=True)
class Frame:
    """Place of a volume in the larger grid it is deconvolved on."""

    inner: Shape  # shape of the volume (z, y, x)
    shape: Shape  # shape of the grid (z, y, x)
    before: Shape  # number of planes, rows and columns in front of the volume
    mirrored: bool  # whether the rest shows the mirror image of the volume; otherwise background

    @classmethod
    def of(cls, inner: Shape, plan: DeconvolutionPlan) -> Frame:
        """Make the frame of a volume: for periodic edges only what a fast FFT needs, at the end."""
        if plan.edges == "periodic":
            return cls(inner, cast(Shape, tuple(map(smooth, inner))), (0, 0, 0), False)
        margin = halo(plan.otf, plan.voxel_size, plan.shear, plan.skew_axis)
        before = cast(Shape, tuple(min(m, n) for m, n in zip(margin, inner, strict=True)))
        z, y, x = (smooth(n + 2 * b) for n, b in zip(inner, before, strict=True))
        return cls(inner, (z, y, smooth(x, even=True)), before, plan.edges == "reflect")

    def indices(self, axis: int, offset: int = 0) -> np.ndarray:
        """Index into the volume for each position of the grid plus an offset; -1: background."""
        n, start = self.inner[axis], offset - self.before[axis]
        if self.mirrored:
            return mirrored(n, start, start + self.shape[axis])
        position = np.arange(start, start + self.shape[axis])
        index = np.where((position >= 0) & (position < n), position, -1)
        index.flags.writeable = False  # as a mirrored one: loops are compiled for one kind
        return index

    def plane(self, k: int, plan: DeconvolutionPlan) -> tuple[int, np.ndarray, np.ndarray]:
        """Index of the plane of the volume at plane ``k`` of the grid, and indices into that.

        The mirror image of a skewed volume along z keeps its place in the sample.
        """
        source = int(self.indices(0)[k])
        offset = round(plan.shear * (k - self.before[0] - source)) if source >= 0 else 0
        rows = self.indices(1, offset if plan.skew_axis == "y" else 0)
        return source, rows, self.indices(2, offset if plan.skew_axis == "x" else 0)

    @property
    def window(self) -> tuple[slice, ...]:
        """Place of the volume in the grid."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.inner, strict=True))


@lru_cache(maxsize=256)  # planes next to each other take the same
def mirrored(n: int, start: int, stop: int) -> np.ndarray:
    """Index into ``n`` pixels for each position; beyond them is their mirror image."""
    position = np.arange(start, stop) % (2 * n)
    index = np.minimum(position, 2 * n - 1 - position)
    index.flags.writeable = False
    return index


def smooth(n: int, even: bool = False) -> int:
    """Smallest number from ``n`` on whose only prime factors are 2, 3, 5 and 7."""
    # What divides a power of 2 x 3 x 5 x 7 that is high enough has no other prime factor.
    sizes = (m for m in itertools.count(max(n, 1)) if pow(210, m.bit_length(), m) == 0)
    return next(m for m in sizes if not (even and m % 2))


def clean(xp: Any, image: Any, background: np.float32) -> Any:
    """Return a float32 copy, background for what is no usable number; ``xp``: array library."""
    with np.errstate(over="ignore", invalid="ignore"):
        copy = xp.array(image, xp.float32, order="C")
    if image.dtype.kind == "f":
        copy[~(xp.abs(copy) < np.float32(LARGEST))] = background
    return copy


def apodize(xp: Any, image: Any, width: int) -> None:
    """Blend opposite edges of planes (.., y, x) into each other in place, along y, then along x.

    Half the jump between first and last pixel is added to the one end and taken from the
    other, fading out over ``width`` pixels. ``xp`` is the array library.
    """
    for lines in (xp.moveaxis(image, -2, 0), xp.moveaxis(image, -1, 0)):
        n = min(width, len(lines))
        if n < 1:
            continue
        jump = (lines[-1] - lines[0]) / np.float32(2)
        fade = 1 - np.sin((np.arange(n) + 0.5) / width * (np.pi / 2))
        weights = xp.asarray(fade.astype(np.float32)).reshape(-1, *[1] * jump.ndim)
        blend = weights * jump
        lines[:n] += blend
        lines[len(lines) - n :] -= blend[::-1]
