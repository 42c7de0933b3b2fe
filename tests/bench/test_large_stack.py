"""How long one deskewed plane takes of a stack that nobody would wait for to be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import tifffile

from bench_size import size
from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline.compute import PipelineSource, StageCache
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.steps import Deskew, SubtractBackground
from stacks import source_of

Figure = Callable[[str, float, str, float], None]
SHAPE = size((5000, 1024, 1024), (50, 16, 16))
PLANES = size(range(2500, 2530), range(20, 30))
STEPS = (SubtractBackground(value=90), Deskew(angle=31.5))


def milliseconds(make: Callable[[], object]) -> float:
    """Time something takes [ms]."""
    start = perf_counter()
    make()
    return 1e3 * (perf_counter() - start)


def opened(folder: Path) -> PipelineSource:
    """The stack in a folder, with steps that are plane-local."""
    stack = open_stack(folder, "large.tif", voxel_size=(0.3, 0.1, 0.1))
    return source_of(stack.source, *STEPS, cache=StageCache())


def test_the_first_picture_of_ten_gigabytes(tmp_path: Path, figure: Figure) -> None:
    """Most of them are a hole, which takes no space; the planes shown are in the page cache."""
    path = tmp_path / "large.tif"
    data = tifffile.memmap(
        path, shape=SHAPE, dtype="uint16", bigtiff=True, metadata={"axes": "ZYX"}
    )
    for z in (*PLANES, SHAPE[0] - 1):
        data[z] = np.random.default_rng(z).integers(100, 1000, SHAPE[1:])
    del data
    warm_up()
    source = opened(tmp_path)
    width, first, kept = source.spec.shape[2], PLANES[0], []

    def copied() -> None:
        plane = np.empty(SHAPE[1:], "uint16")
        with path.open("rb") as file:
            file.seek(first * plane.nbytes)
            file.readinto(plane.data.cast("B"))  # type: ignore[attr-defined]
        # Memory that was never used before costs more than what is written to it.
        kept.append(np.full((SHAPE[1], width), 1, "uint16"))

    copies, firsts, later = [], [], []
    for z in PLANES[1:10]:
        copies.append(milliseconds(copied))
        firsts.append(milliseconds(lambda: opened(tmp_path).read_planes(0, 0, first, first + 1)))
        later.append(milliseconds(lambda z=z: source.read_planes(0, 0, z, z + 1)))  # type: ignore[misc]
    again = [milliseconds(lambda z=z: source.read_planes(0, 0, z, z + 1)) for z in PLANES[1:10]]  # type: ignore[misc]
    figure("10.5 GB in one block: open, read and deskew a plane", median(firsts), "ms", 1000)
    for what, times in (("the same", firsts), ("the next plane", later)):
        ratio = median(one / copy for one, copy in zip(times, copies, strict=True))
        figure(f"{what}, against `readinto` and memory for one", ratio, "x", 5)
    figure("a plane that was shown before", median(again), "ms", 2)


def test_a_file_of_many_directories(tmp_path: Path, figure: Figure) -> None:
    """Each of 5000 small planes has one: all are looked through once, then no more."""
    with tifffile.TiffWriter(tmp_path / "large.tif", bigtiff=True) as writer:
        for _ in range(SHAPE[0]):
            plane = np.full((16, 16), 100, "uint16")
            writer.write(plane, contiguous=False, metadata=None)
    source = opened(tmp_path)
    source.read_planes(0, 0, 0, 1)
    first = median([milliseconds(lambda: opened(tmp_path)) for _ in range(3)])
    later = [milliseconds(lambda z=z: source.read_planes(0, 0, z, z + 1)) for z in PLANES]  # type: ignore[misc]
    figure("5000 planes with a directory each: open", first, "ms", 5000)
    figure("the next plane of them", median(later), "ms", 20)
