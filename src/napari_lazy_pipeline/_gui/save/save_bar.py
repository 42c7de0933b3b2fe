"""Save bar: recipes, a script, and the export of all volumes, as buttons in one row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.save.export_panel import ExportPanel
from napari_lazy_pipeline._gui.save.export_settings import ExportSettings
from napari_lazy_pipeline._gui.save.movie_maker import MovieMaker
from napari_lazy_pipeline._gui.steps.cost_monitor import CostMonitor
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.steady_area import bring_into_sight
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, RecipeError
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.session import Recipe, Session
from napari_lazy_pipeline.session.plain_script import plain_script

_PROCESS_ALL = "Process all…"
_RECIPES = "Recipe (*.yaml *.yml *.json)"


class SaveBar(QWidget):
    """Opens and saves recipes, copies a script, and asks for the export of all volumes."""

    recipe_opened = Signal(object)  # Recipe
    reported = Signal(str)  # what was done, in words

    def __init__(
        self,
        session: Session,
        costs: CostMonitor,
        settings: ExportSettings | None,
        layers: Layers,
    ) -> None:
        super().__init__()
        self.session = session
        self.recipe = push_button("Recipe", "Open a recipe file, or save one")
        menu = QMenu(self.recipe)
        menu.setToolTipsVisible(True)
        self.open_recipe = menu.addAction("Open recipe…", self._on_open)
        self.open_recipe.setToolTip("Take the steps from a recipe file; nothing in it is executed")
        self.save_recipe = menu.addAction("Save recipe…", self._on_save)
        self.save_recipe.setToolTip("Write source and steps to a file")
        self.recipe.setMenu(menu)
        self.copy = push_button("Copy as Python", "Copy a script that gives the same pixels")
        scripts = QMenu(self.copy)
        scripts.setToolTipsVisible(True)
        self.copy_script = scripts.addAction("With this package", self._on_copy)
        self.copy_script.setToolTip("A few lines: steps as they are called here")
        self.copy_plain = scripts.addAction("In plain dask", self._on_copy_plain)
        self.copy_plain.setToolTip("map_blocks, numpy, scipy and tifffile: all of it is in sight")
        self.copy.setMenu(scripts)
        tooltip = "Write all volumes, as the present steps make them"
        self.process_all = push_button(_PROCESS_ALL, tooltip, checkable=True)
        for button in (self.recipe, self.copy, self.process_all):
            button.setStyleSheet("padding: 3px 2px;")
        self.error = Sentence(error=True)
        self.error.say("")
        self.process = ExportPanel(session, costs, settings)
        self.process.start.clicked.connect(lambda: bring_into_sight(self.process.state))
        exporter = self.process.exporter
        exporter.progressed.connect(self._show_progress)
        exporter.finished.connect(self._show_end)
        exporter.failed.connect(self._show_end)
        tooltip = "Close this; what is being written goes on"
        close = partial(self.process_all.setChecked, False)
        self.back = push_button("◂ Back to the steps", tooltip, close)
        # Has the place of the sections while it is open: the dock gives it that.
        self.page = QWidget()
        self.movie = MovieMaker(session, layers)
        column(
            self.back, self.process, self.movie, parent=self.page, margins=(6, 6, 6, 6)
        ).addStretch(1)
        row((self.recipe, 2), (self.copy, 3), (self.process_all, 3), parent=self, spacing=3)

    def close_session(self) -> None:
        """Stop what is being written; finished volumes stay, half a movie does not."""
        self.process.close_session()
        self.movie.task.forget()

    def show_data(self, exist: bool) -> None:
        """Offer what needs data only while there are some."""
        for control in (self.save_recipe, self.copy, self.process_all):
            control.setEnabled(exist)

    def load(self, path: str | Path) -> None:
        """Read a recipe; an error is shown here, and nothing changes."""
        try:
            recipe = Recipe.load(path)
        except RecipeError as error:
            self.error.say(str(error))
            return
        self.error.say("")
        self.recipe_opened.emit(recipe)

    def save(self, path: str | Path) -> None:
        """Write the recipe; an error is shown here."""
        path = Path(path)
        try:
            self.session.recipe().save(path if path.suffix else path.with_suffix(".yaml"))
        except RecipeError as error:
            self.error.say(str(error))
        else:
            self.error.say("")
            self.reported.emit(f"Recipe saved: {path.name}")

    def _show_progress(self, job: Job) -> None:
        """Tell how far it is, also while its page is closed."""
        if job.state == "running" and job.total:
            self.process_all.setText(f"Process all {100 * job.done // job.total} %")

    def _show_end(self, _: object = None) -> None:
        self.process_all.setText(_PROCESS_ALL)
        if not self.process_all.isChecked():
            self.reported.emit(self.process.state.text())

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open recipe", "", _RECIPES)
        if path:
            self.load(path)

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save recipe", "recipe.yaml", _RECIPES)
        if path:
            self.save(path)

    def _on_copy(self) -> None:
        self._put(lambda: self.session.recipe().to_script())

    def _on_copy_plain(self) -> None:
        stack = self.session.stack
        assert stack is not None, "the button is greyed out without data"
        self._put(lambda: plain_script(stack, self.session.pipeline))

    def _put(self, write: Callable[[], str]) -> None:
        """Put a script in the clipboard; where there is none, why is shown here."""
        try:
            script = write()
        except LazyPipelineError as error:
            self.error.say(str(error))
            return
        self.error.say("")
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(script)
            show_info("The script is in the clipboard")
