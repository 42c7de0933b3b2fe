"""The dock widget "Lesson": one exercise after the other, each with its scene and its answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline._gui.plugin.sample_data import sample_cache
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleSection
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row, scroll_area
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, sentence
from napari_lazy_pipeline.lesson import EXERCISES, Exercise

_PLUGIN, _MONITOR = "napari-lazy-pipeline", "Laziness monitor"
_LEFT, _DOCKS = Qt.DockWidgetArea.LeftDockWidgetArea, ("layer controls", "layer list")


class LessonPanel(QWidget):
    """Shows an exercise, sets its scene, and unfolds its answer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer, self._number, self._placed = napari_viewer, 0, False
        self._window: QMainWindow | None = None  # whose docks share their place with this one
        dock_of(napari_viewer)
        self.title, self.task, self.question = Sentence(), Sentence(), Sentence()
        self.title.setStyleSheet("font-weight: bold;")
        self.question.setStyleSheet("font-style: italic;")
        tooltip = "Open the sample, and set steps and picture as the exercise needs them"
        self.set_scene = push_button("Set the scene", tooltip, self._on_set_scene)
        self.error = Sentence(error=True)
        self.error.say("")
        self.text, self.figures = Sentence(), Sentence()
        self.answer = CollapsibleSection("Answer", self.text, self.figures)
        self.answer.heading.toggled.connect(lambda: QTimer.singleShot(0, self._show_answer))
        self.back = push_button("◂ Back", "The exercise before", lambda: self._show(-1))
        self.next = push_button("Next ▸", "The next exercise", lambda: self._show(1))
        content = QWidget()
        parts = self.title, self.task, self.set_scene, self.error, self.question, self.answer
        column(*parts, parent=content, margins=(4, 4, 4, 4), spacing=6).addStretch(1)
        self.area = scroll_area(content)
        column((self.area, 1), row(self.back, self.next), parent=self, margins=(0, 0, 0, 4))
        self.setMinimumSize(220, 160)
        self._show(0)

    @property
    def exercise(self) -> Exercise:
        return EXERCISES[self._number]

    def showEvent(self, event: Any) -> None:
        if not self._placed:
            # Once this event is over: the dock is being shown just now.
            self._placed = True
            QTimer.singleShot(0, self._go_beside)
        super().showEvent(event)

    def _go_beside(self) -> None:
        """Share the place of napari's docks at the left: the monitor comes below, and is wide."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) else None
        if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
            return
        self._window = window
        window.installEventFilter(self)  # napari may keep how its window looks when it closes
        window.addDockWidget(_LEFT, dock)
        for one, other in pairwise([*self._docks_of_napari(window), dock]):
            window.tabifyDockWidget(one, other)
        dock.raise_()

    def _docks_of_napari(self, window: QMainWindow) -> list[QDockWidget]:
        """Those that were at the left already, from top to bottom."""
        found = {dock.objectName(): dock for dock in window.findChildren(QDockWidget)}
        return [found[name] for name in _DOCKS if name in found and not found[name].isFloating()]

    def _give_back(self) -> None:
        """Put napari's docks below each other again."""
        window, self._window = self._window, None
        if window is not None:
            window.removeEventFilter(self)
            for dock in self._docks_of_napari(window):
                window.addDockWidget(_LEFT, dock)

    def event(self, event: Any) -> bool:
        """Leave the window as it was when napari takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._give_back()
        return super().event(event)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Close and watched is self._window:
            self._give_back()
        return False

    def _show(self, step: int) -> None:
        self._number = min(max(self._number + step, 0), len(EXERCISES) - 1)
        exercise = self.exercise
        place = f"{self._number + 1} of {len(EXERCISES)}, {exercise.minutes} minutes"
        self.title.setText(f"{exercise.title} ({place})")
        self.task.setText(exercise.task)
        self.question.setText(exercise.question)
        self.text.setText(exercise.answer)
        self.figures.setText("\n".join(exercise.figure_lines()))
        self.answer.heading.setChecked(False)
        self.error.say("")
        self.back.setEnabled(self._number > 0)
        self.next.setEnabled(self._number < len(EXERCISES) - 1)
        self.area.verticalScrollBar().setValue(0)

    def _show_answer(self) -> None:
        """Bring as much of it into sight as there is room for, from its beginning."""
        if self.answer.heading.isChecked():
            self.area.ensureWidgetVisible(self.figures)
            self.area.ensureWidgetVisible(self.answer.heading)

    def _on_set_scene(self) -> None:
        scene, dock = self.exercise.scene, dock_of(self._viewer)
        try:
            folder = scene.write(sample_cache())
            folder_info, stated = scene.data(folder)
        except LazyPipelineError as error:
            self.error.say(sentence(error))
            return
        self.error.say("")
        dock.session.cache.clear()
        dock.session.set_pipeline(scene.pipeline(folder))
        dock.show_folder(folder_info, stated)
        self._viewer.dims.ndisplay = 2
        self._viewer.dims.set_current_step(0, 0)
        if scene.monitor:
            self._viewer.window.add_plugin_dock_widget(_PLUGIN, _MONITOR)
