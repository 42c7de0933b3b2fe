"""How the window answers with ten steps on, against the five that the dock begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication

from bench_size import size
from heart import Heart
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.samples.samples import TIMELAPSE
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.steps import Step
from ten_steps import five_steps, steps_of_the_cell

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]
TURNS = size(15, 2)
STEPS = {"five": five_steps(), "ten": steps_of_the_cell()}


@pytest.fixture
def cell(dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with the simulated time-lapse: two channels, of which ten steps make three."""
    dock.open_folder(write_timelapse(tmp_path / "cell"))
    settle(dock)
    stated = {name: TIMELAPSE[name] for name in ("voxel_size", "angle")}
    dock.session.state(**stated, step="stage")
    settle(dock)
    return dock


def cropped(dock: Any, x: tuple[int, int]) -> tuple[int, Step]:
    """The place of the crop, and one along x."""
    steps = dock.session.pipeline.steps
    index = next(i for i, step in enumerate(steps) if step.kind == "crop")
    return index, steps[index].replace(x=x)


def swap(dock: Any, settle: Settle, turn: int) -> float:
    """Rebuild and swap after an edit whose results are at hand [ms]."""
    session = dock.session
    index, step = cropped(dock, (20 + turn % 2, 200 + turn % 3))
    plan = session.pipeline.replace_step(index, step).plan(session.stack.stack_spec)
    source = replace(session.source(), stated_plan=plan)
    for c in range(source.sizes[1]):
        source.read(dock.layers.position.time_point, c)
    start = perf_counter()
    session.replace_step(index, step)
    took = 1000 * (perf_counter() - start)
    assert dock.layers.up_to_date, "the swap was done in the call"
    settle(dock)
    return took


def edit_and_look(dock: Any, turn: int) -> None:
    """Turn a value of the first step, so that all are made anew, and go through the planes."""
    application = QApplication.instance()
    assert application is not None
    first = dock.session.pipeline.steps[0]
    name = "dark" if first.kind == "camera_correction" else "value"
    dock.session.replace_step(0, first.replace(**{name: 100.0 + 0.5 * (turn + 1)}))
    for z in range(size(40, 2)):
        dock.viewer.dims.set_current_step(1, z % TIMELAPSE["shape"][0])
        until = perf_counter() + 0.025
        while perf_counter() < until:
            application.processEvents()


def test_ten_steps_against_five(cell: Any, settle: Settle, figure: Figure) -> None:
    """In turns, so that a computer that is busy with something else is so for both."""
    heart = Heart()
    swaps: dict[str, list[float]] = {name: [] for name in STEPS}
    stalls: dict[str, list[float]] = {name: [] for name in STEPS}
    for name in [*STEPS] * size(3, 1):
        cell.session.set_pipeline(Pipeline(STEPS[name]))
        settle(cell)
        swap(cell, settle, 0)
        swaps[name] += [swap(cell, settle, turn) for turn in range(1, TURNS)]
        for turn in range(size(5, 1)):
            stalls[name].append(heart.longest_pause(lambda turn=turn: edit_and_look(cell, turn)))  # type: ignore[misc]
            settle(cell)
    for name in STEPS:
        print(f"\n{name} steps: rebuild + swap {median(swaps[name]):.1f} ms,", end=" ")
        print(f"longest stall while all is made anew {median(stalls[name]):.1f} ms", end="")
    # With a ratio, there are three layers in place of two.
    ratio = median(swaps["ten"]) / median(swaps["five"])
    figure("rebuild + swap, ten steps (three layers) against five (two)", ratio, "x", 2.0)
    more = median(stalls["ten"]) - median(stalls["five"])
    figure("longest stall, more with ten steps than with five", more, "ms", 60.0)
