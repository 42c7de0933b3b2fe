"""Three colours: a small synthetic stack, and a PSF of each colour in a folder beside it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.image import Shape, Triple
from napari_lazy_pipeline.samples.sample_folder import write_once
from napari_lazy_pipeline.samples.samples import (
    TIMELAPSE,
    Bead,
    camera_image,
    place_in,
    write_volume,
)

THREE_COLOURS: dict[str, Any] = {
    **{name: TIMELAPSE[name] for name in ("pattern", "voxel_size", "angle", "background")},
    "shape": (30, 64, 80),
    "waves": (488, 560, 642),
    "psf_voxel_size": (0.1, 0.1, 0.1),
}
"""The stack and its PSFs: lengths in um, angle in degrees."""

_PSF_SHAPE: Shape = (35, 23, 23)
_SPOTS, _SEED = 14, 20240131


def write_three_colours(folder: str | os.PathLike[str]) -> Path:
    """Write the stack and its PSFs, all or nothing, if they are not there; return the folder.

    A `FolderError` is raised if the folder holds something else, or cannot be written.
    """
    files = {}
    for c, wave in enumerate(THREE_COLOURS["waves"]):
        files[f"sample_ch{c}_stack0000_{wave}nm_0000000msec_0020000000msecAbs.tif"] = partial(
            _write_stack, c
        )
        files[f"PSF/psf_{wave}.tif"] = partial(_write_psf, wave)
    return write_once(folder, files)


def blur(wave: int) -> Triple:
    """Standard deviation (z, y, x) of the PSF of a colour [um]: longer waves are less sharp."""
    return 0.32 * wave / 560, 0.16 * wave / 560, 0.16 * wave / 560


def three_colours_truth(c: int) -> tuple[Bead, ...]:
    """Return the points that a channel shows, as blurred as its PSF is."""
    random = np.random.default_rng([_SEED, c])
    sigma = blur(THREE_COLOURS["waves"][c])
    places = random.uniform((0.12, 0.15, 0.2), (0.88, 0.85, 0.8), (_SPOTS, 3)).tolist()
    peaks = random.uniform(400, 1500, _SPOTS).tolist()
    return tuple(
        Bead(place_in(THREE_COLOURS["shape"], *place), sigma, peak)
        for place, peak in zip(places, peaks, strict=True)
    )


def _write_stack(c: int, path: Path) -> None:
    volume = camera_image(three_colours_truth(c), THREE_COLOURS["shape"], (0, c, 3))
    write_volume(path, volume, THREE_COLOURS["voxel_size"])


def gaussian_psf(sigma: Triple, voxel_size: Triple) -> np.ndarray:
    """Counts (z, y, x) of a bead that a Gaussian blurs, without noise; both in um."""
    squares = (
        ((np.arange(n) - n // 2) * step / width) ** 2
        for n, step, width in zip(_PSF_SHAPE, voxel_size, sigma, strict=True)
    )
    z, y, x = np.ix_(*squares)
    psf = np.exp(-(z + y + x) / 2)
    return np.asarray(np.rint(100 + 10_000 * psf), np.uint16)


def _write_psf(wave: int, path: Path) -> None:
    size = THREE_COLOURS["psf_voxel_size"]
    write_volume(path, gaussian_psf(blur(wave), size), size)
