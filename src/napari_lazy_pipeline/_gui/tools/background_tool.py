"""Background tool: finds the counts without light, on the card of the background."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.raw_volume_task import RawVolumeTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.estimate.background import estimate_background
from napari_lazy_pipeline.session import Session


class BackgroundPanel(QWidget):
    """A button that sets the background to what most of the raw volume on screen has."""

    def __init__(self, session: Session, layers: Layers, step: StepReference) -> None:
        super().__init__()
        self._session, self._step = session, step
        self.task = RawVolumeTask(session, layers, "The background cannot be estimated")
        self.estimate = push_button(
            "Estimate background",
            "Set the background to the count that most of the raw volume on screen has; "
            "can be undone",
            self._on_estimate,
        )
        self.sentence = Sentence()
        self.sentence.say("")
        column(self.estimate, self.sentence, parent=self, margins=(4, 0, 4, 4))
        self.task.finished.connect(self._on_done)
        self.task.failed.connect(lambda error: self.sentence.say(str(error)))

    def _on_estimate(self) -> None:
        if self._session.stack is None:
            self.sentence.say("Open a folder first")
            return
        self.sentence.say("Counting…")
        self.task.start_on_volume(lambda volume, cancelled: estimate_background(volume))

    def _on_done(self, value: float) -> None:
        self.sentence.say(f"Most of the raw volume has {value:g} counts")
        self._step.edit(value=value, enabled=True)
