"""Slot roles: what each number or word in the names may be, how likely, and by what evidence."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_lazy_pipeline.io.patterns.labels import (
    CAMERA,
    CHANNEL,
    DYE,
    FEW,
    PLACE,
    PLANE,
    SAMPLE,
    SIDE,
    TIME,
    TIME_UNITS,
    VAGUE_PLACE,
    VAGUE_PLANE,
    VAGUE_TIME,
    WELL,
)
from napari_lazy_pipeline.io.patterns.name_fields import NameField, count

_MOST = {"t": 1, "z": 1, "c": 2, "p": 4}  # slots of each role
Roles = dict[NameField, str]
_Costs = dict[str, float]  # the less, the likelier


@dataclass(frozen=True)
class Assignment:
    """A role for each slot that tells files apart, and whether labels leave no doubt."""

    roles: Roles
    sure: bool


def assignments(slots: Sequence[NameField], flat: bool | None) -> Iterator[Assignment]:
    """Yield what the slots of names may be, the likeliest first.

    ``flat``: whether the files hold a plane each; None if that is unknown.
    """
    chosen = _deciding(slots)
    evidence = {slot: _evidence(slot, chosen) for slot in chosen}
    strong = {slot: role for slot, role in evidence.items() if role}
    times = [slot for slot, role in strong.items() if role == "t"]
    still = any(slot.label in TIME and not slot.varies for slot in slots) and not times
    options = [
        _costs(slot, chosen, strong, flat, still) if slot not in strong else _known(slot, strong)
        for slot in chosen
    ]
    ranked: list[tuple[float, int, tuple[str, ...]]] = []
    for number, roles in enumerate(itertools.product(*options)):
        if all(roles.count(role) <= most for role, most in _MOST.items()):
            total = sum(costs[role] for costs, role in zip(options, roles, strict=True))
            ranked.append((total, number, roles))
    sure = len(strong) == len(chosen) and all(len(costs) == 1 for costs in options)
    sure = sure and _is_full(chosen, strong)
    for _, _, roles in sorted(ranked):
        yield Assignment(dict(zip(chosen, roles, strict=True)), sure)


def _is_full(chosen: Sequence[NameField], strong: Roles) -> bool:
    """Whether channels share their times, where those are dates, and no clocks of their own."""
    dates = [slot for slot in chosen if slot.kind == "date"]
    channels = [slot for slot in chosen if strong[slot] in "cz"]
    if not dates or not channels:
        return True
    product = dates[0].count * count([slot.values for slot in channels])
    return count([slot.values for slot in (*dates, *channels)]) > product / 2


def _deciding(slots: Sequence[NameField]) -> list[NameField]:
    """The fewest slots that tell all names apart, in their order; best evidence first."""
    varying = [slot for slot in slots if slot.varies and not slot.clock]
    ordered = sorted(varying, key=lambda slot: (-_rank(slot), _length(slot)))
    chosen: list[NameField] = []
    for slot in ordered:
        if not slot.follows(*chosen):
            chosen.append(slot)
    # What was chosen early may follow from what came later.
    for slot in reversed(ordered):
        rest = [other for other in chosen if other is not slot]
        if slot in chosen and rest and slot.follows(*rest) and _rank(slot) < 2:
            chosen = rest
    return [slot for slot in slots if slot in chosen]


def _length(slot: NameField) -> int:
    """Of counters that run together, the short one is the number of the time point."""
    return max(map(len, slot.values)) if slot.label in TIME or slot.suffix == "t" else 0


def _rank(slot: NameField) -> int:
    """How well it is known what a slot is."""
    if slot.role:
        return 7
    role = _labelled(slot)
    if role:
        return 3 if slot.label in CAMERA else 6
    if _waves(slot) or slot.suffix == "nm" or slot.kind == "tile":
        return 4
    if slot.kind == "date":
        return 1
    return 2 if slot.label in (*VAGUE_PLACE, *VAGUE_TIME, *VAGUE_PLANE) else 1 - slot.numeric


def _labelled(slot: NameField) -> str:
    """Role that the label of a number states; empty if it states none."""
    label = slot.label
    if slot.kind in ("tile", "pos"):
        return "p"
    if not slot.numeric:
        return "c" if label in (*CAMERA, "channel", "chan") else "p" if label in SAMPLE else ""
    if label in TIME or slot.suffix == "t":
        return "t"
    if label in PLANE:
        return "z"
    if label in PLACE or (label in SAMPLE and slot.joined):
        return "p"
    if label in (*CHANNEL, *CAMERA):
        return "c"
    return ""


def _evidence(slot: NameField, chosen: Sequence[NameField]) -> str:
    """Role that there is evidence for; empty if it can only be guessed."""
    if slot.role:
        return slot.role
    role = _labelled(slot)
    if role:
        return _weighed(slot, role, chosen)
    if slot.numeric:
        if slot.suffix == "nm" or (_waves(slot) and _uneven(slot)):
            return "c"
        return "t" if slot.suffix in TIME_UNITS and not slot.label else ""
    if slot.kind == "date":
        return "t"
    values = set(slot.values)
    if all(map(WELL.fullmatch, values)):
        return "p"
    firsts = {re.split("[_-]", value)[0] for value in values}
    return "c" if len(values) <= FEW and all(map(DYE.fullmatch, firsts)) else ""


def _weighed(slot: NameField, role: str, chosen: Sequence[NameField]) -> str:
    """The role of a label, unless what else there is in the names speaks against it."""
    if slot.label in SAMPLE and len(chosen) == 1:
        return ""
    # The name of a stack may be a single letter, z-001, unless others are numbered like that.
    apart = [other for other in chosen if other.label and not other.joined]
    if slot.first and apart == [slot] and len(slot.label) == 1 and role != "t":
        return ""
    others = [_labelled(other) for other in chosen if other is not slot]
    if slot.label in ("w", "wv") and (("c" in others) or slot.count > FEW):
        return ""
    return role


def _waves(slot: NameField) -> bool:
    """Return whether the numbers may be wavelengths of lasers [nm]."""
    if not slot.numeric or slot.count > FEW or slot.label in (*TIME, *PLANE, *PLACE):
        return False
    return all(len(value) == 3 and value.isdecimal() and 350 <= int(value) <= 850
               for value in slot.values)  # fmt: skip


def _uneven(slot: NameField) -> bool:
    """Return whether numbers are no counter: far from each other, and at no even distance."""
    numbers = sorted({int(value) for value in slot.values})
    gaps = [after - before for before, after in itertools.pairwise(numbers)]
    return min(gaps) >= 8 and (len(gaps) == 1 or len(set(gaps)) > 1)


def _known(slot: NameField, strong: Roles) -> _Costs:
    """The role with evidence; others too, where two slots claim it."""
    role = strong[slot]
    rivals = [other for other, its in strong.items() if its == role and other is not slot]
    if not rivals or role == "p":
        return {role: 0.0}
    if role == "c":
        return {"c": 0.0, "p": 1.0}
    return {role: 0.0, "p": 0.5, "t" if role == "z" else "z": 0.6, "c": 2.0}


def _costs(
    slot: NameField, chosen: Sequence[NameField], strong: Roles, flat: bool | None, still: bool
) -> _Costs:
    """What a slot without evidence may be."""
    if slot.numeric and not _vague(slot, chosen):
        costs = _of_number(slot, chosen, flat, still)
    else:
        costs = _of_word(slot) if not slot.numeric else _of_vague(slot, flat)
    taken = {role for role in strong.values() if role in "tz"}
    return {role: cost for role, cost in costs.items() if role not in taken}


def _vague(slot: NameField, chosen: Sequence[NameField]) -> bool:
    """Return whether a label hints at something; a lone one is the name of the whole stack."""
    known = slot.label in (*VAGUE_PLACE, *VAGUE_TIME, *VAGUE_PLANE, "w", "wv")
    return known and (len(chosen) > 1 or not slot.first)


def _of_vague(slot: NameField, flat: bool | None) -> _Costs:
    label = slot.label
    if label in VAGUE_TIME:
        return {"t": 0.1, "p": 0.3, "c": 0.8, "z": 0.9}
    if label in VAGUE_PLANE:
        return {"z": 0.1, "t": 0.5, "p": 0.6, "c": 1.5}
    if label == "f":
        return {"p": 0.2, "t": 0.3, "z": 0.8, "c": 1.2}
    if label in ("w", "wv"):
        return {"p": 0.1, "c": 0.3, "t": 1.5, "z": 1.6}
    planes = 0.3 if label in ("p", "s") else 1.2
    return {"p": 0.0, "c": 0.6, "z": planes + 0.3 * (flat is False), "t": 1.0}


def _of_number(
    slot: NameField, chosen: Sequence[NameField], flat: bool | None, still: bool
) -> _Costs:
    """A number without a label: the longest counter is the time, or counts planes."""
    longer = sum(other.numeric and other.count > slot.count for other in chosen)
    time, plane = (0.5, 0.0) if flat else (0.0, 0.4)
    costs = {"t": time + 0.5 * still, "z": plane, "p": 0.5, "c": 0.7}
    if _waves(slot):
        return {**costs, "c": -0.2}
    if longer and slot.count <= 4:
        costs["c"] -= 0.35
    if slot.count > FEW:
        costs["c"] += 0.5
    if slot.label in SAMPLE and len(chosen) > 1:
        costs["p"] -= 0.2
    costs["t"] += 0.15 * longer
    return costs


def _of_word(slot: NameField) -> _Costs:
    values = set(slot.values)
    if slot.kind in ("date", "day"):
        return {"t": 0.0, "p": 0.3, "c": 1.5}
    if all(map(SIDE.fullmatch, values)) or len(values) > FEW:
        return {"p": 0.0, "c": 0.3}
    return {"c": 0.0, "p": 0.2}
