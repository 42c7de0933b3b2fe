"""Labels: what the letters beside a number in a file name mean, and words that stand alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

CAMERA = ("cam", "cm", "camera")
TIME = (
    "t", "time", "timepoint", "timepoints", "timestep", "tp", "tm", "tl", "timelapse", "stack",
    "frame", "iter",
)  # fmt: skip
CHANNEL = ("c", "ch", "chn", "channel", "chan", "w", "wv", "wavelength", "laser", "chs")
PLANE = ("z", "slice", "plane", "zslice", "zplane", "zstep", "zs", "zpos")
# Beside a number, these are what is numbered; alone they may be the name of the whole stack.
SAMPLE = (
    "cell", "embryo", "sample", "fish", "larva", "worm", "fly", "organoid", "spheroid", "colony",
    "animal", "mouse", "brain", "plant", "root", "tissue", "specimen", "dish", "slide",
)  # fmt: skip
PLACE = (
    "pos", "position", "xy", "tile", "scene", "site", "series", "fov", "field", "fld", "well",
    "region", "reg", "roi", "spc", "spm", "mosaic",
)  # fmt: skip
# They mostly tell where, but not always: a side, an angle, or a letter.
VAGUE_PLACE = (
    "p", "s", "m", "f", "v", "r", "x", "y", "ang", "angle", "view", "side", "illum", "sheet",
    "sh", "row", "col", "column", "point", "stage", "loc", "area", "grid", "point", "spot", "rot",
)  # fmt: skip
VAGUE_TIME = ("cycle", "loop", "day", "hour", "hr", "scan", "rep", "repeat", "round")
VAGUE_PLANE = ("section", "layer", "depth", "height")
# Believed even where the number never changes.
CERTAIN = {"t", "time", "timepoint", "tp", "tm", "stack", "c", "ch", "chn", "channel"}
# What follows a number and says what it is.
TIME_UNITS = ("ms", "s", "sec", "min", "h", "hr", "hrs")
LENGTHS = ("um", "nm")
DYE = re.compile(
    r"e?(gfp|yfp|cfp|rfp|bfp)|gcamp\w*|mcherry|m?scarlet\w*|tdtomato|mneon\w*|venus|dapi|hoechst|"
    r"draq5|fitc|tritc|texas ?red|cy[2357]|(af|alexa|atto|sir|jf|bodipy)[- ]?\d+|cam[ab]|bf|dic|"
    r"phase|trans|brightfield|red|green|blue|farred|w\d+.*|[3-9]\d{2} ?(nm)?|ex\d{3}.*",
    re.IGNORECASE,
)
SIDE = re.compile(r"l|r|left|right|top|bottom|front|back|upper|lower|dorsal|ventral", re.IGNORECASE)
FEW = 12  # names of channels
WELL = re.compile(r"[A-P](0?[1-9]|1[0-9]|2[0-4])")
_KNOWN = {
    *CAMERA, *TIME, *CHANNEL, *PLANE, *SAMPLE, *PLACE, *VAGUE_PLACE, *VAGUE_TIME, *VAGUE_PLANE,
    "img", "iter",
}  # fmt: skip
_LAST_WORD = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+)$")


def label_of(letters: str) -> str:
    """Label that letters before a number are, in lower case: their last word, if it is known.

    Examples
    --------
    >>> label_of("TimePoint"), label_of("cellPos"), label_of("Interleave")
    ('timepoint', 'pos', 'interleave')
    """
    whole = letters.lower()
    if whole in _KNOWN:
        return whole
    match = _LAST_WORD.search(letters)
    last = match[0].lower() if match else ""
    return last if last in _KNOWN and len(last) < len(whole) else whole


def label_behind(words: Sequence[str]) -> str:
    """Label that all of these words have at their end; empty if they are words without it.

    Examples
    --------
    >>> label_behind(["GFPt", "RFPt"]), label_behind(["nucleiTime", "membraneTime"])
    ('t', 'Time')
    >>> label_behind(["left", "right"]), label_behind(["leftt", "rightt"])
    ('', 't')
    """
    words = list(dict.fromkeys(words))
    if _are_known(words):
        return ""
    ends = [words[0][at:] for at in range(1, len(words[0])) if words[0][at:].lower() in _KNOWN]
    ends = [end for end in ends if all(w.endswith(end) and len(w) > len(end) for w in words)]
    known = (end for end in ends if _are_known([word[: -len(end)] for word in words]))
    return next(known, (*ends, "")[0])


def _are_known(words: Sequence[str]) -> bool:
    """Return whether these are names of channels or sides."""
    return all(DYE.fullmatch(word) or SIDE.fullmatch(word) for word in words)
