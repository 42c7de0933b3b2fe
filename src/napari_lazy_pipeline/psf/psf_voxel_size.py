"""PSF voxel size: what the person states, or what the file of the PSF does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tifffile

from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import metadata

UNKNOWN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Spacing:
    """Spacing of the voxels as a PSF file states it."""

    voxel_size: Triple = UNKNOWN  # (z, y, x) [um]; 0 where it is not stated
    source: str = ""  # what states it, for instance "ImageJ"
    exists: bool = True


def recorded_spacing(path: str | Path) -> Spacing:
    """Read the spacing that a file states; none for a file that is missing or no TIFF."""
    try:
        stat = os.stat(path)
    except OSError:
        return Spacing(exists=False)
    return _read_spacing(str(path), stat.st_size, stat.st_mtime_ns)


def psf_spacing(path: str | Path, stated: Triple = UNKNOWN) -> Triple:
    """Voxel size of a PSF (z, y, x) [um]: as the person states it (0 if not), else as its file.

    If neither does, a `PsfError` is raised: a PSF of the wrong length would still give a picture,
    and nobody would notice.
    """
    if all(stated):
        return stated
    recorded = recorded_spacing(path).voxel_size
    z, y, x = (own or read for own, read in zip(stated, recorded, strict=True))
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
def _read_spacing(path: str, size: int, mtime_ns: int) -> Spacing:
    """Read the header once per state of the file."""
    try:
        with tifffile.TiffFile(path) as tif:
            claims = metadata(tif)
    except Exception:  # noqa: BLE001 - what is wrong with it is an error where pixels are read
        return Spacing()
    if claims.voxel_size is None:
        return Spacing()
    z, y, x = claims.voxel_size
    # The only note there may be is that the distance of the planes is not stated.
    return Spacing((0.0 if claims.notes else z, y, x), claims.source)
