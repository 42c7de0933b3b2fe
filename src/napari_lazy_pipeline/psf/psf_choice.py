"""PSF choice: which of several PSF files belongs to which channel; who is not sure, asks."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.psf.psf_search import psf_files
from napari_lazy_pipeline.psf.wavelength import wavelengths

REACH = 25  # nm between the wavelengths of a PSF and of the channel it is used for
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class PsfChoice:
    """The PSF file of a channel, if that is certain.

    Attributes
    ----------
    path
        The file; empty if a person has to choose.
    reason
        Evidence for it, or what is doubtful.
    candidates
        All files, the likeliest first.
    """

    path: str
    reason: str
    candidates: tuple[str, ...]


def choose_psfs(
    paths: Sequence[str],
    channels: Sequence[str],
    stated: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, PsfChoice]:
    """Choose a file for each channel, by the wavelengths or the words in their names.

    Certain is the only file that has all words of the channel's name, or a wavelength within 25 nm
    of its own. Beside a file of just its wavelength, those of other channels do not count.

    Parameters
    ----------
    paths
        Files of PSFs or OTFs.
    channels
        Names of the channels.
    stated
        By the name of a channel, its wavelengths as metadata state them [nm]: of the light that
        excites, that is emitted, or both.

    Examples
    --------
    >>> chosen = choose_psfs(["psf_560.tif", "psf_488.tif"], ["CamA_488nm", "GFP"])
    >>> chosen["CamA_488nm"].path, chosen["CamA_488nm"].reason
    ('psf_488.tif', '488 nm in both names')
    >>> chosen["GFP"].path, chosen["GFP"].reason
    ('', 'no wavelength is known for this channel')
    """
    stated = stated or {}
    waves = {name: wavelengths(name) or tuple(stated.get(name, ())) for name in channels}
    exact = {name: {path for path in paths if not _distance(waves[name], path)} for name in waves}
    return {
        name: _choice(name, waves[name], paths, set[str]().union(*exact.values()) - exact[name])
        for name in channels
    }


def find_psfs(where: str | Path | Iterable[str | Path], channels: Sequence[str]) -> dict[str, str]:
    """Find the PSF file of each channel; see `choose_psfs`.

    Parameters
    ----------
    where
        A folder, a pattern such as ``"psfs/psf_*.tif"``, or the files themselves.
    channels
        Names of the channels.

    Raises
    ------
    PsfError
        If the files of some channels are not certain.
    """
    chosen = choose_psfs(psf_files(where), channels)
    doubts = [f"{channel}: {one.reason}" for channel, one in chosen.items() if not one.path]
    if doubts:
        hint = "Name the files by wavelength, as psf_488.tif, or state the file of each channel"
        raise PsfError(f"The PSFs of some channels are not certain: {'; '.join(doubts)}", hint=hint)
    return {channel: one.path for channel, one in chosen.items()}


def _choice(
    channel: str, waves: tuple[int, ...], paths: Sequence[str], of_others: Collection[str]
) -> PsfChoice:
    """Choose for one channel; a file of the wavelength of another one is no rival of its own."""
    distance = {path: _distance(waves, path) for path in paths}
    ordered = tuple(sorted(paths, key=lambda path: (distance[path], path)))
    named = [path for path in ordered if _has_words(channel, path)]
    near = [path for path in ordered if distance[path] <= REACH]
    exact = bool(near) and not distance[near[0]]
    if exact:
        near = [path for path in near if path not in of_others]
    for found, evidence in (
        (named, "the channel's name is in that of the file"),
        (near, f"{_text(waves)} nm in both names" if exact else f"nearest to {_text(waves)} nm"),
    ):
        if len(found) == 1:
            return PsfChoice(found[0], evidence, ordered)
        if found:
            names = " or ".join(PurePath(path).name for path in found)
            first = tuple(found) + tuple(path for path in ordered if path not in found)
            return PsfChoice("", f"{names}?", first)
    if not waves:
        return PsfChoice("", "no wavelength is known for this channel", ordered)
    return PsfChoice("", f"no PSF is named by a wavelength within {REACH} nm", ordered)


def _distance(waves: tuple[int, ...], path: str) -> float:
    """Difference of the wavelengths that are nearest [nm]; infinite where one is unknown."""
    of_file = wavelengths(PurePath(path).stem)
    return min((abs(a - b) for a in waves for b in of_file), default=math.inf)


def _has_words(channel: str, path: str) -> bool:
    """Return whether a file name has all words of the channel's name, not only numbers."""
    words = _words(channel)
    return any(not word.isdecimal() for word in words) and words <= _words(PurePath(path).stem)


def _words(name: str) -> set[str]:
    words = (word.lower() for word in _WORD.findall(name))
    return {word.removesuffix("nm") if word[:1].isdecimal() else word for word in words} - {"nm"}


def _text(waves: tuple[int, ...]) -> str:
    return "/".join(map(str, waves))
