"""Common grid: volumes of different shapes and places in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from napari_lazy_pipeline.image import Shape, Triple, VolumeSpec


@dataclass(frozen=True)
class CommonGrid:
    """A grid that holds several volumes, each at its place in the sample.

    Along an axis of which their voxels have different lengths, as z for other light-sheet angles,
    they begin together, and are matched by the number of the voxel.

    Attributes
    ----------
    spec
        What each volume looks like on the grid; its voxel size is that of the first.
    starts
        First voxel (z, y, x) of each volume on the grid.
    """

    spec: VolumeSpec
    starts: tuple[Shape, ...]

    @classmethod
    def of(cls, specs: Sequence[VolumeSpec]) -> CommonGrid:
        """The smallest grid around volumes.

        Examples
        --------
        >>> one, two = VolumeSpec((4, 8, 8)), VolumeSpec((4, 8, 6), translate=(0.0, 0.0, 5.0))
        >>> grid = CommonGrid.of([one, two])
        >>> grid.spec.shape, grid.starts
        ((4, 8, 11), ((0, 0, 0), (0, 0, 5)))
        """
        first = specs[0]
        offsets = np.array([_offset(spec, first) for spec in specs])
        low = offsets.min(axis=0)
        shape = (offsets - low + [spec.shape for spec in specs]).max(axis=0)
        translate = low * first.spacing + first.translate
        spec = first.replace(
            shape=tuple(shape.tolist()),
            dtype=np.result_type(*(spec.dtype for spec in specs)).name,
            translate=cast(Triple, tuple(translate.tolist())),
        )
        return cls(spec, tuple(tuple(start) for start in (offsets - low).tolist()))

    def put(self, index: int, volume: np.ndarray) -> np.ndarray:
        """The volume of an index on the grid: NaN around it, or 0 among whole numbers."""
        if volume.shape == self.spec.shape and volume.dtype == self.spec.dtype:
            return volume
        result = self.spec.blank()
        ends = zip(self.starts[index], volume.shape, strict=True)
        result[tuple(slice(start, start + n) for start, n in ends)] = volume
        return result


def _offset(spec: VolumeSpec, first: VolumeSpec) -> list[int]:
    """Return how many voxels (z, y, x) a volume begins after the first."""
    axes = zip(spec.translate, first.translate, spec.spacing, first.spacing, strict=True)
    return [round((a - b) / size) if np.isclose(size, other) else 0 for a, b, size, other in axes]
