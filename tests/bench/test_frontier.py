"""How near the CPU engine is to what the machine can do, and how far ahead of other ways.

``scripts/bench tests/bench/test_frontier.py`` prints one table at the end.
What is compared takes turns, round by round, and each figure is the median of the ratios: other
work on the machine then hits both alike.
"""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pytest
import tifffile
from scipy import fft, ndimage

from bench_size import MEASURED, size
from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline._runtime.threads import Threads, cpu_count
from napari_lazy_pipeline.compute import Progress
from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine, framed, warm_up
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft
from napari_lazy_pipeline.engines.cpu.fft.blocks import blocks_of
from napari_lazy_pipeline.engines.cpu.fft.compiled_fft import planes
from napari_lazy_pipeline.engines.cpu.fft.pixel_operations import TAKE
from napari_lazy_pipeline.engines.cpu.fft.spectrum import SpectrumLayout, along_x, merge
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.engines.cpu.fft.transforms import backward, forward
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan
from napari_lazy_pipeline.psf.radial_otf import interpolate, read_psf_or_otf
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.steps import Deconvolve, Deskew
from stacks import source_of

ENGINE = CpuEngine()
THREADS = Threads()
VOXEL = (0.5, 0.1, 0.1)
SCAN = Scan(31.5)
NORMAL = (SCAN.normal_step(VOXEL[0]), 0.1, 0.1)
FILE = size((64, 256, 280), (6, 16, 32))
MEDIUM = size((150, 256, 512), (8, 16, 64))
LARGE = size((200, 512, 1024), (8, 32, 64))
BACKGROUND = 100.0
PSF_VOXEL = (0.1, 0.1, 0.1)


@dataclass(frozen=True)
class Figures:
    """What came out: the engine's own time [s] or memory [MB], and ratios to another's.

    ``work`` is the ratio of the times of all CPUs together, which other work on the machine
    disturbs less; how well the one and the other spread over the CPUs does not count in it.
    """

    own: float
    ratio: float
    work: float | None = None

    def inverse(self) -> Figures:
        return Figures(self.own, 1 / self.ratio, self.work and 1 / self.work)


@dataclass(frozen=True)
class Row:
    """A line of the table; ``at_least`` says on which side of the target is good."""

    figure: str
    found: Figures
    target: float | None
    at_least: bool

    def __str__(self) -> str:
        own, ratio = self.found.own, self.found.ratio
        cells = [
            self.figure,
            f"{own:.0f} MB" if "memory" in self.figure else f"{1e3 * own:.1f} ms",
            f"{ratio:.2f}x",
            f"{self.found.work:.2f}x" if self.found.work else "",
        ]
        if self.target is None:
            cells += ["", ""]
        else:
            met = ratio >= self.target if self.at_least else ratio <= self.target
            cells += [f"{'>=' if self.at_least else '<='} {self.target}x", "" if met else "missed"]
        return f"| {' | '.join(cells)} |"


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[..., None]]:
    """Collects lines, and prints them when all is done."""
    warm_up()
    rows: list[Row] = []
    before = load()

    def add(figure: str, found: Figures, at_most=None, at_least=None) -> None:
        rows.append(Row(figure, found, at_most or at_least, at_least is not None))

    yield add
    if not MEASURED:
        return
    print(f"\n\n{cpu_count()} CPUs; load {before} at first, {load()} at last")
    print("\n| figure | own | ratio | of CPU time | | |\n|---|---|---|---|---|---|")
    print("\n".join(map(str, rows)))


