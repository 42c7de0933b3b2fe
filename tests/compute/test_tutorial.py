"""The steps of napari's dask tutorial, as they stand there: functions of a volume, lazily applied.

https://napari.org/stable/tutorials/processing/dask.html
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import fft, ndimage

from napari_lazy_pipeline import Pipeline, Stack

SHAPE = (9, 48, 60)


def deskew(volume: np.ndarray, angle: float, dz: float, dx: float) -> np.ndarray:
    """Shear, as programs do it that know an affine transform only."""
    shear = np.cos(np.radians(angle)) * dz / dx
    length = volume.shape[2] + int(np.ceil(shear * (volume.shape[0] - 1)))
    matrix = np.array([[1, 0, 0], [0, 1, 0], [-shear, 0, 1.0]])
    shape = (*volume.shape[:2], length)
    return ndimage.affine_transform(volume, matrix, output_shape=shape, order=1)


def richardson_lucy(volume: np.ndarray, psf: np.ndarray, iterations: int) -> np.ndarray:
    """The iterations as they are written down."""
    otf = fft.rfftn(fft.ifftshift(psf / psf.sum()), volume.shape)
    estimate = image = volume.astype(np.float32)
    for _ in range(iterations):
        blurred = np.maximum(fft.irfftn(fft.rfftn(estimate) * otf, volume.shape), 1e-6)
        correction = fft.irfftn(fft.rfftn(image / blurred) * otf.conj(), volume.shape)
        estimate = estimate * np.maximum(correction, 0)
    return np.asarray(estimate, np.float32)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [tmp_path / f"stack_{t:03}.tif" for t in range(5)]
    for path in paths:
        tifffile.imwrite(path, generator.integers(90, 900, SHAPE).astype("uint16"))
    return paths


def test_the_tutorial_one_to_one(files: list[Path]) -> None:
    import dask.array as da
    from dask_image.imread import imread

    # Of 3-D files, imread("*.tif") gives the first planes only (dask-image 2026.5): one by one.
    stack = da.stack([imread(str(path)) for path in files])
    psf = np.exp(-np.add.outer(*([np.square(np.arange(-4, 5))] * 2)) / 4)[None].repeat(3, 0)
    steps = [
        partial(deskew, angle=31.5, dz=0.3, dx=0.1),
        partial(richardson_lucy, psf=psf, iterations=2),
        lambda volume: volume[2:, 10:-20, :55],
    ]
    view = Pipeline(steps).apply(stack)
    assert view.shape == (5, 1, 7, 18, 55) and view.data.dtype == np.float32
    assert "function" in view.data.name
    made = view.data[3, 0].compute()
    expected = tifffile.imread(files[3])
    for step in steps:
        expected = step(expected)
    np.testing.assert_array_equal(made, expected)
    # The declared shape is right for every block: any slice of the array may be computed.
    np.testing.assert_array_equal(view.data[4, 0, -1, -1].compute(), view.volume(4)[-1, -1])


def test_the_same_from_a_folder(files: list[Path]) -> None:
    from napari_lazy_pipeline import open_stack

    stack = open_stack(files[0].parent, "stack_{t}.tif", voxel_size=(0.3, 0.1, 0.1))
    assert isinstance(stack, Stack)
    crop = Pipeline([lambda volume: volume[2:, 10:-20, :55]]).apply(stack)
    expected = tifffile.imread(files[1])[2:, 10:-20, :55]
    np.testing.assert_array_equal(crop.volume(1), expected)
