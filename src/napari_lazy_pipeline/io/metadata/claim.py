"""What somebody says about a stack: the header of a file, a text beside it, the names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_lazy_pipeline.image.quantity_text import format_lengths
from napari_lazy_pipeline.image.scan_geometry import Scan, Triple


@dataclass(frozen=True)
class MetadataClaims:
    """What one source says about a stack; None or empty where it says nothing.

    Attributes
    ----------
    source
        Who says so.
    voxel_size
        (z, y, x) [um], z as it was recorded.
    time_interval
        Time between two time points [s].
    channel_names
        Names of the channels.
    angle
        Angle between light sheet and scan [degree].
    scan
        How the stack is skewed.
    sizes
        How many ``"time points"``, ``"channels"``, ``"planes"``, ``"rows"``, ``"columns"``.
    notes
        Sentences a person should read.
    """

    source: str
    voxel_size: Triple | None = None
    time_interval: float | None = None
    channel_names: tuple[str, ...] = ()
    angle: float | None = None
    scan: Scan | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetadataFact:
    """A value and who says so.

    Attributes
    ----------
    what
        What is told, for instance ``"voxel size"``.
    value
        The value, as a person reads it.
    source
        Who says so; ``"unknown"`` if nobody does.
    """

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Question:
    """Something that neither names nor metadata can tell.

    Attributes
    ----------
    about
        The parameter of `open_stack` that takes the answer.
    text
        The question.
    choices
        The answers there are; empty if any value may be.
    """

    about: str
    text: str
    choices: tuple[str, ...] = ()


def contradictions(
    claims: Sequence[MetadataClaims], voxel_size: Triple, origin: str, sizes: dict[str, int]
) -> list[str]:
    """Say where the sources differ from what is believed, and from the files themselves."""
    notes = []
    for one in claims:
        said = one.voxel_size
        if said and one.source != origin and not _close(voxel_size, said):
            notes.append(
                f"{one.source} says {format_lengths(said)} um (z, y, x), but {origin} is believed"
            )
        wrong = {what: n for what, n in one.sizes.items() if n != sizes.get(what, n)}
        if wrong:
            claimed, there = (
                ", ".join(f"{counts[what]} {what}" for what in wrong) for counts in (wrong, sizes)
            )
            notes.append(f"{one.source} says {claimed}, the files have {there}")
    return notes


def _close(first: Triple, second: Triple) -> bool:
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(first, second, strict=True))
