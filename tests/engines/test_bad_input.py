"""Bad PSFs, odd volumes, failing hardware: each gives a clear message or the right answer."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from devices import offer_engine
from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.errors import GeometryError, StepError
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.radial_otf import save_otf
from napari_lazy_pipeline.steps import Deconvolve, Deskew
from stacks import bead

VOXEL = (0.2, 0.1, 0.1)
BEAD = (6, 10, 13)


def bead_volume(shape=(13, 20, 24), dtype=np.uint16):
    """A bead as wide as the PSF on an even ground."""
    axes = [(np.arange(n) - c) / s for n, c, s in zip(shape, BEAD, (2.5, 1.8, 1.8), strict=True)]
    z, y, x = np.ix_(*axes)
    return (20 + 2000 * np.exp(-(z**2 + y**2 + x**2) / 2)).astype(dtype)


def psf(shape=(33, 32, 32), dtype=np.float32):
    return (bead(shape) + 10).astype(dtype)


def psf_with(value, place=(3, 3, 3)):
    damaged = psf()
    damaged[place] = value
    return damaged


def saturated(top):
    return np.where(psf() > 500, top, psf()).astype(np.uint16)


GOOD_PSFS = {
    "odd": psf((31, 33, 33)),
    "even": psf((30, 32, 32)),
    "mixed": psf((31, 32, 35)),
    "larger than the volume": psf((65, 128, 128)),
    "uint16": psf(dtype=np.uint16),
    "int16": psf(dtype=np.int16),
    "float64": psf(dtype=np.float64),
    "with an axis of one": psf()[None],
    "across the edge": np.roll(psf(), (16, 10, 16), (0, 1, 2)),
}
BAD_PSFS = {
    "NaN": (psf_with(np.nan), "values that are not finite.*Replace NaN"),
    "infinite": (psf_with(np.inf), "values that are not finite"),
    "all zero": (np.zeros((33, 32, 32), np.float32), "is 0.0 everywhere.*Check that the file"),
    "constant": (np.full((33, 32, 32), 7, np.uint16), "is 7 everywhere"),
    "saturated at 16 bit": (saturated(65535), "is saturated: .* are at 65535.*less light"),
    "saturated at 12 bit": (saturated(4095), "is saturated: .* are at 4095"),
    "noise": (
        np.random.default_rng(0).poisson(100, (33, 32, 32)).astype(np.uint16),
        "does not fall off from its origin.*single bead",
    ),
    "one plane": (psf()[16], r"has shape \(32, 32\).*Give one volume"),
    "one colour too many": (np.stack([psf()] * 3, -1), "has shape .*Give one volume"),
    "a few voxels": (psf()[15:18, 13:18, 13:18], r"only \(3, 5, 5\) voxels.*at least"),
}
WRONG_SPACINGS = [(0.02, 0.1, 0.1), (20.0, 0.1, 0.1), (0.2, 1.0, 1.0)]
VOLUMES = {
    "one voxel": (1, 1, 1),
    "one plane": (1, 20, 24),
    "two planes": (2, 20, 24),
    "one row": (13, 1, 24),
    "two rows": (13, 2, 24),
    "one column": (13, 20, 1),
    "two columns": (13, 20, 2),
    "two of all": (2, 2, 2),
}
METHODS = ["rl", "accelerated", "fast", "auto"]


@pytest.fixture(params=["cpu", "numpy"])
def engine(request, monkeypatch):
    """Name of an engine: that of the CPU, and that of a GPU on numpy."""
    offer_engine(monkeypatch, "numpy", "devices:NumpyEngine")
    notices.clear()
    yield request.param
    notices.clear()


@pytest.fixture
def run(tmp_path, engine):
    """Deconvolve a volume as the pipeline does."""

    def run(volume, psf=GOOD_PSFS["odd"], **options):
        path = tmp_path / "psf.tif"
        tifffile.imwrite(path, psf, photometric="minisblack")
        settings = {"psf_voxel_size": VOXEL, "iterations": 5, **options}
        pipeline = Pipeline(steps=[Deconvolve(psf=str(path), **settings)])
        spec = VolumeSpec(volume.shape, str(volume.dtype), VOXEL)
        before = volume.copy()
        out = pipeline.run_volume(volume, spec, engine)
        np.testing.assert_array_equal(volume, before)
        assert out.shape == volume.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert (out >= 0).all()
        return out

    return run


def assert_sharper_and_in_place(out, volume):
    assert np.unravel_index(out.argmax(), out.shape) == BEAD
    assert out.max() > 1.3 * volume.max()
    # What lies at its edges is bright, and beyond them lies its mirror image.
    assert out.sum(dtype=float) == pytest.approx(volume.sum(dtype=float), rel=0.01)


@pytest.mark.parametrize("name", GOOD_PSFS)
def test_usable_psf(run, name):
    volume = bead_volume()
    assert_sharper_and_in_place(run(volume, GOOD_PSFS[name]), volume)


@pytest.mark.parametrize("name", BAD_PSFS)
def test_unusable_psf(run, name):
    image, message = BAD_PSFS[name]
    with pytest.raises(
        StepError, match=f"Deconvolve failed at t=0, channel ch0: The .*{message}"
    ) as info:
        run(bead_volume(), image)
    assert info.value.where.endswith("psf.tif")


@pytest.mark.parametrize("spacing", WRONG_SPACINGS)
def test_wrong_spacing_of_the_psf(run, spacing):
    with pytest.raises(StepError, match=r"as no lens makes it.*Check the voxel size.*z step"):
        run(bead_volume(), psf_voxel_size=spacing)


def test_damaged_psf_file(tmp_path):
    path = tmp_path / "psf.tif"
    for content in (b"", b"not a TIFF file", b"II*\0damaged"):
        path.write_bytes(content)
        with pytest.raises(StepError, match=r"The PSF (cannot be read as TIFF|has shape \(0,\))"):
            Pipeline(steps=[Deconvolve(psf=str(path))]).run_volume(
                bead_volume(), VolumeSpec(bead_volume().shape, "uint16", VOXEL)
            )


def test_otf_with_nan(tmp_path):
    path = tmp_path / "otf.tif"
    save_otf(make_otf(psf(), VOXEL), path)
    values = tifffile.imread(path)
    values[3, 4] = np.nan
    tifffile.imwrite(path, values, photometric="minisblack")
    with pytest.raises(StepError, match="OTF is empty or not finite"):
        Pipeline(steps=[Deconvolve(psf=str(path), psf_voxel_size=VOXEL)]).run_volume(
            bead_volume(), VolumeSpec(bead_volume().shape, "uint16", VOXEL)
        )


@pytest.mark.parametrize("name", VOLUMES)
@pytest.mark.parametrize("method", METHODS)
def test_thin_volumes(run, name, method):
    volume = np.random.default_rng(0).poisson(40, VOLUMES[name]).astype(np.uint16)
    out = run(volume, method=method)
    assert out.mean() == pytest.approx(volume.mean(), rel=0.01)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0, 7, 65535])
def test_constant_volumes_stay(run, method, level):
    out = run(np.full((8, 9, 10), level, np.uint16), method=method)
    np.testing.assert_allclose(out, level, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4", ">u2", "u8"])
def test_other_types_give_the_same(run, dtype):
    volume = bead_volume()
    np.testing.assert_allclose(run(volume.astype(dtype)), run(volume), rtol=1e-5)


def test_negative_values_count_as_background(run):
    volume = bead_volume(dtype=np.int16) - 100
    np.testing.assert_allclose(run(volume), run(volume.clip(0)), rtol=1e-3, atol=1e-3)


def test_counts_beyond_16_bit(run):
    volume = bead_volume().astype(np.float64) * 1e6
    np.testing.assert_allclose(run(volume), 1e6 * run(bead_volume()), rtol=1e-4, atol=1e3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("method", METHODS)
def test_damaged_voxels_spoil_nothing_else(run, value, method):
    volume = bead_volume(dtype=np.float32)
    volume[2, 3, 4] = 0
    damaged = volume.copy()
    damaged[2, 3, 4] = value
    expected = run(volume, method=method)
    np.testing.assert_allclose(run(damaged, method=method), expected, rtol=1e-4, atol=1e-3)


def test_nothing_but_nan(run):
    assert not run(np.full((8, 9, 10), np.nan, np.float32)).any()


def test_complex_values_are_refused(run):
    with pytest.raises(GeometryError, match="complex64: only real numbers"):
        run(bead_volume().astype(np.complex64))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_damaged_voxels_of_a_deskew_spoil_nothing_else(engine, value):
    volume = bead_volume(dtype=np.float32)
    damaged = volume.copy()
    damaged[5, 6, 7] = value
    pipeline = Pipeline(steps=[Deskew(angle=31.5)])
    spec = VolumeSpec(volume.shape, "float32", VOXEL)
    out, expected = (pipeline.run_volume(v, spec, engine) for v in (damaged, volume))
    assert 1 <= (~np.isfinite(out)).sum() <= 2
    good = np.isfinite(out)
    np.testing.assert_array_equal(out[good], expected[good])


@pytest.mark.parametrize("dtype", ["f8", "i2"])
def test_deskew_of_other_types(engine, dtype):
    volume = bead_volume(dtype=dtype)
    spec = VolumeSpec(volume.shape, str(volume.dtype), VOXEL)
    pipeline = Pipeline(steps=[Deskew(angle=31.5)])
    try:
        out = pipeline.run_volume(volume, spec, engine)
    except StepError as error:
        assert re.search("Convert|uint16 or float32", str(error))
    else:
        assert out.sum() > 0
        assert out.dtype == pipeline.specs(spec)[-1].dtype


def test_gpu_that_vanishes(run, engine):
    """One volume fails and says so; the next ones are done by the CPU, and it is said once."""
    if engine == "cpu":
        pytest.skip("there is always a CPU")
    gpu, volume = get_engine("numpy"), bead_volume()
    expected = run(volume)
    try:
        gpu.device.errors = [RuntimeError("cudaErrorUnknown")] * 99
        with pytest.raises(StepError, match="The GPU failed: RuntimeError: cudaErrorUnknown"):
            run(volume)
        for _ in range(3):
            np.testing.assert_allclose(run(volume), expected, rtol=1e-4, atol=1e-3)
        assert [notice.done for notice in notices] == ["computed on the CPU from now on"]
    finally:
        gpu.device.errors = []
        gpu.fallback.forget()


def test_too_little_memory(run, engine, monkeypatch):
    volume = bead_volume()
    if engine == "numpy":
        expected = run(volume)
        monkeypatch.setattr(get_engine("numpy").device, "memory", 1000)
        np.testing.assert_allclose(run(volume), expected, rtol=1e-4, atol=1e-3)
        assert notices
        return
    monkeypatch.setattr(get_engine(), "memory_limit", 1000)
    with pytest.raises(StepError, match=r"not enough memory to deconvolve .*Crop the volume"):
        run(volume)


def test_memory_error_of_the_system(run, engine, monkeypatch):
    if engine == "numpy":
        pytest.skip("test_array_engine has it")

    def full(*_):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr(CpuEngine, "_solve", full)
    with pytest.raises(StepError, match=r"not enough memory to deconvolve .*close other programs"):
        run(bead_volume())
