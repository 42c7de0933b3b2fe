"""How microscopes name their files: what the counters in names mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from napari_lazy_pipeline._names import CAMERA, Group, Slot, count, groups

_TIME = ("t", "time", "timepoint", "tp", "tm", "stack", "frame", "iter", "timelapse")
_CHANNEL = ("c", "ch", "chn", "channel", "chan", "w")
_PLANE = ("z", "slice", "plane")
_PLACE = ("p", "pos", "position", "s", "series", "m", "tile", "xy", "scene")
# Labels that are believed even where the number never changes.
_CERTAIN = {"t", "time", "timepoint", "tp", "tm", "stack", "c", "ch", "chn", "channel"}
_DYE = re.compile(
    r"e?(gfp|yfp|cfp|rfp|bfp)|mcherry|m?scarlet\w*|tdtomato|dapi|hoechst|fitc|tritc|cy[2357]|"
    r"(af|alexa|atto|sir|jf|bodipy)-?\d+|(cam)?[ab]|bf|brightfield|red|green|blue|farred|"
    r"w\d+.*|\d{3}(nm)?|ex\d{3}.*",
    re.IGNORECASE,
)
_FEW = 12


@dataclass(frozen=True)
class Guess:
    """A pattern, what it would make of the files, and whether there is no doubt."""

    pattern: str
    summary: str
    sure: bool


def guesses(names: Sequence[str]) -> Iterator[Guess]:
    """Yield patterns for names, the best first; the last ones take every file."""
    found, endings = groups(names)
    total = sum(group.names for group in found)
    alone = len(found) < 2 or found[1].names <= total / 10
    for group in found:
        if group.names > total / 50:
            for guess in _readings(group, len(found) == 1):
                yield replace(guess, sure=guess.sure and alone)
    for ending in endings:
        yield Guess(f"*{ending}", "every file, in natural order, is a time point", total == 1)


@dataclass(frozen=True)
class _Reading:
    """One way to understand the names of a group."""

    group: Group
    time: Slot | None
    channel: Slot | None
    only: bool

    @property
    def unique(self) -> bool:
        """Whether time and channel tell all files apart."""
        chosen = [slot.values for slot in (self.time, self.channel) if slot]
        return count(chosen) == self.group.names

    @property
    def series(self) -> list[Slot]:
        """The slots that tell apart what time and channel do not."""
        return [
            slot
            for slot in self.group.slots
            if slot.varies and not slot.clock and not slot.follows(self.time, self.channel)
        ]

    @property
    def summary(self) -> str:
        time = f"time from {_title(self.time)}" if self.time else ""
        channel = f"channel from {_title(self.channel)}" if self.channel else ""
        return ", ".join(filter(None, (time, channel))) or "one volume"

    def guesses(self, sure: bool) -> Iterator[Guess]:
        """Yield one pattern; one per series if there are several."""
        if not (self.time or self.channel):
            return
        if self.unique:
            yield Guess(self.write({}), self.summary, sure)
            return
        series = self.series
        if any(slot.label in _PLANE for slot in series):
            yield Guess(self.write({}), f"{self.summary}; one plane a file", False)
            return
        rows = dict.fromkeys(zip(*(slot.values for slot in series), strict=True))
        for row in islice(rows, 5):
            title = " ".join(f"{s.label}{value}" for s, value in zip(series, row, strict=True))
            fixed = dict(zip(series, row, strict=True))
            yield Guess(self.write(fixed), f"{self.summary}; only {title}", False)

    def write(self, fixed: dict[Slot, str]) -> str:
        """Write the pattern, with some slots as text."""
        used, texts = {"t", "c"}, []
        for part in self.group.parts:
            if isinstance(part, str):
                texts.append(_literal(part))
            elif part is self.time or part is self.channel:
                texts.append("{t}" if part is self.time else "{c}")
            else:
                texts.append(_literal(fixed[part]) if part in fixed else _field(part, used))
        return _shorten("".join(texts), not fixed, self.only)


def _readings(group: Group, only: bool) -> Iterator[Guess]:
    """Yield the patterns that the names of a group allow."""
    times, doubt = _times(group.slots)
    for time in times or [None]:
        channel, known = _channel(group.slots, time)
        if time or known:
            yield from _Reading(group, time, channel, only).guesses(known and not doubt)
        if not known:
            yield from _Reading(group, time, None, only).guesses(False)


def _times(slots: list[Slot]) -> tuple[list[Slot | None], bool]:
    """Return what may count the time points, best first, and whether there is doubt."""
    numbers = [slot for slot in slots if slot.numeric and not slot.clock]
    named = [slot for slot in numbers if slot.label in _TIME or slot.suffix == "t"]
    # Of counters that run together, the short one is the number of the time point,
    # the long one the time of day.
    varying = [slot for slot in named if slot.varies]
    varying.sort(key=lambda slot: max(map(len, slot.values)))
    if not varying:
        pool = [s for s in numbers if s.varies and s.suffix != "nm" and not _labelled(s)]
        varying = [slot for slot in pool if not _waves(slot)] or pool
        varying.sort(key=lambda slot: -slot.count)
    if not varying:
        still = [slot for slot in named if slot.alone and slot.label in _CERTAIN]
        return list(still[-1:]), False
    different = [
        slot
        for index, slot in enumerate(varying)
        if not any(slot.follows(one) and one.follows(slot) for one in varying[:index])
    ]
    return list(different), len(different) > 1


def _labelled(slot: Slot) -> bool:
    """Whether a number surely is no time point."""
    known = (*_CHANNEL, *CAMERA, *_PLANE, *_PLACE)
    return slot.label in known or slot.suffix in ("x", "y", "z")


def _waves(slot: Slot) -> bool:
    """Whether the numbers are wavelengths of lasers [nm]."""
    fits = all(len(value) == 3 and 350 <= int(value) <= 850 for value in slot.values)
    return fits and slot.count <= _FEW


def _channel(slots: list[Slot], time: Slot | None) -> tuple[Slot | None, bool]:
    """Return what tells the channels apart, and whether that is no mere guess."""
    free = [slot for slot in slots if slot is not time and not slot.clock]
    varying = [
        slot
        for slot in free
        if slot.varies and slot.count <= _FEW and not (time and slot.follows(time))
    ]
    tests: tuple[Callable[[Slot], bool], ...] = (
        lambda slot: slot.numeric and slot.label in _CHANNEL,
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


def _title(slot: Slot) -> str:
    if slot.label:
        return f"'{slot.label}'"
    first, last = min(slot.values), max(slot.values)
    return f"{first} to {last}" if slot.numeric else f"{first}, {last}"


def _literal(text: str) -> str:
    """Text as a pattern says it; braces cannot be said, but any character fits."""
    return re.sub(r"[{}\\]", "?", text)


def _field(slot: Slot, used: set[str]) -> str:
    """Write a slot that is neither time nor channel."""
    if slot.clock:
        return "*"
    wave = slot.suffix == "nm" and slot.numeric and "wave" not in used
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
        pattern = re.sub(r"\*msecAbs[^{}.]*", "*", pattern)
    base = re.match(r"[^{}*?]+?(?=_(?:[A-Za-z]+\{\w+\}_|Iter_|Cam).*stack.*nm)", pattern)
    return "{name}" + pattern[base.end() :] if base and whole else pattern
