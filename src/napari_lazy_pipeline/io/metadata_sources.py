"""Metadata sources: files, texts beside them and names, weighed for the description of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.folder_info import FolderInfo
from napari_lazy_pipeline.io.metadata import janelia_settings, micromanager
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims, Question, contradictions
from napari_lazy_pipeline.io.patterns.proposal import Proposal

_UNKNOWN = "unknown"
_NAMES = "file names"
_CLOCK = re.compile(r"_([0-9]+)msec_")
_NUMBERED = re.compile(r"ch[0-9]*")


def describe(
    source: FileSource,
    pattern: str,
    proposals: tuple[Proposal, ...],
    beside: Sequence[str],
    others: Sequence[str] = (),
) -> FolderInfo:
    """Add metadata to the files; what files and folder state first is believed."""
    layout = source.layout
    notes = [*layout.notes, *source.info.notes]
    claims = [_header_claims(source), *_text_claims(source, beside, notes), _name_claims(source)]
    voxel_size, origin = _voxel_size(claims, notes)
    interval, interval_source = next(
        ((claim.time_interval, claim.source) for claim in claims if claim.time_interval),
        (None, _UNKNOWN),
    )
    angle, angle_source = next(
        ((claim.angle, claim.source) for claim in claims if claim.angle), (None, _UNKNOWN)
    )
    scan = next((claim.scan for claim in claims if claim.scan), None)
    names, names_source = _channel_names(source, claims)
    notes += contradictions(claims, voxel_size, origin, _sizes(source))
    positions = layout.positions if len(layout.positions) > 1 else source.info.scenes
    if len(positions) > 1:
        notes.append(_position_note(positions, source.position))
    doubt = any(not proposal.sure for proposal in proposals if proposal.pattern == pattern)
    if doubt:
        notes.append(f"The names leave doubt: check that {pattern} is what you mean")
    return FolderInfo(
        source, pattern, proposals, layout.unmatched, names, interval, voxel_size, origin, scan,
        angle, angle_source, tuple(notes), interval_source, names_source, positions,
        tuple(_questions(source, proposals if doubt else (), scan is None, angle)), tuple(others),
    )  # fmt: skip


def _voxel_size(claims: Sequence[MetadataClaims], notes: list[str]) -> tuple[Triple, str]:
    for claim in claims:
        if claim.voxel_size:
            return claim.voxel_size, claim.source
    notes.append("The voxel size is unknown: 1 um is assumed")
    return (1.0, 1.0, 1.0), _UNKNOWN


def _sizes(source: FileSource) -> dict[str, int]:
    """What the files hold, to compare claims with."""
    z, y, x = source.spec.shape
    times, channels = source.sizes
    return {"time points": times, "channels": channels, "planes": z, "rows": y, "columns": x}


def _header_claims(source: FileSource) -> MetadataClaims:
    info = source.info
    return MetadataClaims(
        info.voxel_source or "the files", info.voxel_size, info.time_interval, info.channel_names
    )


def _text_claims(
    source: FileSource, names: Sequence[str], notes: list[str]
) -> list[MetadataClaims]:
    """Read the Settings.txt and the metadata.txt of the stack, if there are any."""
    claims = []
    first = source.path(0, 0) or ""
    name = os.path.relpath(first, source.folder).replace(os.sep, "/") if first else ""
    for find, read in (
        (janelia_settings.find_settings, janelia_settings.read_settings),
        (micromanager.find_metadata, micromanager.read_metadata),
    ):
        title = find(names, name)
        if title is None:
            continue
        try:
            claims.append(read(os.path.join(source.folder, title), title))
        except OSError as error:
            notes.append(f"{title} cannot be read: {error.strerror}")
            continue
        notes += claims[-1].notes
    return claims


def _name_claims(source: FileSource) -> MetadataClaims:
    """Time between two time points, where the clock of the recording is in the names."""
    last = source.sizes[0] - 1
    paths = {t: source.path(t, 0) for t in (0, last)}
    clocks = [_CLOCK.search(os.path.basename(path)) for path in paths.values() if path]
    if last == 0 or len(clocks) < 2 or not all(clocks):
        return MetadataClaims(_NAMES)
    first, final = (int(match[1]) for match in clocks if match)
    interval = (final - first) / 1000 / last
    return MetadataClaims(_NAMES, time_interval=round(interval, 6) if interval > 0 else None)


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


def _position_note(positions: Sequence[str], position: str) -> str:
    listed = ", ".join(positions[:6]) + (", ..." if len(positions) > 6 else "")
    return f"There are {len(positions)} positions ({listed}): {position} is shown"


def _questions(
    source: FileSource, proposals: Sequence[Proposal], unknown: bool, angle: float | None
) -> list[Question]:
    """Questions that a person should answer."""
    questions = []
    if proposals:
        patterns = tuple(dict.fromkeys(proposal.pattern for proposal in proposals))
        questions.append(Question("pattern", "Which of the numbers is what?", patterns))
    times, channels = source.info.inner
    if source.spec.shape[0] == 1 and (times > 1) != (channels > 1) and source.info.shape[0] == 1:
        what = f"{times} time points" if times > 1 else f"{channels} channels"
        questions.append(
            Question(
                "axes", f"Each file says it holds {what} of one plane: are these planes?", ("ZYX",)
            )
        )
    if unknown and source.spec.shape[0] > 1:
        if angle is None:
            questions.append(Question("angle", "What is the angle between light sheet and scan?"))
        questions.append(
            Question(
                "step",
                "Is the z step the way of the stage between two planes, or the distance of the "
                "planes, perpendicular to them?",
                ("stage", "perpendicular"),
            )
        )
    return questions
