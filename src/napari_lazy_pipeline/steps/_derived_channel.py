"""Derived channel: what the steps that make a channel of others have in common."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.steps._base import Context, Unit

_OF_A_CHANNEL: dict[str, Any] = {"format": "channel"}


def channel_field(title: str, description: str, empty: str) -> Any:
    """A field for the name of a channel; ``empty`` is what no name stands for."""
    extra = {**_OF_A_CHANNEL, "empty": empty}
    return Field(title=title, description=description, json_schema_extra=extra)


Counts = Annotated[float, Field(ge=-65535, le=65535)]
Threshold = Annotated[
    float,
    Field(
        ge=0,
        le=1e6,
        title="Threshold",
        description="There is no result where what is divided by is not above this.",
    ),
    Unit("counts"),
]
Fill = Annotated[
    float | None,
    Field(
        ge=-1e6,
        le=1e6,
        title="Where there is none",
        description="Value of voxels without a result; empty: not a number, which is transparent.",
        json_schema_extra={"empty": "NaN"},
    ),
    Unit("1"),
]
Keep = Annotated[
    bool, Field(title="Keep the others", description="Whether the other channels stay.")
]
Name = Annotated[
    str,
    Field(
        title="Name",
        description="Name of the channel that is made; empty: what it is made of.",
        json_schema_extra={"empty": "what it is made of"},
    ),
]


def twice(before: StackSpec) -> str:
    """Say that a background is subtracted once more; empty: it is not."""
    if not before.background_subtracted:
        return ""
    return "A step before has subtracted the background already: it is subtracted twice"


def background_caution(before: StackSpec, own: bool, harm: str) -> str:
    """Say that a background is subtracted twice, or which harm an offset that is left does."""
    if own or before.background_subtracted:
        return twice(before) if own else ""
    return f"No background was subtracted: {harm}. Subtract it before, or enter it below"


def channel_number(name: str, before: StackSpec) -> int:
    """Number of a channel.

    Raises
    ------
    GeometryError
        If there is none of this name.
    """
    if name not in before.channels:
        raise GeometryError(
            f"There is no channel {name}", hint=f"There are: {', '.join(before.channels)}"
        )
    return before.channels.index(name)


def with_channel(before: StackSpec, name: str, colormap: str, keep: bool) -> StackSpec:
    """The stack with a channel of ratios behind the others, or with this one alone.

    Raises
    ------
    GeometryError
        If another channel that stays is called so.
    """
    kept = before.channels if keep else ()
    if name in kept:
        raise GeometryError(
            f"There is a channel {name} already", hint="Enter another name for the one to be made"
        )
    colormaps = {channel: one for channel, one in before.colormaps if channel in kept}
    return before.with_channels(
        (*kept, name),
        dtype=np.result_type(before.dtype if keep else "float32", "float32").name,
        colormaps=(*colormaps.items(), (name, colormap)),
    )


def above(pixels: np.ndarray, background: float, dtype: str) -> np.ndarray:
    """The pixels without their background, as floats."""
    values = pixels.astype(dtype)
    values -= values.dtype.type(background)
    return values


def quotient(
    over: np.ndarray,
    under: np.ndarray,
    threshold: float,
    fill: float | None,
    at: Context | None = None,
) -> np.ndarray:
    """Divide; what has no finite result, or too little under the line, gets the fill.

    Examples
    --------
    >>> quotient(np.array([6.0, 1, 1]), np.array([2.0, 0, 5]), threshold=1, fill=None).tolist()
    [3.0, nan, 0.2]
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result: np.ndarray = over / under
    there = (under > threshold) & np.isfinite(result)
    result[~there] = np.nan if fill is None else fill
    if at is not None:
        none = f"nothing that is divided by is above {threshold:g}: there is no result"
        at.remark("" if there.any() else none)
    return result
