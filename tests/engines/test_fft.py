"""The FFTs of the CPU engine: each library gives what numpy gives."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from napari_lazy_pipeline.engines import _fft

LIBRARIES = [
    pytest.param(_fft.ScipyTransforms, id="scipy"),
    pytest.param(
        _fft.DuccTransforms,
        id="ducc0",
        marks=pytest.mark.skipif(find_spec("ducc0") is None, reason="ducc0 is not installed"),
    ),
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("shape", [(3, 10, 12), (1, 1, 2), (4, 6, 9), (2, 5, 1)])
def test_equal_to_numpy(library, shape):
    transforms = library()
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    spectrum = np.empty((*shape[:2], shape[2] // 2 + 1), np.complex64)
    transforms.to_spectrum(pixels, spectrum)
    np.testing.assert_allclose(spectrum, np.fft.rfft2(pixels), atol=1e-4)
    slab = transforms.along_z(spectrum[:, ::2])
    np.testing.assert_allclose(slab, np.fft.fft(spectrum[:, ::2], axis=0), atol=1e-4)
    before = spectrum.copy()
    transforms.back_along_z(slab, spectrum[:, ::2])
    np.testing.assert_allclose(spectrum, before, atol=1e-4)
    back = transforms.to_pixels(spectrum, shape[2])
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, pixels, atol=1e-4)


def test_the_choice_is_the_quicker_one_that_is_there():
    chosen = _fft.transforms()
    assert isinstance(chosen, _fft.DuccTransforms if find_spec("ducc0") else _fft.ScipyTransforms)
