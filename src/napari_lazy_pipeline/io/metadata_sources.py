"""Metadata sources: files, texts beside them and names, weighed for the description of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import StatedSize
from napari_lazy_pipeline.io.channel_differences import channel_differences
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.stated_interval import stated_interval
from napari_lazy_pipeline.io.folder_info import FolderInfo
from napari_lazy_pipeline.io.metadata import janelia_settings, micromanager
from napari_lazy_pipeline.io.metadata.claim import (
    MetadataClaims,
    Question,
    believed_size,
    contradictions,
    differences,
    missing_lengths,
)
from napari_lazy_pipeline.io.patterns.field_values import format_names
from napari_lazy_pipeline.io.patterns.proposal import Proposal
from napari_lazy_pipeline.io.readers import axes_in_words, possible_axes

_NAMES = "file names"
_CLOCK = re.compile(r"_([0-9]+)msec_")
_TEXTS = "ettings.txt", "metadata.txt"
_NUMBERED = re.compile(r"ch[0-9]*")


def describe(
    source: FileSource, proposals: Sequence[Proposal], beside: Sequence[str]
) -> FolderInfo:
    """Add metadata to the files, also of texts beside them: what is stated first is believed."""
    layout, info = source.layout, source.info
    notes = [*layout.notes, *info.notes]
    header = MetadataClaims(
        info.voxel_source or "the files",
        info.voxel_size,
        stated_interval(source),
        _names_in_set(source) or info.channel_names,
    )
    claims = [header, *_text_claims(source, beside, notes), _name_claims(source)]
    voxel_size, origin = believed_size(claims)
    interval, interval_source = _first(claims, "time_interval")
    angle, angle_source = _first(claims, "angle")
    scan, _ = _first(claims, "scan")
    names, names_source = _channel_names(source, claims)
    notes += contradictions(claims, voxel_size, origin, _sizes(source))
    notes += differences(claims, "time_interval", "time between time points", "s", 0.1)
    notes += differences(claims, "angle", "light-sheet angle", "degree", 0.01)
    notes += filter(None, channel_differences(source, names))
    positions = layout.positions if len(layout.positions) > 1 else info.scenes
    if len(positions) > 1:
        listed = f"{len(positions)} positions ({format_names(positions)})"
        notes.append(f"There are {listed}: {source.position} is shown")
    doubt = any(not proposal.sure for proposal in proposals if proposal.pattern == layout.pattern)
    if doubt:
        notes.append(f"The names leave doubt: check that {layout.pattern} is what you mean")
    return FolderInfo(
        source, layout.pattern, tuple(proposals), layout.unmatched, names, interval, voxel_size,
        origin, scan, angle, angle_source, tuple(notes), interval_source, names_source, positions,
        tuple(_questions(source, proposals if doubt else (), voxel_size, scan, angle)),
        layout.others,
    )  # fmt: skip


def with_interval(folder_info: FolderInfo) -> FolderInfo:
    """Bring the time between two time points up to date for a folder that has grown."""
    claims, stated = _name_claims(folder_info.source), stated_interval(folder_info.source)
    if folder_info.source.info.exported and stated and stated != folder_info.time_interval:
        return replace(folder_info, time_interval=stated)
    if folder_info.time_interval is not None or claims.time_interval is None:
        return folder_info
    return replace(folder_info, time_interval=claims.time_interval, interval_source=claims.source)


def _names_in_set(source: FileSource) -> tuple[str, ...]:
    """Names of the channels that files state of their set, of which some may be left out."""
    names, columns = source.info.set_channels, source.layout.channels
    if len(names) == source.sizes[1]:
        return names
    numbers = [int(column[2:]) for column in columns if _NUMBERED.fullmatch(column) and column[2:]]
    known = len(numbers) == len(columns) == source.sizes[1] and max(numbers) < len(names)
    return tuple(names[number] for number in numbers) if known else ()


def _first(claims: Sequence[MetadataClaims], name: str) -> tuple[Any, str]:
    """The first value that is stated, and by what; None and ``"unknown"`` if there is none."""
    stated = ((getattr(claim, name), claim.source) for claim in claims if getattr(claim, name))
    return next(stated, (None, "unknown"))


def _sizes(source: FileSource) -> dict[str, int]:
    """Return what the files hold, to compare claims with."""
    z, y, x = source.spec.shape
    times, channels = source.sizes
    return {"time points": times, "channels": channels, "planes": z, "rows": y, "columns": x}


def _text_claims(
    source: FileSource, names: Sequence[str], notes: list[str]
) -> Iterator[MetadataClaims]:
    """Read the Settings.txt and the metadata.txt of the stack, if there are any."""
    files = source.layout.table.ravel()
    first = source.names[files[files >= 0][0]]  # those of another stack may lie beside it
    found: list[str] = []
    for find, read in (
        (janelia_settings.find_settings, janelia_settings.read_settings),
        (micromanager.find_metadata, micromanager.read_metadata),
    ):
        title = find(names, first)
        if title is None:
            continue
        found.append(title)
        try:
            claim = read(os.path.join(source.folder, title), title)
        except OSError as error:
            notes.append(f"{title} cannot be read: {error.strerror}")
        else:
            notes += claim.notes
            yield claim
    others = [name for name in names if name.endswith(_TEXTS)]
    if others and not found:
        notes.append(f"{min(others)} is not read: its name begins otherwise than the files do")


def _name_claims(source: FileSource) -> MetadataClaims:
    """Time between two time points, where the clock of the recording is in the names."""
    files = source.layout.table[:, 0].reshape(len(source.layout.table), -1)[:, 0]
    rows = np.flatnonzero(files >= 0)
    ends = rows[[0, -1]] if len(rows) > 1 else rows
    names = [os.path.basename(source.names[files[row]]) for row in ends]
    clocks = [int(match[1]) for match in map(_CLOCK.search, names) if match]
    if len(clocks) < 2 or clocks[1] <= clocks[0]:
        return MetadataClaims(_NAMES)
    # Each names the first time point of its file.
    apart = int(rows[-1] - rows[0]) * source.info.inner[0]
    return MetadataClaims(_NAMES, time_interval=round((clocks[1] - clocks[0]) / 1000 / apart, 6))


def _channel_names(
    source: FileSource, claims: Sequence[MetadataClaims]
) -> tuple[tuple[str, ...], str]:
    """Names of the channels: those in the file names, unless these are mere numbers."""
    outer, count, inner = source.layout.channels, source.sizes[1], source.info.inner[1]
    inside = source.info.channel_names or tuple(f"ch{c}" for c in range(inner))
    if inner == 1 and not all(map(_NUMBERED.fullmatch, outer)):
        return outer, _NAMES
    if inner > 1 and len(outer) > 1:
        return tuple(f"{first} {second}" for first in outer for second in inside), _NAMES
    for claim in claims:
        if len(claim.channel_names) == count and len(set(claim.channel_names)) == count:
            return claim.channel_names, claim.source
    return (outer, _NAMES) if inner == 1 else (inside, "the files")


def _questions(
    source: FileSource,
    proposals: Sequence[Proposal],
    size: StatedSize,
    scan: Scan | None,
    angle: float | None,
) -> Iterator[Question]:
    """Questions that a person should answer."""
    if proposals:
        patterns = tuple(dict.fromkeys(proposal.pattern for proposal in proposals))
        yield Question("pattern", "Which number is the time point?", patterns)
    if source.reader.by_pages and not source.info.indexed and not source.info.restated:
        yield from _page_questions(source)
    missing = missing_lengths(size)
    if missing:
        yield Question("voxel_size", f"{' and '.join(missing)}?".capitalize(), missing)
    if scan is None and source.spec.shape[0] > 1 and source.spec.frame == "camera":
        if angle is None:
            yield Question("angle", "Light-sheet angle to the coverslip (deg)?")
        yield Question(
            "step", "z step measured along the stage, or perpendicular to the planes?",
            ("stage", "perpendicular"),
        )  # fmt: skip


def _page_questions(source: FileSource) -> Iterator[Question]:
    """What the pages of a file are, if it leaves that open."""
    info, (times, channels) = source.info, source.info.inner
    if len(info.unnamed) in (2, 3):
        sizes = " x ".join(map(str, info.unnamed))
        choices = possible_axes(info.unnamed)
        words = tuple(axes_in_words(axes, info.unnamed) for axes in choices)
        yield Question("axes", f"Each file holds {sizes} planes: what are they?", choices, words)
    elif source.spec.shape[0] == 1 and (times > 1) != (channels > 1) and info.shape[0] == 1:
        what = f"{times} time points" if times > 1 else f"{channels} channels"
        text = f"Each file says it holds {what} of one plane: are these planes?"
        yield Question("axes", text, ("ZYX",))
