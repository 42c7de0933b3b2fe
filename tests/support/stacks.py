"""Small stacks for tests: in memory, where reads are counted, and on disk."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline.compute import Pipeline, PipelineSource, Plan
from napari_lazy_pipeline.image import StackSpec, VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.spec import channel_labels
from napari_lazy_pipeline.steps import Step

RAW = VolumeSpec((6, 8, 10), "uint16", (0.4, 0.1, 0.1))


class CountingSource(VolumeSource):
    """Volumes made up on the spot; counts how often each is read."""

    sizes, spec, token = (1, 1), RAW, ""

    def __init__(self, sizes: tuple[int, int] = (4, 2), spec: VolumeSpec = RAW) -> None:
        self.sizes, self.spec, self.token = sizes, spec, f"counting-{sizes}-{spec}"
        self.reads: Counter[tuple[int, int]] = Counter()
        self.version = 0

    def identity(self, t: int, c: int) -> Hashable:
        return self.token, t, c, self.version

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads[t, c] += 1
        generator = np.random.default_rng((t, c, self.version))
        return generator.integers(100, 1000, self.spec.shape).astype(self.spec.dtype)

    __call__ = read


class PlaneSource(CountingSource):
    """Can make planes alone; counts them."""

    by_planes = True

    def __init__(self, sizes: tuple[int, int] = (4, 2), spec: VolumeSpec = RAW) -> None:
        super().__init__(sizes, spec)
        self.made: Counter[int] = Counter()

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        self.made.update(range(start, stop))
        return CountingSource.read(self, t, c)[start:stop].copy()


def source_of(
    raw: Any, *steps: Any, engine: str = "cpu", until: int | None = None, **options: Any
) -> PipelineSource:
    """What steps make of the volumes of a source."""
    times, channels = raw.sizes
    spec = StackSpec(raw.spec, times, channel_labels((), channels))
    plan = Plan.of(Pipeline(steps).steps, spec, engine).until(until)
    return PipelineSource(raw, plan, **options)


def spec_after(step: Step, spec: VolumeSpec) -> VolumeSpec:
    """What a step makes of volumes."""
    return step.output(StackSpec(spec)).volume


def processed(step: Step, volume: np.ndarray, spec: VolumeSpec) -> np.ndarray:
    """What a step makes of one volume (z, y, x)."""
    return Pipeline([step]).run_volume(volume, spec)


def gaussian_psf(shape: tuple[int, int, int] = (21, 64, 64), sigma: float = 1.6) -> np.ndarray:
    """A bead image on a background of 100 counts."""
    grid = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    z, y, x = (g / s for g, s in zip(grid, (2.5, sigma, sigma), strict=True))
    return (100 + 5000 * np.exp(-(z**2 + y**2 + x**2) / 2)).astype("uint16")


def bead(shape=(33, 32, 32), sigma=(2.5, 1.8, 1.8)):
    """A bead in the middle of a volume (z, y, x); widths in voxels."""
    axes = [(np.arange(n) - n // 2) / s for n, s in zip(shape, sigma, strict=True)]
    z, y, x = np.ix_(*axes)
    return (1000 * np.exp(-(z**2 + y**2 + x**2) / 2)).astype(np.float32)


def write_raw(
    folder: Path,
    times: int = 3,
    channels: int = 2,
    shape: tuple[int, int, int] = (12, 16, 20),
) -> Path:
    """Write a folder as a lattice light-sheet does; volume (t, c) starts with 100 + 10 t + c."""
    folder.mkdir(parents=True, exist_ok=True)
    for t in range(times):
        for c in range(channels):
            generator = np.random.default_rng((t, c))
            volume = generator.integers(100, 1000, shape).astype("uint16")
            volume[0, 0, 0] = 100 + 10 * t + c
            wave = (488, 560, 642)[c]
            name = f"cell_ch{c}_stack{t:04d}_{wave}nm_{t:07d}msec_{t:010d}msecAbs.tif"
            tifffile.imwrite(folder / name, volume)
    return folder


def add_time_point(folder: Path, times: int, channels: int = 2, shape: Any = (12, 16, 20)) -> None:
    """Write one more time point, each file at once, and touch none that is there."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        for file in write_raw(Path(aside), times + 1, channels, shape).iterdir():
            if not (folder / file.name).exists():
                file.rename(folder / file.name)
