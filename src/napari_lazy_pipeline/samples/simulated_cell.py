"""Simulated cell: a time-lapse of two channels, with all that a microscope adds, and the truth.

Channel 488 shows the cytosol and filaments, channel 560 the cytosol, as a sensor whose brightness
follows a signal, and the nucleus; both show vesicles. The cell drifts and bleaches, channel 560 is
displaced, corners are darker, and pixels of the camera are hot. Each of these has a function here.
"""

from __future__ import annotations

import itertools
import math
import os
from functools import cache, partial
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.image import Scan, Triple
from napari_lazy_pipeline.samples.sample_folder import write_once
from napari_lazy_pipeline.samples.samples import (
    TIMELAPSE,
    Bead,
    counted,
    light_of,
    plane_step,
    write_volume,
)

# The cell stands on the coverslip: along the stage, across, and above it (s, y, h) [um].
_CENTRE = (10.4, 4.8, 0.9)
_CELL = (4.8, 3.7, 3.5)  # half axes of the dome
_NUCLEUS, _NUCLEUS_CENTRE = (2.1, 1.5, 1.2), (0.6, 0.0, 1.5)
_CENTROSOME = (-1.6, 0.2, 1.7)
_BLUR = (0.32, 0.16, 0.16)  # standard deviation (z, y, x) of a spot [um]
_FILAMENTS, _VESICLES = 14, 9
_HAZE, _CYTOSOL, _FILAMENT, _NUCLEUS_LIGHT, _VESICLE = 40.0, 200.0, 210.0, 320.0, 1100.0  # count
_BLEACHING = (20.0, 9.0)  # time points after which 1 / e is left
_SEED = 20240131


def write_timelapse(folder: str | os.PathLike[str]) -> Path:
    """Write the time-lapse, all of it or nothing, if it is not there; return the folder.

    A `FolderError` is raised if the folder holds something else, or cannot be written.
    """
    return write_once(folder, {name: partial(_write, *place) for name, place in _files().items()})


# ---- the truth ----------------------------------------------------------------------------


@cache
def drift(t: int) -> Triple:
    """How far the cell has moved since the first time point (z, y, x) [um], in deskewed space."""
    steps = np.random.default_rng(_SEED).normal(0, (0.11, 0.09, 0.04), (TIMELAPSE["times"], 3))
    steps[0] = 0
    return _from_stage(*steps[: t + 1].sum(axis=0).tolist())


def channel_shift(c: int) -> Triple:
    """How far a channel is displaced (z, y, x) [um]."""
    return (0.0, 0.0, 0.0) if c == 0 else (0.15, 0.22, -0.31)


def bleaching(t: int, c: int) -> float:
    """What is left of the light of the cell, of 1."""
    return math.exp(-t / _BLEACHING[c])


def ratio(t: int) -> float:
    """Brightness of the cytosol in channel 560 by that in 488, without bleaching: it rises once."""
    return 0.6 + 1.0 * math.exp(-(((t - 5) / 2.0) ** 2))


@cache
def vignette() -> np.ndarray:
    """Brightness (y, x) of what is evenly bright; 1 where it is brightest."""
    _, rows, columns = TIMELAPSE["shape"]
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)
    shade = np.exp(-0.28 * (y - 0.1) ** 2 - 0.32 * (x + 0.15) ** 2)
    return np.asarray(shade / shade.max(), np.float32)


@cache
def hot_pixels() -> np.ndarray:
    """Counts (y, x) that pixels of the camera add to what they see; 0 for nearly all."""
    random = np.random.default_rng(_SEED)
    extra = np.zeros(TIMELAPSE["shape"][1:], np.float32)
    places = random.choice(extra.size, 24, replace=False)
    extra.flat[places] = random.uniform(250, 2500, len(places))
    return extra


def vesicles(t: int, c: int) -> tuple[Bead, ...]:
    """The vesicles as a channel shows them, which go back and forth along the filaments."""
    random, beads = np.random.default_rng(_SEED + 1), []
    for index in range(_VESICLES):
        angle = 2 * math.pi * (index + random.uniform(-0.3, 0.3)) / _VESICLES
        turns, phase = random.choice((1, 2)), random.uniform(0, 2 * math.pi)
        part = 0.6 + 0.22 * math.sin(2 * math.pi * turns * t / TIMELAPSE["times"] + phase)
        place = (_CELL[0] * part * math.cos(angle), _CELL[1] * part * math.sin(angle), 0.0)
        height = 0.35 * _CELL[2] * math.sqrt(1 - part**2)
        peak = _VESICLE * random.uniform(0.7, 1.3) * bleaching(t, c)
        beads.append(Bead(_position((*place[:2], height), t, c), _BLUR, peak))
    return tuple(beads)


