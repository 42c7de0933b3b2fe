"""Merged builds: names that differ in how many words one of their parts has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

from napari_lazy_pipeline.io.patterns.whole_words import EDGE, as_word, kind_of, readable

Row = tuple[str, ...]
_MOST = 12  # different texts in the part


def merged_rows(
    builds: Sequence[tuple[Row, list[list[str]]]],
) -> tuple[Row, list[list[str]]] | None:
    """Rows of all builds, with the part in which they differ as one word; None if there is none.

    ``Cy3_Long`` beside ``DAPI`` is such a part: every build has text there, few texts occur, and
    each about as often.
    """
    if not 1 < len(builds) <= _MOST or len({build[-1] for build, _ in builds}) > 1:
        return None
    shapes = [_shapes(build, rows) for build, rows in builds]
    # At least one piece is left for the part, in each build.
    most = min(map(len, shapes)) - 1
    head = _shared([shape[:most] for shape in shapes])
    tail = _shared([[*reversed(shape)][: most - head] for shape in shapes])
    if not head and not tail:
        return None
    rows: list[list[str]] = []
    texts: Counter[str] = Counter()
    breaks: Row = ()
    before_tail: set[str] = set()
    for (build, own), shape in zip(builds, shapes, strict=True):
        end = len(shape) - tail
        *inner, ending = build
        breaks = (*inner[:head], *inner[end - 1 :], ending)
        before_tail.add(inner[end - 1] if tail else "")
        for pieces in own:
            later = zip(inner[head : end - 1], pieces[head + 1 : end], strict=True)
            text = readable(pieces[head] + "".join(gap + piece for gap, piece in later))
            texts[text] += 1
            rows.append([*pieces[:head], as_word(text, "word").strip(EDGE), *pieces[end:]])
    if len(before_tail) > 1:
        return None
    alike = max(texts.values()) <= 3 * min(texts.values())
    words = all(re.match("[A-Za-z]", text) for text in texts)
    return (breaks, rows) if alike and words and len(texts) <= _MOST else None


def _shapes(build: Row, rows: list[list[str]]) -> list[str]:
    """What each piece looks like in all names, with the break after it; empty if many ways."""
    shapes = []
    for column, gap in zip(zip(*rows, strict=True), [*build[:-1], ""], strict=True):
        forms = {re.sub("[0-9]+", "#", text) if not kind_of(text) else text[0] for text in column}
        shapes.append(f"{'|'.join(sorted(forms))}\0{gap}" if len(forms) <= _MOST else "")
    return shapes


def _shared(shapes: list[list[str]]) -> int:
    """Number of pieces at the beginning that look alike in all builds."""
    alike = takewhile(lambda piece: piece[0] and len(set(piece)) == 1, zip(*shapes, strict=True))
    return len(list(alike))
