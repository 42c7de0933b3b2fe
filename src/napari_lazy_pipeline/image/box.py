"""Boxes and blocks: parts of volumes, where they lie, and what of one volume another needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import cast

import numpy as np

from napari_lazy_pipeline.image.scan_geometry import Shape, Triple
from napari_lazy_pipeline.image.spec import VolumeSpec

# (start, stop) along z, y and x [voxel].
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
# Matrix (4, 4) from positions (z, y, x, 1) to others; both in um.
Affine = np.ndarray
_ROUNDING = 1e-6  # voxel; positions are in um, and not exact


@dataclass(frozen=True)
class Block:
    """A part of one volume: time point, channel, and (start, stop) along z, y and x [voxel]."""

    t: int
    c: int
    box: Box

    def replace(self, **changes: object) -> Block:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def whole(shape: Shape) -> Box:
    """The box that is the whole volume."""
    return cast(Box, tuple((0, n) for n in shape))


def shape_of(box: Box) -> Shape:
    """Shape (z, y, x) of what is in a box."""
    return cast(Shape, tuple(stop - start for start, stop in box))


def slices(box: Box, part: Box | None = None) -> tuple[slice, ...]:
    """Return where a box is in the volume, or in a part of it."""
    origins = (0, 0, 0) if part is None else tuple(start for start, _ in part)
    return tuple(slice(a - o, b - o) for (a, b), o in zip(box, origins, strict=True))


def spec_of(box: Box, spec: VolumeSpec) -> VolumeSpec:
    """The spec of a part of a volume."""
    starts = [start for start, _ in box]
    translate = tuple(
        round(origin + start * size, 9)
        for origin, start, size in zip(spec.translate, starts, spec.spacing, strict=True)
    )
    camera = spec.camera and spec.camera.moved(starts, spec.shape)
    return spec.replace(shape=shape_of(box), translate=cast(Triple, translate), camera=camera)


def respaced(spec: VolumeSpec, shape: Shape, factors: Triple, first: Triple) -> VolumeSpec:
    """The spec of voxels that are so many times as far apart, without a camera behind them.

    The first of them lies ``first`` (z, y, x) voxels from voxel 0.

    Examples
    --------
    >>> spec = VolumeSpec((8, 24, 30), voxel_size=(0.4, 0.1, 0.1))
    >>> coarse = respaced(spec, (8, 12, 15), (1, 2, 2), (0, 0.5, 0.5))
    >>> coarse.voxel_size, coarse.translate
    ((0.4, 0.2, 0.2), (0.0, 0.05, 0.05))
    """
    axes = zip(spec.translate, first, spec.spacing, factors, strict=True)
    # While its size is unknown, a voxel is the unit.
    translate = (
        round((origin + n * size) / (1 if spec.size_known else factor), 9)
        for origin, n, size, factor in axes
    )
    sizes = zip(spec.stated_size, factors, strict=True)
    return spec.replace(
        shape=shape,
        voxel_size=tuple(None if n is None else n * factor for n, factor in sizes),
        translate=tuple(translate),
        camera=None,
    )


def widened(box: Box, halo: Sequence[int], shape: Shape) -> Box:
    """The box and its neighbours, as far as there are any; of one beside the volume, its edge."""
    grown = []
    for (start, stop), margin, n in zip(box, halo, shape, strict=True):
        low, high = min(max(start - margin, 0), n - 1), max(min(stop + margin, n), 1)
        grown.append((low, max(high, low + 1)))
    return cast(Box, tuple(grown))


def rounded(box: Box, step: int, shape: Shape) -> Box:
    """The smallest box around it whose ends are multiples of a step, or those of the volume."""
    ends = ((start // step * step, min(-(-stop // step) * step, n))
            for (start, stop), n in zip(box, shape, strict=True))  # fmt: skip
    return cast(Box, tuple(ends))


def affine(matrix: np.ndarray) -> Affine:
    """The affine transform of a matrix (3, 3), which leaves the origin where it is."""
    transform = np.eye(4)
    transform[:3, :3] = matrix
    return transform


def box_before(box: Box, after: VolumeSpec, before: VolumeSpec, world: Affine) -> Box:
    """Which voxels of the volume ``before`` surround the positions that a box of ``after`` shows.

    ``world`` is the transform (4, 4) from positions (z, y, x) in the former to those in the latter
    [um]. The result may reach beyond the volume.
    """
    back = np.linalg.inv(world)
    places = corner_positions(after, [(start, stop - 1) for start, stop in box])
    index = (places @ back[:3, :3].T + back[:3, 3] - before.translate) / before.spacing
    low = np.floor(index.min(axis=0) + _ROUNDING).astype(int)
    high = np.ceil(index.max(axis=0) - _ROUNDING).astype(int) + 1
    return cast(Box, tuple(zip(low.tolist(), high.tolist(), strict=True)))


def corner_positions(spec: VolumeSpec, ends: Sequence[tuple[float, float]]) -> np.ndarray:
    """Positions (8, 3) of the corners of a box given by its ends [voxel], in um."""
    return np.array(list(product(*ends))) * spec.spacing + spec.translate
