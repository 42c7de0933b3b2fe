"""A person of a script before napari, in the first minute: dock, sample, Deconvolve, by mouse.

``python first_minute.py FILE``: writes into the file, as JSON, how long after the start of the
process each thing was there [s]; for the pictures, after the click on Deconvolve, and for how long
the window did not answer from there on, at most.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import napari  # noqa: E402
import numpy as np  # noqa: E402
from qtpy.QtCore import QPoint, Qt, QTimer  # noqa: E402
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QMenu, QWidget  # noqa: E402

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 240  # s
DOCK = "Plugins", "Lazy Pipeline"
SAMPLE = "File", "Open Sample", "Real lattice light-sheet stack"


def main(report: Path) -> None:
    seconds: dict[str, float] = {}
    beats: list[float] = []

    def note(what: str) -> None:
        seconds[what] = time.perf_counter() - START

    viewer = napari.Viewer()
    heart = QTimer()
    heart.setInterval(10)
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start()
    QTest.qWait(0)
    note("napari")
    choose(viewer, DOCK)
    from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
    from napari_lazy_pipeline.engines.cpu import preparation

    until(lambda: bool(LazyPipelineWidget.open_docks))
    (dock,) = LazyPipelineWidget.open_docks
    until(dock.isVisible)
    note("dock")
    choose(viewer, SAMPLE)
    until(lambda: len(viewer.layers) > 0 and dock.idle)
    note("sample")
    before = pixels(viewer)
    card = next(card for card in dock.steps.cards if card.step.kind == "deconvolve")
    click(card.switch)
    assert card.switch.isChecked()
    pressed = time.perf_counter()
    until(lambda: not np.array_equal(pixels(viewer), before))
    seconds["first picture"] = time.perf_counter() - pressed
    until(lambda: dock.idle)
    seconds["last picture"] = time.perf_counter() - pressed
    note("all")
    seconds["stall"] = float(np.diff([beat for beat in beats if beat > pressed]).max())
    heart.stop()
    while preparation.is_running():  # the next one finds what it compiles
        time.sleep(0.1)
    note("prepared")
    report.write_text(json.dumps(seconds))
    os._exit(0)  # what Python does at its end is not what is measured


def choose(viewer: Any, path: tuple[str, ...]) -> None:
    """Open menus by mouse, one in the other, and click what is asked for at their end.

    Menus that are not named on the way, as those that napari makes for each plugin, are entered.
    """
    bar = viewer.window._qt_window.menuBar()
    first = next(action for action in bar.actions() if clean(action) == path[0])
    QTest.mouseClick(bar, LEFT, pos=bar.actionGeometry(first).center())
    menu, wanted = first.menu(), path[1:]
    while menu is not None:
        until(menu.isVisible)
        action = next((a for a in menu.actions() if clean(a).startswith(wanted[0])), None)
        if action is not None and (action.menu() is None) == (len(wanted) == 1):
            wanted = wanted[1:]
        else:
            action = next(a for a in menu.actions() if holds(a.menu(), wanted[0]))
        following: QMenu | None = action.menu()
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
        menu = following
    assert not wanted


def holds(menu: Any, name: str) -> bool:
    """Return whether an entry of a menu, or of those in it, begins with a name."""
    if menu is None:
        return False
    menu.aboutToShow.emit()  # napari fills some when they open
    return any(clean(a).startswith(name) or holds(a.menu(), name) for a in menu.actions())


def clean(action: Any) -> str:
    return str(action.text()).replace("&", "")


def click(widget: QWidget) -> None:
    """Click on the left end of a widget, where check boxes have their box."""
    QTest.mouseClick(widget, LEFT, pos=QPoint(8, widget.height() // 2))


def pixels(viewer: Any) -> np.ndarray:
    """What the first layer shows."""
    return np.array(viewer.layers[0]._slice.image.raw)


def until(condition: Callable[[], bool]) -> None:
    end = time.perf_counter() + PATIENCE
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(str(condition))
        QTest.qWait(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
