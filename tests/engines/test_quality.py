"""How good the methods are: against a known truth, on beads, and on the real stack."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import fft, ndimage

from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.fast_method import back_projector, widths
from napari_lazy_pipeline.image import Scan, VolumeSpec
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.radial_otf import interpolate
from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path
from napari_lazy_pipeline.steps import Deconvolve
from quality import (
    METHODS,
    OFFSET,
    SHEAR,
    VOXEL,
    nrmse,
    otf,
    phantom,
    photometry,
    plan,
    real_volume,
    restore,
    skew,
)
from quality import resolution as fsc
from stacks import bead, processed

ENGINE = CpuEngine()
SCAN = Scan(REAL_STACK["angle"])
REAL_VOXEL = REAL_STACK["voxel_size"]


def real_plan(name, deskewed=False):
    """How to deconvolve the real stack, before or after its deskew."""
    normal = (SCAN.normal_step(REAL_VOXEL[0]), *REAL_VOXEL[1:])
    background = 0.0 if deskewed else REAL_STACK["background"]
    shear = 0.0 if deskewed else SCAN.shear(REAL_VOXEL)
    return DeconvolutionPlan(otf(), normal, background=background, shear=shear, **METHODS[name])


@pytest.fixture(scope="module", params=itertools.product(("lines", "texture"), (1000, 200, 50)))
def seen(request):
    """A phantom that took no part in any choice, and what the methods make of it."""
    kind, photons = request.param
    sample = phantom(photons=photons, seed={"lines": 22, "texture": 32}[kind], kind=kind)
    return sample, {name: restore(sample.image, name) for name in ("rl-10", "fast")}


def test_fast_is_as_near_to_the_truth_as_ten_iterations(seen):
    sample, results = seen
    error = {name: nrmse(result, sample.truth) for name, result in results.items()}
    raw = nrmse(sample.image - OFFSET, sample.truth)
    print(f"raw {raw:.3f}", {name: round(e, 3) for name, e in error.items()})
    assert error["fast"] <= error["rl-10"]
    assert error["rl-10"] < 0.75 * raw


def test_fast_resolves_what_ten_iterations_resolve(seen):
    sample, results = seen
    (axial, lateral), (axial_10, lateral_10) = (
        fsc(results[name], sample.truth) for name in ("fast", "rl-10")
    )
    print(f"axial {axial:.2f} of {axial_10:.2f}, lateral {lateral:.2f} of {lateral_10:.2f} / um")
    assert lateral >= lateral_10
    assert axial >= axial_10


def test_fast_measures_light_as_well_as_ten_iterations(seen):
    sample, results = seen
    spread = {name: photometry(result, sample.truth) for name, result in results.items()}
    print({name: round(s, 3) for name, s in spread.items()})
    assert spread["fast"] <= spread["rl-10"]


@pytest.mark.parametrize("name", ["rl-10", "fast"])
def test_skewed_is_as_good_as_deskewed(name):
    sample = phantom((40, 64, 96), seed=11)
    deskewed = restore(sample.image, name)
    raw, back = skew(sample.image, OFFSET)
    skewed = back(restore(raw, name, shear=SHEAR))
    errors = [nrmse(result, sample.truth) for result in (skewed, deskewed)]
    print(name, "skewed, deskewed:", np.round(errors, 3))
    assert errors[0] <= 1.03 * errors[1]


def by_step(image, voxel, scan, name, **changes):
    """Deconvolve by the step, which does what the engine alone does not."""
    step = Deconvolve(
        psf=str(psf_path()), psf_voxel_size=REAL_STACK["psf_voxel_size"], **METHODS[name], **changes
    )
    return processed(step, image, VolumeSpec(image.shape, image.dtype.name, voxel, scan=scan))


LIGHT = 0.01


@pytest.mark.parametrize("name", ["auto", "rl-10", "accelerated-10", "fast"])
@pytest.mark.parametrize("edges", ["reflect", "background"])
@pytest.mark.parametrize("skewed", [False, True])
def test_light_of_beads_is_kept(name, edges, skewed):
    # Planes 0.2 um apart that are displaced by 4 pixels.
    scan = Scan(math.degrees(math.atan2(0.2, 0.4))) if skewed else None
    voxel = (math.hypot(0.2, 0.4), 0.1, 0.1) if skewed else VOXEL
    image = np.zeros((40, 64, 96), np.float32)
    for k, j, i in ((18, 20, 40), (20, 44, 60), (22, 30, 50)):
        add_bead(image, k, j, i, SHEAR if skewed else 0.0)
    result = by_step(image, voxel, scan, name, edges=edges)
    assert np.isfinite(result).all() and (result >= 0).all()
    assert result.max() > 2 * image.max()
    assert result.sum(dtype=float) == pytest.approx(image.sum(dtype=float), rel=LIGHT)


@pytest.fixture(scope="module")
def real():
    """The real stack, and what the methods make of it as it is."""
    raw = real_volume()
    names = ("rl-10", "rl-20", "fast")
    return raw, {name: ENGINE.deconvolve(raw, real_plan(name)) for name in names}


@pytest.mark.parametrize("name", ["auto", "rl-10", "accelerated-10", "fast"])
@pytest.mark.parametrize("edges", ["reflect", "background"])
def test_light_of_the_real_stack_is_kept(name, edges):
    raw, background = real_volume(), REAL_STACK["background"]
    result = by_step(raw, REAL_VOXEL, SCAN, name, edges=edges, background=background)
    before = np.maximum(raw - np.float32(background), 0).sum(dtype=float)
    print(f"{name}, {edges}: {result.sum(dtype=float) / before:.5f}")
    assert np.isfinite(result).all() and (result >= 0).all()
    assert result.sum(dtype=float) == pytest.approx(before, rel=LIGHT)


def test_fast_is_like_ten_iterations_on_the_real_stack(real):
    _, results = real
    for name in ("rl-10", "rl-20"):
        error = nrmse(results["fast"], results[name])
        correlation = np.corrcoef(results["fast"].ravel(), results[name].ravel())[0, 1]
        print(f"{name}: NRMSE {error:.3f}, correlation {correlation:.4f}")
        assert error < 0.18 and correlation > 0.98


@pytest.mark.parametrize("name", ["rl-10", "fast"])
def test_before_and_after_deskew_agree_on_the_real_stack(real, name):
    raw, results = real
    deskew = DeskewPlan.of(raw.shape, REAL_VOXEL, SCAN)
    before = ENGINE.deskew(results[name], deskew)
    light = np.maximum(raw - np.float32(REAL_STACK["background"]), 0)
    after = ENGINE.deconvolve(ENGINE.deskew(light, deskew), real_plan(name, deskewed=True))
    # Away from the slanted border, beyond which one of them knows nothing and the other 0.
    inner = ndimage.binary_erosion(
        ENGINE.deskew(np.ones_like(light), deskew) > 0, np.ones((3, 3, 3)), iterations=12
    )
    correlation = np.corrcoef(before[inner], after[inner])[0, 1]
    error = nrmse(before[inner], after[inner])
    ratio = before[inner].sum(dtype=float) / after[inner].sum(dtype=float)
    print(f"{name}: NRMSE {error:.3f}, correlation {correlation:.4f}, light {ratio:.4f}")
    assert correlation > 0.98 and error < 0.2
    assert ratio == pytest.approx(1, abs=0.01)


def add_bead(image, k, j, i, shear=0.0, brightness=1000.0):
    """Add the measured PSF as the engine knows it at a place [voxel], in place.

    Planes of a skewed volume show it displaced.
    """
    shape = (64, 64, 128)
    spectrum = interpolate(otf(), shape, VOXEL, shear)
    psf = np.maximum(fft.irfftn(spectrum, shape), 0)
    psf *= brightness / psf.max()
    index = [(np.arange(n) - p) % m for n, p, m in zip(image.shape, (k, j, i), shape, strict=True)]
    image += psf[np.ix_(*index)].astype(np.float32)


@pytest.mark.parametrize("name", ["rl-10", "accelerated-10", "fast"])
@pytest.mark.parametrize("edges", ["reflect", "background"])
@pytest.mark.parametrize("shear", [0.0, SHEAR])
@pytest.mark.parametrize(
    ("place", "far"),
    [
        ((1, 20, 24), np.s_[-8:]),
        ((38, 20, 24), np.s_[:8]),
        ((20, 1, 24), np.s_[:, -8:]),
        ((20, 20, 46), np.s_[:, :, :8]),
    ],
)
def test_a_bead_at_the_edge_stays_there(name, edges, shear, place, far):
    image = np.zeros((40, 40, 48), np.float32)
    add_bead(image, *place, shear)
    # The neighbours of a period away are not part of the picture. Not dark: what is 0 stays 0.
    image[far] = 0
    image += 0.1
    result = restore(image, name, edges=edges, background=0.0, shear=shear)
    assert result[far].max() < 1e-3 * result.max()


@pytest.mark.parametrize("name", ["rl-10", "accelerated-10", "fast"])
@pytest.mark.parametrize("shear", [0.0, SHEAR])
def test_nothing_but_the_volume_decides(name, shear):
    """Neither the number of threads nor what was computed before."""
    volume = phantom((24, 48, 60), seed=12).image
    fresh = restore(volume, name, CpuEngine(1), shear=shear)
    for threads, other in ((2, (24, 48, 60)), (3, (30, 40, 50)), (1, (10, 64, 33))):
        engine = CpuEngine(threads)
        restore(np.full(other, 5000, np.uint16), name, engine, shear=SHEAR)
        restore(np.full(other, 5000, np.uint16), "accelerated-10", engine)
        again = restore(volume, name, engine, shear=shear)
        np.testing.assert_allclose(again, fresh, rtol=1e-6, atol=1e-6 * fresh.max())


@pytest.mark.parametrize("name", ["rl-10", "accelerated-10", "fast"])
def test_the_unit_of_the_values_does_not_matter(name):
    image = np.maximum(phantom((24, 48, 60), seed=12).image - np.float32(OFFSET), 0)
    result, small = (restore(image * np.float32(f), name, background=0.0) for f in (1, 2**-12))
    np.testing.assert_allclose(small * 2**12, result, rtol=1e-3, atol=1e-3 * result.max())


@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_fast_equals_its_iterations_as_written(shear):
    image = np.random.default_rng(3).poisson(20, (14, 15, 18)).astype(np.float32)
    settings = plan(
        method="fast", iterations=99, edges="periodic", apodize=0, shear=shear, background=0.0
    )
    forward, backward = (
        interpolate(o, image.shape, VOXEL, shear) for o in (otf(), back_projector(otf()))
    )
    sigma = 0.75 * widths(otf())[0] / 2.3548 / 0.1
    expected = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="reflect", truncate=3)
    for way_back, power in ((backward, 2), (backward, 2), (forward.conj(), 1)):
        blurred = fft.irfftn(fft.rfftn(expected) * forward, image.shape)
        ratio = np.clip(image / blurred, -10, 10)
        correction = fft.irfftn(fft.rfftn(ratio) * way_back, image.shape)
        expected = expected * np.maximum(correction, 0) ** power
    result = ENGINE.deconvolve(image, settings)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_the_back_projector_keeps_light_and_ends_at_the_resolution():
    psf = bead((64, 64, 64), (4.0, 2.0, 2.0))
    made = make_otf(psf, (0.1, 0.1, 0.1))
    lateral, axial = widths(made)
    assert lateral == pytest.approx(2.3548 * 0.2, rel=0.03)
    assert axial == pytest.approx(2.3548 * 0.4, rel=0.03)
    back = back_projector(made)
    assert back.values[0, 0] == pytest.approx(1, abs=1e-6)
    gain = np.abs(back.values)
    assert gain.max() < 4, "noise is not blown up"
    rings = np.arange(len(gain)) * back.dkr
    assert gain[rings > 1.5 / lateral].max() < 0.05
    assert back_projector(make_otf(psf, (0.1, 0.1, 0.1))) is back, "made once"
