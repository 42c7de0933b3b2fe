"""Deskew as it is while one looks at one volume after the other: into memory used before.

``scripts/bench tests/bench/test_deskew.py``. What is compared takes turns,
round by round, and each figure is the median of the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from bench_size import size
from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads, cpu_count
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine, warm_up
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

ENGINE = CpuEngine()
THREADS = Threads()
FILE = size((64, 256, 280), (6, 16, 20))
MEDIUM = size((150, 256, 512), (8, 16, 32))
LARGE = size((200, 512, 1024), (8, 32, 64))
Case = tuple[np.ndarray, DeskewPlan]


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    warm_up()


def case(shape: tuple[int, int, int], dtype: str = "uint16") -> Case:
    """A noisy raw volume, and how it is deskewed."""
    volume = np.random.default_rng(0).poisson(150, shape).astype(dtype)
    return volume, DeskewPlan.of(shape, (0.5, 0.1, 0.1), Scan(31.5))


def share(own: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    """Time of the one as a part of that of the other."""
    own(), other()
    return statistics.median(seconds(own) / seconds(other) for _ in range(size(rounds, 1)))


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("shape", [MEDIUM, LARGE])
def test_pooled_against_new_memory(benchmark, figure, shape, dtype) -> None:
    pooled = partial(ENGINE.deskew, *case(shape, dtype))

    def new() -> None:
        pool().clear()
        pooled()

    benchmark.pedantic(pooled, rounds=1)
    what = f"deskew of {shape} to {dtype} into used memory, against new memory"
    figure(what, share(pooled, new, 9), "x", 1.0)


@pytest.mark.parametrize("shape", [FILE, MEDIUM, LARGE])
def test_against_a_strided_copy(benchmark, figure, shape) -> None:
    """Both into memory that is there: rows of the volume into rows as long as the result's."""
    raw, plan = case(shape)
    out = np.zeros(plan.out_shape, raw.dtype)
    planes = -(-len(raw) // cpu_count())

    def copy() -> None:
        THREADS.for_each(part, cpu_count())

    def part(i: int) -> None:
        cut = slice(i * planes, (i + 1) * planes)
        out[cut, :, : raw.shape[2]] = raw[cut]
        out[cut, :, raw.shape[2] :] = 0

    pooled = partial(ENGINE.deskew, raw, plan)
    benchmark.pedantic(pooled, rounds=1)
    # The small one stays in the cache, where copying is faster than arithmetic.
    bound = 3.0 if shape == FILE else 1.4
    what = f"deskew of {shape} against a strided copy, both into used memory"
    figure(what, share(pooled, copy, 15), "x", bound)


@pytest.mark.parametrize("shape", [FILE, MEDIUM])
def test_against_scipy(benchmark, figure, shape) -> None:
    raw, plan = case(shape)
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[2, 0], offset[2] = -plan.shear, plan.origin
    out = np.zeros(plan.out_shape, raw.dtype)
    scipy = partial(ndimage.affine_transform, raw, matrix, offset, output=out, order=1)
    pooled = partial(ENGINE.deskew, raw, plan)
    benchmark.pedantic(pooled, rounds=1)
    what = f"deskew of {shape} against affine_transform, both into used memory"
    figure(what, share(pooled, scipy, 5), "x", 0.01)
