"""The dock widget "Lesson": one exercise after the other, each with its scene and its answer."""

from __future__ import annotations

from typing import Any

import napari.viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline._gui.plugin.sample_data import sample_cache
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleSection
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row, scroll_area
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, sentence
from napari_lazy_pipeline.lesson import EXERCISES, Exercise

_PLUGIN, _MONITOR = "napari-lazy-pipeline", "Laziness monitor"


class LessonPanel(QWidget):
    """Shows an exercise, sets its scene, and unfolds its answer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer, self._number, self._placed = napari_viewer, 0, False
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
        """Over the list of layers: the dock is to the right, and the monitor comes below."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) else None
        if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
            window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
            layers = window.findChild(QDockWidget, "layer list")
            if isinstance(layers, QDockWidget):
                window.tabifyDockWidget(layers, dock)
                dock.raise_()

    def _show(self, step: int) -> None:
        self._number = min(max(self._number + step, 0), len(EXERCISES) - 1)
        exercise = self.exercise
        place = f"{self._number + 1} of {len(EXERCISES)}, {exercise.minutes} minutes"
        self.title.setText(f"{exercise.title} ({place})")
        self.task.setText(exercise.task)
        self.question.setText(exercise.question)
        self.text.setText(exercise.answer)
        self.figures.setText("\n".join(map(str, exercise.figures)))
        self.answer.heading.setChecked(False)
        self.error.say("")
        self.back.setEnabled(self._number > 0)
        self.next.setEnabled(self._number < len(EXERCISES) - 1)
        self.area.verticalScrollBar().setValue(0)

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
