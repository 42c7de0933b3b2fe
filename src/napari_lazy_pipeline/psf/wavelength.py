"""Wavelengths: those that the name of a file or of a channel states."""

from __future__ import annotations

import re

# Light of microscopes [nm].
_SHORTEST, _LONGEST = 350, 950
_WITH_UNIT = re.compile(r"(?<![0-9.])([0-9]{3,4})[ _]?nm(?![a-z])", re.IGNORECASE)
# Not of dates, apertures ("0p325"), image sizes ("512x512"), times and other lengths.
_BARE = re.compile(
    r"(?<![0-9])(?<![0-9][.px])([0-9]{3})(?![0-9]|[.p][0-9]|x[0-9]|[ _]?(?:ms|px|um|µm))",
    re.IGNORECASE,
)


def wavelengths(name: str) -> tuple[int, ...]:
    """Wavelengths in a name [nm]; where some have their unit, only those.

    Examples
    --------
    >>> wavelengths("20160504_488_sq_0p325-0p42_otf"), wavelengths("PSF 512x512, 560nm")
    ((488,), (560,))
    >>> wavelengths("GFP")
    ()
    """
    found = _WITH_UNIT.findall(name) or _BARE.findall(name)
    numbers = dict.fromkeys(map(int, found))
    return tuple(number for number in numbers if _SHORTEST <= number <= _LONGEST)
