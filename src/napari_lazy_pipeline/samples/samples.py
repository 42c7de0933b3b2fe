"""Sample data: a small synthetic time-lapse of known truth, and a real stack with its PSF."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline.image import Scan, Shape, Triple
from napari_lazy_pipeline.samples.sample_folder import write_once

TIMELAPSE: dict[str, Any] = {
    "pattern": "{name}_ch{c}_stack{t}_{wave}nm_*.tif",
    "shape": (40, 96, 128),
    "voxel_size": (0.4, 0.1, 0.1),
    "angle": 31.5,
    "background": 100.0,
    "waves": (488, 560),
    "times": 6,
    "time_interval": 2.5,
}
"""The synthetic time-lapse: lengths in um, angle in degrees, times in s."""

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
    """A Gaussian spot of light in the synthetic time-lapse."""

    # centre (z, y, x) [um] from that of the first raw pixel; z is normal to the planes
    position: Triple
    sigma: Triple  # standard deviation (z, y, x) [um]
    peak: float  # brightness [count]


def timelapse_truth(t: int, c: int) -> tuple[Bead, ...]:
    """Return the spots that one raw volume of the time-lapse shows, exactly.

    Channel 0 shows beads that circle, channel 1 a waving filament of spots and one of the beads.
    """
    beads = _beads(t)
    return tuple(beads) if c == 0 else (*_filament(t), beads[0])


def write_timelapse(folder: str | os.PathLike[str]) -> Path:
    """Write the synthetic time-lapse, all of it or nothing, if it is not there; return the folder.

    A `FolderError` is raised if the folder holds something else, or cannot be written.
    """
    return write_once(folder, {name: partial(_write, *place) for name, place in _files().items()})


def real_stack_folder() -> Path:
    """Folder of a real lattice light-sheet stack of a cell: one file, see `REAL_STACK`."""
    return _DATA / "lls_cell"


def psf_path() -> Path:
    """Path of the PSF, measured with a bead, that belongs to the real stack."""
    return _DATA / "psf.tif"


def _write(t: int, c: int, path: Path) -> None:
    interval = TIMELAPSE["time_interval"]
    write_volume(path, _volume(t, c), TIMELAPSE["voxel_size"], finterval=interval)


def write_volume(path: Path, volume: np.ndarray, voxel_size: Triple, **stated: float) -> None:
    """Write one volume (z, y, x) with its voxel size [um], and what else ImageJ states."""
    z, y, x = voxel_size
    metadata = {"axes": "ZYX", "spacing": z, "unit": "um", **stated}
    tifffile.imwrite(path, volume, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)


def _files() -> dict[str, tuple[int, int]]:
    """Time point and channel of each file, by its name."""
    files = {}
    for t, (c, wave) in itertools.product(range(TIMELAPSE["times"]), enumerate(TIMELAPSE["waves"])):
        elapsed = round(1000 * TIMELAPSE["time_interval"] * t)
        clock = f"{elapsed:07d}msec_{elapsed + 20_000_000:010d}msecAbs"
        files[f"sample_ch{c}_stack{t:04d}_{wave}nm_{clock}.tif"] = t, c
    return files


def _volume(t: int, c: int) -> np.ndarray:
    """Make one raw volume (z, y, x), as the camera would have seen it."""
    return camera_image(timelapse_truth(t, c), TIMELAPSE["shape"], (t, c))


def camera_image(spots: Sequence[Bead], shape: Shape, seed: tuple[int, ...]) -> np.ndarray:
    """Make the raw volume (z, y, x) that a camera would have seen of some spots, with noise."""
    random = np.random.default_rng([_SEED, *seed])
    signal = np.zeros(shape, np.float32)
    for spot in spots:
        _add(signal, spot)
    # Photons are counted in float32 by their normal limit: quick, and true above ten.
    noise = random.standard_normal(signal.shape, np.float32)
    noise *= np.sqrt(signal + 4)
    counts = signal + noise + np.float32(TIMELAPSE["background"])
    return np.asarray(np.clip(np.rint(counts), 0, 65535), np.uint16)


def _add(signal: np.ndarray, spot: Bead) -> None:
    """Add a spot, seen by planes that lie aslant, to the volume (z, y, x)."""
    _, dy, dx = TIMELAPSE["voxel_size"]
    planes, rows, columns = signal.shape
    step, shift = _plane_step()
    along_y = _gauss(dy * np.arange(rows) - spot.position[1], spot.sigma[1])
    for k in range(planes):
        height = step * k - spot.position[0]
        if abs(height) > 4 * spot.sigma[0]:
            continue
        along_x = _gauss(dx * np.arange(columns) + shift * k - spot.position[2], spot.sigma[2])
        weight = spot.peak * math.exp(-0.5 * (height / spot.sigma[0]) ** 2)
        signal[k] += np.outer(weight * along_y, along_x)


def _gauss(distance: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (distance / sigma) ** 2), np.float32)


def _plane_step() -> tuple[float, float]:
    """Distance of two planes perpendicular to them, and how far each is displaced [um]."""
    scan, step = Scan(TIMELAPSE["angle"]), TIMELAPSE["voxel_size"][0]
    return step * scan.sine, step * scan.cosine


def place_in(shape: Shape, z: float, y: float, x: float) -> Triple:
    """Position [um] of a place given in parts of the scanned space, which is slanted."""
    planes, rows, columns = shape
    _, dy, dx = TIMELAPSE["voxel_size"]
    step, shift = _plane_step()
    return (z * planes * step, y * rows * dy, x * columns * dx + z * planes * shift)


def _beads(t: int) -> list[Bead]:
    turn = 2 * math.pi * t / TIMELAPSE["times"]
    spots = []
    for index in range(6):
        angle = turn + 2 * math.pi * index / 6
        place = place_in(
            TIMELAPSE["shape"], 0.5 + 0.28 * math.sin(angle + index), 0.5 + 0.32 * math.sin(angle),
            0.5 + 0.3 * math.cos(angle),
        )  # fmt: skip
        spots.append(Bead(place, (0.32, 0.16, 0.16), 900.0 + 150 * index))
    return spots


def _filament(t: int) -> list[Bead]:
    phase = 2 * math.pi * t / TIMELAPSE["times"]
    places = (
        place_in(
            TIMELAPSE["shape"],
            0.25 + 0.5 * s,
            0.15 + 0.7 * s,
            0.5 + 0.18 * math.sin(2 * math.pi * s + phase),
        )
        for s in np.linspace(0, 1, 36).tolist()
    )
    return [Bead(place, (0.32, 0.18, 0.18), 320.0) for place in places]
