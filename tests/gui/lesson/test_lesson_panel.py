"""Somebody takes the lesson from the first exercise to the last, in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QDockWidget

from dock_helpers import card, edit
from napari_lazy_pipeline._gui.lesson import lesson_panel
from napari_lazy_pipeline._gui.lesson.lesson_panel import LessonPanel
from napari_lazy_pipeline._gui.monitor.monitor import LazinessMonitor
from napari_lazy_pipeline.lesson import EXERCISES

Settle = Callable[[Any], None]


@pytest.fixture
def lesson(dock: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LessonPanel:
    monkeypatch.setattr(lesson_panel, "sample_cache", lambda: tmp_path)
    dock.welcome.lesson.click()
    found = dock.window().findChild(LessonPanel)
    assert isinstance(found, LessonPanel)
    return found


def monitor(dock: Any) -> Any:
    found = dock.window().findChild(LazinessMonitor)
    found.refresh()
    return found


def begin(lesson: LessonPanel, dock: Any, settle: Settle) -> None:
    lesson.set_scene.click()
    settle(dock)
    assert lesson.error.isHidden()
    assert dock.session.stack is not None and len(dock.viewer.layers) == 2


def read(dock: Any) -> int:
    return int(dock.session.raw.source.volumes_read)


def test_from_start_to_end(lesson: LessonPanel, dock: Any, settle: Settle) -> None:
    viewer, session = dock.viewer, dock.session

    assert lesson.title.text().startswith("Nothing was read (1 of 6")
    begin(lesson, dock, settle)
    assert read(dock) == 2
    assert monitor(dock).values["Read"].text().startswith("2 of 24 volumes")
    monitor(dock).reset.click()
    assert "nothing was read" in monitor(dock).headline.text()
    assert not lesson.text.isVisibleTo(lesson)
    lesson.answer.heading.click()
    assert lesson.text.isVisibleTo(lesson)

    lesson.next.click()
    assert not lesson.text.isVisibleTo(lesson), "the answer is folded again"
    begin(lesson, dock, settle)
    before = read(dock)
    viewer.dims.set_current_step(0, 1)
    settle(dock)
    assert read(dock) == before + 2
    viewer.dims.set_current_step(0, 0)
    settle(dock)
    assert read(dock) == before + 2

    lesson.next.click()
    begin(lesson, dock, settle)
    counts = [session.compute_log.count(kind, True) for kind in ("read", "subtract_background")]
    edit(dock, "deskew", angle=33.0)
    settle(dock)
    assert session.scan.angle == 33.0
    assert [
        session.compute_log.count(kind, True) for kind in ("read", "subtract_background")
    ] == counts

    lesson.next.click()
    begin(lesson, dock, settle)
    assert session.scan.angle == 31.5, "the scene is as it was made"
    edit(dock, "deskew", angle=45.0)
    settle(dock)
    assert session.scan.angle == 45.0

    lesson.next.click()
    begin(lesson, dock, settle)
    assert session.stack.channel_names == ("few", "many")
    assert card(dock, "deconvolve").switch.isChecked()
    edit(dock, "deconvolve", method="rl", iterations=5)
    settle(dock)
    assert session.pipeline.steps[1].iterations == 5

    lesson.next.click()
    begin(lesson, dock, settle)
    viewer.dims.ndisplay = 3
    settle(dock)
    assert "48.7 MB" in monitor(dock).eager.text()
    assert not lesson.next.isEnabled() and lesson.back.isEnabled()
    assert lesson.exercise is EXERCISES[-1]


def test_a_scene_that_cannot_be_written_is_told(
    lesson: LessonPanel, dock: Any, tmp_path: Path
) -> None:
    (tmp_path / "lesson_cell").mkdir()
    (tmp_path / "lesson_cell" / "mine.txt").write_text("precious")
    lesson.set_scene.click()
    assert "something else" in lesson.error.text()
    assert dock.session.stack is None


@pytest.mark.filterwarnings("ignore:Private attribute access")
def test_there_is_room_for_it_on_a_small_screen(
    lesson: LessonPanel, dock: Any, settle: Settle, qtbot: Any
) -> None:
    """Tasks and question fit, and napari's docks are below each other again afterwards."""
    window = dock.viewer.window._qt_window
    window.show()
    window.resize(1366, 740)
    controls, layers = (
        window.findChild(QDockWidget, name) for name in ("layer controls", "layer list")
    )
    begin(lesson, dock, settle)
    qtbot.waitUntil(lambda: lesson.area.viewport().height() > 350)
    assert (window.width(), window.height()) == (1366, 740)
    assert controls in window.tabifiedDockWidgets(layers)
    for _ in EXERCISES:
        assert lesson.question.geometry().bottom() < lesson.area.viewport().height()
        lesson.answer.heading.click()
        qtbot.wait(50)
        top = lesson.answer.heading.mapTo(lesson.area.viewport(), QPoint(0, 0)).y()
        assert 0 <= top < lesson.area.viewport().height() - 100, "the answer is in sight"
        lesson.next.click()
    dock.viewer.window.remove_dock_widget(lesson)
    qtbot.waitUntil(lambda: not window.tabifiedDockWidgets(layers))
    assert controls.isVisible() and layers.isVisible()
    qtbot.waitUntil(lambda: 0 < controls.geometry().bottom() < layers.geometry().top())
