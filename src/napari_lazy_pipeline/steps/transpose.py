"""Transpose: exchanges axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Scan, StackSpec
from napari_lazy_pipeline.image.box import Affine, Box, affine
from napari_lazy_pipeline.steps._base import Context, Step


class Transpose(Step):
    """Exchange axes; voxel size and place go along.

    For a camera that is turned by 90 degrees: exchange y and x, then Flip along x (turned
    clockwise) or along y (anticlockwise).

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> from napari_lazy_pipeline.steps import Flip
    >>> volume = np.arange(6, dtype="uint16").reshape(1, 2, 3)
    >>> Pipeline([Transpose()]).apply(volume).volume().tolist()
    [[[0, 3], [1, 4], [2, 5]]]
    >>> Pipeline([Transpose(), Flip(x=True)]).apply(volume).volume().tolist()
    [[[3, 0], [4, 1], [5, 2]]]
    """

    summary: ClassVar[str] = "Exchange axes, as of a camera that is turned"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 8

    order_of_axes: Annotated[
        Literal["zxy", "yzx", "xyz", "yxz", "xzy"],
        Field(
            title="Axes",
            description="Which axes become z, y and x of the result.",
            json_schema_extra={
                "words": {
                    "zxy": "exchange y and x",
                    "yzx": "exchange z and y",
                    "xyz": "exchange z and x",
                    "yxz": "z, y, x from y, x, z",
                    "xzy": "z, y, x from x, z, y",
                }
            },
        ),
    ] = "zxy"

    def brief(self) -> str:
        return f"z, y, x from {', '.join(self.order_of_axes)}"

    def output(self, before: StackSpec) -> StackSpec:
        spec, axes = before.volume, self._axes
        if axes[0] and spec.scan is not None:
            raise GeometryError(
                "The planes are still skewed: z cannot be exchanged",
                hint="Put Transpose after Deskew",
            )
        moved = before if axes[0] else before.with_scans(_exchanged)
        outline = tuple(tuple(point[axis] for axis in axes) for point in spec.outline)
        return moved.replace(
            shape=tuple(spec.shape[axis] for axis in axes),
            voxel_size=tuple(spec.stated_size[axis] for axis in axes),
            translate=tuple(spec.translate[axis] for axis in axes),
            outline=outline,
            camera=None,
            frame="other" if axes[0] and spec.frame == "sample" else spec.frame,
        )

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = [(0, 0)] * 3
        for ends, axis in zip(wanted.box, self._axes, strict=True):
            box[axis] = ends
        return (wanted.replace(box=cast(Box, tuple(box))),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return np.ascontiguousarray(parts[0].transpose(self._axes))

    def world(self, before: StackSpec, c: int) -> Affine:
        """Coordinates are exchanged."""
        return affine(np.eye(3)[list(self._axes)])

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(map("zyx".index, self.order_of_axes))


def _exchanged(scan: Scan) -> Scan:
    """The scan once y is x, and x is y."""
    return replace(scan, skew_axis="y" if scan.skew_axis == "x" else "x")
