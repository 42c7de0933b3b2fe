"""Measures: how near an image comes to what there is.

References
----------
G. Harauz and M. van Heel, Optik 73, 146 (1986), for the Fourier shell correlation.
"""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.image import Triple

_SHELL = 0.2  # width of a shell [1/um]


def error(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square difference over that of the truth, after the best common scale.

    Examples
    --------
    >>> error(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    0.0
    """
    a, b = estimate.astype(float), truth.astype(float)
    scale = (a * b).sum() / (a * a).sum()
    return float(np.linalg.norm(scale * a - b) / np.linalg.norm(b))


def resolution(estimate: np.ndarray, truth: np.ndarray, voxel_size: Triple) -> tuple[float, float]:
    """Where the Fourier shell correlation falls below 0.5, axial and lateral [1/um].

    Each is taken over the frequencies within 30 degrees of its direction; voxels are in um.
    """
    a, b = (np.fft.fftn(v.astype(np.float32)) for v in (estimate, truth))
    frequencies = [np.fft.fftfreq(n, d) for n, d in zip(truth.shape, voxel_size, strict=True)]
    kz, ky, kx = np.meshgrid(*frequencies, indexing="ij", sparse=True)
    kr = np.hypot(ky, kx)
    radius = np.hypot(kz, kr)
    near_axis = np.abs(kz) > radius * np.cos(np.pi / 6)
    near_plane = kr > radius * np.cos(np.pi / 6)
    return _crossing(a, b, radius, near_axis), _crossing(a, b, radius, near_plane)


def _crossing(a: np.ndarray, b: np.ndarray, radius: np.ndarray, where: np.ndarray) -> float:
    shell = (radius[where] / _SHELL).astype(int)
    cross = np.bincount(shell, (a[where] * b[where].conj()).real)
    norm = np.bincount(shell, np.abs(a[where]) ** 2) * np.bincount(shell, np.abs(b[where]) ** 2)
    correlation = cross / np.sqrt(np.maximum(norm, 1e-30))
    below = np.flatnonzero((correlation < 0.5) & (np.arange(len(correlation)) > 1))
    if not len(below):
        return _SHELL * len(correlation)
    k = int(below[0])
    drop = correlation[k - 1] - correlation[k]
    part = (correlation[k - 1] - 0.5) / drop if drop > 0 else 0.0
    return float(_SHELL * (k - 0.5 + part))
