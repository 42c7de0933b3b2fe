"""Sample data: what is known of them, how light becomes counts, and a real stack with its PSF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline.image import Scan, Shape, Triple

TIMELAPSE: dict[str, Any] = {
    "pattern": "{name}_ch{c}_stack{t}_{wave}nm_*.tif",
    "shape": (40, 96, 128),
    "voxel_size": (0.4, 0.1, 0.1),
    "angle": 31.5,
    "background": 100.0,
    "waves": (488, 560),
    "times": 12,
    "time_interval": 2.5,
}
"""The simulated time-lapse, see `simulated_cell`: lengths in um, angle in degrees, times in s."""

REAL_STACK: dict[str, Any] = {
    "pattern": "{name}_ch{c}_stack{t}_{wave}nm_*.tif",
    "voxel_size": (0.3, 0.1, 0.1),
    "angle": 31.5,
    "background": 98.0,
    "psf_voxel_size": (0.1, 0.1, 0.1),
}
"""The real stack and its PSF: the files do not say it. Lengths in um, angle in degrees."""

_DATA = Path(__file__).parent / "sample_data"
_SEED = 20240131


@dataclass(frozen=True)
class Bead:
    """A Gaussian spot of light in synthetic data."""

    # centre (z, y, x) [um] from that of the first raw pixel; z is normal to the planes
    position: Triple
    sigma: Triple  # standard deviation (z, y, x) [um]
    peak: float  # brightness [count]


def real_stack_folder() -> Path:
    """Folder of a real lattice light-sheet stack of a cell: one file, see `REAL_STACK`."""
    return _DATA / "lls_cell"


def psf_path() -> Path:
    """Path of the PSF, measured with a bead, that belongs to the real stack."""
    return _DATA / "psf.tif"


def write_volume(path: Path, volume: np.ndarray, voxel_size: Triple, **stated: float) -> None:
    """Write one volume (z, y, x) with its voxel size [um], and what else ImageJ states."""
    z, y, x = voxel_size
    metadata = {"axes": "ZYX", "spacing": z, "unit": "um", **stated}
    tifffile.imwrite(path, volume, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)


def camera_image(spots: Sequence[Bead], shape: Shape, seed: tuple[int, ...]) -> np.ndarray:
    """Make the raw volume (z, y, x) that a camera would have seen of some spots, with noise."""
    return counted(light_of(spots, shape), seed)


def counted(light: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Count light (z, y, x) [count] as a camera does: with an offset, and with noise."""
    random = np.random.default_rng([_SEED, *seed])
    # Photons are counted in float32 by their normal limit: quick, and true above ten.
    noise = random.standard_normal(light.shape, np.float32)
    noise *= np.sqrt(light + 4)
    noise += light
    noise += np.float32(TIMELAPSE["background"])
    return np.asarray(np.clip(np.rint(noise, out=noise), 0, 65535), np.uint16)


def light_of(spots: Sequence[Bead], shape: Shape) -> np.ndarray:
    """Light (z, y, x) of spots as planes see it that lie aslant [count], float32."""
    _, dy, dx = TIMELAPSE["voxel_size"]
    light = np.zeros(shape, np.float32)
    (z, y, x), (step, shift) = np.array([spot.position for spot in spots]).T, plane_step()
    sz, sy, sx = np.array([spot.sigma for spot in spots]).T
    peak = np.array([spot.peak for spot in spots])
    along_y = _gauss(dy * np.arange(shape[1]) - y[:, None], sy[:, None])
    for k in range(shape[0]):
        near = np.abs(step * k - z) < 4 * sz
        if near.any():
            weight = peak[near] * _gauss(step * k - z[near], sz[near])
            columns = dx * np.arange(shape[2]) + shift * k
            along_x = _gauss(columns - x[near, None], sx[near, None])
            light[k] = (weight[:, None] * along_y[near]).T @ along_x
    return light


def _gauss(distance: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (distance / sigma) ** 2), np.float32)


def plane_step() -> tuple[float, float]:
    """Distance of two planes perpendicular to them, and how far each is displaced [um]."""
    scan, step = Scan(TIMELAPSE["angle"]), TIMELAPSE["voxel_size"][0]
    return step * scan.sine, step * scan.cosine


def place_in(shape: Shape, z: float, y: float, x: float) -> Triple:
    """Position [um] of a place given in parts of the scanned space, which is slanted."""
    planes, rows, columns = shape
    _, dy, dx = TIMELAPSE["voxel_size"]
    step, shift = plane_step()
    return (z * planes * step, y * rows * dy, x * columns * dx + z * planes * shift)
