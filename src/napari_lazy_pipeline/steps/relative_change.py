"""Relative change: how much brighter a channel is than at other times, dF/F0."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.renumbering import Numbers, moved_ends
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
from napari_lazy_pipeline.steps._ends import Ends, resolved, times_text

MOST = 50  # time points that F0 is made from


class RelativeChange(Step):
    """Make (F - F0) / F0 of a channel, as a channel of its own.

    F0 is, voxel by voxel, the mean or a percentile over a range of time points; of more than 50,
    over 50 that are evenly spread. Each volume of the result needs these time points, too: a short
    range is quicker. There is no result where F0 does not exceed the threshold: such voxels get the
    fill, never infinity.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline, Stack
    >>> pixels = np.array([10, 20, 30], "uint16").reshape(3, 1, 1, 1, 1)  # t, c, z, y, x
    >>> stack = Stack.from_array(pixels, channel_names=("GCaMP",))
    >>> view = Pipeline([RelativeChange(f0_times=(0, 1))]).apply(stack)
    >>> view.channel_names, view.volume(2, 1).tolist()
    (('GCaMP', 'dF/F0 GCaMP'), [[[2.0]]])

    References
    ----------
    H. Jia, N. L. Rochefort, X. Chen, A. Konnerth, Nature Protocols 6, 28 (2011).
    """

    title: ClassVar[str] = "dF/F0"
    summary: ClassVar[str] = "Make a channel of the change since a baseline"
    group: ClassVar[str] = "Values"
    order: ClassVar[int] = 61
    keeps_grid: ClassVar[bool] = True

    channel: Annotated[
        str,
        channel_field("Channel", "Its name; empty: the only one.", "the only one"),
    ] = ""
    f0_times: Annotated[
        Ends,
        Field(
            title="F0 time points",
            description="First time point of F0, and the one after the last; 0: to the end.",
        ),
        Unit("1"),
    ] = (0, 0)
    f0_percentile: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            title="Percentile",
            description="F0 is this percentile over its time points; empty: the mean.",
            json_schema_extra={"empty": "mean"},
        ),
        Unit("%"),
    ] = None
    background: Annotated[
        Counts,
        Field(title="Background", description="Subtracted first, unless a step before does that."),
        Unit("counts"),
    ] = 0.0
    threshold: Threshold = 0.0
    fill: Fill = None
    keep: Keep = True
    name: Name = ""

    def renumbered(self, now: Numbers) -> RelativeChange:
        return self.replace(f0_times=moved_ends(self.f0_times, now))

    def brief(self) -> str:
        how = "mean" if self.f0_percentile is None else f"{self.f0_percentile:g} %"
        return f"F0: {how} of {times_text(self.f0_times)}"

    def output(self, before: StackSpec) -> StackSpec:
        name = self.name or f"dF/F0 {before.channels[self._number(before)]}"
        if before.times == 1:
            raise GeometryError("dF/F0 needs several time points, and there is one")
        self._baseline(before)
        return with_channel(before, name, "inferno", self.keep)

    def caution(self, before: StackSpec) -> str:
        harm = "with the offset of the camera in F0, changes are too small"
        return background_caution(before, bool(self.background), harm)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        if self.keep and wanted.c < len(before.channels):
            return (wanted,)
        now = wanted.replace(c=self._number(before))
        return (now, *(now.replace(t=t) for t in self._baseline(before)))

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        dtype, (now, *others) = at.after.dtype, parts
        if not others:
            return now.astype(dtype)
        if self.f0_percentile is None:
            f0 = np.asarray(np.mean(others, axis=0, dtype=np.float64))
        else:
            f0 = np.asarray(np.percentile(np.asarray(others), self.f0_percentile, axis=0))
        f0 = above(f0, self.background, dtype)
        change = above(now, self.background, dtype) - f0
        return quotient(change, f0, self.threshold, self.fill, at)

    def need(self, before: StackSpec, engine: str) -> Need:
        """The time points of F0 (twice where they are sorted), F0 in double precision, masks."""
        count = len(self._baseline(before)) * (1 if self.f0_percentile is None else 4)
        floats = 3 * self.output(before).volume.nbytes
        double = before.volume.replace(dtype="float64").nbytes
        return Need(count * before.volume.nbytes + floats + double)

    def _number(self, before: StackSpec) -> int:
        names = before.channels
        if not self.channel and len(names) > 1:
            raise IncompleteError("No channel is chosen", hint=f"There are: {', '.join(names)}")
        return channel_number(self.channel or names[0], before)

    def _baseline(self, before: StackSpec) -> list[int]:
        """Time points that F0 is made from."""
        start, stop = resolved(self.f0_times, before.times, "F0", "t", "the recording")
        count = min(stop - start, MOST)
        return [round(t) for t in np.linspace(start, stop - 1, count).tolist()]
