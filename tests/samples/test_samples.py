"""Sample data: quick to make, and true to what they say they show."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.samples.samples import (
    REAL_STACK,
    psf_path,
    real_stack_folder,
)


def test_real_stack_is_complete() -> None:
    found = inspect_folder(real_stack_folder())
    assert found.pattern == REAL_STACK["pattern"]
    assert (found.shape, found.dtype, found.sizes) == ((88, 160, 256), "uint16", (1, 1))
    volume = found.stack(REAL_STACK["voxel_size"]).volume()
    assert np.median(volume[-8:, :, -16:]) == pytest.approx(REAL_STACK["background"], abs=3)
    assert volume.max() > 1000


def test_real_psf_has_its_peak_in_the_middle() -> None:
    psf = tifffile.imread(psf_path())
    peak = np.unravel_index(psf.argmax(), psf.shape)
    assert psf.dtype == np.uint16
    assert np.abs(np.subtract(peak, np.array(psf.shape) // 2)).max() <= 1
    assert np.median(psf[:, :8]) == pytest.approx(142, abs=3)


def test_shipped_files_are_small_and_have_their_licence() -> None:
    data = psf_path().parent
    sizes = [path.stat().st_size for path in data.rglob("*") if path.is_file()]
    assert sum(sizes) < 4_500_000
    assert "Talley Lambert" in (data / "LICENSE").read_text()
    assert "31.5" in (data / "README.md").read_text()
