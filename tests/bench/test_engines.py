"""How fast the CPU engine is, as ratios to other ways of doing the same in the same run.

``scripts/bench tests/bench/test_engines.py``.
"""

from __future__ import annotations

import statistics
import time
from functools import partial

import numpy as np
import pytest
from scipy import fft, ndimage

from bench_size import size
from napari_lazy_pipeline._runtime.threads import Threads, cpu_count
from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine, framed, warm_up
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.radial_otf import interpolate

ENGINE = CpuEngine()
VOXEL = (0.5, 0.1, 0.1)
SCAN = Scan(31.5)
NORMAL = (SCAN.normal_step(VOXEL[0]), 0.1, 0.1)
FILE = size((64, 256, 280), (6, 16, 20))
MEDIUM = size((150, 256, 512), (8, 16, 32))


@pytest.fixture(scope="module")
def raw():
    warm_up()
    return np.random.default_rng(0).poisson(150, FILE).astype(np.uint16)


@pytest.fixture(scope="module")
def otf():
    planes, pixels = size((61, 64), (9, 16))
    axes = [(np.arange(n) - n // 2) / s for n, s in ((planes, 3), (pixels, 1.3), (pixels, 1.3))]
    z, y, x = np.ix_(*axes)
    return make_otf(np.exp(-(z**2 + y**2 + x**2) / 2), (0.1, 0.1, 0.1))


def seconds(function, rounds):
    """Median time of some calls [s]."""
    times = []
    for _ in range(size(rounds, 1)):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(benchmark, own, **ratios):
    """Note times of the others as multiples of the engine's."""
    for name, other in ratios.items():
        benchmark.extra_info[name] = round(other / own, 3)
    print(f"\n{benchmark.name}: {1e3 * own:.2f} ms; others take {benchmark.extra_info} times that")


@pytest.mark.parametrize("axis", ["x", "y"])
def test_deskew(benchmark, raw, axis):
    plan = DeskewPlan.of(raw.shape, VOXEL, Scan(31.5, axis))
    run = partial(ENGINE.deskew, raw, plan)
    benchmark.pedantic(run, rounds=3, warmup_rounds=3)

    def copy():
        out = np.empty(plan.out_shape, raw.dtype)
        if axis == "x":
            out[:, :, : raw.shape[2]], out[:, :, raw.shape[2] :] = raw, 0
        else:
            out[:, : raw.shape[1]], out[:, raw.shape[1] :] = raw, 0

    along = 2 if axis == "x" else 1
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[along, 0], offset[along] = -plan.shear, plan.origin

    def affine():
        ndimage.affine_transform(raw, matrix, offset, plan.out_shape, order=1)

    own = seconds(run, 30)
    report(benchmark, own, copying=seconds(copy, 30), affine_transform=seconds(affine, 2))


def test_deskew_of_one_plane(benchmark, figure):
    """A plane for a slider, against copying as many bytes into rows as long."""
    warm_up()
    plan = DeskewPlan.of(MEDIUM, VOXEL, SCAN)
    plane = np.random.default_rng(0).poisson(150, (1, *MEDIUM[1:])).astype(np.uint16)
    middle, width = MEDIUM[0] // 2, MEDIUM[2]
    run = partial(ENGINE.deskew, plane, plan, planes=(middle, middle + 1))
    benchmark.pedantic(run, rounds=3, warmup_rounds=3)

    def copy():
        out = np.empty((1, *plan.out_shape[1:]), plane.dtype)
        out[:, :, :width], out[:, :, width:] = plane, 0

    own = seconds(run, 200)
    report(benchmark, own, copying=seconds(copy, 200))
    figure(f"deskew of one plane of {MEDIUM}", 1e3 * own, "ms", 0.2)


@pytest.mark.parametrize("method", ["rl", "accelerated"])
def test_richardson_lucy(benchmark, raw, otf, method):
    shear = SCAN.shear(VOXEL)
    plan = DeconvolutionPlan(otf, NORMAL, method, 10, 100.0, shear=shear)
    run = partial(ENGINE.deconvolve, raw, plan)
    benchmark.pedantic(run, rounds=1, warmup_rounds=1)
    frame = Frame.of(raw.shape, plan)
    grid = interpolate(otf, frame.shape, NORMAL, shear)
    conjugate, workers = grid.conj(), cpu_count()

    def blur(volume, factor):
        spectrum = fft.rfftn(volume, workers=workers)
        return fft.irfftn(spectrum * factor, frame.shape, workers=workers)

    def plain():
        image = framed(ScipyFft, raw, plan, frame, Threads())
        estimate = image
        for _ in range(10):
            estimate = estimate * blur(image / (blur(estimate, grid) + 1e-6), conjugate)
        return estimate[frame.window].copy()

    report(benchmark, seconds(run, 3), plain_scipy_fft=seconds(plain, 3))
