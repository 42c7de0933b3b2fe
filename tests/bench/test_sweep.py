"""Nine settings side by side: when the first is there, when all are, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import tifffile

from bench_size import size
from dock_helpers import edit
from heart import Heart
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.image import Block
from stacks import gaussian_psf, write_raw

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]

SHAPE, REGION = size(((64, 256, 280), 128), ((8, 64, 72), 32))
# Of the background: ten iterations each.
VALUES = size([0, 10, 20, 30, 40, 50, 60, 70, 80], [0, 10])


@pytest.fixture
def zoomed(dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with a deconvolved volume of a folder, of which 128 x 128 voxels are in view."""
    psf = tmp_path / "psf.tif"
    tifffile.imwrite(psf, gaussian_psf())
    dock.open_folder(write_raw(tmp_path / "cell", times=2, channels=1, shape=SHAPE))
    settle(dock)
    dock.session.state(voxel_size=(0.3, 0.1, 0.1))
    edit(dock, "deconvolve", psf=psf, psf_voxel_size=(0.3, 0.1, 0.1), background=40)
    settle(dock)
    area = dock.trial.canvas.area
    camera = dock.viewer.scene.camera
    camera.center = (0.0, 0.05 * SHAPE[1], 0.05 * SHAPE[2])
    camera.zoom = max(area.width(), area.height()) / (0.1 * REGION)
    settle(dock)
    return dock


@dataclass
class Trial:
    """One trial of nine settings, nothing being cached; times in s, the stall in ms."""

    preview: float
    first: float
    last: float
    alone: float
    stall: float
    reads: int


def test_nine_settings(zoomed: Any, figure: Figure, qtbot: Any) -> None:
    index = [card.step.kind for card in zoomed.steps.cards].index("deconvolve")
    heart = Heart()
    run_trial(zoomed, index, heart, qtbot)  # the panel is there, as in any trial but the first
    still = heart.longest_pause(lambda: qtbot.wait(size(1000, 10)))
    trials = [run_trial(zoomed, index, heart, qtbot) for _ in range(size(3, 1))]
    preview, first, all_of_them, stall = (
        median(getattr(trial, name) for trial in trials)
        for name in ("preview", "first", "last", "stall")
    )
    print(f"\nnine settings: first result {first:.2f} s, all {all_of_them:.2f} s")
    figure("nine settings: first picture, a preview", preview, "s", 0.3)
    ratio = median(trial.last / trial.alone for trial in trials)
    figure("nine settings: all, over the sum alone", ratio, "x", 1.2)
    reads = max(trial.reads for trial in trials)
    figure("nine settings: reads of the one file", reads, "", 1.0)
    figure("nine settings: longest stall, more than at rest", stall - still, "ms", 60.0)


def run_trial(dock: Any, index: int, heart: Heart, qtbot: Any) -> Trial:
    """Try nine backgrounds, until all pictures are there."""
    trial, source = dock.trial, dock.session.stack.source
    dock.session.cache.clear()
    ready: dict[bool, list[float]] = {True: [], False: []}

    def note(_: int, preview: bool) -> None:
        ready[preview].append(perf_counter() - begin)

    def work() -> None:
        trial.start(Parameter(index, "background"), f"0..{VALUES[-1]} step 10")
        qtbot.waitUntil(lambda: not trial.busy, timeout=60_000)

    trial.tile_ready.connect(note)
    reads, begin = source.reads, perf_counter()
    stall = heart.longest_pause(work)
    trial.tile_ready.disconnect(note)
    reads = source.reads - reads
    assert ready[True] and len(ready[False]) == len(VALUES)
    (box,) = {request.box for request in trial.requests}
    assert max(stop - start for start, stop in box[1:]) <= REGION + 2
    trial.close()
    alone = time_alone(dock, index, box)
    return Trial(ready[True][0], ready[False][0], ready[False][-1], alone, stall, reads)


def time_alone(dock: Any, index: int, box: Any) -> float:
    """Sum of the times [s] that each part takes by itself, its volume being read already."""
    session, total = dock.session, 0.0
    for value in VALUES:
        steps = Parameter(index, "background").put(session.pipeline.steps, value)
        plan = Pipeline(steps).plan(session.stack.stack_spec)
        source = PipelineSource(session.raw, plan, session.cache.__class__())
        source.raw.read(0, 0)
        begin = perf_counter()
        part = source.part(Block(0, 0, box))
        total += perf_counter() - begin
        assert np.isfinite(part).all()
    return total
