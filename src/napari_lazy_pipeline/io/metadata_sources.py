"""Weighs what files, texts beside them and names say about a stack, and makes its survey."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.folder_info import FolderInfo
from napari_lazy_pipeline.io.metadata import janelia_settings as settings_txt
from napari_lazy_pipeline.io.metadata import micromanager
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims, Question, contradictions
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.proposal import Proposal

_UNKNOWN = "unknown"
_NAMES = "file names"
_CLOCK = re.compile(r"_([0-9]+)msec_")
_NUMBERED = re.compile(r"ch[0-9]*")


def describe(
    source: FileSource,
    layout: FileTable,
    pattern: str,
    proposals: tuple[Proposal, ...],
    beside: Sequence[str],
    others: Sequence[str] = (),
) -> FolderInfo:
    """Add to the files what is said about them; what files and folder say first is believed."""
    notes = [*layout.notes, *source.info.notes]
    claims = [_of_header(source), *_of_texts(source, beside, notes), _of_names(source)]
    voxel_size, origin = _voxel_size(claims, notes)
    interval, interval_source = next(
        ((one.time_interval, one.source) for one in claims if one.time_interval), (None, _UNKNOWN)
    )
    angle, angle_source = next(
        ((one.angle, one.source) for one in claims if one.angle), (None, _UNKNOWN)
    )
    scan = next((one.scan for one in claims if one.scan), None)
    names, named_by = _channel_names(source, layout, claims)
    notes += contradictions(claims, voxel_size, origin, _sizes(source))
    positions = layout.positions if len(layout.positions) > 1 else source.info.scenes
    if len(positions) > 1:
        notes.append(_position_note(positions, source.position))
    doubt = any(not proposal.sure for proposal in proposals if proposal.pattern == pattern)
    if doubt:
        notes.append(f"The names leave doubt: check that {pattern} is what you mean")
    return FolderInfo(
        source, pattern, proposals, layout.unmatched, names, interval, voxel_size, origin, scan,
        angle, angle_source, tuple(notes), interval_source, named_by, positions,
        tuple(_questions(source, proposals if doubt else (), scan is None, angle)), tuple(others),
    )  # fmt: skip


def _voxel_size(claims: Sequence[MetadataClaims], notes: list[str]) -> tuple[Triple, str]:
    for one in claims:
        if one.voxel_size:
            return one.voxel_size, one.source
    notes.append("The voxel size is unknown: 1 um is assumed")
    return (1.0, 1.0, 1.0), _UNKNOWN


def _sizes(source: FileSource) -> dict[str, int]:
    """What the files hold, to hold it against what is said."""
    z, y, x = source.spec.shape
    times, channels = source.sizes
    return {"time points": times, "channels": channels, "planes": z, "rows": y, "columns": x}


def _of_header(source: FileSource) -> MetadataClaims:
    info = source.info
    return MetadataClaims(
        info.voxel_source or "the files", info.voxel_size, info.time_interval, info.channel_names
    )


def _of_texts(source: FileSource, names: Sequence[str], notes: list[str]) -> list[MetadataClaims]:
    """Read the Settings.txt and the metadata.txt of the stack, if there are any."""
    claims = []
    first = source.path(0, 0) or ""
    name = os.path.relpath(first, source.folder).replace(os.sep, "/") if first else ""
    for find, read in (
        (settings_txt.find_settings, settings_txt.read_settings),
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


def _of_names(source: FileSource) -> MetadataClaims:
    """Time between two time points, where the clock of the recording is in the names."""
    times = source.sizes[0]
    clocks = [
        (t, int(found[1]))
        for t in (0, times - 1)
        if (path := source.path(t, 0)) and (found := _CLOCK.search(os.path.basename(path)))
    ]
    if len(clocks) < 2 or clocks[1][0] == clocks[0][0]:
        return MetadataClaims(_NAMES)
    interval = (clocks[1][1] - clocks[0][1]) / 1000 / (clocks[1][0] - clocks[0][0])
    return MetadataClaims(_NAMES, time_interval=round(interval, 6) if interval > 0 else None)


def _channel_names(
    source: FileSource, layout: FileTable, claims: Sequence[MetadataClaims]
) -> tuple[tuple[str, ...], str]:
    """Names of the channels: those in the file names, unless these are mere numbers."""
    count, inner = source.sizes[1], source.info.inner[1]
    inside = source.info.channel_names or tuple(f"ch{c}" for c in range(inner))
    plain = all(_NUMBERED.fullmatch(name) for name in layout.channels)
    if inner == 1 and not plain:
        return layout.channels, _NAMES
    if inner > 1 and len(layout.channels) > 1:
        joint = tuple(f"{outer} {one}" for outer in layout.channels for one in inside)
        return joint, _NAMES
    for one in claims:
        if len(one.channel_names) == count and len(set(one.channel_names)) == count:
            return one.channel_names, one.source
    return (layout.channels if inner == 1 else inside), _NAMES if inner == 1 else "the files"


def _position_note(positions: Sequence[str], position: str) -> str:
    listed = ", ".join(positions[:6]) + (", ..." if len(positions) > 6 else "")
    return f"There are {len(positions)} positions ({listed}): {position} is shown"


def _questions(
    source: FileSource, proposals: Sequence[Proposal], unknown: bool, angle: float | None
) -> list[Question]:
    """What a person should be asked."""
    questions = []
    if proposals:
        patterns = tuple(dict.fromkeys(one.pattern for one in proposals))
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
