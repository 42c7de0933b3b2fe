"""Resampling: where the voxels of a result lie in a volume, if one affine transform says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import numpy as np

from napari_lazy_pipeline.image.box import Affine, Box, box_before, whole, widened
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.image.spec import VolumeSpec

Interpolation = Literal["linear", "cubic"]
# How far, beside the next voxel, one sees [voxel].
_HALO: dict[Interpolation, int] = {"linear": 1, "cubic": 2}
# Positions are rounded to so many decimals of a voxel: what is meant to be whole is whole.
_DECIMALS = 9


@dataclass(frozen=True, eq=False)
class Resampling:
    """Values of a volume at the positions of another grid, in one interpolation.

    Attributes
    ----------
    before, after
        Grids of the volume, and of the result.
    world
        Transform (4, 4) from positions (z, y, x) in the volume to those in the result [um].
    interpolation
        Between the two neighbours along each axis, or by a cubic (Catmull-Rom) through four.
    fill
        Value where there are no data.

    Examples
    --------
    >>> spec = VolumeSpec((8, 8, 8), voxel_size=(0.5, 0.1, 0.1))
    >>> world = np.eye(4)
    >>> world[:3, 3] = 0.5, 0.0, -0.3
    >>> Resampling(spec, spec, world).whole_shift
    (1, 0, -3)
    """

    before: VolumeSpec
    after: VolumeSpec
    world: Affine
    interpolation: Interpolation = "linear"
    fill: float = 0.0

    @cached_property
    def displacement(self) -> tuple[float, float]:
        """Displacement (y, x) of consecutive planes that is undone on the way [voxel]."""
        scan = self.before.scan if self.after.scan is None else None
        return scan.displacement(self.before.voxel_size) if scan else (0.0, 0.0)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Matrix (3, 4) from an index (z, y, x) of the result to a position in the volume [voxel].

        Along y and x, positions are those in plane 0 before it was displaced: a pixel of plane z
        is z times the `displacement` away from where it is in its plane.
        """
        sheared = np.eye(4)
        sheared[1:3, 0] = self.displacement
        matrix = np.linalg.inv(_grid(self.before)) @ np.linalg.inv(self.world) @ _grid(self.after)
        return np.ascontiguousarray(np.round(sheared @ matrix, _DECIMALS)[:3])

    @cached_property
    def whole_shift(self) -> Shape | None:
        """By how many voxels (z, y, x) it only moves the volume, without interpolation."""
        matrix = self.matrix
        only_moves = (matrix[:, :3] == np.eye(3)).all() and not any(self.displacement)
        if not only_moves or (matrix[:, 3] % 1).any():
            return None
        return cast(Shape, tuple(-int(distance) for distance in matrix[:, 3]))

    @property
    def is_beside(self) -> bool:
        """Return whether nothing of the volume lies where the result is."""
        around = box_before(whole(self.after.shape), self.after, self.before, self.world)
        ends = zip(around, self.before.shape, strict=True)
        return any(start >= n or stop <= 0 for (start, stop), n in ends)

    def box_before(self, box: Box) -> Box:
        """What of the volume a box of the result is made from; its edge if that lies beside."""
        around = box_before(box, self.after, self.before, self.world)
        halo = _HALO[self.interpolation]
        rows, columns = (halo + math.ceil(halo * abs(n)) for n in self.displacement)
        return widened(around, (halo, rows, columns), self.before.shape)


def _grid(spec: VolumeSpec) -> Affine:
    """Transform (4, 4) from an index to a position [um]."""
    transform = np.diag([*spec.voxel_size, 1.0])
    transform[:3, 3] = spec.translate
    return transform
