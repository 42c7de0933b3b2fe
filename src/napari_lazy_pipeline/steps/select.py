"""Select: keeps some time points and channels."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field

from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.renumbering import Numbers, moved_strides
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._derived_channel import channel_number
from napari_lazy_pipeline.steps._ends import Ends, resolved, times_text


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{ends.get(number % 10, 'th') if number % 100 // 10 != 1 else 'th'}"


def _listed(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


class Select(Step):
    """Keep a range of time points, every n-th of them, and some channels, in the order stated.

    Time points are counted from 0, negative ones from the end.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((8, 24, 30)), 20, ("GFP", "RFP"), time_interval=2.0)
    >>> after = Select(times=(4, 15), every=5, channels="RFP").output(spec)
    >>> after.times, after.time_interval, after.channels
    (3, 10.0, ('RFP',))
    """

    title: ClassVar[str] = "Select"
    summary: ClassVar[str] = "Keep some time points and channels"
    group: ClassVar[str] = "Size"
    order: ClassVar[int] = 3
    keeps_grid: ClassVar[bool] = True

    times: Annotated[
        Ends,
        Field(
            title="Time points from - to",
            description="First time point, and the one after the last; 0: to the end.",
        ),
        Unit("1"),
    ] = (0, 0)
    every: Annotated[
        int,
        Field(ge=1, le=1_000_000, title="Every", description="1 keeps all, 2 every second."),
        Unit("time points"),
    ] = 1
    channels: Annotated[
        str,
        BeforeValidator(_listed),
        Field(
            title="Channels",
            description="Their names, with commas between them; empty: all.",
            json_schema_extra={"empty": "all"},
        ),
    ] = ""

    def renumbered(self, now: Numbers) -> Select:
        times, every = moved_strides(self.times, self.every, now)
        return self.replace(times=times, every=every)

    def brief(self) -> str:
        texts = [times_text(self.times)] if any(self.times) else []
        texts += [f"every {_ordinal(self.every)}"] if self.every > 1 else []
        texts += [self.channels] if self.channels else []
        text = ", ".join(texts) or "keeps everything"
        return text if len(text) <= 40 else f"{text[:39]}…"

    def output(self, before: StackSpec) -> StackSpec:
        names = tuple(before.channels[c] for c in self._channels(before))
        interval = before.time_interval
        return before.with_channels(
            names,
            times=len(self._times(before)),
            time_interval=None if interval is None else interval * self.every,
            colormaps=tuple(pair for pair in before.colormaps if pair[0] in names),
        )

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        t, c = self._times(before)[wanted.t], self._channels(before)[wanted.c]
        return (wanted.replace(t=t, c=c),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0]

    def _times(self, before: StackSpec) -> range:
        return range(
            *resolved(self.times, before.times, "selection", "t", "the recording"), self.every
        )

    def _channels(self, before: StackSpec) -> list[int]:
        """Numbers of the channels that are kept, each once."""
        names = [name.strip() for name in self.channels.split(",") if name.strip()]
        if self.channels in before.channels:  # a name may have a comma
            names = [self.channels]
        if not names:
            return list(range(len(before.channels)))
        return list(dict.fromkeys(channel_number(name, before) for name in names))
