"""Quantities as text: bytes, times, lengths and counts, in one style for all of the package."""

from __future__ import annotations

from collections.abc import Sequence


def format_bytes(count: float) -> str:
    """Text of a number of bytes, in the decimal units of disks and files.

    Examples
    --------
    >>> format_bytes(960), format_bytes(1680), format_bytes(10.28e9)
    ('960 bytes', '1.68 kB', '10.3 GB')
    """
    count = max(count, 0)
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def format_duration(seconds: float, digits: int = 3) -> str:
    """Text of a time [s]; an estimate has two ``digits``.

    Examples
    --------
    >>> [format_duration(seconds) for seconds in (0.0002, 0.134, 7.238, 150, 3 * 3600 + 120)]
    ['< 1 ms', '134 ms', '7.24 s', '2 min', '3.0 h']
    >>> format_duration(0.1342, 2), format_duration(7.238, 2)
    ('130 ms', '7.2 s')
    """
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{float(f'{1000 * seconds:.{digits}g}'):g} ms"
    if seconds < 90:
        return f"{seconds:.{digits}g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_lengths(lengths: Sequence[float]) -> str:
    """Text of the lengths along several axes, without their unit.

    Examples
    --------
    >>> format_lengths((0.4, 0.104, 0.104))
    '0.4 x 0.104 x 0.104'
    """
    return " x ".join(f"{length:.4g}" for length in lengths)


def format_count(count: int, noun: str) -> str:
    """Text of a number of things.

    Examples
    --------
    >>> format_count(1, "time point"), format_count(3, "time point")
    ('1 time point', '3 time points')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
