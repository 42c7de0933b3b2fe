"""Welcome: the buttons of an empty dock: open a folder, open sample data, take the lesson."""

from __future__ import annotations

from npe2 import PluginManager
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence

_PLUGIN = "napari-lazy-pipeline"
_LARGE = "QPushButton { padding: 12px; font-size: 13pt; }"


class Welcome(QWidget):
    """Offers where to begin, while there are no data."""

    sample_requested = Signal(str, str)  # plugin and key of the sample, as napari has them

    def __init__(self) -> None:
        super().__init__()
        tooltip = "Choose a folder of raw stacks; nothing is written to it"
        self.folder = _large(push_button("Open folder…", tooltip))
        self.sample = _large(push_button("Open sample", "Try it out on data that come along"))
        self.menu = QMenu(self.sample)
        for key, name in samples().items():
            action = self.menu.addAction(name)
            action.triggered.connect(
                lambda _=False, key=key: self.sample_requested.emit(_PLUGIN, key)
            )
        self.sample.setMenu(self.menu)
        tooltip = "Six exercises on what lazy means, in 45 minutes, on data that come along"
        self.lesson = _large(push_button("Lesson", tooltip))
        hint = Sentence("Or drop a folder on napari, or open a recipe below.")
        buttons = self.folder, self.sample, self.lesson
        column(*buttons, hint, parent=self, margins=(8, 8, 8, 8), spacing=10)


def samples() -> dict[str, str]:
    """Sample data of the menu File > Open Sample: their keys, and what they are called."""
    manifest = PluginManager.instance().get_manifest(_PLUGIN)
    return {sample.key: sample.display_name for sample in manifest.contributions.sample_data or ()}


def _large(button: QPushButton) -> QPushButton:
    button.setStyleSheet(_LARGE)
    return button
