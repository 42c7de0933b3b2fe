"""Odd names: a mask, a PSF or a dark image beside many files that are called alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from napari_lazy_pipeline.io.patterns.labels import DYE, SIDE

# What Micro-Manager appends to the name of a stack, and numbers of any kind.
_NUMBERS = re.compile(r"(?<=_MMStack_).+$|(?:[-.]?[0-9]+)+")
_WORD = re.compile(r"[^\W\d_]+")


def without_odd(stems: Sequence[str]) -> tuple[list[int], bool]:
    """Return which names are called like most, and whether the others are surely others.

    Names are alike if they differ in their numbers only. Of a kind that is odd there are few: a
    third at most of the most frequent kind, one or two, or a tenth.

    Examples
    --------
    >>> without_odd(["cell_t0", "cell_t1", "cell_t2", "cell_mask_1"])
    ([0, 1, 2], True)
    """
    kinds = [_NUMBERS.sub("#", stem) for stem in stems]
    counts = Counter(kinds)
    most = max(counts.values(), default=0)
    large = [kind for kind, count in counts.items() if 3 * count > most]
    odd: set[str] = set()
    sure = True
    for kind, count in counts.items():
        if 3 * count > most or (count > 2 and 10 * count > most):
            continue
        words = [pair for other in large if (pair := _other_word(kind, other))]
        if any(map(_go_together, words)) or (words and count > 1):
            continue
        odd.add(kind)
        sure = sure and not words
    others = sum(counts[kind] for kind in odd)
    return [row for row, kind in enumerate(kinds) if kind not in odd], sure and 3 * others <= most


def _other_word(one: str, other: str) -> tuple[str, str] | None:
    """Return the words in which names differ, if that is a single one."""
    if _WORD.sub("w", one) != _WORD.sub("w", other):
        return None
    pairs = zip(_WORD.findall(one), _WORD.findall(other), strict=True)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    return differing[0] if len(differing) == 1 else None


def _go_together(words: tuple[str, str]) -> bool:
    """Return whether two words are channels, sides, or called alike but for a letter."""
    one, other = words
    letters = len(one) == len(other) and sum(map(str.__ne__, one, other)) == 1
    return letters or all(DYE.fullmatch(word) or SIDE.fullmatch(word) for word in words)
