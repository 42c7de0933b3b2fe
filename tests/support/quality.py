"""A phantom of known truth, seen through the measured PSF, and how near a result comes to it.

References
----------
G. Harauz and M. van Heel, Optik 73, 146 (1986), for the Fourier shell correlation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tifffile
from scipy import fft, ndimage

from napari_lazy_pipeline.engines import DeconvolutionPlan, Engine, get_engine
from napari_lazy_pipeline.lesson import measures
from napari_lazy_pipeline.psf import RadialOtf
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf
from napari_lazy_pipeline.samples.samples import psf_path, real_stack_folder

PSF_VOXEL = (0.1, 0.1, 0.1)
# Planes 0.2 um apart and displaced by 4 pixels: a deskew of this scan moves by whole pixels.
VOXEL = (0.2, 0.1, 0.1)
SHEAR = 4.0
OFFSET = 100.0
READ_NOISE = 1.6
# The truth is not sharper than this part of the PSF, or no method could be compared with it.
SHARPNESS = 0.6
WIDTHS = (0.69, 0.31, 0.31)
METHODS: dict[str, dict[str, object]] = {
    "auto": {"method": "auto"},
    "rl-10": {"method": "rl", "iterations": 10},
    "rl-20": {"method": "rl", "iterations": 20},
    "accelerated-10": {"method": "accelerated", "iterations": 10},
    "fast": {"method": "fast"},
}


@dataclass(frozen=True, eq=False)
class Phantom:
    """What was there, and what the microscope saw of it.

    Attributes
    ----------
    truth
        float32 (z, y, x), a little blurred, in photons.
    image
        uint16 (z, y, x), with Poisson and read-out noise and the offset of the camera.
    voxel_size
        (z, y, x) [um].
    """

    truth: np.ndarray
    image: np.ndarray
    voxel_size: tuple[float, float, float] = VOXEL


def otf() -> RadialOtf:
    """The OTF of the measured PSF, as the engines use it."""
    return read_psf_or_otf(psf_path(), PSF_VOXEL)


def plan(**changes: object) -> DeconvolutionPlan:
    """How to deconvolve a phantom."""
    return replace(DeconvolutionPlan(otf(), VOXEL, background=OFFSET), **changes)  # type: ignore[arg-type]


def restore(image: np.ndarray, name: str, engine: Engine | None = None, **changes: object):
    """Deconvolve an image of a phantom by one of the ``METHODS``."""
    return (engine or get_engine()).deconvolve(image, plan(**METHODS[name], **changes))


def real_volume() -> np.ndarray:
    """The real stack that comes with the package: uint16 (z, y, x)."""
    (path,) = real_stack_folder().glob("*.tif")
    return np.asarray(tifffile.imread(path))


def phantom(
    shape: tuple[int, int, int] = (40, 96, 112),
    photons: float = 200,
    seed: int = 0,
    kind: str = "lines",
) -> Phantom:
    """Make one of the ``KINDS``, ``photons`` at the brightest voxel of its image."""
    generator = np.random.default_rng(seed)
    sharp = KINDS[kind](shape, generator)
    blurred = np.maximum(blur(sharp), 0)
    scale = np.float32(photons / blurred.max())
    counts = generator.poisson(scale * blurred) + OFFSET
    counts = counts + generator.normal(0, READ_NOISE, shape)
    sigma = [SHARPNESS * w / 2.3548 / v for w, v in zip(WIDTHS, VOXEL, strict=True)]
    truth = ndimage.gaussian_filter(scale * sharp, sigma, mode="constant")
    return Phantom(truth, np.clip(np.rint(counts), 0, 65535).astype(np.uint16))


def objects(shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw filaments, shells and points away from the edges; float32 (z, y, x)."""
    lengths = np.array(shape) * VOXEL
    volume = np.zeros(shape, np.float32)
    for _ in range(14):
        splat(volume, _filament(lengths, generator), 1.0)
    for _ in range(5):
        splat(volume, _shell(lengths, generator), 0.7)
    points = lengths * (0.15 + 0.7 * generator.random((25, 3)))
    splat(volume, points, 60.0)
    return volume


def texture(shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw a nucleus full of texture, and crowded granules; float32 (z, y, x)."""
    field = ndimage.gaussian_filter(generator.normal(size=shape), (0.8, 1.6, 1.6))
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    inside = (z / 0.6) ** 2 + (y / 0.7) ** 2 + (x / 0.75) ** 2 < 1
    volume = (np.exp(1.2 * field / field.std()) * inside).astype(np.float32)
    granules = np.array(shape) * VOXEL * (0.15 + 0.7 * generator.random((150, 3)))
    splat(volume, granules, 40.0)
    return volume


def cells(shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw cells that touch: thin walls, and grey insides with dark holes; float32 (z, y, x)."""
    place = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) * VOXEL
    middles = np.array(shape) * VOXEL * generator.random((9, 3))
    near, next_near = np.sort([np.linalg.norm(place - m, axis=-1) for m in middles], axis=0)[:2]
    walls = 3 * np.exp(-(((next_near - near) / 0.08) ** 2))
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    volume = (walls + 0.25) * ((z / 0.75) ** 2 + (y / 0.8) ** 2 + (x / 0.8) ** 2 < 1)
    for _ in range(12):
        middle = np.array(shape) * VOXEL * (0.25 + 0.5 * generator.random(3))
        volume[np.linalg.norm(place - middle, axis=-1) < 0.15 + 0.25 * generator.random()] *= 0.1
    return volume.astype(np.float32)


