"""What the first volume waits for: compiled kernels, and the file."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import tifffile

from bench_size import MEASURED, size
from napari_lazy_pipeline import open_stack

Figure = Callable[[str, float, str, float], None]

_FIRST_CALLS = """
import json, time
import numpy as np
from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.steps import Deconvolve, Deskew, Rotate, SubtractBackground

start = time.perf_counter()
warm_up()
seconds = {"warm-up": time.perf_counter() - start}
volume = np.random.default_rng(0).integers(100, 1000, (24, 64, 80)).astype("uint16")
spec = VolumeSpec(volume.shape, "uint16", (0.3, 0.1, 0.1))
psf = {"psf": str(psf_path()), "psf_voxel_size": (0.1, 0.1, 0.1)}
pipelines = {
    "deskew x": [Deskew(angle=31.5)],
    "deskew y": [Deskew(angle=31.5, skew_axis="y")],
    "deskew float": [SubtractBackground(), Deconvolve(**psf, iterations=2), Deskew(angle=31.5)],
    "accelerated": [Deskew(angle=31.5), Deconvolve(**psf, iterations=2, method="accelerated")],
    "auto": [Deskew(angle=31.5), Deconvolve(**psf)],
    "rl": [Deskew(angle=31.5), Deconvolve(**psf, iterations=2, method="rl")],
    "fast": [Deconvolve(**psf, method="fast"), Deskew(angle=31.5)],
    "rotate": [Deskew(angle=31.5), Rotate(angle=31.5)],
    "rotate fused": [Rotate(angle=31.5)],
}
for name, steps in pipelines.items():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        Pipeline(steps=steps).run_volume(volume, spec)
        times.append(time.perf_counter() - start)
    seconds[name] = times[0] - min(times[1:])
print(json.dumps(seconds))
"""


def test_no_pause_for_compiling(figure: Figure) -> None:
    """In a fresh process, after the warm-up that the dock does by itself."""
    if MEASURED:
        subprocess.run([sys.executable, "-c", _FIRST_CALLS], check=True, capture_output=True)
    run = subprocess.run(
        [sys.executable, "-c", _FIRST_CALLS], check=True, capture_output=True, text=True
    )
    seconds = json.loads(run.stdout.splitlines()[-1])
    print(f"\nwarm-up from the cache on disk: {seconds.pop('warm-up'):.2f} s", seconds)
    slowest = max(seconds, key=seconds.get)
    figure(f"first call over later ones, slowest ({slowest})", seconds[slowest], "s", 0.3)


_FIRST_PICTURE = """
import json, sys, time
import numpy as np
from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.steps import Deconvolve

shape = json.loads(sys.argv[1])
start = time.perf_counter()
elsewhere = sys.argv[2] == "True" and preparation.prepare_elsewhere()
volume = np.random.default_rng(0).poisson(50, shape).astype("uint16")
steps = [Deconvolve(psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1))]
Pipeline(steps).run_volume(volume, VolumeSpec(volume.shape, "uint16", (0.3, 0.1, 0.1)))
picture = time.perf_counter() - start
if elsewhere:
    preparation._process.wait()
prepared = time.perf_counter() - start
print(json.dumps([elsewhere, picture, prepared, preparation.is_prepared()]))
"""


def test_first_picture_on_a_new_computer(figure: Figure, tmp_path: Path) -> None:
    """With an empty cache of compiled code, and once more with what was compiled meanwhile."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)} if MEASURED else None
    shape = json.dumps(size((64, 160, 256), (6, 16, 20)))
    found = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", _FIRST_PICTURE, shape, str(MEASURED)],
            check=True, capture_output=True, text=True, env=environment,
        )  # fmt: skip
        found.append(json.loads(run.stdout.splitlines()[-1]))
    (_, new, prepared, _), (again, warm, _, done) = found
    assert done or not MEASURED
    assert not again or not MEASURED
    print(f"\nfirst picture {new:.1f} s, later {warm:.1f} s; all compiled after {prepared:.0f} s")
    figure("first picture on a new computer, beyond twice a later one", new - 2 * warm, "s", 2.0)


def test_read_of_one_stack(figure: Figure, tmp_path: Path) -> None:
    """One uncompressed stack, against `readinto` of the same bytes into memory that is there."""
    shape = size((150, 256, 512), (6, 16, 20))
    for t in range(2):
        name = tmp_path / f"cell_ch0_stack{t:04d}_488nm_{t:07d}msec_{t:010d}msecAbs.tif"
        tifffile.imwrite(name, np.full(shape, t + 1, "uint16"))
    source = open_stack(tmp_path).source
    buffer = memoryview(bytearray(2 * math.prod(shape)))
    ratios = []
    for turn in range(size(15, 2)):
        start = perf_counter()
        volume = source.read(turn % 2, 0)
        own = perf_counter() - start
        assert volume[0, 0, 0] == turn % 2 + 1
        start = perf_counter()
        with open(source.path(turn % 2, 0), "rb", buffering=0) as file:
            file.readinto(buffer)
        ratios.append(own / (perf_counter() - start))
    figure(f"read of {shape} against readinto", median(ratios), "x", 1.5)
