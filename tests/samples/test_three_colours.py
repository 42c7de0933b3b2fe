"""The sample of three colours: opened without a question, a PSF of each colour found beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.psf.psf_choice import choose_psfs
from napari_lazy_pipeline.psf.psf_doubts import inspect_psf
from napari_lazy_pipeline.psf.psf_search import psf_files_near
from napari_lazy_pipeline.psf.psf_voxel_size import psf_spacing
from napari_lazy_pipeline.samples.three_colours import (
    THREE_COLOURS,
    blur,
    write_three_colours,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_three_colours(tmp_path_factory.mktemp("samples") / "three_colours")


def test_the_stack_opens_without_its_psfs(folder: Path) -> None:
    found = inspect_folder(folder)
    assert (found.pattern, found.sizes, found.missing) == (THREE_COLOURS["pattern"], (1, 3), 0)
    assert (found.shape, found.dtype) == ((30, 64, 80), "uint16")
    assert found.channel_names == ("488", "560", "642") and found.notes == ()
    assert found.voxel_size == pytest.approx((0.4, 0.1, 0.1))
    assert write_three_colours(folder) == folder


def test_each_channel_finds_the_psf_of_its_colour(folder: Path) -> None:
    found = inspect_folder(folder)
    chosen = choose_psfs(psf_files_near(folder, found.source.names), found.channel_names)
    for wave in (488, 560, 642):
        path = chosen[str(wave)].path
        assert path == str(folder / "PSF" / f"psf_{wave}.tif")
        size = psf_spacing(path)
        assert size == pytest.approx(THREE_COLOURS["psf_voxel_size"])
        assert inspect_psf(path, size).doubts == ()
        psf = tifffile.imread(path).astype(float) - 100
        along_x = psf[17, 11] / psf.max()
        expected = np.exp(-(((np.arange(23) - 11) * 0.1 / blur(wave)[2]) ** 2) / 2)
        np.testing.assert_allclose(along_x, expected, atol=1e-3)