# The last was not looked at while any method was made.
KINDS = {"lines": objects, "texture": texture, "cells": cells}


def _filament(lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Points (n, 3) [um] along a curved line, 20 nm apart."""
    s = np.arange(-1, 1, 0.02 / lengths.max())[:, None]
    middle = lengths * (0.3 + 0.4 * generator.random(3))
    direction, bend = generator.normal(size=(2, 3)) * lengths * (0.15, 0.35, 0.35)
    line = middle + s * direction + (s**2 - 0.3) * 0.5 * bend
    inside = ((line > 0.1 * lengths) & (line < 0.9 * lengths)).all(axis=1)
    return line[inside]


def _shell(lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Points (n, 3) [um], evenly on a sphere."""
    centre = lengths * (0.3 + 0.4 * generator.random(3))
    radius = lengths.min() * (0.06 + 0.09 * generator.random())
    directions = generator.normal(size=(int(2500 * radius**2) + 50, 3))
    return centre + radius * directions / np.linalg.norm(directions, axis=1)[:, None]


def splat(volume: np.ndarray, points: np.ndarray, brightness: float) -> None:
    """Add points (n, 3) [um] in place, each shared among the eight voxels around it."""
    position = points / VOXEL
    corner = np.floor(position).astype(int)
    part = position - corner
    for bits in np.ndindex(2, 2, 2):
        weight = np.where(bits, part, 1 - part).prod(axis=1)
        index = corner + bits
        inside = ((index >= 0) & (index < volume.shape)).all(axis=1)
        np.add.at(volume, tuple(index[inside].T), brightness * weight[inside])


def blur(volume: np.ndarray) -> np.ndarray:
    """Convolve with the measured PSF itself, not its radial average; edges are dark."""
    pad = [(0, 24), (0, 48), (0, 48)]
    wide = np.pad(volume, pad)
    spectrum = fft.rfftn(wide) * measured_spectrum(wide.shape)
    z, y, x = volume.shape
    return fft.irfftn(spectrum, wide.shape)[:z, :y, :x]


def measured_spectrum(shape: tuple[int, ...]) -> np.ndarray:
    """Spectrum of the PSF on the grid of a volume, without background, centred, of sum 1."""
    image = tifffile.imread(psf_path()).astype(np.float32)
    image -= np.median(image)
    # The middle of a bead: the centroid of what is above half its peak.
    peak = ndimage.center_of_mass(np.maximum(image - image.max() / 2, 0))
    image[image < 0.004 * image.max()] = 0
    around = tuple(
        slice(round(p) - n, round(p) + n) for p, n in zip(peak, (24, 24, 24), strict=True)
    )
    small = image[around] / image[around].sum()
    fine = (2 * shape[0], *shape[1:])
    spectrum = fft.rfftn(small, fine)
    rest = [p - cut.start for p, cut in zip(peak, around, strict=True)]
    for axis, (n, position) in enumerate(zip(fine, rest, strict=True)):
        k = fft.rfftfreq(n) if axis == 2 else fft.fftfreq(n)
        spectrum = spectrum * np.exp(
            2j * np.pi * np.expand_dims(k, tuple({0, 1, 2} - {axis})) * position
        )
    half = shape[0] // 2
    return np.concatenate([spectrum[: shape[0] - half], spectrum[-half:]])


def skew(image: np.ndarray, outside: float) -> tuple[np.ndarray, Callable[..., np.ndarray]]:
    """See a deskewed image as the planes of a scan, whole pixels displaced.

    Returns
    -------
    raw
        (z, y, wider x): wide enough for every plane to hold its whole row.
    back
        Brings such a volume back to the image.
    """
    planes, height, width = image.shape
    moves = [round(SHEAR * (planes - 1 - k)) for k in range(planes)]
    raw = np.full((planes, height, width + max(moves)), outside, image.dtype)
    for k, move in enumerate(moves):
        raw[k, :, move : move + width] = image[k]

    def back(volume: np.ndarray) -> np.ndarray:
        return np.stack([volume[k, :, m : m + width] for k, m in enumerate(moves)])

    return raw, back


nrmse = measures.error


def photometry(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Coefficient of variation of local sums over true ones, where a tenth of the light is."""
    a, b = (ndimage.gaussian_filter(v, (3, 5, 5)) for v in (estimate, truth))
    bright = b > 0.1 * b.max()
    ratio = a[bright] / b[bright]
    return float(ratio.std() / ratio.mean())


def resolution(estimate: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Where the Fourier shell correlation falls below 0.5, axial and lateral [1/um]."""
    return measures.resolution(estimate, truth, VOXEL)
