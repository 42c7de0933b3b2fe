"""Field values: columns read off file names, in which order, at which position."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns.name_fields import part_number, without_parts
from napari_lazy_pipeline.io.patterns.pattern import Pattern

Steps = NDArray[np.intp]
Columns = dict[str, list[str]]

# A time axis this many times longer than the files are many means that the
# numbers are dates or the like, not time points.
SPARSE = 10
TIME = re.compile("t[2-9]?")  # names of the fields that make up a time
_DIGITS = re.compile(r"([0-9]+)")
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_POSITION = ("p", "tile", *(f"p{number}" for number in range(2, 10)))


def select(names: Sequence[str], pattern: Pattern) -> tuple[list[str], Columns]:
    """Choose the names that fit a pattern, and read their fields.

    A file that continues another one, ``a_part0001.tif`` that of ``a.tif``, has the fields of
    that one, and its number in the column ``"part"``. Without any field, the files are time
    points in natural order.
    """
    whole, parts = without_parts(names)
    chosen, values = pattern.select(whole)
    if not pattern.fields and chosen:
        ranks = np.empty(len(chosen), np.intp)
        ranks[natural_order(chosen)] = np.arange(len(chosen))
        values = {"t": list(map(str, ranks.tolist()))}
    return _with_parts(chosen, values, parts) if parts else (chosen, values)


def natural_order(names: Sequence[str]) -> list[int]:
    """Positions of names in natural order: ``stack2`` before ``stack10``."""
    # All names are cut at once: one call each would take most of the time.
    runs = _DIGITS.split("\0".join(names))
    width = max(map(len, runs[1::2]), default=0)
    runs[1::2] = [run.zfill(width) for run in runs[1::2]]
    keys = "".join(runs).split("\0")
    return sorted(range(len(names)), key=lambda index: (keys[index], names[index]))


def _with_parts(
    chosen: list[str], values: Columns, parts: dict[str, list[str]]
) -> tuple[list[str], Columns]:
    """Put the files that continue another one behind it."""
    rows = [
        (name, index)
        for index, first in enumerate(chosen)
        for name in (first, *sorted(parts.get(first, ())))
    ]
    columns = {key: [column[index] for _, index in rows] for key, column in values.items()}
    columns["part"] = [part_number(name) for name, _ in rows]
    return [name for name, _ in rows], columns


def position_of(values: Mapping[str, str]) -> str | None:
    """Return the position that the fields of a name tell; None if they tell none."""
    return " ".join(values[key] for key in _POSITION if key in values) or None


def at_position(
    names: list[str], values: Columns, position: str | None, pattern: Pattern
) -> tuple[list[str], Columns, tuple[str, ...], str]:
    """Choose the files of one position, if names tell positions apart.

    Also return all positions, and which one it is: the first in natural order if not given.
    """
    columns = [values[key] for key in _POSITION if key in values]
    if not columns:
        return names, values, (), ""
    keys = join_columns(columns)
    positions = levels_of(keys)
    wanted = positions[0] if position is None else position
    if wanted not in positions:
        hint = f"There are {format_names(positions, 8)}"
        raise PatternError(f"There is no position {wanted!r}", pattern.text, hint)
    if len(positions) == 1:
        return names, values, positions, wanted
    rows = [index for index, key in enumerate(keys) if key == wanted]
    fewer = {key: [column[index] for index in rows] for key, column in values.items()}
    return [names[index] for index in rows], fewer, positions, wanted


def times(values: Columns, count: int, text: str) -> tuple[Steps, str]:
    """Place of each file in time, and what a person should know; see `steps`."""
    columns = [values[key] for key in values if TIME.fullmatch(key)]
    if len(columns) < 2:
        return steps(values.get("t"), count, text, "t")
    # A text with all numbers, as a regular expression would find it.
    joined = list(map(" ".join, zip(*columns, strict=True)))
    return _of_several_numbers(joined, text, "t")


def steps(values: list[str] | None, count: int, text: str, field: str) -> tuple[Steps, str]:
    """Place of each file along an axis that a field counts, and what a person should know."""
    if values is None:
        return np.zeros(count, np.intp), ""
    try:
        if max(map(len, values)) > 18:
            return ranks(sorted(set(values), key=int), values), _uneven(values, field)
        numbers = np.fromiter(map(int, values), np.int64, len(values))
    except ValueError:
        if not any(map(_FRACTION.fullmatch, values)):
            return _of_several_numbers(values, text, field)
        numbers = np.asarray(_whole(values, text, field), np.int64)
    numbers -= numbers.min()
    step = int(np.gcd.reduce(numbers)) or 1
    if int(numbers.max()) // step >= SPARSE * len(values):
        return np.unique(numbers, return_inverse=True)[1], _uneven(values, field)
    return (numbers // step).astype(np.intp), ""


def _uneven(values: Sequence[str], field: str) -> str:
    return _ranked(f"counts in uneven, large steps (from {min(values)})", field)


def _ranked(what: str, field: str) -> str:
    axis = "time" if field == "t" else field
    return f"{{{field}}} {what}: the files are taken as they follow, gaps in {axis} do not show"


def _whole(values: Sequence[str], text: str, field: str) -> list[int]:
    """Numbers with a fraction, in units of their last digit."""
    digits = max(len(value.partition(".")[2]) for value in values)
    try:
        return [int(w + f.ljust(digits, "0")) for w, _, f in (v.partition(".") for v in values)]
    except ValueError as error:
        raise _no_number(text, field) from error


def _of_several_numbers(values: Sequence[str], text: str, field: str) -> tuple[Steps, str]:
    """Places of dates and times of day: of values with as many numbers each, in their order."""
    cut = [_DIGITS.split(value) for value in values]
    if not all(cut[0][1::2]) or len({tuple(parts[::2]) for parts in cut}) > 1:
        raise _no_number(text, field)
    rows = [tuple(map(int, parts[1::2])) for parts in cut]
    if not rows[0]:
        raise _no_number(text, field)
    rank = {row: index for index, row in enumerate(sorted(set(rows)))}
    return np.fromiter(map(rank.__getitem__, rows), np.intp, len(rows)), _ranked(
        "is made of several numbers", field
    )


def _no_number(text: str, field: str) -> PatternError:
    what = f"{{{field}}} is not a number in each name"
    return PatternError(what, text, "Let it match digits only")


def own_clocks(times: Steps, channels: Steps) -> Steps | None:
    """Places in time of files of which each channel has its own times; None if they share them.

    They take turns: between two files of a channel there is one of each other channel.
    """
    count = int(channels.max()) + 1 if channels.size else 0
    order = np.lexsort((channels, times))
    if count < 2 or len(np.unique(times)) < len(times) or len(times) < 2 * count:
        return None
    turns = channels[order]
    whole = turns[: len(turns) // count * count].reshape(-1, count)
    rest = turns[whole.size :]
    if (np.sort(whole, axis=1) != np.arange(count)).any() or len(set(rest)) < len(rest):
        return None
    places = np.empty(len(times), np.intp)
    places[order] = np.arange(len(times)) // count
    return places


def format_names(names: Sequence[str], most: int = 6) -> str:
    """List the first of some names, and tell whether there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def join_columns(columns: list[list[str]]) -> list[str]:
    """One column of several: their values with a space between them."""
    return columns[0] if len(columns) == 1 else list(map(" ".join, zip(*columns, strict=True)))


def levels_of(values: Iterable[str]) -> tuple[str, ...]:
    """Different values, in natural order."""
    levels = list(set(values))
    if len(set(map(len, levels))) == 1 and all(map(str.isdecimal, levels)):
        # Numbers of as many digits are in natural order as they are in that of the alphabet.
        return tuple(sorted(levels))
    return tuple(levels[index] for index in natural_order(levels))


def ranks(levels: Sequence[str], values: Sequence[str]) -> Steps:
    """Position of each value among the levels."""
    rank = {level: index for index, level in enumerate(levels)}
    return np.fromiter(map(rank.__getitem__, values), np.intp, len(values))
