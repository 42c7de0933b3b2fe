"""Text runs: parts of names cut where digits begin and end, and words from labels beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from napari_lazy_pipeline.io.patterns.labels import WELL, label_behind

Column = tuple[str, ...]
_RUN = re.compile(r"([0-9]+)")


class Text(NamedTuple):
    """What stands before, between or after numbers."""

    word: Column  # what varies, one per name; empty if nothing does
    still: str  # what follows it in all names


def cut_runs(values: Sequence[str]) -> tuple[list[Text], list[Column]]:
    """Cut text into numbers, and what stands before, between and after them.

    Text that varies is a word; digits belong to it, unless all names have a number there.

    Examples
    --------
    >>> texts, numbers = cut_runs(["TM1GFP", "TM2GFP", "TM1Cy3", "TM2Cy3"])
    >>> [(text.word, text.still) for text in texts]
    [((), 'TM'), (('GFP', 'GFP', 'Cy3', 'Cy3'), '')]
    >>> numbers
    [('1', '2', '1', '2')]
    """
    runs = _aligned([_RUN.split(value) for value in values])
    texts: list[Text] = []
    numbers: list[Column] = []
    while runs:
        text, *runs = runs
        label = label_behind(text) if runs else ""
        while len(runs) > 1 and _are_one(text, label, *runs[:2]):
            text = tuple(map("".join, zip(text, *runs[:2], strict=True)))
            runs = runs[2:]
            label = label_behind(text) if runs else ""
        still = len(set(text)) == 1
        word = () if still else tuple(one.removesuffix(label) for one in text)
        texts.append(Text(word, text[0] if still else label))
        numbers += runs[:1]
        runs = runs[1:]
    return texts, numbers


def _aligned(rows: list[list[str]]) -> list[Column]:
    """Columns of texts and numbers in turns; what stands between those of all names is one text."""
    if len({len(row) for row in rows}) == 1:
        return list(zip(*rows, strict=True))
    head = _alike([row[:-1] for row in rows])
    tail = _alike([row[:head:-1] for row in rows])
    ends = [len(row) - tail for row in rows]
    cut = [
        [*row[:head], "".join(row[head:end]), *row[end:]]
        for row, end in zip(rows, ends, strict=True)
    ]
    return list(zip(*cut, strict=True))


def _alike(rows: Sequence[Sequence[str]]) -> int:
    """Count runs at the beginning that are the same text, each with a number after it."""
    columns = enumerate(zip(*rows, strict=False))
    same = takewhile(lambda item: item[0] % 2 or len(set(item[1])) == 1, columns)
    return len(list(same)) // 2 * 2


def _are_one(before: Column, label: str, numbers: Column, after: Column) -> bool:
    """Return whether a number is a part of the text beside it, as in Cy3, A01 and w1GFP."""
    if len(set(after)) > 1 and _pairs(numbers, after) == len(set(numbers)) == len(set(after)):
        return True
    if len(set(before)) == 1 or label:
        return False
    well = all(map(WELL.fullmatch, map("".join, zip(before, numbers, strict=True))))
    return well or _pairs(before, numbers) <= max(len(set(before)), len(set(numbers)))


def _pairs(one: Column, other: Column) -> int:
    return len(set(zip(one, other, strict=True)))
