"""File table: the files of a folder in their places (t, c), by their names alone."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns import field_values
from napari_lazy_pipeline.io.patterns.field_values import Columns, Steps, format_names
from napari_lazy_pipeline.io.patterns.pattern import Pattern, compile_pattern
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan

_OTHERS = 20  # names that do not fit, of which a person sees a few
# As `exports.formats.imagej_tiff.TiffFiles` calls them.
_EXPORTED = re.compile(r"_ch[0-9]+_t([0-9]{4,})\.tif\Z")
_Places = tuple[Steps, ...]
_compiled = lru_cache(maxsize=8)(compile_pattern)


@dataclass(frozen=True, eq=False)
class FileTable:
    """Which file, or which files, are the volume at (t, c).

    The table holds indices into ``names``, -1 where there is no file: (t, c) if each file holds a
    volume, (t, c, piece) if each holds a piece of one; pieces follow each other along z.
    """

    names: list[str]
    table: NDArray[np.int32]
    channels: tuple[str, ...]
    unmatched: int = 0  # names that do not fit the pattern
    others: tuple[str, ...] = ()  # some of them
    notes: tuple[str, ...] = ()  # sentences a person should read
    pattern: str = ""
    positions: tuple[str, ...] = ()  # all that the names tell apart
    position: str = ""  # the one in the table
    even_times: bool = False  # whether a number in the names counts the time points evenly

    @property
    def pieces(self) -> int:
        """Number of files of each volume."""
        return self.table.shape[2] if self.table.ndim == 3 else 1

    @property
    def cells(self) -> NDArray[np.int32]:
        """Files of each volume (volume, piece)."""
        return self.table.reshape(-1, self.pieces)

    def noting(self, note: str) -> FileTable:
        """The same with another sentence that a person should read."""
        return replace(self, notes=(*self.notes, note)) if note else self

    @property
    def plan(self) -> RecordingPlan:
        """Which volumes, and pieces of them, were meant to be recorded."""
        return RecordingPlan.of(self.table >= 0)

    def names_in_order(self) -> list[str]:
        """Names in the order of their places: the system lists them in any."""
        names = self.names
        return [names[index] for index in self.table.ravel().tolist() if index >= 0]

    def token(self, *texts: str) -> str:
        """Name of the files in their places, and of what else texts say."""
        names = "\0".join((*texts, *self.names_in_order()))
        digest = hashlib.blake2b(names.encode(errors="surrogateescape"), digest_size=16)
        digest.update(np.packbits(self.table >= 0).tobytes())
        return digest.hexdigest()

    def rows(self) -> dict[str, int]:
        """Row of the table in which each file is, by its name."""
        where = np.nonzero(self.table >= 0)
        names = (self.names[index] for index in self.table[where].tolist())
        return dict(zip(names, where[0].tolist(), strict=True))

    def time_label(self, row: int) -> str:
        """What the name of the first file in a row says of its time; empty: nothing.

        That is the whole name where a pattern without fields puts files in natural order.
        """
        pattern = _compiled(self.pattern) if self.pattern else None
        for index in self.table[row].ravel().tolist():
            values = pattern.match(self.names[index]) if pattern and index >= 0 else None
            if pattern is not None and values is not None:
                times = (values[key] for key in values if field_values.TIME.fullmatch(key))
                return " ".join(times) if pattern.fields else self.names[index]
        return ""

    @property
    def exported_step(self) -> int:
        """How many time points of an export lie from row to row, by the names that it gave.

        1 where files are called otherwise, or do not follow each other in equal steps.
        """
        rows = self.rows()
        counts = [match[1] for match in map(_EXPORTED.search, rows) if match]
        if not counts or len(counts) < len(rows):
            return 1
        places, numbers = np.array([*rows.values()]), np.array(counts, float)
        places, numbers = places - places[0], numbers - numbers[0]
        step = int(numbers[-1] / places[-1]) if places[-1] else 1
        return step if step > 0 and np.array_equal(numbers, step * places) else 1

    def moved_to(self, now: FileTable) -> dict[int, int]:
        """Tell the rows that those of this table have in another table, by their files."""
        rows = now.rows()
        moved = {row: rows[name] for name, row in self.rows().items() if name in rows}
        return dict(sorted(moved.items()))

    def alike(self, now: FileTable) -> NDArray[np.bool_]:
        """Which volumes (t, c) are the same files in another table of the folder."""
        times = min(len(self.table), len(now.table))
        before, after = self.table[:times], now.table[:times]
        if before.shape != after.shape:
            return np.zeros(before.shape[:2], bool)
        if now.names[: len(self.names)] == self.names:
            same = before == after
        else:
            index = {name: number for number, name in enumerate(now.names)}
            # The last one is where there is no file.
            numbers = np.array([*(index.get(name, -2) for name in self.names), -1], np.int32)
            same = numbers[before] == after
        planned = (self.plan.pieces == now.plan.pieces).all(axis=1)
        whole: NDArray[np.bool_] = same.reshape(*same.shape[:2], -1).all(axis=2) & planned
        return whole

    def __reduce__(self) -> tuple[object, ...]:
        """Pack names and places: of 100 000 files, a worker on a cluster gets one."""
        names = "\0".join(self.names_in_order()).encode(errors="surrogateescape")
        present = np.packbits(self.table >= 0).tobytes()
        packed = zlib.compress(names), zlib.compress(present), self.table.shape
        return _unpacked, (packed, *list(vars(self).values())[2:])


def _unpacked(packed: tuple[bytes, bytes, tuple[int, ...]], *rest: Any) -> FileTable:
    """Make a table again from what was pickled."""
    names, present, shape = packed
    bits = np.frombuffer(zlib.decompress(present), np.uint8)
    full = np.unpackbits(bits, count=int(np.prod(shape))).astype(bool)
    table = np.where(full, np.cumsum(full) - 1, -1).astype(np.int32).reshape(shape)
    return FileTable(
        zlib.decompress(names).decode(errors="surrogateescape").split("\0"), table, *rest
    )


def arrange(names: Sequence[str], pattern: Pattern, position: str | None = None) -> FileTable:
    """Give each file that fits the pattern its place, at one of the positions that names tell.

    A number that is missing stays a hole in time, so that what is next to each other
    was recorded next to each other. Raise PatternError if no file fits, if two files claim the
    same place, or if there is no such position.

    Examples
    --------
    >>> from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
    >>> arrange(["s2.tif", "s10.tif", "s4.tif"], compile_pattern("s{t}.tif")).table.tolist()
    [[0], [2], [-1], [-1], [1]]
    """
    chosen, values = field_values.select(names, pattern)
    if not chosen:
        raise _no_match(names, pattern)
    unmatched = len(names) - len(chosen)
    belonging = set(chosen if unmatched else ())
    others = islice((name for name in names if name not in belonging), min(unmatched, _OTHERS))
    chosen, values, positions, position = field_values.at_position(
        chosen, values, position, pattern
    )
    times, note = field_values.times(values, len(chosen), pattern.text)
    pieces = _pieces(values, pattern)
    for columns in _channel_columns(chosen, values, pattern):
        keys = field_values.join_columns(columns) if columns else [""] * len(chosen)
        channels = field_values.levels_of(keys)
        channel_of = field_values.ranks(channels, keys)
        turns = field_values.own_clocks(times, channel_of) if note and not pieces else None
        places = (times if turns is None else turns, channel_of, *pieces)
        table = _table(places, len(channels), chosen, pattern)
        if np.count_nonzero(table >= 0) == len(chosen):
            break
    else:
        raise _clash(chosen, table, places, pattern)
    titles = _titles(channels, channel_of, values, pattern)
    return FileTable(
        chosen, table, titles, unmatched, tuple(sorted(others)), (note,) if note else (),
        pattern.text, positions, position, not note and "t" in values and "t" in pattern.fields,
    )  # fmt: skip


def in_natural_order(names: list[str]) -> FileTable:
    """Files of which nothing tells the places: one after the other in time."""
    order = np.array(field_values.natural_order(names), np.int32)
    return FileTable(names, order[:, np.newaxis], ("ch0",))


def _pieces(values: Columns, pattern: Pattern) -> _Places:
    """Place of each file within its volume, if a volume has several."""
    field = "z" if "z" in values else "part"
    if field not in values:
        return ()
    return (field_values.steps(values[field], len(values[field]), pattern.text, field)[0],)


def _channel_columns(names: list[str], values: Columns, pattern: Pattern) -> list[list[list[str]]]:
    """Columns that may tell the channels apart, the likeliest first."""
    first = [values[key] for key in ("c", "wave") if key in values][:1]
    first += [values["c2"]] if "c2" in values else []
    if "cam" not in pattern.fields:
        return [first]
    # Two cameras may number their channels alike.
    cameras = [(pattern.match(name) or {}).get("cam", "") for name in names]
    return [first, [cameras, *first]]


def _table(places: _Places, channels: int, names: list[str], pattern: Pattern) -> NDArray[np.int32]:
    """Return which file is where; of several in the same place, one."""
    sizes = [int(axis.max()) + 1 for axis in places]
    sizes[1] = channels
    if int(np.prod(sizes, dtype=object)) > max(1000, 4 * field_values.SPARSE * len(names)):
        each = f" of {sizes[2]} files" if len(sizes) > 2 else ""
        what = f"{len(names)} files would be {sizes[0]} time points x {channels} channels{each}"
        hint = "{c} seems to be something else than the channel: write * or another name for it"
        raise PatternError(what, pattern.text, hint)
    table = np.full(sizes, -1, np.int32)
    table[places] = np.arange(len(names), dtype=np.int32)
    return table


def _titles(
    channels: Sequence[str], places: Steps, values: Columns, pattern: Pattern
) -> tuple[str, ...]:
    """Names of the channels: their wavelengths, if each has its own."""
    waves = values.get("wave", [])
    pairs = set(zip(places.tolist(), waves, strict=True)) if waves else set()
    if len(channels) == len(pairs) == len({wave for _, wave in pairs}):
        wave_of = dict(pairs)
        return tuple(wave_of[index] for index in range(len(channels)))
    plain = "{c}nm" in pattern.text or any(int(c) >= 300 for c in channels if c.isdecimal())
    return tuple(
        channel if channel and (plain or not channel.isdecimal()) else f"ch{channel or 0}"
        for channel in channels
    )


def _no_match(names: Sequence[str], pattern: Pattern) -> PatternError:
    if not names:
        return PatternError("The folder is empty", pattern.text)
    what = f"None of the {len(names)} files fits the pattern"
    return PatternError(what, pattern.text, f"One of them is called {min(names)}")


def _clash(
    names: list[str], table: NDArray[np.int32], places: _Places, pattern: Pattern
) -> PatternError:
    """Say why two files claim the same place, and what to write instead."""
    winners = table[places]
    loser = int(np.flatnonzero(winners != np.arange(len(names)))[0])
    pair = names[loser], names[winners[loser]]
    first, second = (pattern.match(name) or {} for name in pair)
    counters = [key for key in ("t", "z") if first.get(key) != second.get(key)]
    differing = [key for key in first if first[key] != second.get(key) and key != "c"]
    if counters:
        hint = f"The same number is written in two ways: fix the digits before {{{counters[0]}}}"
    elif not differing:
        hint = "Write {t}, {c} or fixed text where their names differ, instead of *"
    else:
        hint = " and ".join(_advice(field, names, pattern) for field in differing)
    return PatternError("Two files claim the same time point and channel", " and ".join(pair), hint)


def _advice(field: str, names: list[str], pattern: Pattern) -> str:
    matches = filter(None, map(pattern.match, names[:10_000]))
    levels = sorted({match[field] for match in matches})
    return f"replace {{{field}}} by one of its values: {format_names(levels)}"
