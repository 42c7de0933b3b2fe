"""Bleach correction: makes later time points as bright as the first."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import IncompleteError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.curve import Curve, Series
from napari_lazy_pipeline.image.renumbering import Numbers, moved_rows, surplus
from napari_lazy_pipeline.steps._base import Context, Unit, VoxelStep
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel

Part = Annotated[float, Field(gt=0, le=1000)]
Counts = Annotated[float, Field(ge=-65535, le=65535)]


class BleachCorrection(VoxelStep):
    """Multiply what is above the background by how much the dye has bleached.

    The result is (counts - background) x reference / brightness, in float32: scaled counts are no
    whole numbers, and noise grows with the factor. Time points after the last row have its
    brightness. Compare K. Miura, F1000Research 9, 1494 (2020).

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline, Stack
    >>> stack = Stack.from_array(np.array([300, 200], "uint16").reshape(2, 1, 1, 1, 1))
    >>> step = BleachCorrection(brightness=(1, 0.5), background=100)
    >>> Pipeline([step]).apply(stack).data.ravel().compute().tolist()
    [200.0, 200.0]
    """

    title: ClassVar[str] = "Correct bleaching"
    summary: ClassVar[str] = "Keep the brightness the same over time"
    group: ClassVar[str] = "Values"
    order: ClassVar[int] = 39
    depends_on: ClassVar[frozenset[str]] = frozenset({"t"})

    brightness: Annotated[
        PerChannel[tuple[Part, ...]],
        Field(
            title="Brightness",
            description="What is left of the light at each time point; 1 is that of the first.",
            json_schema_extra={"rows": "time points", "first": 1},
            examples=[(1.0, 0.7)],
        ),
        Unit("1"),
    ] = ()
    background: Annotated[
        PerChannel[Counts],
        Field(
            title="Background",
            description="Counts that do not bleach, those of the camera; it is subtracted.",
            json_schema_extra={"step": 1},
        ),
        Unit("counts"),
    ] = 0.0
    curve_type: Annotated[
        Literal["measured", "exponential"],
        Field(
            title="Curve",
            description="The brightness as it is stated, or an exponential that fits it best: "
            "then what moves in and out of the volume is left as it is.",
        ),
    ] = "measured"

    def require(self, before: StackSpec) -> None:
        if not self.brightness:
            raise IncompleteError("No brightness is stated", hint="Estimate it, or type it below")

    def output(self, before: StackSpec) -> StackSpec:
        done = before.background_subtracted or any(_several(self.background).values())
        return before.replace(dtype="float32", background_subtracted=done)

    def caution(self, before: StackSpec) -> str:
        rows = [len(one) for one in _several(self.brightness).values()] or [0]
        last = min(rows) - 1
        if 0 <= last < before.times - 1:
            return f"Time points from {last + 1} on have the brightness of {last}: estimate again"
        if many := surplus(max(rows), before.times):
            return many
        if not self.output(before).background_subtracted:
            return "The background is multiplied, too: state it below, or subtract it before"
        return ""

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        used = _used(self.brightness, self.curve_type)
        factor = used[0] / used[min(at.wanted.t, len(used) - 1)]
        above = pixels.astype(np.float32)
        above -= np.float32(self.background)
        above *= np.float32(factor)
        return above

    def curve(self, before: StackSpec) -> Curve | None:
        lines, dots = dict[str, Series](), dict[str, Series]()
        for name, brightness in _several(self.brightness).items():
            if brightness:
                t = np.arange(len(brightness))
                lines[name] = t, _used(brightness, self.curve_type)
                dots[name] = t, np.array(brightness)
        return Curve("Brightness", "Time point", "Part that is left", lines, dots) if dots else None

    def renumbered(self, now: Numbers) -> BleachCorrection:
        several = _several(self.brightness).items()
        moved = {name: _moved(values, self.curve_type, now) for name, values in several}
        known = isinstance(self.brightness, ChannelValues)
        return self.replace(brightness=moved if known else next(iter(moved.values())))

    def brief(self) -> str:
        least = min((min(one) for one in _several(self.brightness).values() if one), default=None)
        return "not stated" if least is None else f"{self.curve_type}, to {least:.3g}"


def _several(value: Any) -> dict[str, Any]:
    """Values by the names of channels."""
    return value if isinstance(value, ChannelValues) else {"all channels": value}


def _moved(brightness: tuple[float, ...], curve_type: str, now: Numbers) -> tuple[float, ...]:
    """The brightness (t) at the new numbers; an exponential goes on to those before the first."""
    moved = np.array(moved_rows(brightness, now)).ravel()
    first = min((now[t] for t in range(len(brightness)) if t in now), default=0)
    if curve_type == "exponential" and first > 0 and len(moved) > first + 1:
        curve = _used(tuple(moved[first:]), curve_type)
        moved[:first] = curve[0] * (curve[0] / curve[1]) ** np.arange(first, 0, -1)
        moved = (moved / moved[0]).clip(1e-300, 1000)
    return tuple(moved.tolist())


@lru_cache(maxsize=64)
def _used(brightness: tuple[float, ...], curve_type: str) -> np.ndarray:
    """The brightness (t) that is corrected for.

    The exponential goes through the middle of all slopes between two time points of the logarithm
    (Theil and Sen): a third of them may be wrong.
    """
    used = np.array(brightness)
    if curve_type == "exponential" and len(used) > 1:
        from scipy.stats import theilslopes  # half a second to import

        t = np.arange(len(used))
        slope, start, *_ = theilslopes(np.log(used), t)
        used = np.exp(start + slope * t)
    used.flags.writeable = False
    return used
