"""The kernel: the same blur on the grid of any volume, and no noise from far away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.kernel import END, halo, kernel, spectrum
from stacks import bead

VOXEL = (0.2, 0.1, 0.1)
NOISE = np.random.default_rng(0).normal(0, 1e-3, (64, 96, 96))
OTF = make_otf(bead((64, 96, 96), (2.5, 1.8, 1.8)) + NOISE, (0.1, 0.1, 0.1))


def beyond(shear: float) -> np.ndarray:
    """Where the kernel has ended."""
    shape = kernel(OTF, VOXEL, shear).shape
    ends = [END * n for n in halo(OTF, VOXEL, shear)]
    far = [
        np.minimum(np.arange(n), n - np.arange(n)) >= end
        for n, end in zip(shape, ends, strict=True)
    ]
    return far[0][:, None, None] | far[1][:, None] | far[2]


@pytest.mark.parametrize("shear", [0.0, 2.5])
def test_it_keeps_the_light_and_ends(shear: float) -> None:
    psf = kernel(OTF, VOXEL, shear)
    assert psf.sum(dtype=float) == pytest.approx(OTF.values[0, 0].real, rel=1e-4)
    assert beyond(shear).any()
    assert (psf[beyond(shear)] == 0).all()


@pytest.mark.parametrize("shear", [0.0, 2.5])
def test_volumes_of_all_sizes_are_blurred_alike(shear: float) -> None:
    reach = [int(2 * END * n) for n in halo(OTF, VOXEL, shear)]
    small, large = ((z, y, x + x % 2) for z, y, x in (reach, [2 * n for n in reach]))
    psfs = [fft.irfftn(spectrum(OTF, s, VOXEL, shear), s) for s in (small, large)]
    part = tuple(slice(0, n // 2) for n in small)
    np.testing.assert_allclose(psfs[0][part], psfs[1][part], atol=1e-6 * psfs[0].max())
