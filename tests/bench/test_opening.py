"""Opening a folder, against the least that any program has to do for it."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.opening import open_stack
from napari_lazy_pipeline.readers.tiff import READER

PATTERN = "{name}_ch{c}_stack{t}_{wave}nm_*.tif"
BARE = re.compile(r"(.+?)_ch([^_]+?)_stack([0-9]+)_([^_]+?)nm_.*\.tif")
ROUNDS = 7


def _name(t: int, c: int) -> str:
    clock = f"{t * 37:07d}msec_{t * 37 + c:010d}msecAbs"
    return f"cell5_ch{c}_stack{t:05d}_{(488, 560)[c]}nm_{clock}.tif"


@pytest.fixture(scope="module", params=[10_000, 100_000])
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of that many time points and two channels; only the first file is real."""
    path: Path = tmp_path_factory.mktemp(f"files{request.param}")
    for t in range(request.param):
        for c in range(2):
            os.close(os.open(path / _name(t, c), os.O_CREAT | os.O_WRONLY, 0o644))
    tifffile.imwrite(path / _name(0, 0), np.zeros((64, 8, 8), np.uint16))
    yield path
    shutil.rmtree(path)


def least(folder: Path) -> int:
    """List the names, match each, and read one header."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    found = [match.groups() for name in names if (match := BARE.fullmatch(name))]
    READER.probe(str(folder / _name(0, 0)))
    return len(found)


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@pytest.mark.benchmark(group="opening")
@pytest.mark.parametrize("pattern", [PATTERN, None], ids=["given", "proposed"])
def test_opening_costs_less_than_twice_the_least(
    benchmark: object, folder: Path, pattern: str | None
) -> None:
    """The two take turns, so that what else the machine does slows down both."""
    benchmark(lambda: open_stack(folder, pattern))  # type: ignore[operator]
    pairs = [
        (seconds(lambda: open_stack(folder, pattern)), seconds(lambda: least(folder)))
        for _ in range(ROUNDS)
    ]
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\n{open_stack(folder, pattern).source}: {1e3 * ours:.0f} ms, least {1e3 * bare:.0f} ms")
    print(f"ratio {ratio:.2f}")
    assert ratio < 2
