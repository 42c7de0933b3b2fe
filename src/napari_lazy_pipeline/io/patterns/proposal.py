"""Pattern proposals: what the counters in names mean, as microscopes name their files."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from napari_lazy_pipeline.io.patterns.name_fields import (
    CAMERA,
    TIFF,
    Group,
    NameField,
    count,
    groups,
)

_TIME = ("t", "time", "timepoint", "tp", "tm", "tl", "stack", "frame", "iter", "timelapse")
_CHANNEL = ("c", "ch", "chn", "channel", "chan", "w")
_WORDED = ("channel",)
_PLANE = ("z", "slice", "plane")
_SHORT = ("p", "s", "m")
_PLACE = (*_SHORT, "pos", "position", "series", "tile", "xy", "scene", "site", "spc", "spm", "view")
# Labels that are believed even where the number never changes.
_CERTAIN = {"t", "time", "timepoint", "tp", "tm", "stack", "c", "ch", "chn", "channel"}
_DYE = re.compile(
    r"e?(gfp|yfp|cfp|rfp|bfp)|mcherry|m?scarlet\w*|tdtomato|dapi|hoechst|fitc|tritc|cy[2357]|"
    r"(af|alexa|atto|sir|jf|bodipy)-?\d+|(cam)?[ab]|bf|brightfield|red|green|blue|farred|"
    r"w\d+.*|[3-9]\d{2}(nm)?|ex\d{3}.*",
    re.IGNORECASE,
)
_FEW = 12
SAMPLE = 400  # names


@dataclass(frozen=True)
class Proposal:
    """A pattern that may fit the names in a folder."""

    pattern: str
    summary: str  # what would become of the files, in a few words
    sure: bool  # whether the names leave no doubt


def propose_patterns(
    names: Sequence[str], most: int = SAMPLE, endings: Iterable[str] = TIFF
) -> list[Proposal]:
    """Propose patterns for the names of images in a folder, the best first.

    More than ``most`` names are represented by a random choice of so many.

    Examples
    --------
    >>> propose_patterns(["a_t0_c0.tif", "a_t0_c1.tif", "a_t1_c0.tif", "a_t1_c1.tif"])[0].pattern
    'a_t{t}_c{c}.tif'
    """
    sample = random.Random(0).sample(names, most) if len(names) > most else list(names)
    proposals: dict[str, Proposal] = {}
    for proposal in _proposals(sorted(sample), endings):
        proposals.setdefault(proposal.pattern, proposal)
    return list(proposals.values())


def _proposals(names: Sequence[str], endings: Iterable[str]) -> Iterator[Proposal]:
    """Yield patterns for names, the best first; the last ones take every file."""
    builds, present = groups(names, endings)
    total = sum(group.names for group in builds)
    alone = len(builds) < 2 or builds[1].names <= total / 10
    for group in builds:
        if group.names > total / 50:
            for proposal in _of_group(group, len(builds) == 1):
                yield replace(proposal, sure=proposal.sure and alone)
    below = "*/" * max((name.count("/") for name in names), default=0)
    summary = "every file, in natural order, is a time point"
    for ending in present:
        yield Proposal(f"{below}*{ending}", summary, total == 1)


@dataclass(frozen=True)
class _Reading:
    """One way to read the names of a group."""

    group: Group
    time: NameField | None
    channel: NameField | None
    only: bool

    @cached_property
    def plane(self) -> NameField | None:
        """The slot that counts the planes, if each is a file of its own."""
        return next((slot for slot in self._free() if slot.label in _PLANE and slot.numeric), None)

    @cached_property
    def places(self) -> list[NameField]:
        """The slots that tell positions apart: two at most."""
        chosen: list[NameField] = []
        for slot in self._free(self.plane):
            if slot.label in _PLACE and not slot.follows(self.time, self.channel, *chosen):
                chosen.append(slot)
        # The more telling label first.
        return sorted(chosen, key=lambda slot: slot.label in _SHORT)[:2]

    @cached_property
    def fields(self) -> dict[NameField, str]:
        """The slots that give a file its place, and the fields of the pattern that they become."""
        names = ["t", "c", "z", "p", "tile"]
        if self.places and self.places[0].label == "tile":
            names[3:] = "tile", "p"
        slots = (self.time, self.channel, self.plane, *self.places)
        return {slot: name for slot, name in zip(slots, names, strict=False) if slot}

    def _free(self, *others: NameField | None) -> list[NameField]:
        """The slots that vary, and that what is known does not explain."""
        return [
            slot
            for slot in self.group.slots
            if slot.varies and not slot.clock and not slot.follows(self.time, self.channel, *others)
        ]

    @property
    def summary(self) -> str:
        roles = {"time": self.time, "channel": self.channel, "plane": self.plane}
        parts = [f"{role} from {_title(slot)}" for role, slot in roles.items() if slot]
        if self.places:
            parts.append("position from " + " and ".join(map(_title, self.places)))
        return ", ".join(parts) or "one volume"

    def proposals(self, sure: bool) -> Iterator[Proposal]:
        """Yield one pattern; one per series if there are several."""
        slots = list(self.fields)
        if not slots or (slots == self.places and self.places[0].label in _SHORT):
            return
        if count([slot.values for slot in slots]) == self.group.names:
            yield Proposal(self.write({}), self.summary, sure)
            return
        series = [slot for slot in self._free(*slots) if slot not in slots]
        rows = dict.fromkeys(zip(*(slot.values for slot in series), strict=True))
        for row in islice(rows, 5):
            fixed = dict(zip(series, row, strict=True))
            title = " ".join(f"{slot.label}{value}" for slot, value in fixed.items())
            yield Proposal(self.write(fixed), f"{self.summary}; only {title}", False)

    def write(self, fixed: dict[NameField, str]) -> str:
        """Write the pattern, with some slots as text."""
        # Of several wavelengths in a name the last is that of the file.
        wave = next((s for s in reversed(self.group.slots) if s.suffix == "nm" and s.numeric), None)
        used, texts = {"t", "c", "z", "p", "tile"}, []
        for part in self.group.parts:
            if isinstance(part, str):
                texts.append(_literal(part))
            elif part in self.fields:
                texts.append(f"{{{self.fields[part]}}}")
            elif part in fixed:
                texts.append(_literal(fixed[part]))
            else:
                texts.append(_text_of(part, used, part is wave))
        return _shorten("".join(texts), not fixed, self.only)


def _of_group(group: Group, only: bool) -> Iterator[Proposal]:
    """Yield the patterns that the names of a group allow."""
    times, doubt = _times(group.slots)
    for time in times or [None]:
        channel, known = _channel(group.slots, time)
        if time or known:
            yield from _Reading(group, time, channel, only).proposals(known and not doubt)
        if not known:
            yield from _Reading(group, time, None, only).proposals(False)


def _times(slots: list[NameField]) -> tuple[list[NameField | None], bool]:
    """Return what may count the time points, best first, and whether there is doubt."""
    numbers = [slot for slot in slots if slot.numeric and not slot.clock]
    named = [slot for slot in numbers if slot.label in _TIME or slot.suffix == "t"]
    # Of counters that run together, the short one is the number of the time point,
    # the long one the time of day.
    varying = [slot for slot in named if slot.varies]
    varying.sort(key=lambda slot: max(map(len, slot.values)))
    if not varying:
        places = [slot for slot in slots if slot.varies and slot.label in _PLACE]
        pool = [
            slot
            for slot in numbers
            if slot.varies and slot.suffix != "nm" and not _labelled(slot)
            if not any(slot.follows(place) for place in places)
        ]
        varying = [slot for slot in pool if not _waves(slot)] or pool
        varying.sort(key=lambda slot: -slot.count)
    if not varying:
        still = [slot for slot in named if slot.alone and slot.label in _CERTAIN]
        return list(still[-1:]), False
    different = [
        slot
        for index, slot in enumerate(varying)
        if not any(slot.follows(other) and other.follows(slot) for other in varying[:index])
    ]
    return list(different), len(different) > 1


def _labelled(slot: NameField) -> bool:
    """Return whether a number surely is no time point."""
    known = (*_CHANNEL, *CAMERA, *_PLANE, *_PLACE)
    return slot.label in known or slot.suffix in ("x", "y", "z")


def _waves(slot: NameField) -> bool:
    """Return whether the numbers are wavelengths of lasers [nm]."""
    fits = all(len(value) == 3 and 350 <= int(value) <= 850 for value in slot.values)
    return fits and slot.count <= _FEW


def _channel(slots: list[NameField], time: NameField | None) -> tuple[NameField | None, bool]:
    """Return what tells the channels apart, and whether that is no mere guess."""
    free = [slot for slot in slots if slot is not time and not slot.clock]
    varying = [
        slot
        for slot in free
        if slot.varies and slot.count <= _FEW and not (time and slot.follows(time))
        if slot.label not in (*_PLANE, *_PLACE)
    ]
    tests: tuple[Callable[[NameField], bool], ...] = (
        lambda slot: slot.label in (_CHANNEL if slot.numeric else _WORDED),
        lambda slot: slot.numeric and (slot.suffix == "nm" or _waves(slot)),
        lambda slot: slot.label in CAMERA,
        lambda slot: all(_DYE.fullmatch(value) for value in slot.values),
    )
    for test in tests:
        for slot in varying:
            if test(slot):
                return slot, True
    for slot in varying:
        if not _labelled(slot):
            return slot, False
    still = [slot for slot in free if slot.alone and slot.numeric and not slot.varies]
    return next((s for s in still if s.label in _CHANNEL and s.label in _CERTAIN), None), True


def _title(slot: NameField) -> str:
    if slot.label:
        return f"'{slot.label}'"
    first, last = min(slot.values), max(slot.values)
    return f"{first} to {last}" if slot.numeric else f"{first}, {last}"


def _literal(text: str) -> str:
    """Text in a pattern; braces cannot be written, but any character fits."""
    return re.sub(r"[{}\\]", "?", text)


def _text_of(slot: NameField, used: set[str], wave: bool) -> str:
    """Write a slot that gives no file its place."""
    if slot.clock:
        return "*"
    if not (slot.varies or wave):
        return _literal(slot.values[0])
    base = "wave" if wave else slot.label or ("n" if slot.numeric else "name")
    name = next(n for n in (base, *(f"{base}{i}" for i in range(2, 99))) if n not in used)
    used.add(name)
    return f"{{{name}}}"


def _shorten(pattern: str, whole: bool, only: bool) -> str:
    """Drop what repeats the clock, and leave open what a person typed."""
    pattern = pattern.replace("*msec_*msecAbs", "*msecAbs")
    if only:
        pattern = re.sub(r"\*msecAbs[^{}.]*(?=\.)", "*", pattern)
    base = re.match(r"[^{}*?]+?(?=_(?:[A-Za-z]+\{\w+\}_|Iter_|Cam).*stack.*nm)", pattern)
    return "{name}" + pattern[base.end() :] if base and whole else pattern
