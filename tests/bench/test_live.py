"""How the window answers: on huge folders, and while something is computing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from bench_size import size
from dock_helpers import edit
from heart import Heart
from many_files import touch
from napari_lazy_pipeline.io import MetadataOverrides, inspect_folder
from stacks import gaussian_psf, write_raw

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]
Settle = Callable[[Any], None]

SHAPE = size((48, 256, 280), (6, 16, 20))
VOXEL_SIZE = (0.3, 0.1, 0.1)
HUGE = size([(10_000, 20.0), (100_000, 100.0)], [(20, 20.0)])
VALUES = size(40, 2)


def made_up(path: str) -> np.ndarray:
    """A tiny volume for a file that is empty."""
    return np.random.default_rng(zlib.crc32(path.encode())).integers(100, 1000, (4, 8, 8), "uint16")


def open_huge(dock: Any, folder: Path, times: int) -> None:
    """Open a folder of that many time points and two channels, as the session does."""
    folder.mkdir()
    touch(folder, (f"cell_ch{c}_stack{t:06d}.tif" for t in range(times) for c in range(2)))
    folder_info = inspect_folder(folder, "{name}_ch{c}_stack{t}.tif", reader=made_up)
    dock.session.show(folder_info, MetadataOverrides(voxel_size=VOXEL_SIZE))


@pytest.mark.parametrize(("times", "bound"), HUGE)
def test_an_edit_on_a_huge_folder(
    dock: Any, settle: Settle, figure: Figure, large_folder: Path, times: int, bound: float
) -> None:
    """Rebuild and swap, both channels; then the first new frame. Volumes are tiny."""
    open_huge(dock, large_folder, times)
    settle(dock)
    edit(dock, "crop", z=(0, 3))
    settle(dock)
    index = next(i for i, card in enumerate(dock.steps.cards) if card.step.kind == "crop")
    session = dock.session
    rebuild_and_swap, first_slice = [], []
    for turn in range(size(11, 2)):
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
    for turn in range(size(40, 2)):
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
    dock.open_folder(write_raw(tmp_path / "cell", times=4, channels=1, shape=SHAPE))
    settle(dock)
    dock.session.state(voxel_size=VOXEL_SIZE)
    settle(dock)
    heart, still, busy, ended = Heart(), [], [], 0
    drag(dock.viewer, SHAPE[0])
    for turn in range(size(5, 2)):
        still.append(heart.longest_pause(lambda: drag(dock.viewer, SHAPE[0])))
        iterations = size(180, 2) + turn
        edit(dock, "deconvolve", psf=psf, psf_voxel_size=VOXEL_SIZE, iterations=iterations)
        qtbot.wait(size(200, 1))
        busy.append(heart.longest_pause(lambda: drag(dock.viewer, SHAPE[0])))
        ended += not dock.compute_thread.busy
        dock.session.undo()
        settle(dock)
    more = median(busy) - median(still)
    figure("deconvolutions that ended before the drag", ended, "", 0.0)
    figure("longest stall, nothing computing", median(still), "ms", 1000.0)
    figure("longest stall, more while deconvolving", more, "ms", 60.0)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("deskew", "angle", np.linspace(25, 40, VALUES).round(2).tolist()),
        ("deconvolve", "iterations", list(range(*size((44, 4), (2, 0)), -1))),
    ],
    ids=["angle", "iterations"],
)
def test_parameter_drag(
    dock: Any, settle: Settle, figure: Figure, kind: str, field: str, values: list[Any]
) -> None:
    """A knob dragged over many values: how many pictures are seen, and when it is over."""
    from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path, real_stack_folder

    dock.open_folder(real_stack_folder())
    settle(dock)
    stated = {name: REAL_STACK[name] for name in ("voxel_size", "angle")}
    dock.session.state(**stated, step="stage")
    edit(dock, "deskew")
    settle(dock)
    if kind == "deconvolve":
        size = REAL_STACK["psf_voxel_size"]
        edit(dock, kind, psf=psf_path(), psf_voxel_size=size, iterations=3)
        settle(dock)

    def value_in(job: Any) -> Any:
        steps = (stage.step for stage in job.source.plan.stages)
        return next(getattr(step, field) for step in steps if step.kind == kind)

    shown: list[tuple[float, Any]] = []
    dock.layers.rendered.connect(lambda job: shown.append((perf_counter(), job)))
    drag_knob(lambda value: edit(dock, kind, **{field: value}), values)
    released = perf_counter()
    settle(dock)
    assert not shown[-1][1].preview
    late, pictures = shown[-1][0] - released, len({value_in(job) for _, job in shown})
    # One stage time: the same value once more, with nothing else going on and nothing cached.
    dock.session.cache.clear()
    edit(dock, kind, **{field: values[1]})
    settle(dock)
    dock.session.cache.clear()
    start = perf_counter()
    edit(dock, kind, **{field: values[-1]})
    settle(dock)
    stage = shown[-1][0] - start
    what = f"pictures not shown of a drag over {VALUES} values, {field}"
    figure(what, float(VALUES - pictures), "", 25.0)
    # Previews are made for the last value, too, and 5 planes take longer than one.
    figure(f"last picture after letting go, {field}", late / stage, "stage times", 1.25)


def drag_knob(turn: Callable[[Any], None], values: list[Any]) -> None:
    """Turn a knob every 50 ms."""
    application = QApplication.instance()
    assert application is not None
    for value in values:
        turn(value)
        until = perf_counter() + 0.05
        while perf_counter() < until:
            application.processEvents()