def load() -> str:
    """How busy the machine is, where it can be asked."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


@pytest.fixture
def paired(benchmark) -> Callable[..., Figures]:
    """Times two functions in turns; gives the first's time, and the other's in units of it."""

    def measure(own, other, rounds: int) -> Figures:
        own(), other()
        pairs = [(seconds(own), seconds(other)) for _ in range(size(rounds, 1))]
        ratio, work = (statistics.median(b[i] / a[i] for a, b in pairs) for i in (0, 1))
        benchmark.extra_info["ratio"] = round(ratio, 3)
        benchmark.pedantic(own, rounds=1)
        return Figures(statistics.median(a[0] for a, _ in pairs), ratio, work)

    return measure


def seconds(function) -> tuple[float, float]:
    """Time it takes, and time of all CPUs together [s]."""
    start, work = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - work


def noise(shape) -> np.ndarray:
    return np.random.default_rng(0).poisson(150, shape).astype(np.uint16)


def plan_of(method="rl") -> DeconvolutionPlan:
    otf = read_psf_or_otf(psf_path(), PSF_VOXEL)
    return DeconvolutionPlan(otf, NORMAL, method, 10, BACKGROUND, shear=SCAN.shear(VOXEL))


def psf_image() -> np.ndarray:
    """The PSF as others want it: clean, in planes as far apart as those of the data, sum 1."""
    image = tifffile.imread(psf_path()).astype(np.float32)
    image -= np.median(image)
    image[image < 0.004 * image.max()] = 0
    thick = ndimage.zoom(image, (PSF_VOXEL[0] / NORMAL[0], 1, 1), order=1)
    small = thick[:, 32:96, 32:96]
    return small / small.sum()


# --- one file, from disk to pixels ---------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cell")
    for t in range(2):
        tifffile.imwrite(path / f"cell_ch0_stack{t:04d}_488nm.tif", noise(FILE))
    return path


def tutorial(folder: Path) -> np.ndarray:
    """Read with dask-image, deskew with scipy, deconvolve with scikit-image."""
    from dask_image.imread import imread
    from skimage.restoration import richardson_lucy

    volume = np.asarray(imread(str(folder / "cell_ch0_stack0000_488nm.tif")))
    plan = DeskewPlan.of(volume.shape, VOXEL, SCAN)
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[2, 0], offset[2] = -plan.shear, plan.origin
    deskewed = ndimage.affine_transform(volume, matrix, offset, plan.out_shape, order=1)
    light = np.maximum(deskewed.astype(np.float32) - np.float32(BACKGROUND), 0)
    result = richardson_lucy(light, psf_image(), num_iter=10, clip=False)
    return np.clip(np.rint(result), 0, 65535).astype(np.uint16)


def ours(folder: Path, method: str) -> np.ndarray:
    """The same by a pipeline; deconvolved first, as the default recipe has it."""
    stack = open_stack(folder, "{name}_ch{c}_stack{t}_*.tif", voxel_size=VOXEL)
    deconvolve = Deconvolve(
        psf=str(psf_path()),
        psf_voxel_size=PSF_VOXEL,
        method=method,
        iterations=10,
        background=BACKGROUND,
    )
    result = Pipeline(steps=(deconvolve, Deskew(angle=31.5))).apply(stack).source.read(0, 0)
    return np.clip(np.rint(result), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize(("method", "target"), [("rl", 10), ("fast", 30)])
def test_one_file(paired, table, folder, method, target) -> None:
    found = paired(partial(ours, folder, method), partial(tutorial, folder), 3)
    table(f"file to pixels, {method}, against the tutorial's way", found, at_least=target)


# --- Richardson-Lucy -------------------------------------------------------------------------


class Ffts:
    """The engine's transforms on their own: a whole volume there and back, axis by axis."""

    def __init__(self, shape) -> None:
        self.layout, self.depth = SpectrumLayout.of(shape), shape[0]
        self.pixels = np.ones(blocks_of(shape), np.float32)
        self.spectrum, self.sums = self.layout.empty(), np.zeros((self.depth, 2))

    def pair(self) -> None:
        nothing = np.empty(0, np.float32)
        volumes = (self.pixels.reshape(-1), nothing, nothing)
        rest = TAKE, volumes, np.float32(0), self.sums, True
        each, count = THREADS.for_each, self.layout.blocks * self.layout.columns // BLOCK

        def put(z: int) -> None:
            columns = np.zeros((self.layout.y.n + 1) * BLOCK, np.float32)
            planes(self.spectrum, self.layout, columns, z, z + 1, *rest)

        each(put, self.depth)
        each(lambda i: along_z(self.spectrum, self.layout, i * BLOCK, True), count)
        each(lambda i: along_z(self.spectrum, self.layout, i * BLOCK, False), count)
        each(lambda z: to_pixels(self.spectrum, self.layout, z, self.pixels[z]), self.depth)


@numba.njit(nogil=True)
def along_z(spectrum, layout, column, onward) -> None:
    stages = len(layout.z.radices)
    if onward:
        forward(spectrum, column * BLOCK, layout.pitch, BLOCK, layout.z, stages)
    else:
        backward(spectrum, column * BLOCK, layout.pitch, BLOCK, layout.z, stages)


@numba.njit(nogil=True)
def to_pixels(spectrum, layout, z, out) -> None:
    columns = np.zeros((layout.y.n + 1) * BLOCK, np.float32)
    at, scale = z * layout.pitch, np.float32(0.5 / (layout.z.n * layout.y.n * layout.x.n))
    along_x(spectrum, at, layout, False)
    for block in range(len(out)):
        merge(spectrum, at + block * BLOCK * BLOCK, columns, layout)
        backward(columns, 0, BLOCK, 1, layout.y, len(layout.y.radices))
        pixels = out[block].reshape(-1)
        for i in range(len(pixels)):
            pixels[i] = scale * columns[i]


