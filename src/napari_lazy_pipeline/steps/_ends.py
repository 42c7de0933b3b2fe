"""Ends: where a range along an axis starts, and before what it stops."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image.renumbering import NOWHERE

_Bound = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


def _open_ends(value: Any) -> Any:
    """Let None, slices and texts such as ``10:-20`` stand for two ends."""
    if value is None:
        return (0, 0)
    if isinstance(value, slice):
        if value.step not in (None, 1):
            raise ValueError("a range keeps everything between its ends")
        value = (value.start, value.stop)
    if isinstance(value, str) and value.count(":") == 1:
        value = tuple(end.strip() or None for end in value.split(":"))
    return tuple(0 if end is None else end for end in value) if _is_pair(value) else value


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _in_order(value: tuple[int, int]) -> tuple[int, int]:
    start, stop = value
    if stop and (start < 0) == (stop < 0) and stop <= start:
        raise ValueError(
            f"the end ({stop}) must lie behind the start ({start}); 0 means: to the end"
        )
    return value


# Start and stop, counted from the end if negative; a stop of 0 means to the end. The unit is stated
# where it is used: ``Annotated[Ends, Unit("voxels")]``.
Ends = Annotated[
    tuple[_Bound, _Bound],
    BeforeValidator(_open_ends),
    AfterValidator(_in_order),
    Field(json_schema_extra={"zero": ["", "end"]}),
]


def times_text(ends: tuple[int, int]) -> str:
    """A range of time points in a few words."""
    start, stop = ends
    return "no time points" if ends == NOWHERE else f"t {start}\u2013{stop or 'end'}"


def resolved(
    ends: tuple[int, int], length: int, name: str, axis: str, of: str = "the volume"
) -> tuple[int, int]:
    """Start and stop along an axis of a length.

    Raises
    ------
    GeometryError
        If nothing is left; it calls the range ``name``, and what it is cut from ``of``.

    Examples
    --------
    >>> resolved((2, -3), 10, "crop", "z")
    (2, 7)
    """
    if axis == "t" and ends == NOWHERE:
        what = f"The time points of the {name} are not there any more, or do not lie evenly now"
        raise GeometryError(what, hint="Choose them anew")
    start, stop = ends
    first = max(start + length, 0) if start < 0 else start
    last = length + stop if stop <= 0 else min(stop, length)
    if first >= length:
        raise GeometryError(
            f"The {name} starts at {axis} = {start}, but {of} ends at {length}",
            hint=f"Choose a start below {length}",
        )
    if last <= first:
        raise GeometryError(
            f"The {name} from {axis} = {start} to {stop or length} keeps nothing of {length}",
            hint="Choose ends further apart",
        )
    return first, last
