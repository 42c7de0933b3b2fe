"""Figures of the benchmarks are printed at the end, beside what they have to be.

`scripts/bench` measures. Among the other tests they run tiny, so that one that broke is seen at
once; no figure is judged then.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from bench_size import MEASURED

# Those of the window; where there is no Qt, the others run.
_OF_THE_WINDOW = ("docks", "first_minute", "live", "sweep", "ten_steps", "watch")
collect_ignore = [f"test_{name}.py" for name in _OF_THE_WINDOW if not find_spec("qtpy")]
_LINES: list[str] = []


@pytest.fixture
def figure() -> Callable[[str, float, str, float], None]:
    """Note a figure and its bound; the test fails if it is beyond, and was measured."""

    def note(what: str, value: float, unit: str, bound: float) -> None:
        assert isfinite(value), what
        if MEASURED:
            _LINES.append(f"| {what} | {value:.3g} {unit} | <= {bound:g} {unit} |")
            assert value <= bound, f"{what}: {value:.3g} {unit}, at most {bound:g} are allowed"

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if _LINES:
        terminalreporter.section("figures")
        for line in ("| figure | measured | bound |", "|---|---|---|", *_LINES):
            terminalreporter.write_line(line)


@pytest.fixture
def large_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder to be made that holds gigabytes, or many thousands of files, for a while."""
    yield tmp_path / "large"
    shutil.rmtree(tmp_path / "large")


@pytest.fixture
def dock(nobody_there: None, make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    """The dock in a viewer that is drawn."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def settle(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a dock shows what its steps make; a step that is on and does nothing is an error.

    It would make what is measured something else.
    """

    def wait(dock: Any) -> None:
        def idle() -> bool:
            return bool(dock.idle)

        qtbot.waitUntil(idle, timeout=40_000)
        plan = dock.session.plan
        assert plan is None or (plan.misfit, plan.waiting) == (None, ())

    return wait
