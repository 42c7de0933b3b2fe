"""Few photons: filaments and vesicles of the simulated cell, seen by few photons and by many.

The blur is a Gaussian, and the truth as sharp as no microscope shows it: what a deconvolution makes
can be measured. The folder has the PSF, too.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.samples import simulated_cell
from napari_lazy_pipeline.samples.sample_folder import write_once
from napari_lazy_pipeline.samples.samples import (
    TIMELAPSE,
    Bead,
    counted,
    light_of,
    write_volume,
)
from napari_lazy_pipeline.samples.three_colours import THREE_COLOURS, gaussian_psf

FEW_PHOTONS: dict[str, Any] = {
    **{name: TIMELAPSE[name] for name in ("shape", "voxel_size", "angle", "background")},
    "psf_voxel_size": THREE_COLOURS["psf_voxel_size"],
    "pattern": "cell_{c}_photons.tif",
    "photons": {"few": 60, "many": 2000},
}
"""The two channels, and the photons that their brightest voxel has."""

BLUR = (0.32, 0.16, 0.16)
"""Standard deviation (z, y, x) of the PSF [um]."""

_SHARP = (0.16, 0.08, 0.08)  # of what there is [um]


def write_few_photons(folder: str | os.PathLike[str]) -> Path:
    """Write both images and the PSF, all or nothing, if they are not there; return the folder.

    A `FolderError` is raised if the folder holds something else, or cannot be written.
    """
    files = {f"cell_{c}_photons.tif": partial(_write, c) for c in FEW_PHOTONS["photons"]}
    return write_once(folder, {**files, "PSF/psf.tif": _write_psf})


def sharp_light() -> np.ndarray:
    """What there is: light (z, y, x) in the planes of the scan, of any unit, float32."""
    return light_of(_spots(), FEW_PHOTONS["shape"])


def _spots() -> tuple[Bead, ...]:
    spots = (*simulated_cell.vesicles(0, 0), *simulated_cell.filaments(0, 0))
    return tuple(replace(spot, sigma=_SHARP) for spot in spots)


def _write(photons: str, path: Path) -> None:
    # A Gaussian that is blurred by another is a wider one, and less bright.
    z, y, x = (math.hypot(a, b) for a, b in zip(_SHARP, BLUR, strict=True))
    light = light_of([replace(spot, sigma=(z, y, x)) for spot in _spots()], FEW_PHOTONS["shape"])
    brightest = FEW_PHOTONS["photons"][photons]
    counts = counted(light * np.float32(brightest / light.max()), (brightest,))
    write_volume(path, counts, FEW_PHOTONS["voxel_size"])


def _write_psf(path: Path) -> None:
    size = FEW_PHOTONS["psf_voxel_size"]
    write_volume(path, gaussian_psf(BLUR, size), size)
