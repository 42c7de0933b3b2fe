"""What is deconvolved lies where it lay, whatever the planes of its PSF."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.radial_otf import save_otf
from napari_lazy_pipeline.steps import Deconvolve

SIGMA = (0.2, 0.12, 0.12)  # um
VOXEL = (0.1, 0.1, 0.1)
MIDDLE = (1.63, 2.02, 1.98)  # um


def gauss(shape: tuple[int, int, int], voxel_size: tuple, middle: tuple) -> np.ndarray:
    """A Gaussian bead of `SIGMA` about a place [um]."""
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return np.exp(
        -sum(
            (n * step - place) ** 2 / (2 * s**2)
            for n, step, place, s in zip(axes, voxel_size, middle, SIGMA, strict=True)
        )
    )


def place(volume: np.ndarray) -> np.ndarray:
    """Centroid (z, y, x) [um]."""
    light = volume.astype(float)
    return np.array(
        [(light * index).sum() / light.sum() for index in np.indices(light.shape)]
    ) * np.array(VOXEL)


@pytest.fixture
def psf(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, tuple]:
    """PSF of some planes, a distance apart, its bead off the middle; or the OTF of it."""
    step, planes, off, as_otf = request.param
    voxel_size = (step, 0.1, 0.1)
    middle = (planes // 2 * step + off * step, 1.6 + 0.3 * off * 0.1, 1.6)
    image = 100 + 2000 * gauss((planes, 32, 33), voxel_size, middle)
    path = tmp_path / "psf.tif"
    if as_otf:
        save_otf(make_otf(image, voxel_size), path)
    else:
        tifffile.imwrite(path, np.rint(image).astype(np.uint16), photometric="minisblack")
    return str(path), voxel_size


PSFS = [
    (step, planes, off, as_otf)
    for (step, planes), off, as_otf in itertools.product(
        [(0.1, 32), (0.1, 33), (0.2, 16), (0.3, 14), (0.3, 13)], (0.0, 0.4), (False, True)
    )
]


@pytest.mark.parametrize("method", ["auto", "rl", "accelerated", "fast"])
@pytest.mark.parametrize("psf", PSFS, indirect=True, ids=str)
def test_a_bead_stays(psf: tuple[str, tuple], method: str) -> None:
    path, size = psf
    bead = (3000 * gauss((32, 40, 40), VOXEL, MIDDLE)).astype(np.float32)
    step = Deconvolve(psf=path, psf_voxel_size=size, method=method, iterations=10)
    result = Pipeline([step]).run_volume(bead, VolumeSpec(bead.shape, "float32", VOXEL))
    np.testing.assert_allclose(place(result), place(bead), atol=0.02)
    assert result.max() > 2 * bead.max()
