"""Metadata claims: what the header of a file, a text beside it, or the names state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_lazy_pipeline.image import Scan, Triple
from napari_lazy_pipeline.image.quantity_text import format_lengths


@dataclass(frozen=True)
class MetadataClaims:
    """What one source states about a stack; None or empty where it states nothing."""

    source: str
    voxel_size: Triple | None = None  # (z, y, x) [um], z as it was recorded
    time_interval: float | None = None  # [s]
    channel_names: tuple[str, ...] = ()
    angle: float | None = None  # between light sheet and scan [degree]
    scan: Scan | None = None
    # Numbers of "time points", "channels", "planes", "rows" and "columns".
    sizes: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # sentences a person should read

    @property
    def details(self) -> dict[str, Any]:
        """Voxel size, time interval and notes, by their names in the header of a file."""
        source = self.source if self.voxel_size else ""
        values = {"voxel_size": self.voxel_size, "voxel_source": source, "notes": self.notes}
        return {**values, "time_interval": self.time_interval}


@dataclass(frozen=True)
class MetadataFact:
    """A value, as a person reads it, and its source."""

    what: str  # name of the quantity, "voxel size" for instance
    value: str
    source: str  # "unknown" if there is none


@dataclass(frozen=True)
class Question:
    """Something that neither names nor metadata can tell."""

    about: str  # the parameter of `open_stack` that takes the answer
    text: str
    choices: tuple[str, ...] = ()  # empty if any value may be


def voxel_size_or_note(
    z: float | None, y: float | None, x: float | None, source: str
) -> tuple[Triple | None, tuple[str, ...]]:
    """Voxel size (z, y, x) [um] as a source states it, and a note if the z step is missing."""
    if not (y and x):
        return None, ()
    if not z:
        return (1.0, y, x), (f"{source} gives the pixel size but no z step: 1 um is assumed",)
    return (z, y, x), ()


def contradictions(
    claims: Sequence[MetadataClaims], voxel_size: Triple, origin: str, sizes: dict[str, int]
) -> list[str]:
    """Sentences where a source differs from what is believed, or from the files themselves."""
    notes = []
    for claim in claims:
        size = claim.voxel_size
        if size and claim.source != origin and not _close(voxel_size, size):
            text = format_lengths(size)
            notes.append(f"{claim.source} says {text} um (z, y, x), but {origin} is believed")
        wrong = {axis: n for axis, n in claim.sizes.items() if n != sizes.get(axis, n)}
        if wrong:
            claimed, actual = (
                ", ".join(f"{counts[axis]} {axis}" for axis in wrong) for counts in (wrong, sizes)
            )
            notes.append(f"{claim.source} says {claimed}, the files have {actual}")
    return notes


def _close(first: Triple, second: Triple) -> bool:
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(first, second, strict=True))
