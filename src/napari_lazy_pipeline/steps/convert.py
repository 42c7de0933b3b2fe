"""Convert: brings the values to another number type."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from pydantic import AfterValidator, Field

from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.pixel_type import clipping, convert
from napari_lazy_pipeline.steps._base import Context, Unit, VoxelStep

Value = Annotated[float, Ge(-1e9), Le(1e9)]


def _in_order(scale: tuple[float, float]) -> tuple[float, float]:
    if scale[0] >= scale[1]:
        raise ValueError("the second value must be larger than the first")
    return scale


class Convert(VoxelStep):
    """Convert to another number type; values are kept, or a range of them becomes all of the type.

    Whole numbers are rounded to the nearest. Values that the type cannot hold become its smallest
    or largest (they never wrap), what is not a number becomes 0, and it is told how many voxels
    that were. A range of values that is stated becomes 0 to 255 for uint8, 0 to 65535 for uint16,
    and 0 to 1 for float32.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.array([[[-1.0, 99.6, 70000.0]]], "float32")
    >>> Pipeline([Convert(dtype="uint16")]).apply(volume).volume().tolist()
    [[[0, 100, 65535]]]
    >>> scaled = Convert(dtype="uint8", scaled=True, scale=(0, 200))
    >>> Pipeline([scaled]).apply(volume).volume().tolist()
    [[[0, 127, 255]]]
    """

    summary: ClassVar[str] = "Change the number type: rounded, clipped, scaled"
    group: ClassVar[str] = "Values"
    order: ClassVar[int] = 80

    dtype: Annotated[
        Literal["uint8", "uint16", "int16", "float32"],
        Field(
            title="Number type",
            description="uint8 holds 0 to 255, uint16 0 to 65535, int16 -32768 to 32767.",
        ),
    ] = "uint16"
    scaled: Annotated[
        bool,
        Field(title="Scale", description="Whether a range becomes all of the type; off: as it is."),
    ] = False
    scale: Annotated[
        tuple[Value, Value],
        AfterValidator(_in_order),
        Field(
            title="From - to",
            description="Values that become the smallest and the largest (of float32: 0 and 1).",
        ),
        Unit("counts"),
    ] = (0.0, 65535.0)

    def idle_fields(self) -> frozenset[str]:
        return frozenset() if self.scaled else frozenset({"scale"})

    def brief(self) -> str:
        low, high = self.scale
        return f"{self.dtype}, {low:g} to {high:g}" if self.scaled else self.dtype

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(dtype=self.dtype)

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        values, scale = pixels, (0.0, 1.0)
        if self.scaled:
            whole = np.dtype(self.dtype).kind != "f"
            low, high = self.scale
            highest = float(np.iinfo(self.dtype).max) if whole else 1.0
            values = (pixels.astype(np.float64) - low) * highest / (high - low)
            scale = low, low + (high - low) / highest
        at.remark(clipping(values, self.dtype, scale))
        return convert(values, self.dtype)
