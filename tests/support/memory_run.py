"""Memory of one step, or of reading one kind of file: announced, and measured in a process.

Run as a program with the name of a case and of an engine; it prints both, in bytes. Or what comes
of it with half of the memory, if the third word is "starved".
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline.compute.resource_estimate import step_costs
from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.steps import (
    Crop,
    Deconvolve,
    Deskew,
    Function,
    Rotate,
    SubtractBackground,
)
from stacks import CountingSource, gaussian_psf, source_of

SHAPE, SMALL = (64, 384, 400), (8, 24, 24)
VOXEL = (0.3, 0.1, 0.1)


class PlainSource(CountingSource):
    """Volumes that take no more memory to make than they have."""

    def read(self, t: int, c: int) -> np.ndarray:
        generator, volume = np.random.default_rng(t), np.empty(self.spec.shape, self.spec.dtype)
        for plane in volume:
            plane[...] = generator.integers(100, 250, plane.shape)
        return volume


def _psf(folder: Path) -> str:
    path = folder / "psf.tif"
    tifffile.imwrite(path, gaussian_psf((21, 32, 32)), photometric="minisblack")
    return str(path)


def _deconvolve(**options: Any) -> Callable[[Path], Any]:
    return lambda folder: Deconvolve(psf=_psf(folder), psf_voxel_size=VOXEL, **options)


# Each step, with the type of the voxels that it is given.
STEPS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "subtract": ("uint16", lambda _: SubtractBackground()),
    "subtract float": ("float32", lambda _: SubtractBackground()),
    "crop": ("uint16", lambda _: Crop(z=(0, 48), y=(20, 360))),
    "deskew": ("uint16", lambda _: Deskew(angle=31.5)),
    "deskew y": ("uint16", lambda _: Deskew(angle=31.5, skew_axis="y")),
    "deskew 8 bit": ("uint8", lambda _: Deskew(angle=31.5)),
    "rotate": ("uint16", lambda _: Rotate(angle=31.5)),
    "rotate y": ("float32", lambda _: Rotate(angle=31.5, skew_axis="y")),
    "rotate 64 bit": ("float64", lambda _: Rotate(angle=31.5)),
    "function": ("uint16", lambda _: Function(function=np.flip)),
    "function of neighbours": ("uint16", lambda _: Function(function=np.negative, halo=(1, 1, 1))),
    "function of a type": ("float32", lambda _: Function(function=np.flip, dtype="uint16")),
    "rl": ("uint16", _deconvolve(method="rl", iterations=3)),
    "accelerated": ("uint16", _deconvolve(method="accelerated", iterations=4)),
    "fast": ("uint16", _deconvolve(method="fast")),
    "auto": ("uint16", _deconvolve(method="auto")),
    "rl, periodic": ("uint16", _deconvolve(method="rl", iterations=3, edges="periodic")),
    "accelerated, background": (
        "float32", _deconvolve(method="accelerated", iterations=4, edges="background"),
    ),
}  # fmt: skip


def _tiff(path: Path, volume: np.ndarray, **options: Any) -> None:
    tifffile.imwrite(path / "a_t0.tif", volume, photometric="minisblack", **options)


def _zip(path: Path, volume: np.ndarray) -> None:
    _tiff(path, volume)
    with zipfile.ZipFile(path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path / "a_t0.tif", "a.tif")
    (path / "a_t0.tif").unlink()


def _zarr(path: Path, volume: np.ndarray) -> None:
    import zarr

    chunks = (8, *volume.shape[1:])
    zarr.create_array(path / "a.zarr", data=volume, chunks=chunks)


FILES: dict[str, Callable[[Path, np.ndarray], None]] = {
    "plain TIFF": _tiff,
    "TIFF in big-endian order": lambda path, volume: _tiff(path, volume, byteorder=">"),
    "packed TIFF": lambda path, volume: _tiff(path, volume, compression="zlib"),
    "zip": _zip,
    "zarr": _zarr,
}


def memory(which: str) -> int:
    """What the system says of this process [byte]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(which))


def peak(make: Callable[[], object]) -> int:
    """Memory that something takes at most [byte]."""
    Path("/proc/self/clear_refs").write_text("5")  # the highest is counted anew
    before = memory("VmRSS")
    make()
    return memory("VmHWM") - before


def measured(make: Callable[[], object], cost: int) -> dict[str, object]:
    """Memory announced and measured."""
    return {"announced": cost, "measured": peak(make)}


def starved(make: Callable[[], object], cost: int) -> dict[str, object]:
    """What comes of it with half of the memory that is announced."""
    import resource

    size = memory("VmSize") + cost // 2
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    try:
        make()
    except LazyPipelineError as error:
        return {"said": str(error)}
    return {"said": "; ".join(map(str, notices))}


Use = Callable[[Callable[[], object], int], dict[str, object]]


def run_step(name: str, engine: str, folder: Path, use: Use) -> dict[str, object]:
    """Run a step on a small volume, so that all is compiled, and use it on a large one."""
    dtype, make = STEPS[name]
    step, found = make(folder), dict[str, object]()
    for shape, way in ((SMALL, measured), (SHAPE, use)):
        if isinstance(step, Crop):
            step = Crop(z=(0, shape[0] * 3 // 4), y=(2, shape[1] - 10))
        raw = PlainSource((1, 1), VolumeSpec(shape, dtype, VOXEL))
        source = source_of(raw, step, engine=engine)
        found = way(partial(source.read, 0, 0), step_costs(source.plan)[-1].memory)
    return found


def run_file(name: str, folder: Path, use: Use) -> dict[str, object]:
    """Read a small file, so that all is imported, and use a large one."""
    found = dict[str, object]()
    for shape, way in ((SMALL, measured), (SHAPE, use)):
        place = folder / str(shape[0])
        place.mkdir()
        FILES[name](place, np.random.default_rng(0).integers(100, 1000, shape).astype("uint16"))
        source = open_stack(place).source
        (reading,) = step_costs(source_of(source).plan, source.overhead)
        found = way(partial(source.read, 0, 0), reading.memory)
    return found


def main(name: str, engine: str, way: str = "measured") -> None:
    warm_up()
    use = starved if way == "starved" else measured
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = run_file(name, place, use) if name in FILES else run_step(name, engine, place, use)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
