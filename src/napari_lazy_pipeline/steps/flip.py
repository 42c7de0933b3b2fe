"""Flip: mirrors the picture along some axes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Scan, StackSpec
from napari_lazy_pipeline.image.box import Affine, Box
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel


class Flip(Step):
    """Mirror the volume about its middle, along z, y or x; a channel of its own, if need be.

    For a camera that sees the sample in a mirror. Turned by 90 degrees: Transpose, then Flip.
    Skewed planes then lean the other way, and so does the coverslip of deskewed ones, which Deskew
    and Rotate know, if they take the angle from the data. An angle of their own is along the axes
    as they meet them.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.arange(6, dtype="uint16").reshape(1, 2, 3)
    >>> Pipeline([Flip(x=True)]).apply(volume).volume().tolist()
    [[[2, 1, 0], [5, 4, 3]]]
    """

    summary: ClassVar[str] = "Mirror along z, y or x"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 9

    x: Annotated[
        PerChannel[bool], Field(title="Left and right", description="Mirrors along x.")
    ] = False
    y: Annotated[
        PerChannel[bool], Field(title="Top and bottom", description="Mirrors along y.")
    ] = False
    z: Annotated[
        PerChannel[bool], Field(title="First and last plane", description="Mirrors along z.")
    ] = False

    def brief(self) -> str:
        axes = [axis for axis in "zyx" if getattr(self, axis)]
        several = any(isinstance(getattr(self, axis), ChannelValues) for axis in axes)
        return (f"along {', '.join(axes)}" if axes else "nothing") + " per channel" * several

    def output(self, before: StackSpec) -> StackSpec:
        volume, channels = before.volume, before.channels
        flips = {self.for_channel(name)._axes for name in channels}
        if flips == {()}:
            return before
        outline, frame = volume.outline, volume.frame
        moved = {before.with_scans(partial(_mirrored, axes=axes)) for axes in flips}
        if len(moved) > 1:
            if volume.scan is not None:
                raise GeometryError(
                    "The planes of some channels would lean the other way",
                    hint="Put Flip after Deskew",
                )
            moved, frame = {before}, "other" if frame == "sample" else frame
        if outline:
            world = self.for_channel(channels[0]).world(before, 0)
            same = len(flips) == 1
            points = np.array(outline) @ world[:3, :3].T + world[:3, 3]
            outline = tuple(map(tuple, points.tolist())) if same else ()
        return moved.pop().replace(camera=None, outline=outline, frame=frame)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = list(wanted.box)
        for axis in self._axes:
            (start, stop), n = box[axis], before.shape[axis]
            box[axis] = (n - stop, n - start)
        return (wanted.replace(box=cast(Box, tuple(box))),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return np.flip(parts[0], self._axes).copy()

    def world(self, before: StackSpec, c: int) -> Affine:
        """Positions are mirrored about the middle of the volume."""
        spec, transform = before.volume, np.eye(4)
        for axis in self._axes:
            middle = spec.translate[axis] + (spec.shape[axis] - 1) / 2 * spec.spacing[axis]
            transform[axis, axis], transform[axis, 3] = -1, 2 * middle
        return transform

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(number for number, axis in enumerate("zyx") if getattr(self, axis) is True)


def _mirrored(scan: Scan, axes: tuple[int, ...]) -> Scan:
    """The scan along mirrored axes: one of two that count, and planes lean the other way."""
    return replace(scan, angle=-scan.angle) if (0 in axes) != (scan.axis in axes) else scan
