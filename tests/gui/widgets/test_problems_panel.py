"""The list of problems: one line until it is wanted, then all of them, and copied as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from napari_lazy_pipeline._gui.widgets import problems_panel
from napari_lazy_pipeline.image.problem_log import Problem

ONE = Problem("raw/cell_t0001.tif", "The file is cut off", hint="Copy it again")
TWO = Problem("cupy", "There is too little memory on the GPU", "computed on the CPU")


@pytest.fixture
def panel(qtbot: Any) -> Iterator[Any]:
    outer = QWidget()
    panel = problems_panel.ProblemsPanel(outer)
    qtbot.addWidget(outer)
    outer.show()
    yield panel


def test_without_problems_there_is_nothing(panel: Any) -> None:
    assert not panel.isVisibleTo(panel.parentWidget()) and panel.text() == ""
    panel.show_problems([ONE])
    assert panel.isVisibleTo(panel.parentWidget())
    panel.show_problems([])
    assert not panel.isVisibleTo(panel.parentWidget())


def test_the_newest_is_read_at_once(panel: Any) -> None:
    panel.show_problems([ONE, TWO])
    assert panel.unfold.text() == "▸ 2 problems"
    assert panel.newest.text() == (
        "There is too little memory on the GPU (cupy); computed on the CPU"
    )
    assert not panel.list.isVisibleTo(panel)


def test_all_are_listed_by_a_key_the_newest_first(panel: Any, qtbot: Any) -> None:
    panel.show_problems([ONE, TWO])
    panel.unfold.setFocus()
    qtbot.keyClick(panel.unfold, Qt.Key.Key_Space)
    assert panel.list.isVisibleTo(panel) and not panel.newest.isVisibleTo(panel)
    rows = [panel.list.item(i).text() for i in range(panel.list.count())]
    assert rows == [
        "cupy\nThere is too little memory on the GPU\ncomputed on the CPU",
        "raw/cell_t0001.tif\nThe file is cut off\nshown blank\nCopy it again",
    ]
    three = Problem("c.tif", "gone")
    panel.show_problems([ONE, TWO, three])
    assert panel.list.item(0).text().startswith("c.tif"), "an open list follows"
    assert not panel.newest.isVisibleTo(panel)
    qtbot.keyClick(panel.unfold, Qt.Key.Key_Space)
    assert not panel.list.isVisibleTo(panel) and panel.newest.isVisibleTo(panel)


def test_they_are_copied_as_lines(panel: Any, qtbot: Any) -> None:
    panel.show_problems([ONE, TWO])
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text().splitlines() == [
        "raw/cell_t0001.tif\tThe file is cut off\tshown blank\tCopy it again",
        "cupy\tThere is too little memory on the GPU\tcomputed on the CPU\t",
    ]


def test_many_are_counted_and_copied_but_not_all_listed(panel: Any, qtbot: Any) -> None:
    panel.unfold.setChecked(True)
    panel.show_problems([Problem(f"{i}.tif", "gone") for i in range(1000)])
    assert panel.list.count() == problems_panel.LISTED + 1
    assert "800 before these" in panel.list.item(problems_panel.LISTED).text()
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    clipboard = QApplication.clipboard()
    assert clipboard is not None and len(clipboard.text().splitlines()) == 1000
