"""Units of length and of time, as microscopes, ImageJ, OME and OME-Zarr spell them."""

from __future__ import annotations

import html
import math
import re

_MICROMETRES = {
    "pm": 1e-6, "nm": 1e-3, "um": 1.0, "μm": 1.0, "μ": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6,
    "picometer": 1e-6, "nanometer": 1e-3, "micrometer": 1.0, "micron": 1.0, "millimeter": 1e3,
    "centimeter": 1e4, "meter": 1e6, "å": 1e-4, "angstrom": 1e-4, "in": 25400.0, "inch": 25400.0,
}  # fmt: skip
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0,
    "nanosecond": 1e-9, "microsecond": 1e-6, "usec": 1e-6, "millisecond": 1e-3, "msec": 1e-3,
    "second": 1.0, "sec": 1.0, "minute": 60.0, "hour": 3600.0, "hr": 3600.0, "d": 86400.0,
    "day": 86400.0,
}  # fmt: skip
# The micro sign, once casefold made one of its two characters: as ImageJ escapes it, in UTF-8 that
# was read as Latin-1, and lost on the way, which no other unit is.
_MICRO = re.compile(r"\\u00b5|\\u03bc|âμ|î¼|^[?\ufffd]{1,2}(?=[ms]$)")


def micrometres(length: object, unit: str) -> float | None:
    """Length [um] in a unit; None if it is no number but 0, or the unit is unknown.

    The sign of a step is a direction, and left out.

    Examples
    --------
    >>> micrometres("104", "nm"), micrometres(-0.104, "µm"), micrometres(0.104, "&#181;m")
    (0.104, 0.104, 0.104)
    >>> micrometres(1, "pixel"), micrometres("nan", "um")
    (None, None)
    """
    number = _converted(str(length).strip().removeprefix("-"), unit, _MICROMETRES)
    # Reciprocals of resolutions: 0.104, not 0.10399999999999998.
    return None if number is None else round(number, 9)


def seconds(time: object, unit: str) -> float | None:
    """Time [s] in a unit; None if it is no positive number, or the unit is unknown."""
    return _converted(time, unit, _SECONDS)


def positive_number(value: object) -> float | None:
    """Positive, finite number that a value or a text stands for, or None."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _converted(value: object, unit: str, factors: dict[str, float]) -> float | None:
    name = _MICRO.sub("μ", html.unescape(str(unit)).strip(" \t\0[].").casefold())
    name = re.sub(r"[\s_-]", "", name).replace("metre", "meter")
    singular = name.removesuffix("s") if len(name) > 2 else name
    factor, number = factors.get(name) or factors.get(singular), positive_number(value)
    return number * factor if number and factor else None
