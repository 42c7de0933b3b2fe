"""Opening a folder, against the least that any program has to do for it."""

from __future__ import annotations

import gc
import itertools
import os
import re
import shutil
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench_size import size
from many_files import touch
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.io.readers.tiff import READER

Figure = Callable[[str, float, str, float], None]
SHAPE = size((64, 256, 280), (6, 16, 20))
PLANES = size((250, 2, 200), (3, 2, 4))
TIMES = size((10_000, 100_000), (20,))
PATTERN = "{name}_ch{c}_stack{t}_{wave}nm_*.tif"
BARE = re.compile(r"(.+?)_ch([^_]+?)_stack([0-9]+)_([^_]+?)nm_.*\.tif")
ROUNDS = size(7, 1)


def _name(t: int, c: int) -> str:
    clock = f"{t * 37:07d}msec_{t * 37 + c:010d}msecAbs"
    return f"cell5_ch{c}_stack{t:05d}_{(488, 560)[c]}nm_{clock}.tif"


def _plane(t: int, c: int, z: int) -> str:
    return f"img_channel{c:03d}_position000_time{t:09d}_z{z:03d}.tif"


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of 100 000 planes, a file each; those of the first two time points are real."""
    path: Path = tmp_path_factory.mktemp("planes")
    touch(path, itertools.starmap(_plane, itertools.product(*map(range, PLANES))))
    plane = np.zeros(SHAPE[1:], np.uint16)
    for t, z in itertools.product(range(2), range(PLANES[2])):
        tifffile.imwrite(path / _plane(t, 0, z), plane)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", params=TIMES)
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of that many time points and two channels; only the first file is real."""
    path: Path = tmp_path_factory.mktemp(f"files{request.param}")
    touch(path, itertools.starmap(_name, itertools.product(range(request.param), range(2))))
    for t in range(3):
        tifffile.imwrite(path / _name(t, 0), np.zeros(SHAPE, np.uint16))
    yield path
    shutil.rmtree(path)


def least(folder: Path) -> int:
    """List the names, match each, and read one header."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    found = [match.groups() for name in names if (match := BARE.fullmatch(name))]
    READER.probe(str(folder / _name(0, 0)))
    return len(found)


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    call()
    return clock() - started


@pytest.mark.benchmark(group="opening")
@pytest.mark.parametrize("pattern", [PATTERN, None], ids=["given", "proposed"])
def test_opening_costs_less_than_twice_the_least(
    benchmark: object, folder: Path, pattern: str | None, figure: Figure
) -> None:
    """Both in time of the processor, and in turns: else others at work would decide."""
    benchmark(lambda: open_stack(folder, pattern))  # type: ignore[operator]
    calls = (lambda: open_stack(folder, pattern)), (lambda: least(folder))
    pairs = [[seconds(call, time.process_time) for call in calls] for _ in range(ROUNDS)]
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\n{open_stack(folder, pattern).source}: {1e3 * ours:.0f} ms, least {1e3 * bare:.0f} ms")
    how = "given" if pattern else "proposed"
    count = len(os.listdir(folder))
    figure(f"opening {count} files, pattern {how}, against the least", ratio, "x", 2.0)


def _first_picture(folder: Path) -> None:
    open_stack(folder).volume()


def test_time_to_the_first_picture(folder: Path, figure: Figure) -> None:
    """Open a folder nobody opened before, and read its first volume."""
    taken = statistics.median(seconds(lambda: _first_picture(folder)) for _ in range(ROUNDS))
    count = len(os.listdir(folder))
    figure(f"first volume of {count} files", taken, "s", 0.1 + 1e-5 * count)


def test_next_frame_costs_its_file_only(folder: Path, figure: Figure) -> None:
    stack = open_stack(folder)
    info = READER.probe(str(folder / _name(1, 0)))
    bare = statistics.median(
        seconds(lambda: READER.read(str(folder / _name(1, 0)), info)) for _ in range(ROUNDS)
    )
    ours = statistics.median(seconds(lambda: stack.volume(1, 0)) for _ in range(ROUNDS))
    figure(
        f"next frame of {stack.source.files} files, more than its read",
        ours - bare,
        "s",
        0.003,
    )


def test_memory_for_each_file(folder: Path, figure: Figure) -> None:
    open_stack(folder)
    gc.collect()
    tracemalloc.start()
    stack = open_stack(folder)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = stack.source.files
    figure(f"memory held for each of {count} files, names included", held / count, "bytes", 200)


def test_a_plane_a_file(planes: Path, figure: Figure) -> None:
    """100 000 files of one plane: nothing but the names and one header to open them."""
    stack = open_stack(planes)
    assert stack.shape == (*PLANES[:2], PLANES[2], *SHAPE[1:])
    opening = statistics.median(seconds(lambda: open_stack(planes)) for _ in range(3))
    frame = statistics.median(seconds(lambda: stack.volume(1, 0)) for _ in range(3))
    figure("opening 100 000 planes, the pattern proposed", opening, "s", 2)
    figure("next frame of 200 planes", frame, "s", 0.5)