def scipy_pair(grid: np.ndarray) -> None:
    spectrum = fft.rfftn(grid, workers=cpu_count())
    fft.irfftn(spectrum, grid.shape, workers=cpu_count(), overwrite_x=True)


def ducc_pair(grid: np.ndarray) -> None:
    ducc = pytest.importorskip("ducc0", reason="ducc0 is not installed").fft
    spectrum = ducc.r2c(grid, nthreads=cpu_count())
    how = {"forward": False, "inorm": 2, "allow_overwriting_input": True}
    ducc.c2r(spectrum, lastsize=grid.shape[2], nthreads=cpu_count(), **how)


@pytest.mark.parametrize("shape", [FILE, MEDIUM])
@pytest.mark.parametrize("library", [scipy_pair, ducc_pair])
def test_ffts(paired, table, shape, library) -> None:
    """Whole volumes, axis by axis, although the engine does nothing like it."""
    grid = np.ones(Frame.of(shape, plan_of()).shape, np.float32)
    ffts = Ffts(grid.shape)
    found = paired(ffts.pair, partial(library, grid), 9)
    assert abs(ffts.pixels[:, : grid.shape[2] // BLOCK] - 1).max() < 1e-4
    table(f"an FFT pair of {grid.shape} against {library.__name__}", found)


@pytest.mark.parametrize("shape", [FILE, MEDIUM])
def test_against_its_ffts(paired, table, shape) -> None:
    raw, plan = noise(shape), plan_of()
    ffts = Ffts(Frame.of(shape, plan).shape)

    def pairs() -> None:
        for _ in range(20):
            ffts.pair()

    found = paired(partial(ENGINE.deconvolve, raw, plan), pairs, 5 if shape == FILE else 2)
    table(f"rl-10 of {shape} against its 20 FFT pairs", found.inverse(), at_most=1.2)


def test_against_redlionfish(paired, table) -> None:
    lionfish = pytest.importorskip("RedLionfishDeconv", reason="RedLionfish is not installed")
    raw, plan = noise(FILE), plan_of()
    padded, psf = framed(ScipyFft, raw, plan, Frame.of(FILE, plan), THREADS), psf_image()

    def other() -> None:
        lionfish.doRLDeconvolutionFromNpArrays(padded, psf, niter=10, method="cpu")

    found = paired(partial(ENGINE.deconvolve, raw, plan), other, 3)
    table("rl-10 against RedLionfish on the CPU, padded alike", found, at_least=3)


def plain(raw: np.ndarray, plan: DeconvolutionPlan) -> np.ndarray:
    """Richardson-Lucy as one writes it down with scipy.fft."""
    frame = Frame.of(raw.shape, plan)
    otf = interpolate(plan.otf, frame.shape, plan.voxel_size, plan.shear)
    image = framed(ScipyFft, raw, plan, frame, THREADS)
    estimate = image
    for _ in range(10):
        blurred = fft.irfftn(fft.rfftn(estimate, workers=2) * otf, frame.shape, workers=2)
        ratio = image / np.maximum(blurred, 1e-6)
        correction = fft.irfftn(fft.rfftn(ratio, workers=2) * otf.conj(), frame.shape, workers=2)
        estimate = estimate * correction
    return estimate[frame.window].copy()


def peak_memory(function) -> float:
    """Most memory that arrays took at a time [MB]."""
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


@pytest.mark.parametrize("method", ["rl", "accelerated", "fast"])
def test_in_used_memory(benchmark, table, method) -> None:
    """Against the same in memory that is new, as it is for the first volume."""
    from napari_lazy_pipeline._runtime.buffer_pool import pool

    raw, plan = noise(FILE), plan_of(method)

    def anew() -> None:
        pool().clear()
        ENGINE.deconvolve(raw, plan)
        pool().clear()

    def again() -> None:
        ENGINE.deconvolve(raw, plan)

    times = []
    benchmark.pedantic(again, rounds=1)
    for _ in range(size(9, 1)):
        new = seconds(anew)
        again()
        used = seconds(again)
        times.append((used, new))
    own = statistics.median(used[0] for used, _ in times)
    ratio, work = (statistics.median(used[i] / new[i] for used, new in times) for i in (0, 1))
    table(f"{method} into buffers used before, against new ones", Figures(own, ratio, work))


def test_memory(benchmark, table) -> None:
    from napari_lazy_pipeline._runtime.buffer_pool import pool
    from napari_lazy_pipeline.engines.cpu import cpu_engine as cpu

    raw, plan = noise(FILE), plan_of()

    def own() -> None:
        cpu._factor.cache_clear()
        pool().clear()
        ENGINE.deconvolve(raw, plan)

    benchmark.pedantic(own, rounds=1)
    mine, other = peak_memory(own), peak_memory(partial(plain, raw, plan))
    found = Figures(mine, mine / other)
    table("peak memory of rl-10 against plain scipy.fft", found, at_most=0.6)


def test_fast_against_ten_iterations(paired, table) -> None:
    raw = noise(FILE)
    fast, full = (partial(ENGINE.deconvolve, raw, plan_of(m)) for m in ("fast", "rl"))
    found = paired(fast, full, 5)
    table("fast against rl-10", found.inverse())


# --- deskew and rotation -----------------------------------------------------------------------


def strided_copy(raw: np.ndarray, shape) -> np.ndarray:
    """Write as many bytes as a deskew does, into rows as long, on as many threads."""
    out = np.empty(shape, raw.dtype)
    planes = -(-len(raw) // cpu_count())

    def run(part: int) -> None:
        cut = slice(part * planes, (part + 1) * planes)
        out[cut, :, : raw.shape[2]] = raw[cut]
        out[cut, :, raw.shape[2] :] = 0

    THREADS.for_each(run, cpu_count())
    return out


@pytest.mark.parametrize("shape", [MEDIUM, LARGE])
def test_deskew_against_copying(paired, table, shape) -> None:
    raw = noise(shape)
    plan = DeskewPlan.of(shape, VOXEL, SCAN)
    found = paired(
        partial(ENGINE.deskew, raw, plan), partial(strided_copy, raw, plan.out_shape), 15
    )
    table(f"deskew of {shape} against a strided copy", found.inverse(), at_most=1.4)


@pytest.mark.parametrize("shape", [FILE, MEDIUM])
def test_deskew_against_scipy(paired, table, shape) -> None:
    raw = noise(shape)
    plan = DeskewPlan.of(shape, VOXEL, SCAN)
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[2, 0], offset[2] = -plan.shear, plan.origin
    other = partial(ndimage.affine_transform, raw, matrix, offset, plan.out_shape, order=1)
    found = paired(partial(ENGINE.deskew, raw, plan), other, 4)
    table(f"deskew of {shape} against affine_transform", found, at_least=100)


def test_rotation_against_scipy(paired, table) -> None:
    """Fused with the deskew; scipy samples the skewed volume, which is not even as good."""
    raw = noise(FILE)
    plan = RotationPlan.of(FILE, VOXEL, SCAN)
    turn = np.radians(plan.angle)
    to_sample = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    to_raw = np.array(
        [[1 / plan.plane_step, 0, 0], [0, 1, 0], [-plan.shear / plan.plane_step, 0, 1]]
    )
    matrix = to_raw @ to_sample
    offset = matrix @ (plan.origin[0], 0, plan.origin[1])
    other = partial(ndimage.affine_transform, raw, matrix, offset, plan.out_shape, order=1)
    found = paired(partial(ENGINE.rotate, raw, plan), other, 3)
    table(f"deskew and rotation of {FILE} against affine_transform", found)


# --- previews ------------------------------------------------------------------------------------


# What the dock shows first of a change, and, if that takes long, of the next ones.
FIRST = {"plane": 0, "plane, in a hurry": 1, "volume": 0}


@pytest.mark.parametrize("shape", [FILE, MEDIUM])
@pytest.mark.parametrize("kind", FIRST)
def test_first_preview(paired, table, shape, kind) -> None:
    """What is on screen in the end, on the grid of the result."""
    from napari_lazy_pipeline._gui.layers.render_request import RenderRequest

    step = Deconvolve(
        psf=str(psf_path()),
        psf_voxel_size=PSF_VOXEL,
        method="rl",
        iterations=10,
        background=BACKGROUND,
    )
    source = source_of(Stack.from_array(noise(shape), VOXEL).source, step, Deskew(angle=31.5))
    middle = shape[0] // 2
    request = RenderRequest(0, 0, source)
    preview = request.preview_of(None if kind == "volume" else middle, FIRST[kind])
    make = partial(preview.make, Progress())
    rounds = 7 if shape == FILE else 3
    found = paired(make, partial(source.read, 0, 0), rounds)
    table(f"first preview of {shape}, {kind}, against all of rl-10", found.inverse(), at_most=0.1)
