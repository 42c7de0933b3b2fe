"""Exports of a folder, beside the longer of what they cannot do without: the steps, or a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile

from bench_size import size
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.formats import FormatName
from napari_lazy_pipeline.exports.maxima import maxima
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.steps import Deconvolve, Deskew
from stacks import gaussian_psf

Figure = Callable[[str, float, str, float], None]
SHAPE, FILES, ROUNDS = size((64, 256, 280), (8, 24, 28)), size(40, 3), size(3, 1)
VOXEL = (0.4, 0.1, 0.1)
RATE = 50.0  # maxima a second


@pytest.fixture
def raw(large_folder: Path) -> Stack:
    """Files with the noise of a camera, in the page cache."""
    large_folder.mkdir()
    generator = np.random.default_rng(1)
    for t in range(FILES):
        volume = generator.normal(110, 5, SHAPE)
        volume[:, 8:-8, 8:-8] += generator.poisson(40, (1, *(n - 16 for n in SHAPE[1:])))
        path = large_folder / f"cell_t{t:03d}.tif"
        tifffile.imwrite(path, volume.astype(np.uint16), photometric="minisblack")
    return open_stack(large_folder, voxel_size=VOXEL, angle=31.5, step="stage")


class Seconds(NamedTuple):
    """How long something took, and the time of all CPUs for it: other work moves that less."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} of CPU)"


def seconds(work: Callable[[], object]) -> Seconds:
    """How long something takes."""
    start, cpu = perf_counter(), process_time()
    work()
    return Seconds(perf_counter() - start, process_time() - cpu)


def copy(raw: Stack, written: tuple[Path, ...], place: Path) -> None:
    """Read the raw files, and write as many bytes as the export did, as safely."""
    place.mkdir()
    for source, result in zip(sorted(Path(raw.source.folder).iterdir()), written, strict=True):
        source.read_bytes()
        with open(place / source.name, "wb") as file:
            file.write(result.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    shutil.rmtree(place)


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
@pytest.mark.parametrize("steps", ["deskew", "deconvolve"])
def test_everything_takes_hardly_longer_than_its_slowest_part(
    raw: Stack, tmp_path: Path, figure: Figure, steps: str, kind: FormatName
) -> None:
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    chain: list[Any] = [Deskew()]
    if steps == "deconvolve":
        tifffile.imwrite(tmp_path / "psf.tif", gaussian_psf((21, 32, 32)), photometric="minisblack")
        psf = str(tmp_path / "psf.tif")
        chain.insert(0, Deconvolve(psf=psf, psf_voxel_size=VOXEL, method="fast"))
    view, out = Pipeline(steps=chain).apply(raw), tmp_path / "out"
    ratios: list[tuple[float, str, float]] = []
    view.source.read(0, 0)
    for _ in range(ROUNDS):
        alone = seconds(lambda: [view.source.read(t, 0) for t in range(FILES)])
        took = seconds(lambda: export(view, out, format=kind))
        written = export(view, out, format=kind).kept
        assert len(written) == FILES
        copied = seconds(partial(copy, raw, written, tmp_path / "copy"))
        shutil.rmtree(out)
        print(f"{steps} to {kind}: {took}, compute {alone}, copy {copied}")
        if alone.wall > copied.wall:
            ratios.append((took.wall / alone.wall, "the steps", 1.15))
        else:
            ratios.append((took.wall / copied.wall, "copying the same bytes", 1.3))
    ratio, what, bound = sorted(ratios)[ROUNDS // 2]
    figure(f"{steps} to {kind}, by {what} alone", ratio, "", bound)


def test_maxima_of_a_folder(raw: Stack, tmp_path: Path, figure: Figure) -> None:
    view = maxima(Pipeline(steps=[Deskew()])).apply(raw)
    view.source.read(0, 0)
    took = [seconds(lambda n=n: export(view, tmp_path / str(n))).wall for n in range(ROUNDS)]
    figure("a maximum straight from raw, each", 1000 * min(took) / FILES, "ms", 1000 / RATE)
