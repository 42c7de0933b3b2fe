"""PSF voxel size: what the person states, or what the file of the PSF does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import PsfIncompleteError
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

UNKNOWN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Spacing:
    """Spacing of the voxels as a PSF file states it."""

    voxel_size: Triple = UNKNOWN  # (z, y, x) [um]; 0 where it is not stated
    source: str = ""  # what states it, for instance "ImageJ"
    readable: bool = True  # whether there is a TIFF


def recorded_spacing(path: str | Path) -> Spacing:
    """Read the spacing that a file states; none for a file that is missing or no TIFF."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return Spacing(readable=False)
    return _read_spacing(str(path), stat.st_size, stat.st_mtime_ns)


def psf_spacing(path: str | Path, stated: Triple = UNKNOWN) -> Triple:
    """Voxel size of a PSF (z, y, x) [um]: as the person states it (0 if not), else as its file.

    If neither does, a `PsfIncompleteError` is raised: a PSF of the wrong length would still give
    a picture, and nobody would notice.
    """
    if all(stated):
        return stated
    recorded = recorded_spacing(path).voxel_size
    z, y, x = (own or read for own, read in zip(stated, recorded, strict=True))
    missing = [axis for axis, length in zip("zyx", (z, y, x), strict=True) if not length]
    if missing:
        raise PsfIncompleteError(
            f"The voxel size of the PSF is not known along {', '.join(missing)}: its file does "
            "not say",
            str(path),
            "Enter the PSF voxel size",
        )
    return z, y, x


@lru_cache(maxsize=16)
def _read_spacing(path: str, size: int, mtime_ns: int) -> Spacing:
    """Read the header once per state of the file."""
    try:
        with open_regular(path) as file, tifffile.TiffFile(file) as tif:
            claims = metadata(tif)
    except Exception:  # noqa: BLE001 - what is wrong with it is an error where pixels are read
        return Spacing(readable=False)
    z, y, x = (length or 0.0 for length in claims.voxel_size)
    return Spacing((z, y, x), claims.source if z or y or x else "")
