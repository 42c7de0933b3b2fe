"""Ratio: one channel over another, as a channel of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._derived_channel import (
    Counts,
    Fill,
    Keep,
    Name,
    Threshold,
    above,
    background_caution,
    channel_field,
    channel_number,
    quotient,
    with_channel,
)


class Ratio(Step):
    """Divide one channel by another, or their difference by their sum.

    The result is a channel of its own, float32 (float64 beside originals that need it). There is no
    ratio where what is divided by does not exceed the threshold: such voxels get the fill, never
    infinity. Ratios of ratios are another step of this kind.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline, Stack
    >>> pixels = np.array([[[[[30, 80]]], [[[10, 0]]]]], "uint16")  # t, c, z, y, x
    >>> stack = Stack.from_array(pixels, channel_names=("GFP", "RFP"))
    >>> view = Pipeline([Ratio()]).apply(stack)
    >>> view.channel_names, view.volume(0, 2).tolist()
    (('GFP', 'RFP', 'GFP/RFP'), [[[3.0, nan]]])

    References
    ----------
    G. Grynkiewicz, M. Poenie, R. Y. Tsien, Journal of Biological Chemistry 260, 3440 (1985).
    """

    summary: ClassVar[str] = "Make a channel of the ratio of two"
    group: ClassVar[str] = "Values"
    order: ClassVar[int] = 60
    keeps_grid: ClassVar[bool] = True

    formula: Annotated[
        Literal["a/b", "(a-b)/(a+b)"],
        Field(
            title="Formula",
            description="The ratio, or the difference over the sum, which is from -1 to 1.",
        ),
    ] = "a/b"
    a: Annotated[
        str,
        channel_field("Channel a", "Its name; empty: the first of two.", "the first of two"),
    ] = ""
    b: Annotated[
        str,
        channel_field("Channel b", "Its name; empty: the second of two.", "the second of two"),
    ] = ""
    background: Annotated[
        tuple[Counts, Counts],
        Field(
            title="Backgrounds",
            description="Of a and b; subtracted first, unless a step before does that.",
        ),
        Unit("counts"),
    ] = (0.0, 0.0)
    threshold: Threshold = 0.0
    fill: Fill = None
    keep: Keep = True
    name: Name = ""

    def brief(self) -> str:
        named = self.name or self._named(self.a or "a", self.b or "b")
        return named if len(named) <= 40 else f"{named[:39]}…"

    def output(self, before: StackSpec) -> StackSpec:
        a, b = (before.channels[c] for c in self.pair(before))
        colormap = "turbo" if self.formula == "a/b" else "PiYG"
        return with_channel(before, self.name or self._named(a, b), colormap, self.keep)

    def caution(self, before: StackSpec) -> str:
        derived = dict(before.colormaps)
        counts = [before.channels[c] for c in self.pair(before)]
        own, harm = any(self.background), "the offset of the camera draws ratios towards 1"
        pure = not own and all(c in derived for c in counts)
        return "" if pure else background_caution(before, own, harm)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        if self._is_kept(wanted.c, before):
            return (wanted,)
        return tuple(wanted.replace(c=c) for c in self.pair(before))

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        dtype = at.after.dtype
        if self._is_kept(at.wanted.c, at.before):
            return parts[0].astype(dtype)
        a, b = (above(*pair, dtype) for pair in zip(parts, self.background, strict=True))
        if self.formula == "(a-b)/(a+b)":
            a, b = a - b, a + b
        return quotient(a, b, self.threshold, self.fill, at)

    def need(self, before: StackSpec, engine: str) -> Need:
        """The second channel, both as floats, and which voxels have a ratio."""
        floats = self.output(before).volume.nbytes
        masks = before.volume.replace(dtype="uint8").nbytes
        return Need(before.volume.nbytes + (4 if "+" in self.formula else 2) * floats + 2 * masks)

    def _named(self, a: str, b: str) -> str:
        return f"{a}/{b}" if self.formula == "a/b" else f"({a}-{b})/({a}+{b})"

    def _is_kept(self, c: int, before: StackSpec) -> bool:
        """Return whether a channel of the result is one of those that stay."""
        return self.keep and c < len(before.channels)

    def pair(self, before: StackSpec) -> tuple[int, int]:
        """Numbers of both channels; an error if they are not there, or not stated."""
        names = before.channels
        if len(names) == 1:
            raise GeometryError(
                f"A ratio is of two channels, and there is only {names[0]}",
                hint="Open data with two channels, or use dF/F0",
            )
        for letter, name in (("a", self.a), ("b", self.b)):
            if not name and len(names) > 2:
                raise IncompleteError(
                    f"Channel {letter} is not chosen", hint=f"There are: {', '.join(names)}"
                )
        a, b = (channel_number(n or names[k], before) for k, n in enumerate((self.a, self.b)))
        if a == b:
            raise GeometryError(
                f"Channel {names[a]} would be divided by itself", hint="Choose two channels"
            )
        return a, b
