"""Beads, PSFs and CUDA results that the tests of the engines share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from golden import NotFetched, golden_folder

VENDORED = Path(__file__).parents[1] / "data" / "pycudadecon"


@pytest.fixture(scope="session")
def vendored():
    """Read one of the CUDA results that are part of the repository."""
    return lambda name: tifffile.imread(VENDORED / name)


@pytest.fixture(scope="session")
def golden():
    """Read one of the CUDA results that are fetched once."""
    try:
        folder = golden_folder()
    except NotFetched as reason:
        pytest.skip(str(reason))
    return lambda name: tifffile.imread(folder / name)


@pytest.fixture(scope="session")
def vendored_psf_path():
    return VENDORED / "psf.tif"


@pytest.fixture(scope="session")
def vendored_otf_path():
    return VENDORED / "otf.tif"


def gaussian_psf(shape=(33, 32, 32), sigma=(2.5, 1.8, 1.8)):
    """A bead in the middle of a volume (z, y, x); widths in voxels."""
    axes = [(np.arange(n) - n // 2) / s for n, s in zip(shape, sigma, strict=True)]
    z, y, x = np.ix_(*axes)
    return (1000 * np.exp(-(z**2 + y**2 + x**2) / 2)).astype(np.float32)
