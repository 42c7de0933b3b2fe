"""OME set: files whose places in a stack their OME-XML tells, whatever their names suggest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns.file_table import FileTable, arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import Proposal
from napari_lazy_pipeline.io.readers import FileInfo

_FIELD = re.compile(r"\{(\w+)\}")
_DIGITS = re.compile(r"([0-9]+)")
_SPECIAL = re.compile(r"[{}*?\\]")  # what means something in a pattern
_MOST = 4  # fields of which all roles are tried
_Places = dict[str, tuple[int, ...]]  # (t, c, z) by the names of files


def arrange_set(
    names: Sequence[str],
    info: FileInfo,
    layout: FileTable,
    proposals: Sequence[Proposal],
    position: str | None,
) -> tuple[FileTable, list[Proposal]]:
    """Choose the pattern by which files have the places that their OME-XML states.

    The proposals come first, then other meanings of their numbers; if none fits, what the names
    suggest stays, and a note says so.
    """
    folder = os.path.dirname(next(n for n in layout.names if os.path.basename(n) == info.name))
    places: _Places = {os.path.join(folder, name): place for name, *place in info.places}  # type: ignore[misc]
    stated = {name: tuple(places[name]) for name in names if name in places}
    if len(stated) < 2:
        return layout, list(proposals)
    proposed = [layout.pattern, *(proposal.pattern for proposal in proposals)]
    for pattern in _patterns([*proposed, _numbered(list(stated))]):
        try:
            table = arrange(names, compile_pattern(pattern), position)
        except PatternError:
            continue
        if _agrees(table, stated):
            summary = next(
                (p.summary for p in proposals if p.pattern == pattern), "as OME-XML says"
            )
            rest = [proposal for proposal in proposals if proposal.pattern != pattern]
            return table, [Proposal(pattern, summary, True), *rest]
    note = "OME-XML gives the files other places than their names: check which number is what"
    return layout.noting(note), list(proposals)


def _numbered(names: Sequence[str]) -> str:
    """The pattern of names that differ in numbers only; empty if they differ in more."""
    pieces = [_DIGITS.split(name) for name in names]
    if len({tuple(each[::2]) for each in pieces}) > 1 or _SPECIAL.search(names[0]):
        return ""
    columns = list(zip(*pieces, strict=True))
    fields = (
        f"{{n{i}}}" if i % 2 and len(set(each)) > 1 else each[0] for i, each in enumerate(columns)
    )
    return "".join(fields)


def _patterns(patterns: Sequence[str]) -> Iterator[str]:
    """Patterns that may be meant: those proposed, then their fields in other roles."""
    proposed = list(dict.fromkeys(filter(None, patterns)))
    yield from proposed
    for pattern in reversed(proposed[: _MOST - 1] + proposed[-1:]):
        pieces = _FIELD.split(pattern)
        fields = pieces[1::2]
        if not fields or len(fields) > _MOST:
            continue
        for roles in dict.fromkeys(permutations((*"tcz", *"nnnn"), len(fields))):
            numbered = [role + str(i) if role == "n" else role for i, role in enumerate(roles)]
            texts = zip(pieces[::2], [f"{{{role}}}" for role in numbered] + [""], strict=True)
            yield "".join(text + field for text, field in texts)


def _agrees(table: FileTable, stated: _Places) -> bool:
    """Return whether files lie along t, c and z in the order that is stated, and all do."""
    cells = table.table.reshape(*table.table.shape[:2], table.pieces)
    where = np.argwhere(cells >= 0)
    names = [table.names[index] for index in cells[tuple(where.T)].tolist()]
    if set(names) != set(stated):
        return False
    wanted = np.array([stated[name] for name in names])
    return all(_same_order(where[:, axis], wanted[:, axis]) for axis in range(3))


def _same_order(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether two lists of numbers tell the same things apart, in the same order."""
    ranks = [np.unique(each, return_inverse=True)[1] for each in (first, second)]
    return bool(np.array_equal(ranks[0], ranks[1]))
