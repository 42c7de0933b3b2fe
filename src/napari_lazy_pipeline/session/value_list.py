"""Value list: several values of a parameter in one line, as a person types them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

MOST = 9  # values, as many as there are pictures side by side
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_DOTS = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}(?:\s*step\s*{_NUMBER})?$")
_COLONS = re.compile(rf"{_NUMBER}\s*:\s*{_NUMBER}(?:\s*:\s*{_NUMBER})?$")


def parse_values(text: str, words: Mapping[str, Any], numbers: bool = True) -> tuple[Any, ...]:
    """Read values: ``5, 10, 20, auto``, ``5..20 step 5`` or ``0:50:10``, its end included.

    ``words`` has the values that have a name; with them, or without ``numbers``, no others count.
    A `ValueError` if something is neither.

    Examples
    --------
    >>> parse_values("5..20 step 5, auto", {"auto": 0})
    (5, 10, 15, 20, 0)
    >>> parse_values("0:1:0.25", {})
    (0, 0.25, 0.5, 0.75, 1)
    """
    values: list[Any] = []
    for part in _parts(text, words):
        named = {word.casefold(): value for word, value in words.items()}
        if part.casefold() in named:
            values.append(named[part.casefold()])
        elif numbers:
            values += _numbers(part)
        else:
            raise ValueError(f"{part!r} is none of: {', '.join(words)}")
    if len(values) > MOST:
        raise ValueError(f"These are {len(values)} values; up to {MOST} fit side by side")
    return tuple(dict.fromkeys(values))


def _parts(text: str, words: Mapping[str, Any]) -> list[str]:
    """Return what stands between commas; a word may have some of its own."""
    parts, rest = [], text.strip()
    while rest:
        known = [word for word in words if re.match(rf"{re.escape(word)}\s*(,|$)", rest, re.I)]
        part = max(known, key=len, default="") or rest.partition(",")[0]
        parts.append(part.strip())
        rest = rest[len(part) :].strip().removeprefix(",").strip()
    return [part for part in parts if part]


def _numbers(part: str) -> list[float]:
    """One number, or those of a range."""
    match = _DOTS.match(part) or _COLONS.match(part)
    if match is None:
        try:
            return [_plain(float(part))]
        except ValueError:
            raise ValueError(f"{part!r} is no number") from None
    start, stop = float(match[1]), float(match[2])
    step = abs(float(match[3])) if match[3] else 1.0
    if not step or abs(stop - start) / step >= 10 * MOST:
        raise ValueError(f"{part} is more than {MOST} values")
    count = math.floor(abs(stop - start) / step + 1e-9) + 1
    sign = 1 if stop >= start else -1
    return [_plain(round(start + sign * step * index, 9)) for index in range(count)]


def _plain(number: float) -> float:
    """A whole number without a point."""
    return int(number) if number.is_integer() else number


def values_around(
    value: float, step: float, low: float, high: float, count: int = 5, doubling: bool = False
) -> tuple[float, ...]:
    """Propose values to try around the present one, in ascending order.

    ``low`` and ``high`` are the ends of what is usual, ``step`` the finest step that matters;
    with ``doubling``, each is twice the one before.

    Examples
    --------
    >>> values_around(10, 1, 1, 500, doubling=True), values_around(31.5, 0.1, -180, 180)
    ((2, 5, 10, 20, 40), (29.5, 30.5, 31.5, 32.5, 33.5))
    """
    offsets = range(-(count // 2), count - count // 2)
    if doubling and value > 0:
        raw = [value * 2.0**offset for offset in offsets]
        numbers = [math.floor(number / step) * step for number in raw]
    elif value:
        distance = max(_nice(abs(value) / 20), step)
        numbers = [value + distance * offset for offset in offsets]
    else:
        reach = (high - max(low, 0)) / count
        distance = max(_nice(reach), step) if math.isfinite(reach) and reach < 1e5 else step
        numbers = [max(low, 0) + distance * index for index in range(count)]
    inside = {_plain(round(float(number), 9)) for number in numbers if low <= number <= high}
    return tuple(sorted(inside | {_plain(float(value))}))


def _nice(number: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50... that is not larger."""
    decade = 10.0 ** math.floor(math.log10(number)) if number > 0 else 0.0
    return max((decade * n for n in (1, 2, 5) if decade * n <= number * (1 + 1e-9)), default=0.0)
