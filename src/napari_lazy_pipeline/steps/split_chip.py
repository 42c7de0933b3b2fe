"""Split chip: takes two channels apart that one camera records side by side."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine, Box
from napari_lazy_pipeline.steps._base import Context, Step, Unit

_HALVES = {"x": ("left", "right"), "y": ("top", "bottom")}


class SplitChip(Step):
    """Make two channels of the halves of a chip, for an image splitter before one camera.

    Both halves are as large as the smaller one, and lie where the first lies: they show the same
    field. What is left of an offset between them is for Register channels; a half that is mirrored
    is for Flip.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline, Stack
    >>> stack = Stack.from_array(np.array([[[1, 2, 3, 4]]], "uint16"), channel_names=("camera",))
    >>> view = Pipeline([SplitChip(first="GFP", second="RFP")]).apply(stack)
    >>> view.channel_names, view.volume(0, 1).tolist()
    (('GFP', 'RFP'), [[[3, 4]]])
    """

    summary: ClassVar[str] = "Make two channels of the halves of a camera"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 7

    axis: Annotated[
        Literal["x", "y"],
        Field(
            title="Halves",
            description="How the two channels lie on the chip.",
            json_schema_extra={"words": {"x": "left and right", "y": "top and bottom"}},
        ),
    ] = "x"
    position: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            title="Second from",
            description="First column, or row, of the second half; 0: the middle.",
            json_schema_extra={"zero": "middle"},
        ),
        Unit("px"),
    ] = 0
    first: Annotated[
        str,
        Field(
            title="Name of the first",
            description="Name of the left or top channel; empty: that of the camera, and where.",
            json_schema_extra={"empty": "as the camera"},
        ),
    ] = ""
    second: Annotated[
        str,
        Field(
            title="Name of the second",
            description="Name of the right or bottom one; empty: that of the camera, and where.",
            json_schema_extra={"empty": "as the camera"},
        ),
    ] = ""

    def brief(self) -> str:
        return " and ".join(_HALVES[self.axis])

    def output(self, before: StackSpec) -> StackSpec:
        _, length = self._second(before)
        shape = list(before.shape)
        shape["zyx".index(self.axis)] = length
        names = [name for channel in before.channels for name in self._names(channel, before)]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise GeometryError(
                f"Two channels would be called {min(twice)}", hint="Enter two different names"
            )
        return before.replace(shape=tuple(shape), channels=tuple(names), camera=None, colormaps=())

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        channel, half = divmod(wanted.c, 2)
        box, axis = list(wanted.box), "zyx".index(self.axis)
        by = half * self._second(before)[0]
        box[axis] = (box[axis][0] + by, box[axis][1] + by)
        return (wanted.replace(c=channel, box=cast(Box, tuple(box))),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0].copy()

    def world(self, before: StackSpec, c: int) -> Affine:
        """The second half is laid upon the first."""
        transform, axis = np.eye(4), "zyx".index(self.axis)
        by = (c % 2) * self._second(before)[0]
        transform[axis, 3] = -by * before.volume.spacing[axis]
        return transform

    def _names(self, channel: str, before: StackSpec) -> list[str]:
        """Names of both halves; where there are several cameras, with the name of each."""
        several = len(before.channels) > 1
        stated = zip((self.first, self.second), _HALVES[self.axis], strict=True)
        return [
            f"{channel} {name or half}" if several or not name else name for name, half in stated
        ]

    def _second(self, before: StackSpec) -> tuple[int, int]:
        """Where the second half starts, and how long both are."""
        n = before.shape["zyx".index(self.axis)]
        start = self.position or n // 2
        length = min(start, n - start)
        if length < 1:
            raise GeometryError(
                f"The second half starts at {self.axis} = {start} of {n} pixels",
                hint=f"Choose a position below {n}" if n > 1 else "It cannot be split",
            )
        return start, length
