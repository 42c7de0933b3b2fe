"""The method auto: as near to the truth as the best stop of its family, without a number."""

from __future__ import annotations

import numpy as np
import pytest

from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.psf import make_otf
from quality import OFFSET, Phantom, nrmse, phantom, plan, resolution, restore
from stacks import bead

ENGINE = CpuEngine()
STOPS = (8, 11, 14, 17, 20, 23)
SEEDS = {"lines": 24, "texture": 34, "cells": 44}
CELLS = [("lines", 1000), ("lines", 50), ("texture", 200), ("cells", 1000), ("cells", 50)]


def flat(image: np.ndarray, iterations: int) -> np.ndarray:
    """Plain Richardson-Lucy from a flat start: the family of auto."""
    return ENGINE.deconvolve(image, plan(method="rl", start="flat", iterations=iterations))


@pytest.fixture(scope="module", params=CELLS, ids=lambda cell: f"{cell[0]} {cell[1]}")
def sample(request: pytest.FixtureRequest) -> Phantom:
    """A phantom whose seed took no part in any choice."""
    kind, photons = request.param
    return phantom(photons=photons, seed=SEEDS[kind], kind=kind)


def test_it_is_as_near_to_the_truth_as_the_best_stop(sample: Phantom) -> None:
    error = nrmse(restore(sample.image, "auto"), sample.truth)
    best = min(nrmse(flat(sample.image, n), sample.truth) for n in STOPS)
    assert error < 1.02 * best
    assert error < nrmse(restore(sample.image, "accelerated-10"), sample.truth)


def test_the_light_is_kept(sample: Phantom) -> None:
    light = np.maximum(sample.image - OFFSET, 0).sum(dtype=float)
    assert restore(sample.image, "auto").sum(dtype=float) == pytest.approx(light, rel=0.01)


def test_dim_planes_are_resolved() -> None:
    seen = [phantom(photons=200, seed=seed, kind="texture") for seed in (30, 31, 32, 33)]
    axial = {
        name: np.mean([resolution(restore(s.image, name), s.truth)[0] for s in seen])
        for name in ("auto", "rl-20")
    }
    assert axial["auto"] > 2.5 and axial["auto"] > 1.15 * axial["rl-20"]


def test_noise_is_not_sharpened() -> None:
    noise = np.random.default_rng(0).poisson(50, (24, 64, 64)).astype(np.uint16)
    automatic = ENGINE.deconvolve(noise, plan(method="auto", background=0.0))
    plain = ENGINE.deconvolve(noise, plan(method="rl", start="flat", background=0.0, iterations=18))
    assert automatic.std() < 0.5 * plain.std()


@pytest.mark.parametrize("gain", [0.125, 8.0])
def test_the_gain_of_the_camera_makes_no_difference(gain: float) -> None:
    image = phantom((24, 48, 56), photons=200).image
    expected = restore(image, "auto")
    counts = (image * np.float32(gain)).astype(np.float32)
    result = restore(counts, "auto", background=OFFSET * gain)
    np.testing.assert_allclose(result, gain * expected, rtol=1e-3, atol=1e-3 * result.max())


def test_bright_data_without_noise_become_as_sharp_as_by_plain_iterations() -> None:
    otf = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), (0.1, 0.1, 0.1)).centred()
    seen = bead((32, 40, 40), (2.5, 1.8, 1.8)) * 1e4
    shared = DeconvolutionPlan(otf, (0.1, 0.1, 0.1), iterations=18, start="flat")
    sharp = {
        method: ENGINE.deconvolve(seen, DeconvolutionPlan(**{**vars(shared), "method": method}))
        for method in ("auto", "rl")
    }
    assert sharp["auto"].max() > 0.9 * sharp["rl"].max() > 3 * seen.max()
