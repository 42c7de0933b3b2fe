"""Prints how near each method comes to a known truth, and draws what they make of the real stack.

``python tests/bench/print_quality.py --out docs/images``
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path.extend(str(Path(__file__).parents[1] / name) for name in ("support", "compute"))

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path
from napari_lazy_pipeline.steps import Deconvolve
from quality import (
    METHODS,
    OFFSET,
    VOXEL,
    Phantom,
    nrmse,
    phantom,
    photometry,
    real_volume,
    resolution,
    restore,
)

PHOTONS = (1000, 200, 50)
# These took no part in the choice of anything.
SEEDS = {"lines": (20, 21, 22, 23), "texture": (30, 31, 32, 33), "cells": (40, 41, 42, 43)}
SHAPE = (40, 96, 112)
GAMMA = 0.6
GAP = 6


def table() -> str:
    """How near each method comes by kind and brightness, mean of some phantoms, as Markdown."""
    lines = [
        "| phantom | photons | method | NRMSE | axial, 1/um | lateral, 1/um | peak / true peak "
        "| light, % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, photons in itertools.product(SEEDS, PHOTONS):
        samples = [phantom(SHAPE, photons, seed, kind) for seed in SEEDS[kind]]
        for name in ("raw", *METHODS):
            error, axial, lateral, peak, light = np.mean([judge(s, name) for s in samples], axis=0)
            lines.append(
                f"| {kind} | {photons} | {name} | {error:.3f} | {axial:.2f} | {lateral:.2f} "
                f"| {peak:.2f} | {100 * light:.1f} |"
            )
    return "\n".join(lines)


def judge(sample: Phantom, name: str) -> tuple[float, ...]:
    """NRMSE, axial and lateral resolution, height of the peak, and spread of local sums."""
    image = sample.image - np.float32(OFFSET)
    result = image if name == "raw" else restore(sample.image, name)
    near = nrmse(result, sample.truth), *resolution(result, sample.truth)
    return *near, result.max() / sample.truth.max(), photometry(result, sample.truth)


def real_results() -> dict[str, np.ndarray]:
    """The deskewed real stack, raw and deconvolved."""
    raw, scan, voxel = real_volume(), Scan(REAL_STACK["angle"]), REAL_STACK["voxel_size"]
    plan, engine = DeskewPlan.of(raw.shape, voxel, scan), get_engine()
    light = np.maximum(raw - np.float32(REAL_STACK["background"]), 0)
    results = {"raw": engine.deskew(light, plan)}
    for name, settings in METHODS.items():
        step = Deconvolve(
            psf=str(psf_path()), psf_voxel_size=REAL_STACK["psf_voxel_size"], **settings
        )
        spec = VolumeSpec(raw.shape, "float32", voxel, scan=scan)
        results[name] = engine.deskew(Pipeline([step]).run_volume(light, spec), plan)
    return results


def shade(image: np.ndarray, high: float) -> np.ndarray:
    """Grey values of an image; the square root or so, as it shows what is dim."""
    return (255 * np.clip(image / high, 0, 1) ** GAMMA).astype(np.uint8)


def stretch(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Bring an image (y, x) to another size."""
    return np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC))


def panel(volume: np.ndarray, z_over_x: float, zoom: int = 1) -> np.ndarray:
    """Maximum projections along z and along y, side by side and to scale."""
    top, side = volume.max(axis=0), volume.max(axis=1)
    high = np.percentile(top, 99.9)
    rows, columns = (zoom * n for n in top.shape)
    left = stretch(shade(top, high), rows, columns)
    right = stretch(shade(side, high), round(zoom * len(side) * z_over_x), columns)
    both = np.full((max(rows, len(right)), 2 * columns + GAP), 255, np.uint8)
    both[:rows, :columns], both[: len(right), columns + GAP :] = left, right
    return both


def draw(results: dict[str, np.ndarray], z_over_x: float, path: Path, zoom: int = 1) -> None:
    """Write the projections of all results, one below the other, each on its own scale."""
    panels = [panel(volume, z_over_x, zoom) for volume in results.values()]
    height = max(len(p) for p in panels) + GAP
    canvas = np.full((height * len(panels), panels[0].shape[1]), 255, np.uint8)
    for k, p in enumerate(panels):
        canvas[k * height : k * height + len(p)] = p
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for k, name in enumerate(results):
        pen.text((6, k * height + 4), name, fill=255)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)
    print(f"wrote {path}")


def main() -> None:
    """Print the table; draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the pictures")
    out = parser.parse_args().out
    print(table())
    if out is None:
        return
    shown = {name: r for name, r in real_results().items() if name != "accelerated-10"}
    scan, voxel = Scan(REAL_STACK["angle"]), REAL_STACK["voxel_size"]
    ratio = scan.normal_step(voxel[0]) / voxel[2]
    draw(shown, ratio, out / "deconvolution-real.png")
    part = {name: r[:, 40:120, 200:320] for name, r in shown.items()}
    draw(part, ratio, out / "deconvolution-real-detail.png", zoom=3)
    sample = phantom(SHAPE, 200, SEEDS["lines"][0])
    known = {"truth": sample.truth, "raw": sample.image - np.float32(OFFSET)}
    for name in ("auto", "rl-10", "rl-20", "fast"):
        known[name] = restore(sample.image, name)
    draw(known, VOXEL[0] / VOXEL[2], out / "deconvolution-phantom.png", zoom=3)


if __name__ == "__main__":
    main()
