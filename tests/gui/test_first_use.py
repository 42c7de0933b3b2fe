"""On a new computer the dock can be used at once; a notice says what is prepared, and goes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_lazy_pipeline._gui import dock as dock_module
from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.engines.cpu import preparation


def prepared_notices() -> list[str]:
    return [notice.what for notice in notices if "prepared" in notice.what]


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
    monkeypatch.setattr(preparation, "_COMMAND", "import sys; sys.stdin.read()")
    monkeypatch.setattr(subprocess, "DEVNULL", subprocess.PIPE)
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    try:
        qtbot.waitUntil(lambda: len(prepared_notices()) == 1)
        assert loaded == []
        process = preparation._process
        assert process is not None
        process.communicate()
        qtbot.waitUntil(lambda: loaded == [1] and not prepared_notices())
    finally:
        dock.shut_down()
        dock.compute_thread.join()


def test_what_is_compiled_already_is_loaded_at_once(dock: Any, qtbot: Any) -> None:
    assert prepared_notices() == []
    qtbot.waitUntil(lambda: not dock.compute_thread.busy)
