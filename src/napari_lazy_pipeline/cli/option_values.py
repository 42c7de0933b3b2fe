"""Option values: the words of a command line become values, or a sentence says why not."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_lazy_pipeline.exports.unit import Unit

# More than any microscope writes; what is larger is a slip, and would fill the memory.
_MOST = 1_000_000
_MOST_VOXELS = 2**28

Selection = tuple[int | slice, ...]


def text(word: str) -> str:
    """Return a word that is not empty: a path that is would be the present folder."""
    if not word.strip() or "\0" in word:
        raise ArgumentTypeError(f"cannot be {word!r}")
    return word


def whole_number(least: int, most: int = _MOST) -> Callable[[str], int]:
    """Make a reader of whole numbers between two."""

    def read(word: str) -> int:
        try:
            number = int(word)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ArgumentTypeError(
                f"cannot be {_short(word)}: state a whole number from {least} to {most}"
            )
        return number

    return read


def above_zero(word: str) -> float:
    """Read a number above 0, such as a rate or a time."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"cannot be {_short(word)}: state a number above 0")
    return number


def voxel_size(word: str) -> tuple[float, float, float]:
    """Read ``z,y,x`` [um]."""
    try:
        z, y, x = map(above_zero, word.split(","))
    except (ValueError, ArgumentTypeError):
        raise ArgumentTypeError(
            f"cannot be {_short(word)}: state three numbers above 0, such as 0.4,0.1,0.1"
        ) from None
    return z, y, x


def shape(word: str) -> tuple[int, int, int]:
    """Read ``z,y,x``."""
    try:
        z, y, x = map(whole_number(1), word.split(","))
    except (ValueError, ArgumentTypeError):
        raise ArgumentTypeError(
            f"cannot be {_short(word)}: state three whole numbers, such as 32,128,160"
        ) from None
    if z * y * x > _MOST_VOXELS:
        raise ArgumentTypeError(f"cannot be {word}: that is more than {_MOST_VOXELS} voxels")
    return z, y, x


def selection(word: str) -> Selection:
    """Read numbers and ranges, such as ``0,5,10:20``."""
    try:
        return tuple(map(_number_or_range, word.split(",")))
    except ValueError:
        raise ArgumentTypeError(
            f"cannot be {_short(word)}: state numbers and ranges, such as 0,5,7 or 10:20 or ::10"
        ) from None


def contrast(word: str) -> tuple[str, tuple[float, float]]:
    """Read ``LOW,HIGH`` or ``CHANNEL=LOW,HIGH``; without a channel, its name is empty."""
    channel, _, limits = word.rpartition("=")
    try:
        low, high = map(float, limits.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(high - low) and low < high):
        raise ArgumentTypeError(
            f"cannot be {_short(word)}: state two values, the lower one first, such as 100,2000 "
            "or 488=100,2000"
        )
    return channel, (low, high)


def _number_or_range(word: str) -> int | slice:
    start, *ends = word.split(":")
    if not ends:
        return int(start)
    chosen = slice(*(int(end) if end else None for end in (start, *ends[:2])))
    if chosen.step == 0 or len(ends) > 2:
        raise ValueError(word)
    return chosen


def stage(word: str) -> int | str:
    """Read the number or the kind of a step."""
    if not word.isdecimal():
        return text(word)
    return whole_number(0)(word)


def unit(word: str) -> Unit:
    """Read ``i/n``."""
    from napari_lazy_pipeline.exports.unit import Unit

    try:
        number, count = map(whole_number(1), word.split("/"))
        return Unit(number, count)
    except (ValueError, ArgumentTypeError):
        raise ArgumentTypeError(
            f"cannot be {_short(word)}: state which of how many, from 1, such as 3/8"
        ) from None


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:37]}...")
