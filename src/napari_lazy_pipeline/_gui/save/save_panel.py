"""Save panel: recipes, a script, and the export of all volumes."""

from __future__ import annotations

from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_lazy_pipeline._gui.save.export_panel import ExportPanel
from napari_lazy_pipeline._gui.save.export_settings import ExportSettings
from napari_lazy_pipeline._gui.steps.cost_monitor import CostMonitor
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.session import Recipe, Session

_RECIPES = "Recipe (*.yaml *.yml *.json)"


class SavePanel(QWidget):
    """Opens and saves recipes, copies a script, and writes all volumes."""

    recipe_opened = Signal(object)  # Recipe
    reported = Signal(str)  # what was done, in words

    def __init__(
        self, session: Session, costs: CostMonitor, settings: ExportSettings | None = None
    ) -> None:
        super().__init__()
        self.session = session
        self.open_recipe = push_button(
            "Open recipe…", "Take the steps from a recipe file; nothing in it is executed",
            self._on_open,
        )  # fmt: skip
        tooltip = "Write source and steps to a file"
        self.save_recipe = push_button("Save recipe…", tooltip, self._on_save)
        tooltip = "Copy a script that gives the same pixels"
        self.copy = push_button("Copy as Python", tooltip, self._on_copy)
        tooltip = "Write all volumes, as the present steps make them"
        self.process_all = push_button("Process all…", tooltip, checkable=True)
        self.error = Sentence(error=True)
        self.error.setVisible(False)
        self.process = ExportPanel(session, costs, settings)
        self.process.setVisible(False)
        recipes = row(self.open_recipe, self.save_recipe)
        results = row(self.copy, self.process_all)
        column(recipes, results, self.error, self.process, parent=self, spacing=6)
        self.process_all.toggled.connect(self.process.setVisible)

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

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open recipe", "", _RECIPES)
        if path:
            self.load(path)

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save recipe", "recipe.yaml", _RECIPES)
        if path:
            self.save(path)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.session.recipe().to_script())
            show_info("The script is in the clipboard")
