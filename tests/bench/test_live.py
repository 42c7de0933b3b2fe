"""How the window answers: on huge folders, and while something is computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from dock_helpers import edit
from heart import Heart
from napari_lazy_pipeline import Stack, VolumeSpec
from stacks import CountingSource, gaussian_psf

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]


@dataclass(frozen=True)
class FakeFolder:
    """A folder that is not there."""

    source: CountingSource
    scan: None = None
    angle: None = None

    def stack(self, voxel_size: Any = None, scan: Any = None) -> Stack:
        return Stack(self.source, ("a", "b")[: self.source.sizes[1]])


def open_fake(dock: Any, sizes: tuple[int, int], spec: VolumeSpec) -> None:
    dock.session.show(FakeFolder(CountingSource(sizes, spec)))


@pytest.mark.parametrize(("times", "bound"), [(10_000, 20.0), (100_000, 100.0)])
def test_an_edit_on_a_huge_folder(
    dock: Any, settle: Settle, figure: Figure, times: int, bound: float
) -> None:
    """Rebuild and swap, both channels; then the first new frame. Volumes are tiny."""
    open_fake(dock, (times, 2), VolumeSpec((4, 8, 8), "uint16", (0.3, 0.1, 0.1)))
    settle(dock)
    edit(dock, "crop", z=(0, 3))
    settle(dock)
    index = next(i for i, card in enumerate(dock.steps.cards) if card.step.kind == "crop")
    session = dock.session
    rebuild_and_swap, first_slice = [], []
    for turn in range(11):
        t = (turn * 997 + 1) % times
        step = session.pipeline.steps[index].replace(z=(0, 2 + turn % 2), y=(turn % 3, 8))
        # What the steps themselves cost is not counted: their results are at hand.
        plan = session.pipeline.replace_step(index, step).plan(session.stack.stack_spec)
        source = replace(session.source(), stated_plan=plan)
        for moment in (dock.layers.position.time_point, t):
            for c in range(2):
                source.raw.refresh(moment, c)
                source.read(moment, c)
        start = perf_counter()
        session.replace_step(index, step)
        rebuild_and_swap.append(1000 * (perf_counter() - start))
        assert dock.layers.up_to_date, "the swap was done in the call"
        start = perf_counter()
        dock.viewer.dims.set_current_step(0, t)
        first_slice.append(1000 * (perf_counter() - start))
        settle(dock)
    figure(f"rebuild + swap, {times} x 2 files", median(rebuild_and_swap), "ms", bound)
    figure(f"slice after it, {times} x 2 files", median(first_slice), "ms", 10.0)


def drag(viewer: Any, planes: int) -> None:
    """Drag the plane slider for a second."""
    application = QApplication.instance()
    assert application is not None
    for turn in range(40):
        viewer.dims.set_current_step(1, turn % planes)
        until = perf_counter() + 0.025
        while perf_counter() < until:
            application.processEvents()


def test_the_window_never_stalls(
    dock: Any, settle: Settle, figure: Figure, tmp_path: Path, qtbot: Any
) -> None:
    """The same drag with nothing computing, and during a deconvolution of some seconds."""
    import tifffile

    psf = tmp_path / "psf.tif"
    tifffile.imwrite(psf, gaussian_psf())
    open_fake(dock, (4, 1), VolumeSpec((48, 256, 280), "uint16", (0.3, 0.1, 0.1)))
    settle(dock)
    heart, still, busy = Heart(), [], []
    drag(dock.viewer, 48)
    for turn in range(5):
        still.append(heart.longest_pause(lambda: drag(dock.viewer, 48)))
        edit(dock, "deconvolve", psf=psf, psf_voxel_size=(0.3, 0.1, 0.1), iterations=180 + turn)
        qtbot.wait(200)
        assert dock.compute_thread.busy
        busy.append(heart.longest_pause(lambda: drag(dock.viewer, 48)))
        assert dock.compute_thread.busy, "the deconvolution ended before the drag"
        dock.session.undo()
        settle(dock)
    more = median(busy) - median(still)
    figure("longest stall, nothing computing", median(still), "ms", 1000.0)
    figure("longest stall, more while deconvolving", more, "ms", 60.0)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("deskew", "angle", np.linspace(25, 40, 40).round(2).tolist()),
        ("deconvolve", "iterations", list(range(44, 4, -1))),
    ],
    ids=["angle", "iterations"],
)
def test_parameter_drag(
    dock: Any, settle: Settle, figure: Figure, kind: str, field: str, values: list[Any]
) -> None:
    """A knob dragged over 40 values: how many pictures are seen, and when it is over."""
    from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path, real_stack_folder

    dock.open_folder(real_stack_folder())
    settle(dock)
    dock.session.state(voxel_size=REAL_STACK["voxel_size"])
    edit(dock, "deskew")
    settle(dock)
    if kind == "deconvolve":
        size = REAL_STACK["psf_voxel_size"]
        edit(dock, kind, psf=psf_path(), psf_voxel_size=size, iterations=3)
        settle(dock)
    shown: list[tuple[float, Any]] = []
    dock.layers.rendered.connect(lambda job: shown.append((perf_counter(), job)))
    drag_knob(lambda value: edit(dock, kind, **{field: value}), values)
    released = perf_counter()
    settle(dock)
    assert not shown[-1][1].preview
    late = shown[-1][0] - released
    # One stage time: the same value once more, with nothing else going on and nothing cached.
    dock.session.cache.clear()
    edit(dock, kind, **{field: values[1]})
    settle(dock)
    dock.session.cache.clear()
    start = perf_counter()
    edit(dock, kind, **{field: values[-1]})
    settle(dock)
    stage = shown[-1][0] - start
    pictures = len({getattr(job.source.plan.steps[index_of(dock, kind)], field)
                    for _, job in shown[: -2]})  # fmt: skip
    figure(f"pictures not shown of a drag over 40 values, {field}", 40.0 - pictures, "", 25.0)
    # Previews are made for the last value, too, and 5 planes take longer than one.
    figure(f"last picture after letting go, {field}", late / stage, "stage times", 1.25)


def index_of(dock: Any, kind: str) -> int:
    """Place of the first step of a kind."""
    return next(i for i, card in enumerate(dock.steps.cards) if card.step.kind == kind)


def drag_knob(turn: Callable[[Any], None], values: list[Any]) -> None:
    """Turn a knob every 50 ms."""
    application = QApplication.instance()
    assert application is not None
    for value in values:
        turn(value)
        until = perf_counter() + 0.05
        while perf_counter() < until:
            application.processEvents()
