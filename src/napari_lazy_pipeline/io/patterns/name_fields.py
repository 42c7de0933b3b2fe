"""Name fields: file names of the same build, cut into the text they share and slots that vary."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

CAMERA = ("cam", "cm", "camera")
TIFF = (".tif", ".tiff")
_BREAK = re.compile(r"([_ ./]+|--+)")
_RUN = re.compile(r"([0-9]+)")
# Positions of several words: the tile of a Janelia scan, and whatever Micro-Manager appends to
# the name of a stack.
_TILE = re.compile(r"(?<=_)-?[0-9]+x_-?[0-9]+y_-?[0-9]+z(?=_|$)")
_MMSTACK = re.compile(r"(?<=_MMStack_).+$")
_MARK = "\x1f"
# What the Janelia software appends where a volume goes on in another file.
_PART = re.compile(r"_part([0-9]+)(?=(?:\.ome)?\.tiff?$)", re.IGNORECASE)


@dataclass(eq=False)
class NameField:
    """A number in the names, or a text that varies."""

    values: tuple[str, ...]  # one per name
    label: str = ""  # the letters before it, in lower case
    suffix: str = ""  # those after it
    numeric: bool = False
    alone: bool = True  # whether label and number are all that stands between two breaks

    @property
    def count(self) -> int:
        """Number of different values."""
        return len(set(self.values))

    @property
    def varies(self) -> bool:
        """Return whether there are several values."""
        return self.count > 1

    @property
    def clock(self) -> bool:
        """Return whether it tells when a file was written, and nothing about its place."""
        return self.suffix in ("msec", "msecabs")

    def follows(self, *others: NameField | None) -> bool:
        """Return whether the other slots tell its value."""
        columns = [other.values for other in others if other]
        return len(set(zip(*columns, self.values, strict=True))) == count(columns)


def count(columns: Sequence[Sequence[str]]) -> int:
    """Number of different rows."""
    return len(set(zip(*columns, strict=True))) if columns else 1


@dataclass
class Group:
    """Names of the same build: literal text and slots, in order."""

    names: int
    parts: list[str | NameField] = field(default_factory=list)

    @property
    def slots(self) -> list[NameField]:
        """The slots, in order."""
        return [part for part in self.parts if isinstance(part, NameField)]


def without_parts(names: Sequence[str]) -> tuple[Sequence[str], dict[str, list[str]]]:
    """Names without those that continue another file, and these by that file's name."""
    # One search in all names at once costs a tenth of one in each.
    if "_part" not in "\0".join(names):
        return names, {}
    present = set(names)
    parts: dict[str, list[str]] = {}
    for name in names:
        match = _PART.search(name)
        if match and (first := name[: match.start()] + name[match.end() :]) in present:
            parts.setdefault(first, []).append(name)
    continued = {name for group in parts.values() for name in group}
    return [name for name in names if name not in continued], parts


def part_number(name: str) -> str:
    """Number of the part of a volume that a file is, by its name; the first is ``"0"``."""
    match = _PART.search(name)
    return match[1] if match else "0"


def groups(names: Sequence[str], endings: Iterable[str] = TIFF) -> tuple[list[Group], list[str]]:
    """Sort names of images by their build, and list their endings; the most frequent first."""
    known = "|".join(map(re.escape, endings))
    image = re.compile(rf"(.+?)((?:\.ome)?(?:{known}))", re.IGNORECASE | re.DOTALL)
    builds: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for name in without_parts(names)[0]:
        match = image.fullmatch(name)
        if match and not name.startswith("."):
            pieces = _BREAK.split(_without_breaks(match[1]))
            builds[(*pieces[1::2], match[2])].append(pieces[::2])
            counts[match[2]] += 1
    # Of equally frequent builds the shorter is the raw one: processing adds to names.
    frequent = sorted(builds.items(), key=lambda item: (-len(item[1]), len(item[0])))
    return [_group(*item) for item in frequent[:8]], [end for end, _ in counts.most_common()]


def _without_breaks(stem: str) -> str:
    """Escape the breaks in a position of several words, so that it stays together."""
    for expression in (_TILE, _MMSTACK):
        stem = expression.sub(lambda match: re.sub("[_ ./]", _escaped, match[0]) + _MARK, stem)
    return stem


def _escaped(match: re.Match[str]) -> str:
    return _MARK + str(ord(match[0])) + _MARK


def _with_breaks(text: str) -> str:
    """Undo `_without_breaks`."""
    return re.sub(f"{_MARK}([0-9]+){_MARK}", lambda match: chr(int(match[1])), text)[:-1]


def _group(build: tuple[str, ...], rows: list[list[str]]) -> Group:
    group, before = Group(len(rows)), ""
    *breaks, ending = build
    for column, after in zip(zip(*rows, strict=True), [*breaks, ""], strict=True):
        group.parts += [*_segment(column, before), after]
        before = column[0] if column[0].isalpha() and len(set(column)) == 1 else ""
    group.parts.append(ending)
    _micromanager(group)
    return group


def _segment(column: tuple[str, ...], before: str) -> list[str | NameField]:
    """Cut what stands between two breaks, in all names; ``before`` stands in front."""
    if column[0].endswith(_MARK):
        label = "pos" if before == "MMStack" else "tile"
        return [NameField(tuple(map(_with_breaks, column)), label)]
    cut = [_RUN.split(value) for value in column]
    if len({tuple(runs[::2]) for runs in cut}) > 1:
        return _words(column)
    parts: list[str | NameField] = []
    texts, numbers = cut[0][::2], list(zip(*(runs[1::2] for runs in cut), strict=True))
    alone = len(numbers) == 1 and not texts[-1] and (texts[0].isalpha() or not texts[0])
    for index, values in enumerate(numbers):
        letters = re.findall(r"[A-Za-z]*$", texts[index])[0]
        label = before if index == 0 and not texts[0] else letters
        suffix = re.findall(r"^[A-Za-z]*", texts[index + 1])[0]
        parts += [texts[index], NameField(values, label.lower(), suffix.lower(), True, alone)]
    return [*parts, texts[-1]]


def _words(column: tuple[str, ...]) -> list[str | NameField]:
    """Cut text that varies: the letter of a camera, the name of a dye, anything."""
    match = re.match(r"[A-Za-z]+(?=[A-Z0-9])", column[0])
    start = match[0] if match else ""
    if start.lower() in CAMERA and all(value.startswith(start) for value in column):
        return [start, NameField(tuple(value[len(start) :] for value in column), start.lower())]
    return [NameField(column)]


def _micromanager(group: Group) -> None:
    """Label what Micro-Manager 1.4 counts, ``img_000000000_GFP_000``: time, channel, plane."""
    slots = [slot for slot in group.slots if slot.label not in ("pos", "position")]
    if len(slots) > 1 and slots[0].label == "img" and len(slots[0].values[0]) == 9:
        slots[0].label, slots[-1].label = "time", "z" if slots[-1].numeric else ""
        if len(slots) == 3:
            slots[1].label = "channel"
