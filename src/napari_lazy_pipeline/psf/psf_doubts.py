"""PSF doubts: signs that an image is not the PSF of the data, each with a number.

Images are looked at where they are read; what was found is known from then on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from scipy import ndimage

from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import PsfArray, is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import recorded_spacing
from napari_lazy_pipeline.psf.wavelength import wavelengths

# A bead ends where it is as dark as that part of its peak.
_EDGE = 0.1
_TILT, _ELONGATION = 8.0, 1.3  # degrees, and length over width, from which on it is oblique
_HOT = 4.0  # times as bright as the brightest of its neighbours
_BACKGROUND = 0.03  # of the peak
_SPACING = 0.05  # relative difference
# Files are named by the light that excites or that is seen, which is up to so much redder [nm].
_BLUER, _REDDER = 25, 60


@dataclass(frozen=True)
class PsfReport:
    """What was found out about a PSF: doubts, and its length along z at half its height [um]."""

    doubts: tuple[str, ...] = ()
    length: float = 0.0


_reports: dict[tuple[object, ...], PsfReport] = {}


def inspect_psf(path: str, voxel_size: Triple) -> PsfReport:
    """Look at a PSF (z, y, x) [um], once per state of its file; an OTF file is no image."""
    key = _key(path, voxel_size)
    if key not in _reports:
        if isinstance(path, PsfArray):
            _reports[key] = report_of(path.array, voxel_size)
        else:
            _reports[key] = PsfReport() if is_otf(path) else report_of(load_psf(path), voxel_size)
    return _reports[key]


def known_report(path: str, voxel_size: Triple) -> PsfReport:
    """Return what is known of a PSF by now; no file is read."""
    return _reports.get(_key(path, voxel_size), PsfReport())


def report_of(psf: np.ndarray, voxel_size: Triple) -> PsfReport:
    """Look for signs that an image (z, y, x) with a voxel size [um] cannot be used as a PSF."""
    image = psf.astype(np.float32)
    background = float(np.median(image))
    image -= background
    peak = tuple(int(i) for i in np.unravel_index(int(image.argmax()), image.shape))
    line = image[:, peak[1], peak[2]] > image[peak] / 2
    return PsfReport(tuple(_doubts(image, peak, voxel_size)), int(line.sum()) * voxel_size[0])


def _doubts(image: np.ndarray, peak: tuple[int, ...], voxel_size: Triple) -> Iterator[str]:
    top = float(image[peak])
    around = np.array(
        [
            image[tuple(np.add(peak, step) % image.shape)]
            for step in (*np.eye(3, dtype=int), *-np.eye(3, dtype=int))
        ]
    )
    if top > _HOT * around.max():
        times = top / max(float(around.max()), top / 1e3)
        yield (
            f"Voxel {peak} of the PSF is {times:.0f} times as bright as those beside it: a hot "
            "pixel, or voxels too far apart"
        )
        return  # what follows would be about that pixel
    bead, _ = ndimage.label(image > _EDGE * top)
    part = bead == bead[peak]
    cut = [
        axis
        for axis, n in zip("zyx", image.shape, strict=True)
        if (index := np.flatnonzero(part.any(axis=tuple({0, 1, 2} - {"zyx".index(axis)})))).size
        and (index[0] == 0 or index[-1] == n - 1)
    ]
    if cut:
        places = ", ".join(
            f"{a} {peak['zyx'.index(a)]} of {image.shape['zyx'.index(a)]}" for a in cut
        )
        yield f"The bead of the PSF is cut off by the edge of its image: its peak is at {places}"
    for axis in (2, 1):
        tilt = _tilt(image, part, axis, voxel_size)
        if tilt:
            yield (
                f"The PSF is tilted by {tilt:.0f}° along {'zyx'[axis]}: recorded by moving the "
                "stage, it is still skewed. Deskew it first"
            )
    shell = np.concatenate(
        [image[k].ravel() for k in (0, -1)] + [image[:, k].ravel() for k in (0, -1)]
    )
    left = float(np.median(shell)) / top
    if abs(left) > _BACKGROUND:
        yield (
            f"The edges of the PSF differ from its background by {100 * left:.0f} % of its peak: "
            "light of something else is in it"
        )


def _tilt(image: np.ndarray, part: np.ndarray, axis: int, voxel_size: Triple) -> float:
    """Angle of the bead's long axis to z [degree], towards y or x; 0 if it is upright or round."""
    index = np.nonzero(part)
    weight = image[index].astype(float)
    places = np.array([index[0] * voxel_size[0], index[axis] * voxel_size[axis]])
    (zz, zx), (_, xx) = np.cov(places, aweights=weight)
    tilt = math.degrees(math.atan2(2 * zx, zz - xx)) / 2
    spread = math.hypot(zz - xx, 2 * zx)
    short, long = (zz + xx - spread) / 2, (zz + xx + spread) / 2
    return abs(tilt) if abs(tilt) > _TILT and long > _ELONGATION**2 * max(short, 1e-12) else 0.0


def doubts_about_names(path: str, channel: str, voxel_size: Triple) -> Iterator[str]:
    """What the name of a PSF file, and what it states, say against its use for a channel."""
    if isinstance(path, PsfArray):
        return
    name = PurePath(path).name
    of_file, of_channel = (wavelengths(text) for text in (Path(path).stem, channel))
    if len(of_file) == len(of_channel) == 1:
        difference = of_file[0] - of_channel[0]
        if not -_BLUER <= difference <= _REDDER:
            yield (
                f"By their names, the PSF ({name}) and the channel ({channel}) are "
                f"{abs(difference)} nm apart"
            )
    for axis, stated, recorded in zip(
        "zyx", voxel_size, recorded_spacing(path).voxel_size, strict=True
    ):
        if recorded and abs(stated / recorded - 1) > _SPACING:
            yield (
                f"The file of the PSF says that its voxels are {recorded:g} µm apart along {axis}, "
                f"not {stated:g} µm"
            )


def _key(path: str, voxel_size: Triple) -> tuple[object, ...]:
    """A state of a file."""
    if isinstance(path, PsfArray):
        return str(path), voxel_size
    try:
        stat = Path(path).stat()
    except (OSError, ValueError):
        return path, voxel_size
    return path, voxel_size, stat.st_size, stat.st_mtime_ns
