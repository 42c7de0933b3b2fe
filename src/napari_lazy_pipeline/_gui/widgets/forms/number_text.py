"""Number text: reads numbers as people of all countries write them, where that is unambiguous."""

from __future__ import annotations

import math
import re

_SPACE = re.compile(r"(?<=\d)[ '\u2019\u00a0\u2009\u202f](?=\d{3}(?!\d))")
# One comma before three digits: in some countries that is a thousand, in others a fraction.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read_number(text: str) -> float | None:
    """Read a number; None if it is none.

    A single comma is a decimal comma. What stands between groups of three digits separates
    thousands, where a second sign, or a repetition of it, shows that.

    Examples
    --------
    >>> read_number("1,5"), read_number("1.000,5"), read_number("1,000,000"), read_number("1e-3")
    (1.5, 1000.5, 1000000.0, 0.001)
    """
    plain = _SPACE.sub("", text.strip()).replace("\u2212", "-")
    last = max(plain.rfind("."), plain.rfind(","))
    before, after = plain[: max(last, 0)], plain[last + 1 :]
    signs = set(before) & {".", ","}
    if signs:
        mixed = plain[last] not in signs
        groups = re.escape(signs.pop()).join((r"[+-]?\d{1,3}(", r"\d{3})+"))
        if signs or not re.fullmatch(groups, before if mixed else plain):
            return None
        plain = re.sub("[.,]", "", before) + (f".{after}" if mixed else after)
    try:
        number = float(plain.replace(",", ".").replace("_", "?"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def is_ambiguous(text: str) -> bool:
    """Return whether others would read a number a thousand times as large.

    Examples
    --------
    >>> is_ambiguous("1,500"), is_ambiguous("0,104"), is_ambiguous("1,5")
    (True, False, False)
    """
    return _EITHER.fullmatch(text.strip()) is not None
