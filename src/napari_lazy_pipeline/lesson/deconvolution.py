"""Exercise 5: error and resolution of a deconvolution, by few photons and by many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.lesson import measures
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples.few_photons import FEW_PHOTONS, sharp_light
from napari_lazy_pipeline.steps import Step

_SCENE = Scene("photons", ("subtract_background", "deconvolve", "deskew"), monitor=False)
_FEW, _MANY = FEW_PHOTONS["photons"].values()
# Error [%] and lateral resolution [1/um] against the truth, for few photons and for many: no
# formula tells these. The noise of the sample has a seed.
_TABLE = {
    "5 iterations": ((62.1, 2.55), (44.8, 3.73)),
    "30 iterations": ((53.2, 3.12), (25.4, 4.64)),
    "100 iterations": ((59.9, 3.13), (19.5, 5.11)),
    "automatic": ((44.3, 4.42), (31.9, 5.26)),
}


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    assert session.stack is not None
    steps = [step for step in session.pipeline.steps if step.enabled]
    spec = session.stack.spec
    truth = Pipeline([s for s in steps if s.kind == "deskew"]).run_volume(sharp_light(), spec)
    found: dict[str, float] = {}
    for how in _TABLE:
        made = Pipeline([_set(step, how) for step in steps]).apply(session.stack)
        for c, photons in enumerate((_FEW, _MANY)):
            volume = made.volume(0, c)
            found |= _figures(how, photons, *_compared(volume, truth, made.spec.voxel_size))
    return found


def _set(step: Step, how: str) -> Step:
    if step.kind != "deconvolve":
        return step
    if how == "automatic":
        return step.replace(method="auto")
    return step.replace(method="rl", iterations=int(how.split()[0]))


def _compared(
    volume: np.ndarray, truth: np.ndarray, voxel_size: tuple[float, float, float]
) -> tuple[float, float]:
    _, lateral = measures.resolution(volume, truth, voxel_size)
    return 100 * measures.error(volume, truth), lateral


def _figures(how: str, photons: int, error: float, resolution: float) -> dict[str, float]:
    return {
        f"{photons} photons, {how}, error": error,
        f"{photons} photons, {how}, resolution": resolution,
    }


def _expected() -> tuple[Figure, ...]:
    figures = []
    for how, pair in _TABLE.items():
        for photons, known in zip((_FEW, _MANY), pair, strict=True):
            (error, a), (resolution, b) = _figures(how, photons, *known).items()
            figures += [Figure(error, a, "%", 1.0), Figure(resolution, b, "/µm", 0.15)]
    return tuple(figures)


EXERCISE = Exercise(
    title="Deconvolution: error and resolution",
    minutes=10,
    scene=_SCENE,
    task="Press Set the scene: filaments and vesicles of the cell, without the rest, once with "
    f"{_FEW} photons at the brightest voxel and once with {_MANY}. In Deconvolve, choose the "
    "method Richardson-Lucy, and look at 5, 30 and 100 iterations; then at Automatic.",
    question="When do more iterations help, and when do they do harm?",
    answer=f"With {_MANY} photons, each iteration brings the image nearer to the truth. With "
    f"{_FEW} photons the error falls until about 30 iterations and rises again: the picture looks "
    "sharper, and what is sharper is noise. Resolution does not tell: from 30 to 100 it stays. "
    "Automatic ends voxel by voxel where noise begins: the best of all for few photons; for many, "
    "it ends sooner than the truth would allow.",
    figures=_expected(),
    measure=_measure,
)
