"""Pattern proposals: what the counters in names mean, as microscopes name their files."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.labels import CAMERA, CERTAIN, CHANNEL, TIME, VAGUE_PLACE
from napari_lazy_pipeline.io.patterns.name_fields import TIFF, Group, NameField, groups, image_names
from napari_lazy_pipeline.io.patterns.odd_names import without_odd
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.slot_roles import Roles, assignments

_FIELDS = {"c": ("c", "c2"), "z": ("z",), "p": ("p", "tile", "p2", "p3")}
_WORDS = {"t": "time", "c": "channel", "z": "plane", "p": "position"}
_MOST = 24  # proposals for names of one build
_CHECKED = 50  # names, of a proposal
SAMPLE = 400  # names


@dataclass(frozen=True)
class Proposal:
    """A pattern that may fit the names in a folder."""

    pattern: str
    summary: str  # what would become of the files, in a few words
    sure: bool  # whether the names leave no doubt


def propose_patterns(
    names: Sequence[str],
    most: int = SAMPLE,
    endings: Iterable[str] = TIFF,
    flat: bool | None = None,
) -> list[Proposal]:
    """Propose patterns for the names of images in a folder, the best first.

    One is sure only if labels, or a known way to name files, say what each number is. More than
    ``most`` names are represented by a random choice of so many. ``flat``: whether each file
    holds one plane; None if that is unknown.

    Examples
    --------
    >>> propose_patterns(["a_t0_c0.tif", "a_t0_c1.tif", "a_t1_c0.tif", "a_t1_c1.tif"])[0].pattern
    'a_t{t}_c{c}.tif'
    """
    sample = random.Random(0).sample(names, most) if len(names) > most else list(names)
    if not "".join(sample).isascii():
        sample = [unicodedata.normalize("NFC", name) for name in sample]
    proposals: dict[str, Proposal] = {}
    for proposal in _proposals(sorted(sample), tuple(endings), flat):
        proposals.setdefault(proposal.pattern, proposal)
    return list(proposals.values())


def pattern_of_files(names: Sequence[str], endings: Iterable[str] = TIFF) -> str:
    """Pattern of these files, and of no others beside them.

    Examples
    --------
    >>> some = compile_pattern(pattern_of_files(["a_t0.tif", "a_t2.tif"]))
    >>> some.match("a_t2.tif"), some.match("a_t1.tif")
    ({'t': '2'}, None)
    """
    whole = [one for one in propose_patterns(names, endings=endings) if _takes(one.pattern, names)]
    return restricted(whole[0].pattern if whole else "*", names)


def restricted(pattern: str, names: Sequence[str]) -> str:
    """A pattern that gives these files the same places, and takes no others."""
    if len(names) == 1:
        return _literal(names[0])
    composed = sorted(unicodedata.normalize("NFC", name) for name in names)
    only = f"re:(?=(?:{'|'.join(map(re.escape, composed))})\\Z)"
    forms = [only + form for form in compile_pattern(pattern).spelled_out]
    return next((form for form in forms if _takes(form, names)), only + ".*")


def _takes(pattern: str, names: Sequence[str]) -> bool:
    """Return whether a pattern has a place for each file."""
    try:
        return arrange(names, compile_pattern(pattern)).unmatched == 0
    except PatternError:
        return False


def _proposals(
    names: Sequence[str], endings: Iterable[str], flat: bool | None
) -> Iterator[Proposal]:
    """Yield patterns for names, the best first; the last ones take every file."""
    stems, ends = image_names(names, endings)
    rows, plain = without_odd(stems)
    usual = [stems[row] for row in rows], [ends[row] for row in rows]
    late: list[Proposal] = []
    for proposal, is_late in _of_images(*usual, flat):
        if is_late:
            late.append(proposal)
        else:
            yield replace(proposal, sure=proposal.sure and plain)
    if len(rows) < len(stems):
        late += [replace(other, sure=False) for other, _ in _of_images(stems, ends, flat)]
    below = "*/" * max((name.count("/") for name in names), default=0)
    summary = "every file, in natural order, is a time point"
    for ending, _ in Counter(ends).most_common():
        yield Proposal(f"{below}*{ending}", summary, len(stems) == 1)
    yield from late


def _of_images(
    stems: Sequence[str], ends: Sequence[str], flat: bool | None
) -> Iterator[tuple[Proposal, bool]]:
    """Yield patterns for names of images, and whether ``*`` is the better one."""
    builds = groups(stems, ends)
    single = [group for group in builds if not group.merged]
    total = sum(group.names for group in single)
    alone = len(single) < 2 or single[1].names <= total / 10 or builds[0].merged
    for group in builds:
        if group.names > total / 50:
            for proposal in _of_group(group, len(builds) == 1, flat):
                is_late = group.is_a_word and not proposal.sure
                yield replace(proposal, sure=proposal.sure and alone), is_late
            alone = alone and not group.merged


@dataclass(frozen=True)
class _Reading:
    """One way to read the names of a group."""

    group: Group
    roles: Roles
    only: bool

    @cached_property
    def fields(self) -> dict[NameField, str]:
        """The slots that give a file its place, and the fields of the pattern that they become."""
        fields = dict.fromkeys(self._with_role("t"), "t")
        for role, names in _FIELDS.items():
            fields |= dict(zip(self._with_role(role), self._names(role, names), strict=False))
        return fields

    def _with_role(self, role: str) -> list[NameField]:
        slots = [slot for slot, its in self.roles.items() if its == role]
        if role == "c":
            # Two cameras may number their channels alike.
            return sorted(slots, key=lambda slot: slot.label in CAMERA)
        # The more telling label first.
        return sorted(slots, key=lambda slot: role == "p" and slot.label in VAGUE_PLACE)

    def _names(self, role: str, names: tuple[str, ...]) -> tuple[str, ...]:
        slots = self._with_role(role)
        if role == "p" and slots and slots[0].label == "tile":
            return "tile", "p", *names[2:]
        cameras = role == "c" and len(slots) > 1 and slots[1].label in CAMERA
        return ("c", "cam") if cameras else names

    @property
    def summary(self) -> str:
        parts = [
            f"{word} from {' and '.join(map(_title, slots))}"
            for role, word in _WORDS.items()
            if (slots := self._with_role(role))
        ]
        return ", ".join(parts) or "one volume"

    def proposals(self, sure: bool) -> Iterator[Proposal]:
        """Yield its pattern, if there is one."""
        pattern = self.write({})
        if self.fields and self._is_read(pattern):
            yield Proposal(pattern, self.summary, sure)

    def parts(self) -> Iterator[Proposal]:
        """Yield patterns for some of the files: those of one word, or of one number."""
        for slot in [one for one, role in self.roles.items() if role in "cp" and one.varies]:
            rest = {one: role for one, role in self.roles.items() if one is not slot}
            less = _Reading(self.group, _with_still(self.group.slots, rest), self.only)
            for value in islice(dict.fromkeys(slot.values), 3):
                title = f"{slot.label}{value}"
                pattern = less.write({slot: value})
                if less.fields and less._is_read(pattern, slot, value):
                    yield Proposal(pattern, f"{less.summary}; only {title}", False)

    def _is_read(self, pattern: str, slot: NameField | None = None, value: str = "") -> bool:
        """Return whether the pattern reads in the names what is meant, as far as a few show.

        ``slot`` and ``value``: of only those names.
        """
        try:
            compiled = compile_pattern(pattern)
        except PatternError:
            return False
        rows = [row for row in range(self.group.names) if not slot or slot.values[row] == value]
        for row in rows[:: len(rows) // _CHECKED + 1]:
            found = compiled.match(self.group.name(row))
            if found is None or any(
                found.get(field, slot.values[row]) != slot.values[row]
                for slot, field in self.fields.items()
                if not (field == "t" and slot.kind)
            ):
                return False
        return True

    def write(self, fixed: dict[NameField, str]) -> str:
        """Write the pattern, with some slots as text."""
        # Of several wavelengths in a name the last is that of the file.
        wave = next((s for s in reversed(self.group.slots) if s.suffix == "nm" and s.numeric), None)
        used, texts = {"t", "c", "z", "p", "tile", *self.fields.values()}, []
        for part in self.group.parts:
            if isinstance(part, str):
                texts.append(_literal(part))
            elif part in self.fields:
                texts.append(_field(part, self.fields[part]))
            elif part in fixed:
                texts.append(_literal(fixed[part]))
            else:
                texts.append(_text_of(part, used, part is wave))
        return _shorten("".join(texts), not fixed, self.only)


def _of_group(group: Group, only: bool, flat: bool | None) -> Iterator[Proposal]:
    """Yield the patterns that the names of a group allow."""
    first: _Reading | None = None
    sure = False
    for assignment in islice(assignments(group.slots, flat), _MOST):
        reading = _Reading(group, _with_still(group.slots, assignment.roles), only)
        yield from reading.proposals(assignment.sure and first is None)
        first, sure = first or reading, assignment.sure
    if first and not sure:
        yield from first.parts()


def _with_still(slots: Sequence[NameField], roles: Roles) -> Roles:
    """Add the time point and the channel of labels that never change."""
    still = [slot for slot in slots if slot.numeric and slot.alone and not slot.varies]
    roles = dict(roles)
    for role, labels, last in (("t", TIME, -1), ("c", CHANNEL, 0)):
        found = [
            slot for slot in still
            if slot.role == role or (slot.label in labels and slot.label in CERTAIN)
        ]  # fmt: skip
        if found and role not in roles.values():
            roles[found[last]] = role
    return roles


def _title(slot: NameField) -> str:
    if slot.label:
        return f"'{slot.label}'"
    first, last = min(slot.values), max(slot.values)
    return f"{first} to {last}" if slot.numeric else f"{first}, {last}"


def _literal(text: str) -> str:
    """Text in a pattern; braces cannot be written, but any character fits."""
    return re.sub(r"[{}\\]", "?", text)


def _field(slot: NameField, name: str) -> str:
    """Write a field; a date has one for each of its numbers."""
    if name != "t" or slot.kind not in ("date", "day"):
        return f"{{{name}}}"
    numbers = iter(range(1, 99))
    form = re.sub("[0-9]+", lambda _: _numbered(next(numbers)), slot.values[0])
    return form


def _numbered(index: int) -> str:
    return "{t}" if index == 1 else f"{{t{index}}}"


def _text_of(slot: NameField, used: set[str], wave: bool) -> str:
    """Write a slot that gives no file its place."""
    if (slot.clock and slot.role != "x") or (slot.varies and (slot.kind or slot.clock)):
        return "*"
    if not (slot.varies or wave):
        return _literal(slot.values[0])
    base = "wave" if wave else slot.label or ("n" if slot.numeric else "name")
    base = base if base.isidentifier() and base.isascii() else "n" if slot.numeric else "name"
    # {t2} would be a part of the time.
    gap = "_" if base in ("t", "c", "p") else ""
    name = next(n for n in (base, *(f"{base}{gap}{i}" for i in range(2, 99))) if n not in used)
    used.add(name)
    return f"{{{name}}}"


def _shorten(pattern: str, whole: bool, only: bool) -> str:
    """Drop what repeats the clock, and leave open what a person typed."""
    pattern = pattern.replace("*msec_*msecAbs", "*msecAbs")
    if only:
        pattern = re.sub(r"\*msecAbs[^{}.]*(?=\.)", "*", pattern)
    typed = r"(?:(?<=/)|^)[^{}*?/]+?(?=_(?:[A-Za-z]+\{\w+\}_|Iter_|Cam)[^/]*stack[^/]*nm)"
    base = re.search(typed, pattern) if whole else None
    return f"{pattern[: base.start()]}{{name}}{pattern[base.end() :]}" if base else pattern
