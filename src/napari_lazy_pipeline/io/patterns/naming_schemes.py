"""Naming schemes: programs whose names tell by their whole build what a number is."""

from __future__ import annotations

import re
from collections.abc import Iterable

_N = "[0-9]+"
# Groups are the roles: time point, channel, plane, position, and x for what says nothing. An
# index in a name of a group only keeps them apart.
_SCHEMES = tuple(
    re.compile(text)
    for text in (
        # Micro-Manager 1.4, separate images: img_000000000_GFP_000
        r"(?:.*/)?img_(?P<t>[0-9]{9})(?:_(?P<c>.+?))?_(?P<z>[0-9]{3,4})",
        # navigate: CH00_000000
        r"(?:.*[_/])?CH(?P<c>[0-9]{2})_(?P<t>[0-9]{6})",
        # ThorImage: ChanA_0001_0001_0001_0001 are well, part of it, plane and time
        r"(?:.*/)?Chan(?P<c>[A-D])_(?P<p>[0-9]{3,6})_(?P<p1>[0-9]{3,6})_(?P<z>[0-9]{3,6})"
        r"_(?P<t>[0-9]{3,6})",
        # TeraStitcher: folders of rows and of tiles, in tenths of a micrometre
        r"(?:.*/)?(?P<x>[0-9]{6})/(?P<p>[0-9]{6})_(?P<p1>[0-9]{6})/"
        r"(?:[0-9]{6}_[0-9]{6}_)?(?P<z>[0-9]{4,7})",
        # Opera Phenix and Operetta: r01c01f01p01-ch1sk1fk1fl1
        rf"(?:.*/)?r(?P<p>{_N})c(?P<p1>{_N})f(?P<p2>{_N})p(?P<z>{_N})-ch(?P<c>{_N})sk(?P<t>{_N})"
        rf"fk(?P<x>{_N})fl(?P<x1>{_N})",
        # Acquifer: -A001--PO01--LO001--CO6--SL001--PX32500--PW0040--IN0020--TM281--X...--T...
        rf"(?:.*/)?-(?:[A-Z](?P<p>{_N}))--PO(?P<p1>{_N})--LO(?P<t>{_N})--CO(?P<c>{_N})"
        rf"--SL(?P<z>{_N})--PX(?P<x>{_N})--PW(?P<x1>{_N})--IN(?P<x2>{_N})--TM(?P<x3>{_N})"
        rf"--X(?P<x4>-?{_N})--Y(?P<x5>-?{_N})--Z(?P<x6>-?{_N})--T(?P<x7>{_N}).*",
        # Yokogawa CellVoyager: ..._A01_T0001F001L01A01Z01C01 and W1F001T0001Z01C1
        rf".*_[A-P](?P<p>{_N})_T(?P<t>{_N})F(?P<p1>{_N})L(?P<x>{_N})A(?P<x1>{_N})Z(?P<z>{_N})"
        rf"C(?P<c>{_N})",
        rf"(?:.*/)?W(?P<p>{_N})F(?P<p1>{_N})T(?P<t>{_N})Z(?P<z>{_N})C(?P<c>{_N})",
        # Prairie View: a cycle is a time point of a series of stacks, else the frames are
        rf".*TSeries.*_Cycle(?P<t>{_N})_(?:CurrentSettings_)?Ch(?P<c>{_N})_{_N}",
        rf".*ZSeries.*_Cycle(?P<t>{_N})_(?:CurrentSettings_)?Ch(?P<c>{_N})_(?P<z>{_N})",
        # Luxendo: stacks are positions, and the numbers of the files time points
        rf"(?:.*/)?stack_(?P<p>{_N})(?:-.*?)?_channel_(?P<c>{_N}).*/Cam_.+_(?P<t>[0-9]{{5}})(?:\.lux)?",
        # mesoSPIM: Tile0_Ch488_Sh0_Rot0, and Cellomics: A01f00d0
        rf".*_Tile(?P<p>{_N})_Ch(?P<c>{_N})_Sh(?P<p1>{_N})_Rot(?P<p2>{_N}).*",
        r".*_[A-P](?P<x>[0-9]{2})f(?P<p>[0-9]{2})d(?P<c>[0-9])",
        # MetaMorph: 6_w1CFP_s1_t1, and ImageXpress: A01_s1_w1
        rf".*_s(?P<p>{_N})_t(?P<t>{_N})",
        rf"(?:.*/)?.*[A-P](?P<x>[0-9]{{2}})_s(?P<p>{_N})_w(?P<c>{_N}).*",
    )
)


def known_roles(stem: str, spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Tell what the slots of a name are, by where they stand, if its build is known."""
    match = next(filter(None, (scheme.fullmatch(stem) for scheme in _SCHEMES)), None)
    roles: dict[tuple[int, int], str] = {}
    if match is None:
        return roles
    for group in match.groupdict():
        start, stop = match.span(group)
        inside = [span for span in spans if start <= span[0] and span[1] <= stop]
        if len(inside) == 1:
            roles[inside[0]] = group[0]
    return roles