def filaments(t: int, c: int) -> tuple[Bead, ...]:
    """The filaments as chains of spots; channel 560 has none."""
    peak = _FILAMENT * bleaching(t, c)
    return () if c else tuple(Bead(_position(place, t, c), _BLUR, peak) for place in _curves())


def light(t: int, c: int) -> np.ndarray:
    """What falls on the camera (z, y, x) [count], without vignette, camera and noise."""
    _, dy, dx = TIMELAPSE["voxel_size"]
    planes, rows, columns = TIMELAPSE["shape"]
    (step, shift), (oz, oy, ox) = plane_step(), _position((0.0, 0.0, 0.0), t, c)
    z = step * np.arange(planes)[:, None] - oz
    x = dx * np.arange(columns) + shift * np.arange(planes)[:, None] - ox
    scan = Scan(TIMELAPSE["angle"])
    s, h = z * scan.sine + x * scan.cosine, x * scan.sine - z * scan.cosine
    y = (dy * np.arange(rows) - oy)[:, None]
    s, h = (a[:, None, :].astype(np.float32) for a in (s, h))
    above = 1 / (1 + np.exp(-h / np.float32(0.12)))
    body = above * _ellipsoid(s, y, h, _CELL, (0.0, 0.0, 0.0), 0.1)
    nucleus = _ellipsoid(s, y, h, _NUCLEUS, _NUCLEUS_CENTRE, 0.12)
    result = light_of((*vesicles(t, c), *filaments(t, c)), TIMELAPSE["shape"])
    left = bleaching(t, c)
    cytosol = np.float32(_CYTOSOL * left * (ratio(t) if c else 1))
    result += cytosol * body * (1 - np.float32(0.8) * nucleus)
    if c:
        result += np.float32(_NUCLEUS_LIGHT * left) * nucleus
    result += np.float32(_HAZE)
    return result


# ---- how it is made -----------------------------------------------------------------------


def _write(t: int, c: int, path: Path) -> None:
    counts = counted(light(t, c) * vignette(), (t, c))
    counts += hot_pixels().astype(np.uint16)
    interval = TIMELAPSE["time_interval"]
    write_volume(path, counts, TIMELAPSE["voxel_size"], finterval=interval)


def _files() -> dict[str, tuple[int, int]]:
    """Time point and channel of each file, by its name."""
    files = {}
    for t, (c, wave) in itertools.product(range(TIMELAPSE["times"]), enumerate(TIMELAPSE["waves"])):
        elapsed = round(1000 * TIMELAPSE["time_interval"] * t)
        clock = f"{elapsed:07d}msec_{elapsed + 20_000_000:010d}msecAbs"
        files[f"sample_ch{c}_stack{t:04d}_{wave}nm_{clock}.tif"] = t, c
    return files


def _from_stage(s: float, y: float, h: float) -> Triple:
    """Turn (s, y, h) into (z, y, x) with z normal to the planes; both in um."""
    scan = Scan(TIMELAPSE["angle"])
    return s * scan.sine - h * scan.cosine, y, s * scan.cosine + h * scan.sine


def _position(place: Triple, t: int, c: int) -> Triple:
    """Position (z, y, x) [um] of a place in the cell (s, y, h), where a channel shows it."""
    z, y, x = _from_stage(*(a + b for a, b in zip(place, _CENTRE, strict=True)))
    (dz, dy, dx), (sz, sy, sx) = drift(t), channel_shift(c)
    return z + dz + sz, y + dy + sy, x + dx + sx


def _ellipsoid(
    s: np.ndarray, y: np.ndarray, h: np.ndarray, half: Triple, centre: Triple, soft: float
) -> np.ndarray:
    """1 inside, 0 outside, and a soft edge."""
    axes = zip((s, y, h), centre, half, strict=True)
    along, across, up = (np.square((a - b) / n, dtype=np.float32) / soft for a, b, n in axes)
    outside = (along + up - 1 / soft).astype(np.float32) + across.astype(np.float32)
    np.exp(np.minimum(outside, 80, out=outside), out=outside)
    outside += 1
    return np.asarray(np.divide(1, outside, out=outside))


@cache
def _curves() -> tuple[Triple, ...]:
    """Places (s, y, h) along the filaments, from the centrosome to the edge of the cell."""
    random, places = np.random.default_rng(_SEED + 2), []
    start, u = np.array(_CENTROSOME), np.linspace(0.06, 1, 24)[:, None]
    for index in range(_FILAMENTS):
        angle = 2 * math.pi * (index + random.uniform(-0.3, 0.3)) / _FILAMENTS
        end = np.array([_CELL[0] * math.cos(angle), _CELL[1] * math.sin(angle), 0.35]) * 0.93
        bend = random.normal((0, 0, 0.6), (0.9, 0.9, 0.2))
        curve = (1 - u) * start + u * end + u * (1 - u) * bend
        places += [(s, y, h) for s, y, h in curve.tolist()]
    return tuple(places)
