"""PSF choice: which of several PSF files belongs to which channel, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from napari_lazy_pipeline.errors import PsfError

_NUMBER = re.compile(r"[0-9]{3}")


def by_channel(paths: Sequence[str], channels: Sequence[str]) -> dict[str, str]:
    """Find the file of each channel: the one whose name has the channel's, or its wavelength.

    Parameters
    ----------
    paths
        Files of PSFs or OTFs, one a channel.
    channels
        Names of the channels.

    Raises
    ------
    PsfError
        If there are not as many files as channels, or the names leave doubt.

    Examples
    --------
    >>> by_channel(["psf_560.tif", "psf_488.tif"], ["488", "560nm"])
    {'488': 'psf_488.tif', '560nm': 'psf_560.tif'}
    """
    hint = "Choose one file for all channels, or one each with the channel's name in it"
    if len(paths) != len(channels):
        raise PsfError(f"There are {len(paths)} files for {len(channels)} channels", hint=hint)
    chosen = {channel: _of(channel, paths) for channel in channels}
    if any(len(found) != 1 for found in chosen.values()):
        raise PsfError("The names of the files do not tell which channel is whose", hint=hint)
    return {channel: found[0] for channel, found in chosen.items()}


def _of(channel: str, paths: Sequence[str]) -> list[str]:
    """The files that may be meant for a channel."""
    wave = _NUMBER.search(channel)
    marks = [channel.lower(), *([wave[0]] if wave else [])]
    names = {path: PurePath(path).stem.lower() for path in paths}
    return [path for path, name in names.items() if any(mark in name for mark in marks)]
