"""Opens a folder of files as a stack: what is there, where it belongs, how large it is."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from napari_lazy_pipeline.errors import FolderError, PatternError
from napari_lazy_pipeline.files import FileSource
from napari_lazy_pipeline.geometry import Triple
from napari_lazy_pipeline.layout import Layout, arrange
from napari_lazy_pipeline.patterns import Proposal, compile_pattern, propose_patterns
from napari_lazy_pipeline.readers import suffixes
from napari_lazy_pipeline.settings_txt import Settings, find_settings, read_settings
from napari_lazy_pipeline.stack import Stack
from napari_lazy_pipeline.survey import Survey

__all__ = ["Survey", "open_stack", "survey"]

_UNKNOWN = "unknown"


def open_stack(
    folder: str | os.PathLike[str],
    pattern: str | None = None,
    voxel_size: Sequence[float] | None = None,
    *,
    time_interval: float | None = None,
    channel_names: Sequence[str] | None = None,
) -> Stack:
    """Open a folder of files, one volume each, as a stack; no pixel is read.

    Parameters
    ----------
    folder
        The folder.
    pattern
        Which files belong to the stack, for instance ``"{name}_ch{c}_stack{t}_*.tif"``, see
        `compile_pattern`; ``"*.tif"`` takes the files as time points, in natural order.
        Proposed from the names if not given.
    voxel_size
        (z, y, x) [um], z as it was recorded; from metadata if not given, and (1, 1, 1)
        if there is none.
    time_interval
        Time between two time points [s]; from metadata if not given.
    channel_names
        One per channel; from the file names if not given.

    Returns
    -------
    Stack
        Lazy (t, c, z, y, x); ``stack.volume(t, c)`` reads one file.

    Raises
    ------
    FolderError
        If the folder cannot be opened as a stack.
    PatternError
        If the pattern cannot be read or does not fit the files.

    Examples
    --------
    >>> from napari_lazy_pipeline.samples import real_stack_folder
    >>> open_stack(real_stack_folder(), voxel_size=(0.3, 0.1, 0.1)).shape[:2]
    (1, 1)
    """
    return survey(folder, pattern).stack(
        voxel_size, time_interval=time_interval, channel_names=channel_names
    )


def survey(folder: str | os.PathLike[str], pattern: str | None = None) -> Survey:
    """Look at a folder: its names, and the header of one file.

    Raises
    ------
    FolderError
        If the folder cannot be opened as a stack.
    PatternError
        If the pattern cannot be read or does not fit the files.
    """
    where = os.path.abspath(Path(folder).expanduser())
    chosen = compile_pattern(pattern) if pattern is not None else None
    names = _names(where)
    images = _images(names, where)
    proposals = propose_patterns(images)
    if chosen is None:
        text, layout, proposals = _best(images, proposals)
    else:
        text, layout = chosen.text, arrange(images, chosen)
    source = FileSource.probe(where, layout)
    beside = names if len(names) > len(images) else []
    return _describe(source, layout, text, tuple(proposals), beside)


def _names(folder: str) -> list[str]:
    """Names of what is in a folder, hidden files left out; nothing is opened."""
    try:
        return [name for name in os.listdir(folder) if name[0] != "."]
    except FileNotFoundError as error:
        raise FolderError("There is no such folder", folder, "Check the path") from error
    except NotADirectoryError as error:
        raise FolderError(
            "This is a file, not a folder", folder, "Give its folder, and its name as the pattern"
        ) from error
    except PermissionError as error:
        raise FolderError("The folder may not be read", folder, "Ask for permission") from error
    except OSError as error:
        raise FolderError(f"The folder cannot be read: {error.strerror}", folder) from error


def _images(names: list[str], folder: str) -> list[str]:
    if not names:
        raise FolderError("The folder is empty", folder, "Choose the folder that holds the TIFFs")
    endings = suffixes()
    # Both cases are listed because to lower each of many names takes longer.
    either = (*endings, *map(str.upper, endings), *(f".{e[1:].title()}" for e in endings))
    images = [name for name in names if name.endswith(either)]
    if not images:
        raise FolderError(
            f"None of the {len(names)} names in the folder ends with {', '.join(endings)}",
            folder,
            f"One of them is {min(names)}: choose the folder that holds the TIFFs",
        )
    return images


def _best(names: list[str], proposals: list[Proposal]) -> tuple[str, Layout, list[Proposal]]:
    """Take the first proposal that fits; look at all names if a sample was not enough."""
    complete = False
    while True:
        for proposal in proposals:
            try:
                layout = arrange(names, compile_pattern(proposal.pattern))
            except PatternError:
                continue
            if complete or layout.unmatched <= len(names) / 10 or not proposal.sure:
                return proposal.pattern, layout, proposals
            break
        if complete:
            raise PatternError("No pattern was found for the files", min(names), "Type one")
        proposals, complete = propose_patterns(names, len(names)), True


def _describe(
    source: FileSource,
    layout: Layout,
    pattern: str,
    proposals: tuple[Proposal, ...],
    names: list[str],
) -> Survey:
    """Add what the metadata say."""
    info, notes = source.info, [*layout.notes, *source.info.notes]
    settings, title = _settings(source, names, notes)
    if info.voxel_size:
        voxel_size, origin = info.voxel_size, info.voxel_source
    elif settings.voxel_size:
        voxel_size, origin = settings.voxel_size, title
    else:
        voxel_size, origin = (1.0, 1.0, 1.0), _UNKNOWN
        notes.append("The voxel size is unknown: 1 um is assumed")
    if info.voxel_size and settings.voxel_size and not _close(voxel_size, settings.voxel_size):
        said = " x ".join(f"{length:g}" for length in settings.voxel_size)
        notes.append(f"{title} says {said} um (z, y, x), but {origin} is believed")
    if any(not proposal.sure for proposal in proposals if proposal.pattern == pattern):
        notes.append(f"The names leave doubt: check that {pattern} is what you mean")
    return Survey(
        source, pattern, proposals, layout.unmatched, layout.channels, info.time_interval,
        voxel_size, origin, settings.scan, settings.angle,
        title if settings.angle else _UNKNOWN, tuple(notes),
    )  # fmt: skip


def _settings(source: FileSource, names: list[str], notes: list[str]) -> tuple[Settings, str]:
    """Read the Settings.txt of the stack, if there is one."""
    title = find_settings(names, source.info.name)
    if title is None:
        return Settings(), ""
    try:
        return read_settings(os.path.join(source.folder, title)), title
    except OSError as error:
        notes.append(f"{title} cannot be read: {error.strerror}")
        return Settings(), ""


def _close(first: Triple, second: Triple) -> bool:
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(first, second, strict=True))
