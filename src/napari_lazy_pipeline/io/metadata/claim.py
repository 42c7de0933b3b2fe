"""Metadata claims: what the header of a file, a text beside it, or the names state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import StatedSize
from napari_lazy_pipeline.image.spec import UNKNOWN, size_text


@dataclass(frozen=True)
class MetadataClaims:
    """What one source states about a stack; None or empty where it states nothing."""

    source: str
    voxel_size: StatedSize = UNKNOWN  # (z, y, x) [um], z as it was recorded
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
        source = self.source if any(self.voxel_size) else ""
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
    words: tuple[str, ...] = ()  # the choices as a person reads them, if these are codes


def missing_lengths(size: StatedSize) -> tuple[str, ...]:
    """What of a voxel size (z, y, x) is unknown: ``"z step"``, ``"pixel size"``, both or nothing.

    Examples
    --------
    >>> missing_lengths((None, 0.1, 0.1))
    ('z step',)
    """
    z, *pixel = size
    return ("z step",) * (z is None) + ("pixel size",) * (None in pixel)


def believed_size(claims: Sequence[MetadataClaims]) -> tuple[StatedSize, str]:
    """Z step and pixel size [um], each as it is stated first, and by what; ``"unknown"``: nothing.

    Examples
    --------
    >>> settings = MetadataClaims("Settings.txt", (0.3, None, None))
    >>> believed_size([MetadataClaims("OME", (None, 0.1, 0.1)), settings])
    ((0.3, 0.1, 0.1), 'Settings.txt, OME')
    """
    steps = ((claim.voxel_size[0], claim.source) for claim in claims if claim.voxel_size[0])
    pixels = ((claim.voxel_size[1:], claim.source) for claim in claims if all(claim.voxel_size[1:]))
    z, of_z = next(steps, (None, ""))
    (y, x), of_pixel = next(pixels, ((None, None), ""))
    sources = dict.fromkeys(filter(None, (of_z, of_pixel)))
    return (z, y, x), ", ".join(sources) or "unknown"


def contradictions(
    claims: Sequence[MetadataClaims], voxel_size: StatedSize, origin: str, sizes: dict[str, int]
) -> list[str]:
    """Sentences where a source differs from what is believed, or from the files themselves."""
    notes = []
    for claim in claims:
        size = claim.voxel_size
        if claim.source not in origin.split(", ") and not _close(voxel_size, size):
            notes.append(f"{claim.source} says {size_text(size)}, but {origin} is believed")
        wrong = {axis: n for axis, n in claim.sizes.items() if n != sizes.get(axis, n)}
        if wrong:
            claimed, actual = (
                ", ".join(f"{counts[axis]} {axis}" for axis in wrong) for counts in (wrong, sizes)
            )
            notes.append(f"{claim.source} says {claimed}, the files have {actual}")
    return notes


def differences(
    claims: Sequence[MetadataClaims], name: str, what: str, unit: str, tolerance: float
) -> list[str]:
    """Sentences where a source states another number than the first one; a tolerance is relative.

    Examples
    --------
    >>> claims = [MetadataClaims("OME", angle=30.0), MetadataClaims("metadata.txt", angle=45.0)]
    >>> differences(claims, "angle", "angle", "degree", 0.01)
    ['The angle is 30 degree by OME, 45 degree by metadata.txt: the first is believed']
    """
    stated = [(getattr(claim, name), claim.source) for claim in claims if getattr(claim, name)]
    return [
        f"The {what} is {stated[0][0]:g} {unit} by {stated[0][1]}, {value:g} {unit} by {source}: "
        "the first is believed"
        for value, source in stated[1:]
        if not math.isclose(value, stated[0][0], rel_tol=tolerance)
    ]


def _close(first: StatedSize, second: StatedSize) -> bool:
    """Return whether two voxel sizes agree where both are stated."""
    pairs = zip(first, second, strict=True)
    return all(not (a and b) or math.isclose(a, b, rel_tol=0.01) for a, b in pairs)
