"""Estimates in the dock: of the step under edit, of a volume, and warnings before it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dock_helpers import card, edit
from napari_lazy_pipeline.compute.resource_estimate import step_costs, volume_time
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.image.quantity_text import format_bytes

TIMEOUT = 30_000
Settle = Callable[[Any], None]


def line(dock: Any, kind: str) -> Any:
    from napari_lazy_pipeline._gui.steps.cost_monitor import StepCostLine

    return card(dock, kind).findChild(StepCostLine)


def part(dock: Any, name: str) -> Any:
    from napari_lazy_pipeline._gui.steps import cost_monitor as cost_lines

    return dock.findChild(getattr(cost_lines, name))


def test_the_step_under_edit_says_its_memory(
    opened: Any, settle: Settle, psf_file: Path, qtbot: Any
) -> None:
    edit(opened, "deconvolve", psf=psf_file, iterations=1)

    def told() -> bool:
        costs = step_costs(opened.session.plan)
        cost = next(cost for cost in costs if cost.title == "Deconvolve")
        words = f"Needs {format_bytes(cost.memory)} of memory per volume"
        return bool(line(opened, "deconvolve").text() == words)

    qtbot.waitUntil(told, timeout=TIMEOUT)
    edit(opened, "deconvolve", method="rl")
    qtbot.waitUntil(told, timeout=TIMEOUT)
    settle(opened)
    card(opened, "deconvolve").switch.setChecked(False)
    qtbot.waitUntil(lambda: line(opened, "deconvolve").text() == "", timeout=TIMEOUT)


def measured(dock: Any) -> float | None:
    duration = volume_time(dock.session.plan, dock.session.compute_log)
    return duration.seconds if duration is not None else None


def test_a_time_is_told_once_it_was_measured(
    opened: Any, settle: Settle, psf_file: Path, qtbot: Any
) -> None:
    summary = part(opened, "CostSummary")
    qtbot.waitUntil(lambda: "Per volume: " in summary.text(), timeout=TIMEOUT)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    seconds = measured(opened)
    assert seconds is not None and 0 < seconds < 60
    qtbot.waitUntil(lambda: " uncached (" in summary.text(), timeout=TIMEOUT)


def test_planes_tell_how_long_a_volume_takes_at_most(
    opened: Any, settle: Settle, qtbot: Any
) -> None:
    """The first plane waits for much that the next ones do not: the guess follows them."""
    summary, costs = part(opened, "CostSummary"), opened.costs
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    qtbot.waitUntil(lambda: ", ≤ " in summary.text(), timeout=TIMEOUT)
    for z in range(3, 9):
        opened.viewer.dims.set_current_step(1, z)
        settle(opened)
        assert costs.seconds == measured(opened) and costs.rough
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    qtbot.waitUntil(lambda: ", about " in summary.text(), timeout=TIMEOUT)
    assert costs.seconds == measured(opened) and not costs.rough


def test_a_volume_that_does_not_fit_is_told_before_it_is_run(
    opened: Any,
    settle: Settle,
    psf_file: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(get_engine("cpu"), "memory_limit", 50_000)
    warning = part(opened, "CostWarning")
    assert not warning.isVisibleTo(opened)
    edit(opened, "deconvolve", psf=psf_file, iterations=1)
    qtbot.waitUntil(lambda: "not even a part fits" in warning.text(), timeout=TIMEOUT)
    assert warning.isVisibleTo(opened)
    settle(opened)
    card(opened, "deconvolve").switch.setChecked(False)
    qtbot.waitUntil(lambda: not warning.text(), timeout=TIMEOUT)
    settle(opened)
    notices.clear()


def test_nothing_is_estimated_after_closing(opened: Any, qtbot: Any) -> None:
    opened.shut_down()
    changes: list[object] = []
    opened.costs.changed.connect(lambda: changes.append(1))
    edit(opened, "deskew", angle=39.0)
    qtbot.wait(300)
    assert not changes
