"""PSF files, and the OTF made from them, against CUDA and against analytic Gaussians."""

from __future__ import annotations

import os
import pickle
import threading

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.psf import RadialOtf, make_otf
from napari_lazy_pipeline.psf.psf_file import PsfArray, is_otf, load_psf
from napari_lazy_pipeline.psf.radial_otf import (
    PEAK_OFFSET,
    interpolate,
    load_otf,
    read_psf_or_otf,
    save_otf,
)
from stacks import bead

CUBE = (0.1, 0.1, 0.1)


def test_arrays_of_the_same_values_are_one_psf():
    psf = PsfArray(np.ones((3, 8, 8)))
    assert psf == PsfArray(np.ones((3, 8, 8))) != PsfArray(np.ones((8, 3, 8)))
    assert psf.array.shape == (3, 8, 8)
    assert pickle.loads(pickle.dumps(psf)) == psf


def test_equals_cuda(vendored_psf_path, vendored_otf_path):
    made = make_otf(load_psf(vendored_psf_path), CUBE)
    expected = load_otf(vendored_otf_path, CUBE)
    assert made.values.shape == expected.values.shape == (65, 61)
    np.testing.assert_allclose(made.values, expected.values, atol=1e-5)
    assert made.dkr == pytest.approx(expected.dkr)
    assert made.dkz == pytest.approx(expected.dkz)
    assert made.voxel_size == pytest.approx((0.1, 0.1))


def gaussian_otf(kr, kz, sigma, step):
    """Spectrum of a Gaussian of widths (z, r) [um], its peak moved by the known offset."""
    magnitude = np.exp(-2 * np.pi**2 * (sigma[0] ** 2 * kz**2 + sigma[1] ** 2 * kr**2))
    return magnitude * np.exp(2j * np.pi * kz * PEAK_OFFSET * step)


@pytest.mark.parametrize("shape", [(33, 32, 32), (32, 33, 33), (40, 48, 32), (33, 31, 44)])
@pytest.mark.parametrize("offset", [0, 100])
def test_gaussian_psf_of_any_size(shape, offset):
    psf = bead(shape, (2.5, 1.8, 1.8)) + offset
    otf = make_otf(psf, (0.2, 0.1, 0.1))
    kr = otf.dkr * np.arange(otf.values.shape[0])[:, None]
    kz = otf.dkz * shape[0] * np.fft.fftfreq(shape[0])
    expected = gaussian_otf(kr, kz, (0.5, 0.18), 0.2)
    expected /= np.abs(expected).max()
    # Rings average radii up to half a ring apart, and the line to the axis flattens the top.
    np.testing.assert_allclose(otf.values, expected, atol=0.06)
    assert kr.max() <= 5.0 + 1e-9


def test_pixels_of_different_size():
    psf = bead((33, 64, 32), (2.5, 3.6, 1.8))
    otf = make_otf(psf, (0.2, 0.05, 0.1))
    same = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), (0.2, 0.1, 0.1))
    assert otf.values.shape == same.values.shape
    np.testing.assert_allclose(otf.values, same.values, atol=0.02)


def test_position_of_the_bead_does_not_matter():
    psf = bead()
    moved = np.roll(psf, (3, -4, 5), (0, 1, 2))
    np.testing.assert_allclose(make_otf(moved, CUBE).values, make_otf(psf, CUBE).values, atol=2e-4)


def test_interpolation_gives_back_the_values():
    otf = make_otf(bead((32, 32, 32)), CUBE)
    grid = interpolate(otf, (32, 32, 32), CUBE)
    assert grid.shape == (32, 32, 17)
    assert grid.dtype == np.complex64
    np.testing.assert_allclose(grid[:, 0, :16], otf.values[:16].T, atol=1e-6)
    np.testing.assert_allclose(grid[:, :16, 0], otf.values[:16].T, atol=1e-6)
    assert not grid[:, 0, 16].any(), "the outermost ring has no neighbour to go to"


def test_frequencies_the_psf_does_not_have_are_zero():
    otf = RadialOtf(np.ones((5, 8)), dkr=1.0, dkz=1.0)
    grid = interpolate(otf, (16, 16, 16), (1 / 16, 1 / 16, 1 / 16))
    kz = np.abs(np.fft.fftfreq(16, 1 / 16))[:, None, None]
    kr = np.hypot(np.fft.fftfreq(16, 1 / 16)[:, None], np.fft.rfftfreq(16, 1 / 16))
    np.testing.assert_array_equal(grid, ((kz <= 4) & (kr < 4)).astype(np.complex64))


@pytest.mark.parametrize("shear", [1.7, -1.7, 0.4])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_sheared_otf_is_that_of_a_sheared_psf(axis, shear):
    shape, voxel, sigma = (24, 50, 60), (0.25, 0.1, 0.1), (0.4, 0.22)
    kr, kz = 0.02 * np.arange(300)[:, None], 0.02 * 200 * np.fft.fftfreq(200)
    values = np.exp(-2 * np.pi**2 * (sigma[0] ** 2 * kz**2 + sigma[1] ** 2 * kr**2))
    otf = RadialOtf(values, dkr=0.02, dkz=0.02)
    k, y, x = np.ix_(*(np.fft.fftfreq(n, 1 / n) for n in shape))
    along = {"y": y, "x": x}
    along[axis] = along[axis] + shear * k
    distance = (k * voxel[0] / sigma[0]) ** 2
    distance = (
        distance + ((along["y"] * voxel[1]) ** 2 + (along["x"] * voxel[2]) ** 2) / sigma[1] ** 2
    )
    psf = np.exp(-distance / 2)
    expected = np.fft.rfftn(psf / psf.sum())
    grid = interpolate(otf, shape, voxel, shear, axis)
    np.testing.assert_allclose(grid, expected, atol=5e-3)


