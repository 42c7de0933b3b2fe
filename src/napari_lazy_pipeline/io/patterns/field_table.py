"""Field table: the values that a pattern reads off names, what is missing, what is extra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from napari_lazy_pipeline.io.patterns.field_values import format_names, levels_of, select
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.pattern import Pattern, compile_pattern

_ROLES = {
    "t": "time point", "c": "channel", "z": "plane", "p": "position", "tile": "position",
    "wave": "wavelength", "cam": "camera", "part": "continuation", "c2": "channel",
    **{f"t{number}": "time point" for number in range(2, 10)},
    **{f"p{number}": "position" for number in range(2, 10)},
}  # fmt: skip
_MOST = 6


@dataclass(frozen=True)
class FieldRow:
    """One field of a pattern, as the names have it; lists are shortened."""

    field: str  # "*" for the names that do not fit
    role: str  # what it is used for; empty if only displayed
    values: str
    count: int  # of different values
    # The numbers between the first and the last that no file has; if there are none, those
    # values that fewer files have than the most frequent one.
    missing: str = ""
    extra: str = ""  # names of images that do not fit; of positions, which one is open


def field_rows(layout: FileTable) -> tuple[FieldRow, ...]:
    """Make the table of what a pattern reads off names.

    Examples
    --------
    >>> from napari_lazy_pipeline.io.patterns.file_table import arrange
    >>> names = ["a_t0_c1.tif", "a_t2_c1.tif", "a_t3_c1.tif"]
    >>> rows = field_rows(arrange(names, compile_pattern("a_t{t}_c{c}.tif")))
    >>> [(row.field, row.values, row.count, row.missing) for row in rows]
    [('t', '0, 2, 3', 3, '1'), ('c', '1', 1, '')]
    """
    pattern = compile_pattern(layout.pattern)
    _, columns = select(layout.names, pattern)
    unplaced = [field for field in pattern.fields if field not in columns]
    if unplaced:
        columns |= _other_columns(layout.names, pattern, unplaced)
    order = dict.fromkeys([*pattern.fields, *columns])
    rows = [_row(field, columns[field], layout.positions) for field in order if columns[field]]
    if layout.unmatched:
        extra = format_names(layout.others)
        rows.append(FieldRow("*", "not in the stack", "", layout.unmatched, extra=extra))
    return tuple(rows)


def _other_columns(
    names: Sequence[str], pattern: Pattern, fields: Sequence[str]
) -> dict[str, list[str]]:
    """Values of the fields that have no part in where a file belongs."""
    regex = pattern.regex
    # One flat list: many small ones would keep the garbage collector, and thus all, busy.
    matches = filter(None, map(regex.fullmatch, names))
    flat = [value for match in matches for value in match.groups("")]
    return {field: flat[regex.groupindex[field] - 1 :: regex.groups] for field in fields}


def _row(field: str, values: list[str], positions: Sequence[str]) -> FieldRow:
    """Row of a field; all positions are listed, though the names are of one."""
    counts, role, extra = Counter(values), _ROLES.get(field, ""), ""
    levels = levels_of(counts)
    counted = field in ("t", "z", "part") and all(map(str.isdecimal, levels))
    missing = (_gaps(levels) if counted else "") or _infrequent(levels, counts)
    if role == "position" and levels[0] in positions and len(positions) > 1:
        levels, extra = tuple(positions), f"{levels[0]} is shown"
    return FieldRow(field, role, _shortened(levels), len(levels), missing, extra)


def _shortened(levels: Sequence[str]) -> str:
    if len(levels) <= _MOST:
        return ", ".join(levels)
    return f"{', '.join(levels[:2])} ... {levels[-1]}"


def _gaps(levels: Sequence[str]) -> str:
    """Numbers that are skipped, as ranges."""
    pairs = list(pairwise(sorted(set(map(int, levels)))))
    if len({after - before for before, after in pairs}) == 1:
        # Every third, say: a way to count, not a gap.
        return ""
    gaps = [(before + 1, after - 1) for before, after in pairs if after - before > 1]
    return format_names([f"{first}-{last}" if first < last else f"{last}" for first, last in gaps])


def _infrequent(levels: Sequence[str], counts: Counter[str]) -> str:
    """Values that some of the files lack."""
    most = max(counts.values())
    few = (level for level in levels if counts[level] < most)
    # All of them may be: one more than is listed tells that there are more.
    rare = islice(few, _MOST + 1)
    return format_names([f"{level}: {most - counts[level]} of {most}" for level in rare])
