"""View region: the part of the volumes that is on screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.box import Box, whole

Z, Y, X = range(3)
Ends = tuple[float, float]


@dataclass(frozen=True)
class ViewRegion:
    """What of the volumes is on screen.

    Attributes
    ----------
    axes
        Which of z, y and x (0, 1, 2) goes down, and which to the right.
    ends
        First and last position along each of these [um].
    place
        Position along the third axis [um]; None: everything along it, its brightest voxel shown.
    """

    axes: tuple[int, int]
    ends: tuple[Ends, Ends]
    place: float | None

    @classmethod
    def of(cls, viewer: Any, canvas: tuple[float, float]) -> ViewRegion | None:
        """What a viewer shows on a canvas of a size (height, width) [px]; None: not two of zyx."""
        dims, camera = viewer.dims, viewer.scene.camera
        if dims.ndisplay == 3:
            return cls((Y, X), ((-np.inf, np.inf), (-np.inf, np.inf)), None)
        down, right = (axis - dims.ndim + 3 for axis in dims.displayed)
        if min(down, right) < 0:
            return None
        half = [size / 2 / camera.zoom for size in canvas]
        y, x = ((at - h, at + h) for at, h in zip(camera.center[-2:], half, strict=True))
        across = dims.ndim - 3 + cls._across(down, right)
        return cls((down, right), (y, x), float(dims.point[across]))

    @classmethod
    def from_side(cls, viewer: Any, scan: Scan | None) -> ViewRegion:
        """All planes of the row in the middle of the picture; of a scan along y, of the column."""
        along, across = (Y, X) if scan is not None and scan.axis == Y else (X, Y)
        dims, everything = viewer.dims, (-np.inf, np.inf)
        axis, shown = dims.ndim - 3 + across, list(dims.displayed)
        place = dims.point[axis]
        if axis in shown:
            centre = viewer.scene.camera.center
            place = centre[len(centre) - len(shown) + shown.index(axis)]
        return cls((Z, along), (everything, everything), float(place))

    @staticmethod
    def _across(down: int, right: int) -> int:
        return 3 - down - right

    def box(self, source: PipelineSource, position: Position) -> Box:
        """The voxels of what a source makes that are on screen; all, if that was moved away."""
        spec = source.spec
        box = list(whole(spec.shape))
        for axis, ends in zip(self.axes, self.ends, strict=True):
            first, last = ((end - spec.translate[axis]) / spec.spacing[axis] for end in ends)
            low = int(np.clip(np.floor(first + 0.5), 0, spec.shape[axis]))
            high = int(np.clip(np.ceil(last + 0.5), 0, spec.shape[axis]))
            if low < high:
                box[axis] = (low, high)
        across = self._across(*self.axes)
        if self.place is not None:
            plane = position.plane_of(source) if across == Z else None
            if plane is None:
                index = (self.place - spec.translate[across]) / spec.spacing[across]
                plane = round(float(np.clip(index, 0, spec.shape[across] - 1)))
            box[across] = (plane, plane + 1)
        return cast(Box, tuple(box))

    def picture(self, part: np.ndarray) -> np.ndarray:
        """The pixels (down, right) of the part of a volume."""
        flat = part.max(axis=self._across(*self.axes))
        return flat if self.axes[0] < self.axes[1] else flat.T
