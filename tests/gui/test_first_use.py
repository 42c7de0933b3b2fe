"""On a new computer the dock can be used at once; a line says what is prepared, and goes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interrupting import environment
from napari_lazy_pipeline._gui import dock as dock_module
from napari_lazy_pipeline.engines.cpu import preparation

_UNITS = """
import pint
from qtpy.QtCore import QCoreApplication, QObject
from napari_lazy_pipeline._gui.first_use import FirstUse
from napari_lazy_pipeline.engines.cpu import preparation

def units():
    return type(pint.get_application_registry().get()).__name__

preparation.prepare_elsewhere = lambda loops: False
application, parent = QCoreApplication([]), QObject()
print(units())
FirstUse(print, lambda: print(units()), parent).start()
"""


def test_units_are_loaded_before_another_thread_makes_layers() -> None:
    """Half a table of units, of two threads that load it, would fail the first layer."""
    ended = subprocess.run(
        [sys.executable, "-c", _UNITS],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["LazyRegistry", "UnitRegistry"]


def test_loops_are_compiled_elsewhere_and_loaded_then(
    make_napari_viewer: Callable[..., Any],
    prepare_elsewhere: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    qtbot: Any,
) -> None:
    loaded: list[int] = []
    monkeypatch.setattr(dock_module, "warm_up", lambda: loaded.append(1))
    monkeypatch.setattr(preparation, "prepare_elsewhere", prepare_elsewhere)
    monkeypatch.setattr(preparation, "_stamp", lambda: tmp_path / "prepared-x")
    monkeypatch.setattr(preparation, "_process", None)
    monkeypatch.setattr(preparation, "_COMMAND", "import sys; sys.stdin.read(); sys.exit()")
    monkeypatch.setattr(subprocess, "DEVNULL", subprocess.PIPE)
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    try:
        note = dock.foot.note
        qtbot.waitUntil(lambda: note.text().startswith("Preparing for this computer, once"))
        assert loaded == [] and not note.isHidden()
        assert dock.problems.problems == (), "it is no problem"
        process = preparation._process
        assert process is not None
        process.communicate()
        qtbot.waitUntil(lambda: loaded == [1] and note.isHidden())
    finally:
        dock.shut_down()
        dock.compute_thread.join()


def test_what_is_compiled_already_is_loaded_at_once(dock: Any, qtbot: Any) -> None:
    assert dock.foot.note.text() == ""
    qtbot.waitUntil(lambda: not dock.compute_thread.busy)
