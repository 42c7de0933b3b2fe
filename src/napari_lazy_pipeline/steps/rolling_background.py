"""Rolling background: what is broader than anything of interest is subtracted."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy import ndimage

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Shape, StackSpec
from napari_lazy_pipeline.steps._base import Context, FilterStep, Unit
from napari_lazy_pipeline.steps._per_channel import PerChannel

Radius = Annotated[float, Field(ge=0.05, le=100)]
# Standard deviations of the smoothing before and after, in radii; where a Gaussian ends.
BEFORE, AFTER, END = 0.1, 0.5, 3.0
LARGEST = 512  # pixel


class RollingBackground(FilterStep):
    """Subtract the smooth floor under each plane: haze, light from other planes, uneven offset.

    Each plane is smoothed a little, opened by a square as wide as twice the radius (the lowest
    values around, then the highest of these), and smoothed again: that is its floor, much as a ball
    that rolls beneath the picture finds it. What would be negative becomes 0; the type of the data
    is kept.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((8, 240, 300), voxel_size=(0.3, 0.1, 0.1)))
    >>> RollingBackground(radius=1.0).halo(spec)
    (0, 40, 40)

    References
    ----------
    S. R. Sternberg, Computer 16 (1), 22 (1983).
    """

    title: ClassVar[str] = "Rolling background"
    summary: ClassVar[str] = "Subtract haze and other smooth background"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 12

    radius: Annotated[
        PerChannel[Radius],
        Field(
            title="Radius",
            description="Structures up to twice as wide are kept; what is broader is background.",
            json_schema_extra={"step": 0.1, "slider": [0.5, 10]},
        ),
        Unit("µm"),
    ] = 2.0

    def output(self, before: StackSpec) -> StackSpec:
        _ = before.voxel_size
        return before.replace(background_subtracted=True)

    def halo(self, before: StackSpec) -> Shape:
        radii = self._radii(before)
        y, x = (2 * _whole(r) + int(END * BEFORE * r) + int(END * AFTER * r) + 2 for r in radii)
        return 0, y, x

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        radii = self._radii(at.before)
        floor = pixels.astype(np.float32)
        size = (1, *(2 * _whole(r) + 1 for r in radii))
        floor = _smooth(floor, BEFORE, radii)
        floor = ndimage.minimum_filter(floor, size, mode="nearest")
        floor = ndimage.maximum_filter(floor, size, mode="nearest")
        floor = np.maximum(pixels - _smooth(floor, AFTER, radii), 0)
        if np.issubdtype(pixels.dtype, np.integer):
            floor = np.minimum(np.rint(floor), np.iinfo(pixels.dtype).max)
        return np.asarray(floor, pixels.dtype)

    def _radii(self, before: StackSpec) -> tuple[float, float]:
        """Radius along y and x [pixel]."""
        _, dy, dx = before.voxel_size
        y, x = self.radius / dy, self.radius / dx
        if max(y, x) > LARGEST:
            raise GeometryError(
                f"The radius of {self.radius:g} µm is {max(y, x):.0f} pixels",
                hint=f"At most {LARGEST} pixels are possible: choose a smaller one",
            )
        return y, x


def _whole(radius: float) -> int:
    return max(round(radius), 1)


def _smooth(pixels: np.ndarray, part: float, radii: tuple[float, float]) -> np.ndarray:
    sigma = (0.0, *(part * radius for radius in radii))
    return np.asarray(ndimage.gaussian_filter(pixels, sigma, truncate=END, mode="nearest"))
