"""PSF view: a PSF as a picture; that of an OTF file is made of its spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import fft

from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import PsfArray, is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import UNKNOWN, psf_spacing
from napari_lazy_pipeline.psf.radial_otf import interpolate, read_psf_or_otf

_GAMMA = 0.5  # the rings of a PSF are a hundred times darker than its middle


@dataclass(frozen=True, eq=False)
class PsfPicture:
    """Picture of a PSF: float32 (z, y, x), voxel size (z, y, x) [um], and name of the file."""

    volume: np.ndarray
    voxel_size: Triple
    name: str

    @property
    def limits(self) -> tuple[float, float]:
        """Background and peak: the limits of the contrast."""
        low, high = float(np.median(self.volume)), float(self.volume.max())
        return (low, high) if high > low else (low, low + 1.0)

    def projection(self, axis: int) -> np.ndarray:
        """Largest values along an axis, from 0, background, to 1; dark parts are brightened."""
        low, high = self.limits
        values = (self.volume.max(axis=axis) - low) / (high - low)
        projection: np.ndarray = np.clip(values, 0, 1) ** _GAMMA
        return projection


def psf_picture(path: str | Path, stated: Triple = UNKNOWN) -> PsfPicture:
    """Read a PSF or OTF file, or a PSF in memory, as a picture, or raise a `PsfError`."""
    if isinstance(path, PsfArray):
        return PsfPicture(path.array, psf_spacing(path, stated), str(path))
    if not is_otf(path):
        volume = load_psf(path)
        return PsfPicture(volume, psf_spacing(path, stated), Path(path).name)
    otf = read_psf_or_otf(path, psf_spacing(path, stated))
    (rings, planes), (z, xy) = otf.values.shape, otf.voxel_size
    shape = (planes, 2 * (rings - 1), 2 * (rings - 1))
    spectrum = interpolate(otf, shape, (z, xy, xy))
    centred = np.asarray(fft.fftshift(fft.irfftn(spectrum, shape)), np.float32)
    return PsfPicture(centred, (z, xy, xy), Path(path).name)
