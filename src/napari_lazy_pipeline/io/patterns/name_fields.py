"""Name fields: file names of the same build, cut into the text they share and slots that vary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from napari_lazy_pipeline.io.patterns.labels import CAMERA, SAMPLE, label_of
from napari_lazy_pipeline.io.patterns.merged_builds import Row, merged_rows
from napari_lazy_pipeline.io.patterns.naming_schemes import known_roles
from napari_lazy_pipeline.io.patterns.text_runs import cut_runs
from napari_lazy_pipeline.io.patterns.whole_words import BREAK, EDGE, kind_of, protected, readable

TIFF = (".tif", ".tiff")
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
    kind: str = ""  # of a whole word: "date", "tile", ...
    joined: bool = True  # whether nothing stands between label and number
    role: str = ""  # what a known naming scheme says that it is: t, c, z, p; x for nothing
    first: bool = False  # whether nothing but its label stands before it

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
        return self.suffix in ("msec", "msecabs") or self.kind == "id" or self.role == "x"

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
    merged: bool = False  # whether it has the names of all other groups
    parts: list[str | NameField] = field(default_factory=list)

    @property
    def slots(self) -> list[NameField]:
        """The slots, in order."""
        return [part for part in self.parts if isinstance(part, NameField)]

    def name(self, row: int) -> str:
        """One of the names, again."""
        return "".join(one if isinstance(one, str) else one.values[row] for one in self.parts)

    @property
    def is_a_word(self) -> bool:
        """Return whether the names have nothing in common."""
        slot, *rest = self.parts
        return isinstance(slot, NameField) and not slot.numeric and not any(rest[:-1])


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


def image_names(names: Sequence[str], endings: Iterable[str] = TIFF) -> tuple[list[str], list[str]]:
    """Names of images, and the ending of each; without those that continue another file."""
    known = "|".join(map(re.escape, sorted(endings, key=len, reverse=True)))
    image = re.compile(rf"(.+?)((?:\.ome)?(?:{known}))", re.IGNORECASE | re.DOTALL)
    kept = [name for name in without_parts(names)[0] if not name.startswith(".")]
    matches = [match for match in map(image.fullmatch, kept) if match]
    return [match[1] for match in matches], [match[2] for match in matches]


def groups(stems: Sequence[str], endings: Sequence[str]) -> list[Group]:
    """Sort names of images by their build, the most frequent first; see `image_names`."""
    builds: dict[Row, list[list[str]]] = defaultdict(list)
    for stem, ending in zip(protected(stems), _one_ending(endings), strict=True):
        pieces = BREAK.split(stem)
        builds[(*pieces[1::2], ending)].append(pieces[::2])
    # Of equally frequent builds the shorter is the raw one: processing adds to names.
    frequent = sorted(builds.items(), key=lambda item: (-len(item[1]), len(item[0])))
    merged = merged_rows(frequent)
    found = [_group(*item) for item in frequent[:8]]
    if merged:
        found.insert(0, _group(*merged))
        found[0].merged = True
    return found


def _one_ending(ends: Sequence[str]) -> Sequence[str]:
    """Endings of names; ``.*`` where several kinds of them are the ends of one set."""
    kinds = set(ends)
    several = len({end.lower().replace("tiff", "tif") for end in kinds}) == 1 < len(kinds)
    return [".*"] * len(ends) if several else ends


def _group(build: Row, rows: list[list[str]]) -> Group:
    group, before, gap = Group(len(rows)), "", ""
    *breaks, ending = build
    for column, after in zip(zip(*rows, strict=True), [*breaks, ""], strict=True):
        group.parts += [*_segment(column, before, not gap.strip(EDGE)), after.replace(EDGE, "")]
        still = len(set(column)) == 1
        letters = re.findall(r"[A-Za-z]*$", column[0])[0] if still else ""
        before = letters if letters == column[0] or after.startswith(EDGE) else ""
        gap = after
    group.parts.append(ending)
    _recognise(group)
    return group


def _recognise(group: Group) -> None:
    """Write into the slots what they are, if the build of the names is known."""
    spans: dict[tuple[int, int], NameField] = {}
    stem = ""
    for part in group.parts[:-1]:
        text = part if isinstance(part, str) else part.values[0]
        if not isinstance(part, str):
            spans[len(stem), len(stem) + len(text)] = part
        stem += text
    front = re.match("[A-Za-z]*[_ .=-]*", stem)
    for (start, _), slot in spans.items():
        slot.first = front is not None and start <= front.end()
    for span, role in known_roles(stem, spans).items():
        spans[span].role = role


def _segment(column: tuple[str, ...], before: str, joined: bool) -> list[str | NameField]:
    """Cut what stands between two breaks, in all names; ``before`` stands in front."""
    kind = kind_of(column[0])
    if kind and all(kind_of(value) == kind for value in column):
        values = tuple(map(readable, column))
        number = kind == "number"
        label = kind if kind in ("pos", "tile") else label_of(before) if number else ""
        return [NameField(values, label, numeric=number, kind=kind, joined=joined)]
    texts, numbers = cut_runs(list(map(readable, column)))
    still = ["" if text.word else text.still for text in texts]
    parts: list[str | NameField] = []
    alone = len(numbers) == 1 and not (texts[0].word or texts[1].word)
    alone = alone and not still[-1] and (still[0].isalpha() or not still[0])
    # In s01t02z03 each letter belongs to the number after it, in 488nm to the one before.
    labelled = not still[-1] or bool(re.search("[A-Za-z]$", still[0])) or (joined and before != "")
    for index, text in enumerate(texts):
        parts += [*(_word(text.word) if text.word else ()), text.still]
        if index == len(numbers):
            break
        own = re.findall(r"[A-Za-z]*$", text.still)[0]
        first = index == 0 and not (text.word or text.still)
        last = index == len(numbers) - 1
        suffix = re.findall(r"^[A-Za-z]*", still[index + 1])[0] if last or not labelled else ""
        label = label_of(before if first else own if labelled or index == 0 else "")
        slot = NameField(
            numbers[index], label, suffix.lower(), True, alone, joined=joined or not first
        )
        parts.append(slot)
    return parts


def _word(column: tuple[str, ...]) -> list[str | NameField]:
    """Cut text that varies: the letter of a camera, the name of a dye, anything."""
    match = re.match(r"[A-Za-z]+(?=[A-Z0-9])", column[0])
    start = match[0] if match else ""
    if start.lower() in (*CAMERA, *SAMPLE, "chan") and all(
        value.startswith(start) and value != start for value in column
    ):
        return [start, NameField(tuple(value[len(start) :] for value in column), start.lower())]
    return [NameField(column)]
