"""Whole words: what in a name has breaks or digits in it, and is one thing nevertheless."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from napari_lazy_pipeline.io.patterns.labels import FEW, PLANE, TIME

# Stands where a word begins or ends, though no character does.
EDGE = "\x1d"
BREAK = re.compile(rf"([_ ./={EDGE}-]+)")
_KINDS = ("tile", "pos", "date", "day", "id", "number", "word")
_CODE, _KIND = 0xE000, 0xF000  # private characters that stand for those of a word, and its kind

_YEAR, _MONTH, _DAY = "(?:19|20)[0-9]{2}", "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_DATE = f"{_YEAR}[-_.]?{_MONTH}[-_.]?{_DAY}"
_CLOCK = f"{_HOUR}[-_.:h]?{_MINUTE}[-_.:m]?{_MINUTE}"
_FRACTION = "[._,][0-9]{3}(?![0-9])"
_FOURTEEN = f"{_YEAR}{_MONTH}{_DAY}{_HOUR}{_MINUTE * 2}"
_ALONE = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"
_OF_MILLISECONDS = re.compile(_ALONE.format(f"{_DATE}[T_ -]+{_CLOCK}{_FRACTION}s?"))
_DATES = (
    ("date", _OF_MILLISECONDS),
    ("date", re.compile(_ALONE.format(f"{_DATE}[T_ -]+{_CLOCK}s?|{_FOURTEEN}"))),
    ("date", re.compile(_ALONE.format("(?:[0-9]+(?:d|h|min|m|sec|s)){2,}"))),
    ("day", re.compile(_ALONE.format(f"{_YEAR}-{_MONTH}-{_DAY}|{_YEAR}_{_MONTH}_{_DAY}"))),
)
_MIDNIGHT = re.compile("[T_ -]0000[0-9]{2}$")
# The tile of a Janelia scan and of an UltraMicroscope, and the position of Micro-Manager: as it
# names folders of a grid, and whatever it appends to the name of a stack.
_TILE = "-?[0-9]+x_-?[0-9]+y_-?[0-9]+z"
_PLACES = (
    ("tile", re.compile(rf"(?<![^_/]){_TILE}(?![^_/])")),
    ("tile", re.compile(r"\[[0-9]+ x [0-9]+\]")),
    ("pos", re.compile(r"(?<=_MMStack_).+$")),
    ("pos", re.compile(r"(?:(?<=/)|^)(?:[0-9]+-)?Pos[_-]?[0-9]+_[0-9]+(?=/)")),
    ("id", re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
)  # fmt: skip
_SIGNED = re.compile(r"(?<![A-Za-z])([A-Za-z]+)([=_]?)(-?)(?=[0-9])")
_DECIMAL = re.compile(
    r"(?<![A-Za-z])([A-Za-z]+)([=_]?)(-?(?:0|[1-9][0-9]*)\.[0-9]{1,3})(?![0-9]|\.[0-9])"
)
_COUNTED = {*PLANE, *TIME}


def protected(stems: Sequence[str]) -> list[str]:
    """Names in which each whole word is hidden from who cuts them; see `as_word`."""
    joined = "\0".join(stems)
    for kind, expression in _PLACES:
        if expression.search(joined.replace("\0", "\n")) is not None:
            stems = [expression.sub(lambda match: as_word(match[0], kind), s) for s in stems]  # noqa: B023
    return _with_numbers(_with_dates(list(stems)))


def as_word(text: str, kind: str) -> str:
    """Hide the characters of a word, so that it is not cut."""
    body = "".join(chr(_CODE + ord(char)) if char.isascii() else char for char in text)
    return f"{EDGE}{chr(_KIND + _KINDS.index(kind))}{body}{EDGE}"


def kind_of(text: str) -> str:
    """Kind of a hidden word; empty if it is none."""
    index = ord(text[0]) - _KIND if text else -1
    return _KINDS[index] if 0 <= index < len(_KINDS) else ""


def readable(text: str) -> str:
    """Show the characters of hidden words again."""
    if text.isascii() and EDGE not in text:
        return text
    shown = (
        chr(ord(char) - _CODE) if _CODE <= ord(char) < _CODE + 128 else char
        for char in text
        if not (char == EDGE or _KIND <= ord(char) < _KIND + len(_KINDS))
    )
    return "".join(shown)


def _with_dates(stems: list[str]) -> list[str]:
    """Hide dates and times of day, where every name has as many of them."""
    for kind, expression in _DATES:
        found = [expression.findall(stem) for stem in stems]
        if not found or not found[0] or len({len(dates) for dates in found}) > 1:
            continue
        if expression is _OF_MILLISECONDS and not _are_milliseconds([dates[-1] for dates in found]):
            continue
        # A counter after a date looks like the first minute of the day.
        if all(_MIDNIGHT.search(dates[-1]) for dates in found):
            continue
        return [expression.sub(lambda match: as_word(match[0], kind), stem) for stem in stems]  # noqa: B023
    return stems


def _are_milliseconds(dates: Sequence[str]) -> bool:
    """Return whether what follows the seconds of dates is a part of them, not a wavelength."""
    fractions = {date.rstrip("s")[-3:] for date in dates}
    waves = len(fractions) <= FEW and all(350 <= int(digits) <= 850 for digits in fractions)
    return len(fractions) > len(set(dates)) / 2 and not waves


def _are_even(decimals: set[str]) -> bool:
    """Return whether decimals are as far from each other; where two counters meet they are not."""
    numbers = sorted(map(Fraction, decimals))
    gaps = [after - before for before, after in pairwise(numbers)] or [Fraction(1)]
    # 0.33, 0.67 and 1.00 were rounded.
    rounded = Fraction(1, 100) if all(len(one.partition(".")[2]) > 1 for one in decimals) else 0
    return max(gaps) - min(gaps) <= rounded


def _with_numbers(stems: list[str]) -> list[str]:
    """Hide numbers with a sign or a fraction, and those without under the same label."""
    joined = "\0".join(stems)
    signs: dict[tuple[str, str], set[str]] = {}
    for letters, gap, sign in _SIGNED.findall(joined) if "-" in joined else ():
        signs.setdefault((letters, gap), set()).add(sign)
    odd = {key for key, found in signs.items() if len(found) > 1}
    decimals: dict[tuple[str, str], set[str]] = {}
    for letters, gap, number in _DECIMAL.findall(joined):
        if letters.lower() in _COUNTED:
            decimals.setdefault((letters, gap), set()).add(number)
    broken = {key for key, found in decimals.items() if _are_even(found)}
    for letters, gap in sorted(odd | broken):
        form = r"-?[0-9]+(?:\.[0-9]+)?" if (letters, gap) in broken else "-?[0-9]+"
        number = re.compile(rf"(?<![A-Za-z])({letters}{gap})({form})")
        stems = [number.sub(lambda match: match[1] + as_word(match[2], "number"), s) for s in stems]
    return stems
