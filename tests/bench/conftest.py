"""Figures of the benchmarks are printed at the end, beside what they have to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_LINES: list[str] = []


@pytest.fixture
def figure() -> Callable[[str, float, str, float], None]:
    """Note a figure and its bound; the test fails if it is beyond."""

    def note(what: str, value: float, unit: str, bound: float) -> None:
        _LINES.append(f"| {what} | {value:.3g} {unit} | <= {bound:g} {unit} |")
        assert value <= bound, f"{what}: {value:.3g} {unit}, at most {bound:g} are allowed"

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if _LINES:
        terminalreporter.section("figures")
        for line in ("| figure | measured | bound |", "|---|---|---|", *_LINES):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def own_recent_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Tests leave the list of the person alone."""
    from napari_lazy_pipeline._gui.data import folder_row

    file = tmp_path_factory.mktemp("config") / "recent.json"
    monkeypatch.setattr(folder_row, "recent_file", lambda: file)
    return file


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    """The dock in a viewer that is drawn."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def settle(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a dock shows what its steps make."""

    def wait(dock: Any) -> None:
        def idle() -> bool:
            return bool(dock.idle)

        qtbot.waitUntil(idle, timeout=40_000)

    return wait
