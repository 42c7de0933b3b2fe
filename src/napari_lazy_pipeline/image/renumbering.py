"""Renumbering: what is stated of time points once these have other numbers."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np

from napari_lazy_pipeline.image.quantity_text import format_count

NOWHERE = 999_999, 1_000_000
Numbers = Mapping[int, int]  # of time points that are still there: their old and new numbers


def is_same(now: Numbers) -> bool:
    """Return whether all time points have the numbers that they had."""
    return bool(now) and all(old == new for old, new in now.items())


def number_now(t: int, now: Numbers) -> int:
    """New number of a time point; one that is not there lies between those that are.

    Examples
    --------
    >>> [number_now(t, {0: 2, 2: 6}) for t in range(5)]
    [2, 4, 6, 7, 8]
    """
    if t in now or not now:
        return now.get(t, t)
    known = sorted(now)
    after = bisect(known, t)
    if after == 0:
        return max(now[known[0]] - (known[0] - t), 0)
    if after == len(known):
        return now[known[-1]] + t - known[-1]
    pair = known[after - 1 : after + 1]
    return round(float(np.interp(t, pair, [now[one] for one in pair])))


def moved_rows(rows: Sequence[float | Sequence[float]], now: Numbers) -> list[list[float]]:
    """Rows (number, ...) of a table, one for each time point, at the new numbers of these.

    Between them lie straight lines, and before the first there is the same as in that.

    Examples
    --------
    >>> moved_rows([1.0, 0.5], {0: 1, 1: 3})
    [[1.0], [1.0], [0.75], [0.5]]
    """
    last = max(now, default=len(rows))
    kept = [t for t in range(len(rows)) if t in now or t > last]
    if not kept:
        return []
    places = [number_now(t, now) for t in kept]
    columns = np.array([rows[t] for t in kept], float).reshape(len(kept), -1).T
    axis = np.arange(places[-1] + 1)
    moved: list[list[float]] = np.stack(
        [np.interp(axis, places, column) for column in columns], axis=1
    ).tolist()
    return moved


def surplus(rows: int, times: int) -> str:
    """Tell that a table has more rows than there are time points; empty: it has not.

    Examples
    --------
    >>> surplus(8, 4)
    'There are 8 rows for 4 time points, maybe those of the whole recording: put this step before \
Select, or estimate again'
    """
    if rows <= times:
        return ""
    return (
        f"There are {rows} rows for {format_count(times, 'time point')}, maybe those of the whole "
        "recording: put this step before Select, or estimate again"
    )


def moved_ends(ends: tuple[int, int], now: Numbers) -> tuple[int, int]:
    """Start and stop of a range of time points, so that it holds those that it held.

    Ends that are open, or counted from the end of the recording, stay as they are. A range that all
    time points are gone from, though there are later ones, becomes one that no recording has.

    Examples
    --------
    >>> now = {t: t + 2 for t in range(10)}
    >>> moved_ends((0, 4), now), moved_ends((3, 0), now), moved_ends((0, -2), now)
    ((2, 6), (5, 0), (0, -2))
    >>> moved_ends((1, 4), {0: 0, 2: 1, 4: 2, 6: 3})
    (1, 2)
    """
    if ends == NOWHERE:
        return ends
    start, stop = ends
    later = [t for t in sorted(now) if t >= start]
    if start > 0 or (start == 0 and stop > 0):
        start = now[later[0]] if later else number_now(start, now)
    if stop <= 0:
        return start, stop
    if max(now, default=0) < stop:
        return start, number_now(stop - 1, now) + 1
    held = [t for t in later if t < stop]
    return (start, now[held[-1]] + 1) if held else NOWHERE


def moved_strides(ends: tuple[int, int], every: int, now: Numbers) -> tuple[tuple[int, int], int]:
    """Start, stop and stride of every n-th time point of a range, so that it holds the same ones.

    Where the same ones do not lie evenly any more, it is a range that no recording has.

    Examples
    --------
    >>> moved_strides((0, 0), 2, {t: t - 1 for t in range(1, 10)})
    ((1, 0), 2)
    >>> moved_strides((1, 0), 2, {0: 0, 1: 2, 2: 4, 3: 6})
    ((2, 0), 4)
    """
    moved = moved_ends(ends, now)
    start, stop = ends
    later = [t for t in sorted(now) if t >= start]
    if every == 1 or start < 0 or moved == NOWHERE or not later:
        return moved, every
    chosen = [t for t in later if (t - start) % every == 0 and (stop <= 0 or t < stop)]
    if not chosen:
        return NOWHERE, every
    new = [now[t] for t in chosen]
    if len(new) > 1:
        stride = gcd(*np.diff(new).tolist())
    else:
        first, last = min(now), max(now)
        grown = every * (now[last] - now[first]) / max(last - first, 1)
        stride = int(grown) if grown.is_integer() and grown > 0 else every
    begin, end = new[0], moved[1]
    if (start, moved[0]) == (0, 0):  # the same ones of all, and those before them
        begin %= stride
    elif end > new[-1] + stride:
        end = new[-1] + 1
    held = range(begin, end if end > 0 else max(now.values()) + 1, stride)
    return (
        ((begin, end), stride)
        if new == [n for n in now.values() if n in held]
        else (NOWHERE, every)
    )
