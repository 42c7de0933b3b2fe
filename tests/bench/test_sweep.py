"""Nine settings side by side: when the first is there, when all are, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import tifffile

from dock_helpers import edit
from heart import Heart
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.image import Block
from stacks import gaussian_psf, write_raw

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]

SHAPE, REGION = (64, 256, 280), 128
VALUES = [0, 10, 20, 30, 40, 50, 60, 70, 80]  # of the background: ten iterations each


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
    camera.center = (0.0, 12.8, 14.0)
    camera.zoom = max(area.width(), area.height()) / (0.1 * REGION)
    settle(dock)
    return dock


def test_nine_settings(zoomed: Any, figure: Figure, qtbot: Any) -> None:
    dock = zoomed
    index = [card.step.kind for card in dock.steps.cards].index("deconvolve")
    heart, trial, reads = Heart(), dock.trial, dock.session.stack.source.reads
    previews: list[float] = []
    ready: list[float] = []
    trial.tile_ready.connect(
        lambda _, preview: (previews if preview else ready).append(perf_counter())
    )
    trial.start(Parameter(index, "background"))  # the panel is there, as in the second trial
    trial.close()
    ready.clear()
    previews.clear()
    qtbot.wait(200)
    still = heart.longest_pause(lambda: qtbot.wait(1000))
    dock.session.cache.clear()
    begun = 0.0

    def start() -> None:
        nonlocal begun
        begun = perf_counter()
        trial.start(Parameter(index, "background"), "0..80 step 10")
        qtbot.waitUntil(lambda: not trial.busy, timeout=60_000)

    stall = heart.longest_pause(start)
    assert len(previews) == len(ready) == len(VALUES)
    (box,) = {request.box for request in trial.requests}
    assert max(stop - start for start, stop in box[1:]) <= REGION + 2
    read = dock.session.stack.source.reads - reads
    alone = time_alone(dock, index, box)
    print(f"previews {previews[-1] - begun:.2f} s, results {ready[-1] - begun:.2f} s, {alone=:.2f}")
    figure("nine settings: first picture, a preview", previews[0] - begun, "s", 0.3)
    figure("nine settings: all, over the sum alone", (ready[-1] - begun) / alone, "x", 1.2)
    figure("nine settings: reads of the one file", read, "", 1.0)
    figure("nine settings: longest stall, more than at rest", stall - still, "ms", 60.0)


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
