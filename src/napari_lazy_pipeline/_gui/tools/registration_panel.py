"""Registration panel: transforms between channels from files, and into files."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_lazy_pipeline._gui.steps.card_tools import MakeTool, StepReference
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import GeometryError, LazyPipelineError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.refusals import refuse_folder
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.io.transform_file import read_transforms, write_transforms
from napari_lazy_pipeline.steps.register_channels import RegisterChannels

_FILES = "Transforms (*.reg *.json *.csv *.tsv *.txt);;All files (*)"


class RegistrationPanel(QWidget):
    """Reads the transforms of a step from a file, and writes them to one; shows an overlay."""

    def __init__(self, make_overlay: MakeTool, step: StepReference) -> None:
        super().__init__()
        self._step = step
        tooltip = "Read transforms: a .reg file of LLSpy, or a matrix in um as JSON or CSV"
        self.read = push_button("Read transforms…", tooltip, self._on_read)
        tooltip = "Save the transforms as JSON, for other data of the same microscope"
        self.save = push_button("Save transforms…", tooltip, self._on_save)
        self.sentence, self.error = Sentence(), Sentence(error=True)
        self._say("")
        column(
            row(self.read, self.save), make_overlay(step), self.sentence, self.error,
            parent=self, margins=(4, 0, 4, 4),
        )  # fmt: skip

    def read_from(self, path: Path) -> None:
        """Take the transforms of a file, as an edit."""
        step = self._step.step
        try:
            if not isinstance(step, RegisterChannels):
                return
            values, sentence = read_transforms(path).values(
                self._uncropped(), step.reference, step.model
            )
            self._step.edit(**values, enabled=True)
        except LazyPipelineError as error:
            self._say("", str(error))
        else:
            self._say(sentence)

    def save_to(self, path: Path) -> None:
        """Write the transforms of the step."""
        step = self._step.step
        try:
            if not isinstance(step, RegisterChannels):
                return
            names = self._uncropped().channels
            if not (reference := step.onto(names)):
                raise GeometryError("All channels are moved", hint="Name the reference channel")
            transforms = {name: step.for_channel(name).transform for name in names}
            assert self._step.session.stack is not None
            refuse_folder(path.parent, raw_folder(self._step.session.stack.source))
            write_transforms(path, reference, transforms)
        except LazyPipelineError as error:
            self._say("", str(error))
        else:
            self._say(f"Saved as {path.name}")

    def _uncropped(self) -> StackSpec:
        """What the step would be given if nothing before it were cropped; files know no crops."""
        index, session = self._step.index, self._step.session
        if index is None or session.stack is None:
            raise GeometryError("Open a folder first")
        steps = [step for step in session.pipeline.steps[:index] if step.kind != "crop"]
        plan = session.plan_of(session.pipeline.model_copy(update={"steps": tuple(steps)}))
        plan.check()
        return plan.after

    def _say(self, text: str, error: str = "") -> None:
        self.sentence.say(text)
        self.error.say(error)

    def _on_read(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Read transforms", "", _FILES)
        if path:
            self.read_from(Path(path))

    def _on_save(self) -> None:
        name, kinds = "transforms.json", "JSON (*.json)"
        path, _ = QFileDialog.getSaveFileName(self, "Save transforms", name, kinds)
        if path:
            self.save_to(Path(path))
