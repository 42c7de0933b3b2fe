"""Richardson-Lucy of public programs and of this one, as nanoseconds per voxel and iteration.

``scripts/bench tests/bench/test_peers.py`` prints the table; a program that is not installed is
skipped by its name. Of all of them the volume counts that a person sees, not what they pad it to.
A run of few iterations is taken from one of many: what is done once counts for none.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pytest
import tifffile

from bench_size import size
from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.samples.samples import psf_path

SHAPE = size((64, 160, 192), (6, 16, 20))
FEW, MANY = size((2, 12), (1, 2))
VOXEL = (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return np.random.default_rng(0).poisson(150, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def psf() -> np.ndarray:
    image = tifffile.imread(psf_path()).astype(np.float32)
    image -= np.float32(np.median(image))
    return np.maximum(image, 0) / np.maximum(image, 0).sum()


def ours(volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int) -> object:
    plan = DeconvolutionPlan(make_otf(psf, VOXEL), VOXEL, "rl", iterations)
    return CpuEngine().deconvolve(volume, plan)


def ours_by_scipy(volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int) -> object:
    plan = DeconvolutionPlan(make_otf(psf, VOXEL), VOXEL, "rl", iterations)
    return CpuEngine(fft=ScipyFft).deconvolve(volume, plan)


def scikit_image(volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int) -> object:
    from skimage.restoration import richardson_lucy

    return richardson_lucy(volume.astype(np.float32), psf, num_iter=iterations, clip=False)


def redlionfish(volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int) -> object:
    lionfish = pytest.importorskip("RedLionfishDeconv", reason="RedLionfish is not installed")
    return lionfish.doRLDeconvolutionFromNpArrays(volume, psf, niter=iterations, method="cpu")


def redlionfish_padded(
    volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int
) -> object:
    """The same on the grid that this program works on."""
    plan = DeconvolutionPlan(make_otf(psf, VOXEL), VOXEL, "rl", iterations)
    grid = Frame.of(volume.shape, plan).shape
    beyond = [(0, most - n) for most, n in zip(grid, volume.shape, strict=True)]
    return redlionfish(np.pad(volume, beyond, "symmetric"), psf, folder, iterations)


def deconwolf(volume: np.ndarray, psf: np.ndarray, folder: Path, iterations: int) -> object:
    program = shutil.which("dw")
    if program is None:
        pytest.skip("deconwolf (the program dw) is not installed")
    for name, image in (("image", volume), ("psf", psf.astype(np.float32))):
        tifffile.imwrite(folder / f"{name}.tif", image, imagej=True)
    options = ["--iter", str(iterations), "--method", "rl", "--overwrite", "--out", "out.tif"]
    return subprocess.run(
        [program, *options, "image.tif", "psf.tif"], cwd=folder, check=True, capture_output=True
    )


@pytest.mark.parametrize(
    "run", [ours, ours_by_scipy, scikit_image, redlionfish, redlionfish_padded, deconwolf]
)
def test_time_of_an_iteration(
    run: Callable[..., object], volume: np.ndarray, psf: np.ndarray, tmp_path: Path
) -> None:
    compute = partial(run, volume, psf, tmp_path)
    compute(1)
    differences = []
    for _ in range(size(3, 1)):
        seconds = []
        for iterations in (FEW, MANY):
            start = perf_counter()
            compute(iterations)
            seconds.append(perf_counter() - start)
        differences.append(seconds[1] - seconds[0])
    each = 1e9 * median(differences) / (MANY - FEW) / math.prod(SHAPE)
    print(f"\n| {run.__name__} | {each:.1f} ns |")
    assert math.isfinite(each)
