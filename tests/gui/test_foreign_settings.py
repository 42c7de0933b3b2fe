"""Whatever lies where the dock writes settings, layers and results: it stays, and nothing waits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from foreign_things import SPECIAL, THINGS, Put, content_of, state
from napari_lazy_pipeline._gui.data.folder_row import add_recent, read_recent
from napari_lazy_pipeline._gui.data.stated_values import (
    Statement,
    read_statements,
    write_statements,
)
from napari_lazy_pipeline._gui.plugin.layer_writer import write_layer
from napari_lazy_pipeline._gui.save.written_origin import written_origin
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.io import MetadataOverrides

TIMEOUT = 60_000  # ms; nothing waits for it unless something is broken
pytestmark = pytest.mark.timeout(120)

VALUES = MetadataOverrides(voxel_size=(0.3, 0.1, 0.1))
LAYER = {"scale": (1.0, 1.0, 1.0), "translate": (0.0, 0.0, 0.0), "units": ("pixel",) * 3}


def _layer(path: Path) -> None:
    write_layer(str(path), np.ones((2, 4, 5), np.uint16), LAYER)


FILES: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "recent": ("recent.json", lambda path: add_recent(path, "/data"), read_recent),
    "stated": (
        "stated.json", lambda path: write_statements(path, [Statement("/data", VALUES)]),
        read_statements,
    ),
    "layer": ("layer.ome.tif", _layer, tifffile.imread),
}  # fmt: skip
PARTS = ("", ".part", f".{os.getpid()}.part")


@pytest.mark.parametrize("part", PARTS, ids=["itself", "part", "part of a process"])
@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
@pytest.mark.parametrize(("name", "write", "read"), FILES.values(), ids=FILES.keys())
def test_files_of_the_dock(
    raw_folder: Path, tmp_path: Path, name: str, write: Any, read: Any, thing: Put, part: str
) -> None:
    place, before = tmp_path / f"{name}{part}", content_of(raw_folder)
    thing(place, min(raw_folder.iterdir()))
    there = state(place)
    if part or thing is THINGS["file"]:
        write(tmp_path / name)
        assert len(read(tmp_path / name)) > 0
    elif name == "layer.ome.tif":
        with pytest.raises(
            ExportError, match=r"The layer cannot be written: this is a .*not a file"
        ):
            write(tmp_path / name)
    else:
        write(tmp_path / name)
        assert read(tmp_path / name) == []
    if part or thing is not THINGS["file"]:
        assert state(place) == there
    assert content_of(raw_folder) == before and not list(tmp_path.glob(".napari*"))


@pytest.mark.parametrize("name", ["zarr.json", "a.tif"])
def test_the_origin_of_what_is_no_file(tmp_path: Path, name: str) -> None:
    SPECIAL["pipe"](tmp_path / name, tmp_path)
    if name == "zarr.json":
        assert written_origin(tmp_path) == (0.0, 0.0, 0.0)
    else:
        with pytest.raises(OSError, match="not a file"):
            written_origin(tmp_path)


def _loop(tmp_path: Path) -> Path:
    SPECIAL["link loop"](tmp_path / "loop", tmp_path)
    return tmp_path / "loop"


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "loop": (_loop, "There can be no such folder"),
    "below a loop": (lambda tmp_path: _loop(tmp_path) / "out", "There can be no such folder"),
    "too long": (lambda tmp_path: tmp_path / ("x" * 256), "too long"),
    "below a file": (lambda tmp_path: tmp_path / "cell" / "a.txt" / "out", "no such folder"),
}


@pytest.mark.parametrize(("place", "expected"), PLACES.values(), ids=PLACES.keys())
def test_an_impossible_folder_is_said_before_it_starts(
    opened: Any,
    qtbot: Any,
    raw_folder: Path,
    tmp_path: Path,
    place: Callable[[Path], Path],
    expected: str,
) -> None:
    (raw_folder / "a.txt").write_text("text")
    panel = opened.save.process
    qtbot.mouseClick(opened.save.process_all, Qt.MouseButton.LeftButton)
    panel.form.fields["folder"].value = place(tmp_path)
    qtbot.waitUntil(lambda: expected in panel.warning.text(), timeout=TIMEOUT)
    assert not panel.start.isEnabled()
    panel.form.fields["folder"].value = tmp_path / "out"
    qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)


def test_an_empty_folder_is_the_proposed_one(
    opened: Any, qtbot: Any, raw_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    panel = opened.save.process
    qtbot.mouseClick(opened.save.process_all, Qt.MouseButton.LeftButton)
    for text in ("", "   "):
        panel.form.fields["folder"].editors[0].setText(text)
        panel.form.fields["folder"].control.commit()
        qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)
        assert panel.settings.folder is None
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "6 volumes written" in panel.state.text(), timeout=TIMEOUT)
    assert not list((tmp_path / "work").iterdir())
    assert len(list((tmp_path / "cell_processed").glob("*.tif"))) == 6
