"""Theoretical PSF: computed for an objective and a light sheet, where none was measured."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import tifffile
from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_lazy_pipeline._runtime.fresh_file import fresh_file
from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import SMALLEST

_Length = Annotated[float, Field(gt=0, le=10)]

# Beyond so many Airy radii, or lengths of the focus, there is next to no light.
AIRY_RADII = 10
FOCAL_LENGTHS = 4
# Where a sheet has fallen to a five-hundredth of its middle, in units of its thickness.
SHEET_REACH = 1.5
# Samples of the radial profile for each pixel: between them a straight line is good enough.
FINE = 8
LARGEST = 512


class Optics(BaseModel):
    """Optics of a light-sheet microscope, as far as its PSF depends on it.

    >>> Optics(numerical_aperture=1.1, wavelength=520).shape
    (31, 59, 59)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    numerical_aperture: Annotated[
        float,
        Field(
            ge=0.1,
            le=1.7,
            title="NA of detection",
            description="Numerical aperture of the objective that looks at the sheet.",
            json_schema_extra={"step": 0.05},
        ),
        Unit("1"),
    ] = 1.1
    wavelength: Annotated[
        float,
        Field(
            ge=300,
            le=1200,
            title="Emission",
            description="Wavelength of the light that is detected, not of the laser.",
            json_schema_extra={"step": 5},
        ),
        Unit("nm"),
    ] = 520.0
    refractive_index: Annotated[
        float,
        Field(
            ge=1,
            le=1.8,
            title="Refractive index",
            description="Of the medium around the sample: 1.33 for water, 1.515 for oil.",
            json_schema_extra={"step": 0.01},
        ),
        Unit("1"),
    ] = 1.33
    sheet_thickness: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Sheet thickness",
            description="Full width at half maximum of the light sheet; 0: as thick as the sample.",
            json_schema_extra={"step": 0.1},
        ),
        Unit("µm"),
    ] = 1.0
    voxel_size: Annotated[
        tuple[_Length, _Length, _Length],
        Field(
            title="Voxel size",
            description="Spacing of the PSF along z (the axis of detection), y and x; need not be "
            "that of the data.",
            json_schema_extra={"step": 0.01},
        ),
        Unit("µm"),
    ] = (0.1, 0.1, 0.1)

    @model_validator(mode="after")
    def _light_can_leave(self) -> Self:
        if self.numerical_aperture >= self.refractive_index:
            raise ValueError("the NA has to be below the refractive index")
        return self

    @property
    def airy_radius(self) -> float:
        """Radius of the first dark ring [um]."""
        return 0.61e-3 * self.wavelength / self.numerical_aperture

    @property
    def focal_length(self) -> float:
        """Distance from the focus to the first dark place along the axis [um]."""
        n, na = self.refractive_index, self.numerical_aperture
        return 1e-3 * self.wavelength / (n - math.sqrt(n * n - na * na))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (z, y, x) that holds what light there is, odd; a `PsfError` if it is too large."""
        depth = FOCAL_LENGTHS * self.focal_length
        if self.sheet_thickness:
            depth = min(depth, SHEET_REACH * self.sheet_thickness)
        reach = (depth, *[AIRY_RADII * self.airy_radius] * 2)
        z, y, x = (
            2 * max(math.ceil(half / step), least // 2) + 1
            for half, step, least in zip(reach, self.voxel_size, SMALLEST, strict=True)
        )
        if max(z, y, x) > LARGEST:
            raise PsfError(
                f"The PSF would have {z} x {y} x {x} voxels",
                hint="Give larger voxels; half of the resolution is enough",
            )
        return z, y, x


def unavailable() -> str | None:
    """Say in one line why no PSF can be computed here; None if one can."""
    install = 'Install it with: pip install "napari-lazy-pipeline[psf]"'
    return None if find_spec("psf") else f"The library psf is not installed. {install}"


def compute_psf(optics: Optics) -> np.ndarray:
    """Compute the picture of a point in the middle of the sheet, its maximum, which is 1.

    The detection is that of the vectorial theory of Richards and Wolf for light without
    polarization, from the library psf; the sheet multiplies it by a Gaussian along the axis. The
    result is float32 (z, y, x) of odd size.

    Raises
    ------
    PsfError
        If the library is not installed, or the PSF would be too large.

    References
    ----------
    B. Richards and E. Wolf, Proc. R. Soc. Lond. A 253, 358 (1959);
    P. J. Keller et al., Science 322, 1065 (2008), for the product of sheet and detection.
    """
    if reason := unavailable():
        raise PsfError(reason)
    z, y, x = (np.arange(n) - n // 2 for n in optics.shape)
    dz, dy, dx = optics.voxel_size
    radii = np.hypot(y[:, None] * dy, x * dx)
    axis, profiles = _profiles(optics, radii.max())
    volume = np.empty(optics.shape, np.float32)
    for plane, k in zip(volume, np.abs(z), strict=True):
        plane[...] = np.interp(radii, axis, profiles[k]) * _sheet(optics, k * dz)
    return volume


def _profiles(optics: Optics, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the axis [um], and the light there (z, r) for each plane from the focus on."""
    import psf

    planes = optics.shape[0] // 2 + 1
    step = min(optics.voxel_size[1:]) / FINE
    count = math.ceil(reach / step) + 2
    detection = psf.PSF(
        psf.ISOTROPIC | psf.EMISSION,
        shape=(planes, count),
        # From the first sample to the last.
        dims=((planes - 1) * optics.voxel_size[0], (count - 1) * step),
        em_wavelen=optics.wavelength,
        num_aperture=optics.numerical_aperture,
        refr_index=optics.refractive_index,
    )
    return np.arange(count) * step, np.asarray(detection.data)


def _sheet(optics: Optics, z: float) -> float:
    """Brightness of the sheet at a distance from its middle [um]."""
    if not optics.sheet_thickness:
        return 1.0
    return float(2.0 ** -((2 * z / optics.sheet_thickness) ** 2))


def save_psf(psf: np.ndarray, voxel_size: Triple, path: str | Path, about: str = "") -> Path:
    """Write a PSF as a TIFF file with its voxel size, and how it was made; all of it or nothing.

    Parameters
    ----------
    psf, voxel_size
        float32 (z, y, x), and (z, y, x) [um].
    path
        Where to; ``.tif`` is added if it has no suffix.

    Raises
    ------
    PsfError
        If it cannot be written.
    """
    path = Path(path)
    path = path if path.suffix.lower() in (".tif", ".tiff") else path.with_name(path.name + ".tif")
    z, y, x = voxel_size
    metadata = {"axes": "ZYX", "spacing": z, "unit": "um", "Info": about}
    try:
        with fresh_file(path) as file:
            tifffile.imwrite(file, psf, imagej=True, metadata=metadata, resolution=(1 / x, 1 / y))
    except OSError as error:
        raise PsfError(
            f"The PSF cannot be written: {error.strerror or error}",
            str(path),
            "Choose another place",
        ) from error
    return path
