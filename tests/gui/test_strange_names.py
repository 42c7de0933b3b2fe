"""Names that look like HTML, move terminals or are no text: shown as they stand, everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QAbstractTableModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QLabel, QMenu, QWidget

from dock_helpers import edit, on_screen
from napari_lazy_pipeline._gui.monitor.monitor import LazinessMonitor
from napari_lazy_pipeline._gui.widgets.text import Elided

TIMEOUT = 30_000
MARKUP = "<img src=x><b>&lt;"
CHANNELS = ("<b>green", "red&<i>blue")
# Where HTML is meant: the colours of the legend.
LEGEND = '<span style="color: '


def is_html(text: str) -> bool:
    """Return whether Qt would take a text for HTML."""
    return bool(Qt.mightBeRichText(text))  # type: ignore[attr-defined]


def texts(widget: QWidget) -> Iterator[tuple[str, str]]:
    """Each text that Qt is free to take for HTML, and where it stands."""
    for one in (widget, *widget.findChildren(QWidget)):
        where = f"{type(one).__name__} {one.accessibleName()}"
        yield f"tooltip of {where}", one.toolTip()
        if isinstance(one, QLabel) and one.textFormat() != Qt.TextFormat.PlainText:
            yield f"text of {where}", one.text()
        if isinstance(one, QMenu):
            yield from ((f"tooltip in {where}", action.toolTip()) for action in one.actions())
        if isinstance(one, QAbstractItemView):
            for index in cells(one):
                yield f"tooltip in {where}", str(index.data(Qt.ItemDataRole.ToolTipRole) or "")


def cells(view: QAbstractItemView) -> Iterator[Any]:
    """Each cell of a table or a list."""
    model: Any = view.model()
    columns = model.columnCount() if isinstance(model, QAbstractTableModel) else 1
    for row, column in product(range(model.rowCount()), range(columns)):
        yield model.index(row, column)


def html(*widgets: QWidget) -> list[str]:
    """Texts that Qt takes for HTML and that are of others."""
    found = (item for widget in widgets for item in texts(widget))
    return [f"{where}: {text}" for where, text in found if is_html(text) and LEGEND not in text]


def shown(widget: QWidget) -> str:
    """All that labels, tables, menus and boxes of a widget say."""
    said = []
    for one in widget.findChildren(QWidget):
        text = getattr(one, "text", None)
        said += [str(text())] if callable(text) else []
        if isinstance(one, QMenu):
            said += [action.text() for action in one.actions()]
        if isinstance(one, QAbstractItemView):
            said += [str(index.data()) for index in cells(one)]
    return "\n".join(said)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three time points and two channels, one file broken; all names are markup."""
    folder = tmp_path / MARKUP / MARKUP
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"this system has no such names: {error}")
    for t in range(3):
        for c, name in enumerate(CHANNELS):
            volume = np.full((6, 8, 10), 100 + 10 * t + c, np.uint16)
            tifffile.imwrite(folder / f"{MARKUP}_ch{name}_t{t}.tif", volume)
    (folder / f"{MARKUP}_ch{CHANNELS[0]}_t1.tif").write_bytes(b"")
    (folder / f"{MARKUP} other.tif").write_bytes(b"")
    (folder / f"{MARKUP} Settings.txt").write_text("Magnification: 65\n")
    return folder


@pytest.fixture
def notifications() -> Iterator[list[str]]:
    """What napari tells the person."""
    from napari.utils.notifications import notification_manager

    heard: list[str] = []

    def hear(notification: Any) -> None:
        heard.append(str(notification.message))

    notification_manager.notification_ready.connect(hear)
    yield heard
    notification_manager.notification_ready.disconnect(hear)


def test_no_name_is_taken_for_html(
    dock: Any,
    settle: Callable[[Any], None],
    qtbot: Any,
    folder: Path,
    notifications: list[str],
) -> None:
    dock.data.folder.value = folder
    qtbot.waitUntil(lambda: bool(dock.session.stack), timeout=TIMEOUT)
    dock.data.files.fold.unfold()
    settle(dock)
    session = dock.session
    session.state(voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage", channel_names=CHANNELS)
    edit(dock, "deskew")
    edit(dock, "deconvolve", psf=folder / f"{MARKUP} other.tif")
    settle(dock)
    for t in (1, 2, 0):
        dock.viewer.dims.set_current_step(0, t)
        settle(dock)
    dock.problems.unfold.setChecked(True)
    dock.data.metadata.channel_fold.unfold()
    qtbot.mouseClick(dock.save.process_all, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dock.save.process.estimate.text()), timeout=TIMEOUT)
    dock.save.process.list.add_path(folder.parent)
    dock.data.folders.show_menu()
    dock.data.folders.menu.close()
    monitor = LazinessMonitor(dock.viewer)
    qtbot.addWidget(monitor)
    settle(dock)
    assert html(dock, monitor) == []
    said = shown(dock)
    assert said.count("<img src=x>") > 5, said
    for layer, name in zip(dock.layers.layers, CHANNELS, strict=True):
        assert layer.name == f"{MARKUP} {name} [deskew]"
    assert notifications and not any(map(is_html, notifications)), notifications


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_folder_whose_name_is_no_text(
    dock: Any, settle: Callable[[Any], None], qtbot: Any, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"a\xff\xfeb")
    folder.mkdir()
    for t in range(2):
        path = folder / os.fsdecode(b"c\xf0_t%d.tif" % t)
        tifffile.imwrite(path, np.full((6, 8, 10), 100 + t, np.uint16))
    dock.open_folder(folder)
    settle(dock)
    assert (on_screen(dock.layers.layers[0]) == 100).all()
    dock.viewer.dims.set_current_step(0, 1)
    settle(dock)
    assert (on_screen(dock.layers.layers[0]) == 101).all()
    qtbot.mouseClick(dock.save.process_all, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dock.save.process.estimate.text()), timeout=TIMEOUT)


def test_a_label_of_one_line_stays_one(qtbot: Any) -> None:
    label = Elided("a\nb\x1b[31m<b>c")
    qtbot.addWidget(label)
    label.resize(500, 20)
    label.show()
    assert QLabel.text(label) == r"a\nb\x1b[31m<b>c"
    assert label.text() == "a\nb\x1b[31m<b>c" and not label.shortened
