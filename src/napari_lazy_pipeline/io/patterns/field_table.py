"""Field table: the values that a pattern reads off names, what is missing, what is extra."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from napari_lazy_pipeline.io.patterns.field_values import levels_of, select
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.pattern import Pattern, compile_pattern

_ROLES = {
    "t": "time point", "c": "channel", "z": "plane", "p": "position", "tile": "position",
    "wave": "wavelength", "cam": "camera", "part": "continuation",
}  # fmt: skip
_MOST = 6


@dataclass(frozen=True)
class FieldRow:
    """One field of a pattern, as the names have it.

    Attributes
    ----------
    field
        Its name; ``"*"`` for the names that do not fit.
    role
        What it is used for; empty if only displayed.
    values
        Its values, shortened.
    count
        Number of different values.
    missing
        The numbers between the first and the last that no file has, shortened; if there are
        none, those values that fewer files have than the most frequent one.
    extra
        Names of images that do not fit, shortened; of positions, which one is open.
    """

    field: str
    role: str
    values: str
    count: int
    missing: str = ""
    extra: str = ""


def field_rows(layout: FileTable, others: Sequence[str] = ()) -> tuple[FieldRow, ...]:
    """Make the table of what a pattern reads off names.

    Parameters
    ----------
    layout
        The names that fit, and the pattern.
    others
        Some names of images that do not fit.

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
    rows = [_row(field, columns[field]) for field in order if columns[field]]
    rows = [_with_positions(row, layout.positions) for row in rows]
    if layout.unmatched:
        extra = ", ".join(others[:_MOST]) + (", ..." if layout.unmatched > _MOST else "")
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


def _row(field: str, values: list[str]) -> FieldRow:
    counts = Counter(values)
    levels = _natural_levels(counts)
    counted = field in ("t", "z", "part") and all(map(str.isdecimal, levels))
    missing = (_gaps(levels) if counted else "") or _infrequent(levels, counts)
    return FieldRow(field, _ROLES.get(field, ""), _shortened(levels), len(levels), missing)


def _natural_levels(levels: Iterable[str]) -> tuple[str, ...]:
    """Different values in natural order."""
    values = list(levels)
    alike = len({len(value) for value in values}) == 1 and all(map(str.isdecimal, values))
    # Numbers of as many digits are in natural order as they are in that of the alphabet.
    return tuple(sorted(values)) if alike else levels_of(values)


def _with_positions(row: FieldRow, positions: Sequence[str]) -> FieldRow:
    """List all positions, though the names are of one."""
    if row.role != "position" or row.values not in positions or len(positions) < 2:
        return row
    extra = f"{row.values} is shown"
    return replace(row, values=_shortened(positions), count=len(positions), extra=extra)


def _shortened(levels: Sequence[str]) -> str:
    if len(levels) <= _MOST:
        return ", ".join(levels)
    return f"{', '.join(levels[:2])} ... {levels[-1]}"


def _gaps(levels: Sequence[str]) -> str:
    """Numbers that are skipped, as ranges."""
    numbers = sorted({int(level) for level in levels})
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    if len(steps) == 1:
        # Every third, say: a way to count, not a gap.
        return ""
    gaps = [
        (before + 1, after - 1)
        for before, after in itertools.pairwise(numbers)
        if after - before > 1
    ]
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in gaps[:_MOST]]
    return ", ".join(texts) + (", ..." if len(gaps) > _MOST else "")


def _infrequent(levels: Sequence[str], counts: Counter[str]) -> str:
    """Values that some of the files lack."""
    most = max(counts.values())
    few = (level for level in levels if counts[level] < most)
    # All of them may be: one more than is shown tells that there are more.
    rare = [
        f"{level}: {most - counts[level]} of {most}" for level in itertools.islice(few, _MOST + 1)
    ]
    return ", ".join(rare[:_MOST]) + (", ..." if len(rare) > _MOST else "")


def other_names(names: Sequence[str], pattern: Pattern, most: int = 20) -> list[str]:
    """Some of the names that do not fit a pattern."""
    fits = pattern.regex.fullmatch
    return sorted(itertools.islice((name for name in names if fits(name) is None), most))
