"""Each step on 64 x 256 x 280 voxels, beside the library that does the same.

``scripts/bench tests/bench/test_steps.py`` prints the time of a step through the runner, that of
the library, and their ratio; the two take turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure, restoration, transform

from bench_size import size
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.steps import (
    Bin,
    BleachCorrection,
    CameraCorrection,
    Convert,
    Drift,
    Filter,
    Flip,
    Project,
    Ratio,
    RegisterChannels,
    RelativeChange,
    Resample,
    RollingBackground,
    SubtractBackground,
)

SHAPE = size((64, 256, 280), (6, 16, 20))
VOXEL = (0.3, 0.1, 0.1)
DATA = np.random.default_rng(0).poisson(150, (2, 2, *SHAPE)).astype("uint16")
MOVED = ((1.0, 0.0, 0.0, 0.03), (0.0, 0.9998, 0.02, 0.13), (0.0, -0.02, 0.9998, -0.27))
Library = Callable[[np.ndarray, np.ndarray], Any]  # of a volume, and one of the other channel


def in_voxels(volume: np.ndarray, _: np.ndarray) -> np.ndarray:
    """The registration by scipy: it pulls, and counts in voxels."""
    matrix = np.vstack([MOVED, (0, 0, 0, 1)])
    scale = np.diag((*VOXEL, 1.0))
    pull = np.linalg.inv(np.linalg.inv(scale) @ matrix @ scale)
    return np.asarray(ndimage.affine_transform(volume, pull, order=1))


CASES: list[tuple[str, Any, Library]] = [
    ("subtract background; numpy", SubtractBackground(value=100),
     lambda a, b: np.maximum(a, 100) - 100),
    ("camera correction; numpy, and scipy's median", CameraCorrection(dark=100, hot_pixels=8),
     lambda a, b: np.abs(a - ndimage.median_filter(a, (1, 3, 3))) > 8 * np.std(a)),
    ("rolling background, 1 um; skimage.restoration.rolling_ball", RollingBackground(radius=1.0),
     lambda a, b: np.stack([z - restoration.rolling_ball(z, radius=10) for z in a])),
    ("filter, Gaussian; scipy.ndimage.gaussian_filter", Filter(sigma=(0.3, 0.1, 0.1)),
     lambda a, b: ndimage.gaussian_filter(a.astype("f4"), 1)),
    ("filter, median; scipy.ndimage.median_filter", Filter(method="median"),
     lambda a, b: ndimage.median_filter(a, (1, 3, 3))),
    ("register channels; scipy.ndimage.affine_transform",
     RegisterChannels(reference="a", transform={"b": MOVED}), in_voxels),
    ("drift, parts of voxels; scipy.ndimage.shift", Drift(drift=((0, 0, 0), (0.1, 0.03, -0.07))),
     lambda a, b: ndimage.shift(a, (0.3, 0.3, -0.7), order=1)),
    ("bleach correction; numpy", BleachCorrection(brightness=(100.0, 80.0)),
     lambda a, b: a.astype("f4") * np.float32(1.25)),
    ("bin 1 x 2 x 2; skimage.measure.block_reduce", Bin(factors=(1, 2, 2)),
     lambda a, b: measure.block_reduce(a, (1, 2, 2), np.mean)),
    ("resample to 0.2 um; skimage.transform.resize, antialiased", Resample(voxel_size=0.2),
     lambda a, b: transform.resize(
         a.astype("f4"), [round(n * v / 0.2) for n, v in zip(a.shape, VOXEL, strict=True)],
         order=1, anti_aliasing=True)),
    ("project, maximum; numpy", Project(), lambda a, b: a.max(axis=0)),
    ("flip x; numpy", Flip(x=True), lambda a, b: np.ascontiguousarray(a[..., ::-1])),
    ("ratio; numpy", Ratio(background=(90, 90)),
     lambda a, b: (a - np.float32(90)) / (b - np.float32(90))),
    ("dF/F0 of two time points; numpy", RelativeChange(channel="a", background=90.0),
     lambda a, b: (a - np.float32(90)) / (b - np.float32(90)) - 1),
    ("convert to float32; numpy", Convert(dtype="float32"), lambda a, b: a.astype("f4")),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    warm_up()


@pytest.mark.parametrize(("what", "step", "library"), CASES, ids=[case[0] for case in CASES])
def test_step(figure: Any, what: str, step: Any, library: Library) -> None:
    stack = Stack.from_array(DATA, VOXEL, channel_names=("a", "b"), time_interval=1.0)
    plan = Plan.of((step,), stack.stack_spec)
    plan.check()
    c = len(plan.after.channels) - 1

    def own() -> np.ndarray:
        # A runner keeps volumes that steps put together: each time, there is a new one.
        return StageRunner(stack.source, plan).volume(1, 1, c)

    def other() -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return library(DATA[1, min(c, 1)], DATA[0, 0])

    own(), other()
    pairs = [(seconds(own), seconds(other)) for _ in range(size(5, 1))]
    ours, theirs = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    figure(f"{what}: {ours:.0f} ms, the library {theirs:.0f} ms", ours / theirs, "x", 5.0)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
