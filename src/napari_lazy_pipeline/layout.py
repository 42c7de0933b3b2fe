"""Puts the files of a folder in their places (t, c), by their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.patterns import Pattern

# A time axis this many times longer than the files are many means that the
# numbers are dates or the like, not time points.
_SPARSE = 10
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, eq=False)
class Layout:
    """Which file is the volume at (t, c).

    Attributes
    ----------
    names
        Names of the files that belong to the stack.
    table
        Index into ``names``, (t, c); -1 where there is no file.
    channels
        Names of the channels.
    unmatched
        Number of names that do not fit the pattern.
    notes
        Sentences a person should read.
    pattern
        The pattern that gave the places.
    """

    names: list[str]
    table: NDArray[np.int32]
    channels: tuple[str, ...]
    unmatched: int = 0
    notes: tuple[str, ...] = ()
    pattern: str = ""


def arrange(names: Sequence[str], pattern: Pattern) -> Layout:
    """Give each file that fits the pattern its place.

    A number that is missing stays a hole in time, so that what is next to each other
    was recorded next to each other.

    Raises
    ------
    PatternError
        If no file fits, or if two files claim the same place.

    Examples
    --------
    >>> from napari_lazy_pipeline.patterns import compile_pattern
    >>> arrange(["s2.tif", "s10.tif", "s4.tif"], compile_pattern("s{t}.tif")).table.tolist()
    [[0], [2], [-1], [-1], [1]]
    """
    chosen, values = pattern.select(names)
    if not chosen:
        raise _no_match(names, pattern)
    times, notes = _times(values.get("t"), chosen, pattern)
    channels, places = _channels(values.get("c"), len(chosen))
    sizes = int(times.max()) + 1, len(channels)
    if sizes[0] * sizes[1] > max(1000, 4 * _SPARSE * len(chosen)):
        raise PatternError(
            f"{len(chosen)} files would be {sizes[0]} time points x {sizes[1]} channels",
            pattern.text,
            "{c} seems to be something else than the channel: write * or another name for it",
        )
    table = np.full(sizes, -1, np.int32)
    table[times, places] = np.arange(len(chosen), dtype=np.int32)
    if np.count_nonzero(table >= 0) < len(chosen):
        raise _clash(chosen, times, places, table, pattern)
    titles = _titles(channels, values, pattern)
    return Layout(chosen, table, titles, len(names) - len(chosen), notes, pattern.text)


def natural_order(names: Sequence[str]) -> list[int]:
    """Positions of names in natural order: ``stack2`` before ``stack10``.

    Examples
    --------
    >>> natural_order(["s10", "s2", "s1"])
    [2, 1, 0]
    """
    # All names are cut at once: one call each would take most of the time.
    runs = _DIGITS.split("\0".join(names))
    width = max(map(len, runs[1::2]), default=0)
    runs[1::2] = [run.zfill(width) for run in runs[1::2]]
    keys = "".join(runs).split("\0")
    return sorted(range(len(names)), key=lambda index: (keys[index], names[index]))


def _times(
    values: list[str] | None, names: list[str], pattern: Pattern
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Time point of each file."""
    if values is None:
        times = np.zeros(len(names), np.intp)
        if not pattern.fields:
            times[natural_order(names)] = np.arange(len(names))
        return times, ()
    if max(map(len, values)) > 18:
        return _ranks(sorted(set(values), key=int), values), (_ranked(values),)
    numbers = np.fromiter(map(int, values), np.int64, len(values))
    numbers -= numbers.min()
    step = int(np.gcd.reduce(numbers)) or 1
    if int(numbers.max()) // step >= _SPARSE * len(values):
        return np.unique(numbers, return_inverse=True)[1], (_ranked(values),)
    return (numbers // step).astype(np.intp), ()


def _ranked(values: list[str]) -> str:
    return (
        f"{{t}} counts in uneven, large steps (from {min(values)}): "
        "the files are taken as they follow, gaps in time do not show"
    )


def _ranks(levels: list[str], values: list[str]) -> NDArray[np.intp]:
    rank = {level: index for index, level in enumerate(levels)}
    return np.fromiter(map(rank.__getitem__, values), np.intp, len(values))


def _channels(values: list[str] | None, count: int) -> tuple[list[str], NDArray[np.intp]]:
    """Channels in natural order, and the channel of each file."""
    if values is None:
        return [""], np.zeros(count, np.intp)
    levels = list(set(values))
    levels = [levels[index] for index in natural_order(levels)]
    return levels, _ranks(levels, values)


def _titles(channels: list[str], values: dict[str, list[str]], pattern: Pattern) -> tuple[str, ...]:
    """Names of the channels: their wavelengths, if each has its own."""
    waves = values.get("wave", [])
    pairs = set(zip(values.get("c") or [""] * len(waves), waves, strict=True)) if waves else set()
    if len(channels) == len(pairs) == len({wave for _, wave in pairs}):
        wave_of = dict(pairs)
        return tuple(wave_of[channel] for channel in channels)
    plain = "{c}nm" in pattern.text or any(int(c) >= 300 for c in channels if c.isdecimal())
    return tuple(
        channel if channel and (plain or not channel.isdecimal()) else f"ch{channel or 0}"
        for channel in channels
    )


def _no_match(names: Sequence[str], pattern: Pattern) -> PatternError:
    if not names:
        return PatternError("The folder is empty", pattern.text)
    return PatternError(
        f"None of the {len(names)} files fits the pattern",
        pattern.text,
        f"One of them is called {min(names)}",
    )


def _clash(
    names: list[str],
    times: NDArray[np.intp],
    places: NDArray[np.intp],
    table: NDArray[np.int32],
    pattern: Pattern,
) -> PatternError:
    """Say why two files claim the same place, and what to write instead."""
    loser = int(np.flatnonzero(table[times, places] != np.arange(len(names)))[0])
    pair = names[loser], names[table[times[loser], places[loser]]]
    first, second = (pattern.match(name) or {} for name in pair)
    differing = [key for key in first if first[key] != second[key] and key not in ("t", "c")]
    if first.get("t") != second.get("t"):
        hint = "The same number is written in two ways: fix the digits before {t}"
    elif not differing:
        hint = "Write {t}, {c} or fixed text where their names differ, instead of *"
    else:
        hint = " and ".join(_advice(field, names, pattern) for field in differing)
    where = " and ".join(pair)
    return PatternError("Two files claim the same time point and channel", where, hint)


def _advice(field: str, names: list[str], pattern: Pattern) -> str:
    found = {match[field] for name in names[:10_000] if (match := pattern.match(name))}
    levels = sorted(found)
    listed = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
    if field == "z":
        return f"{{z}} says there is one plane a file ({listed}): join the planes of a volume"
    return f"replace {{{field}}} by one of its values: {listed}"