def test_file_goes_there_and_back(tmp_path):
    otf = make_otf(bead((33, 32, 32)), (0.2, 0.1, 0.1))
    save_otf(otf, tmp_path / "otf.tif")
    assert is_otf(tmp_path / "otf.tif")
    again = load_otf(tmp_path / "otf.tif", (0.2, 0.1, 0.1))
    assert again == otf
    assert hash(again) == hash(otf)
    assert load_otf(tmp_path / "otf.tif", (0.3, 0.1, 0.1)) != otf


def test_values_cannot_be_changed():
    otf = make_otf(bead(), CUBE)
    with pytest.raises(ValueError, match="read-only"):
        otf.values[0, 0] = 0


def test_read_is_remembered_until_the_file_changes(tmp_path):
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, bead().astype(np.uint16))
    first = read_psf_or_otf(path, CUBE)
    assert read_psf_or_otf(str(path), list(CUBE)) is first
    assert read_psf_or_otf(path, (0.2, 0.1, 0.1)) != first
    tifffile.imwrite(path, bead(sigma=(3, 2, 2)).astype(np.uint16))
    os.utime(path, ns=(1, 1))
    assert read_psf_or_otf(path, CUBE) != first


def test_read_takes_an_otf_as_well(vendored_psf_path, vendored_otf_path):
    assert not is_otf(vendored_psf_path)
    assert is_otf(vendored_otf_path)
    otf = read_psf_or_otf(vendored_otf_path, CUBE)
    assert otf == load_otf(vendored_otf_path, CUBE).centred()


def test_many_readers_at_once(tmp_path):
    tifffile.imwrite(tmp_path / "psf.tif", bead().astype(np.uint16))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(read_psf_or_otf(tmp_path / "psf.tif", CUBE)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_psf_file_with_extra_axes(tmp_path):
    tifffile.imwrite(tmp_path / "psf.tif", bead()[None, None])
    psf = load_psf(tmp_path / "psf.tif")
    assert psf.shape == (33, 32, 32)
    assert psf.dtype == np.float32


def saturated(psf):
    return np.minimum(psf * 500, 65535).astype(np.uint16)


def with_nan(psf):
    psf = psf.copy()
    psf[0, 0, 0] = np.nan
    return psf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda psf: psf[16], "has shape"),
        (lambda psf: np.stack([psf, psf]), "has shape"),
        (with_nan, "not finite"),
        (lambda psf: psf * 0, "0.0 everywhere"),
        (lambda psf: psf * 0 + 7, "7.0 everywhere"),
        (saturated, "saturated"),
        (lambda psf: np.minimum(psf * 50, 4095).astype(np.uint16), "saturated"),
        (lambda psf: psf[:, :5, :5], "only"),
        (lambda psf: psf.astype(np.complex64), "complex64 values"),
    ],
)
def test_unusable_psf_is_named(tmp_path, change, message):
    path = tmp_path / "bad.tif"
    tifffile.imwrite(path, change(bead()), photometric="minisblack")
    with pytest.raises(PsfError, match=message) as caught:
        read_psf_or_otf(path, CUBE)
    assert "bad.tif" in str(caught.value)


def bright_ring():
    z, y, x = np.ogrid[-16:17, -16:16, -16:16]
    return np.exp(-(z**2) / 8) * np.sinc(np.hypot(y, x) / 1.05)


def without_sum():
    inner, outer = bead(sigma=(2, 0.8, 0.8)), bead(sigma=(2, 1.2, 1.2))
    return inner / inner.sum() - outer / outer.sum()


@pytest.mark.parametrize("psf", [bright_ring(), without_sum()])
def test_psf_whose_spectrum_rises_is_refused(psf):
    with pytest.raises(PsfError, match="does not fall off"):
        make_otf(psf, CUBE)


@pytest.mark.parametrize("voxel", [(0, 0.1, 0.1), (0.1, -1, 0.1), (0.1, 0.1, float("nan"))])
def test_voxel_size_must_be_a_length(voxel):
    with pytest.raises(PsfError, match="voxel size"):
        make_otf(bead(), voxel)


def test_missing_and_foreign_files(tmp_path):
    for read in (load_psf, is_otf):
        with pytest.raises(PsfError, match="no PSF or OTF file"):
            read(tmp_path / "none.tif")
    with pytest.raises(PsfError, match="no PSF or OTF file"):
        read_psf_or_otf(tmp_path / "none.tif", CUBE)
    (tmp_path / "text.tif").write_text("not an image")
    with pytest.raises(PsfError, match="cannot be read as TIFF"):
        load_psf(tmp_path / "text.tif")


def test_other_images_are_no_otf(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.ones((4, 6), np.uint16))
    with pytest.raises(PsfError, match="no radially averaged OTF"):
        load_otf(path, CUBE)
    tifffile.imwrite(path, np.zeros((4, 6), np.float32))
    with pytest.raises(PsfError, match="empty or not finite"):
        load_otf(path, CUBE)
