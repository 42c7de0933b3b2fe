"""Tells how far apart the voxels of a PSF are: as the person says, or its file, or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tifffile

from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

_UNSAID = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Spacing:
    """What a PSF file says about the spacing of its voxels.

    Attributes
    ----------
    voxel_size
        (z, y, x) [um]; 0 where it says nothing.
    source
        Who says so, for instance ``"ImageJ"``; empty if nobody does.
    there
        Whether there is such a file.
    """

    voxel_size: Triple = _UNSAID
    source: str = ""
    there: bool = True


def recorded_spacing(path: str | Path) -> Spacing:
    """Look up what a file says; nothing for a file that is missing or no TIFF."""
    try:
        stat = os.stat(path)
    except OSError:
        return Spacing(there=False)
    return _recorded(str(path), stat.st_size, stat.st_mtime_ns)


def psf_spacing(path: str | Path, stated: Triple = _UNSAID) -> Triple:
    """The voxel size of a PSF (z, y, x) [um]: what is stated, else what the file says.

    Parameters
    ----------
    path
        The PSF or OTF file.
    stated
        What the person says (z, y, x) [um]; 0 where nothing is said.

    Raises
    ------
    PsfError
        If neither the person nor the file says it: a PSF of the wrong length would still give a
        picture, and nobody would notice.
    """
    if all(stated):
        return stated
    recorded = recorded_spacing(path).voxel_size
    z, y, x = (said or read for said, read in zip(stated, recorded, strict=True))
    missing = [axis for axis, length in zip("zyx", (z, y, x), strict=True) if not length]
    if missing:
        raise PsfError(
            f"The voxel size of the PSF is not known along {', '.join(missing)}: its file does "
            "not say",
            str(path),
            "Type the PSF voxel size",
        )
    return z, y, x


@lru_cache(maxsize=16)
def _recorded(path: str, size: int, mtime_ns: int) -> Spacing:
    """Read the header once per state of the file."""
    try:
        with tifffile.TiffFile(path) as tif:
            said = metadata(tif)
    except Exception:  # noqa: BLE001 - what is wrong with it is said where its pixels are read
        return Spacing()
    if said.voxel_size is None:
        return Spacing()
    _, y, x = said.voxel_size
    # The only thing there is to note is that the distance of the planes is not said.
    z = 0.0 if said.notes else said.voxel_size[0]
    return Spacing((z, y, x), said.source)
