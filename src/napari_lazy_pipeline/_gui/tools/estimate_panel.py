"""Estimate panel: buttons that find values of a step in its data, on its card."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QProgressBar, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.listening import listen
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.step_estimate import sample_of
from napari_lazy_pipeline.errors import GeometryError, LazyPipelineError
from napari_lazy_pipeline.estimate import Estimate, Estimator, estimators_of
from napari_lazy_pipeline.exports.estimated_images import save_images
from napari_lazy_pipeline.session import Session

PATIENCE = 150  # ms; what is done sooner shows no progress


class EstimatePanel(QWidget):
    """A button for each estimate of a kind of step; what it finds is an edit that can be undone.

    Nothing is looked at before a button is pressed. The step is given its values together.
    """

    def __init__(self, session: Session, layers: Layers, kind: str, step: StepReference) -> None:
        super().__init__()
        self._session, self._layers, self._step = session, layers, step
        self._found: Estimate | None = None
        self._steps_before = ""
        self.task = BackgroundTask("The values cannot be estimated")
        self._saving = BackgroundTask("The image cannot be saved")
        self.buttons = {
            one.title: push_button(one.title, one.tooltip, partial(self.start, one))
            for one in estimators_of(kind)
        }
        self.save = push_button(
            "Save and use…", "Save the image as TIFF, and correct with it", self._on_save
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.bar.setAccessibleName("Progress of the estimate")
        self.cancel = push_button("Cancel", "Stop; the values stay as they are", self._on_cancel)
        self.progress = QWidget()
        row((self.bar, 1), self.cancel, parent=self.progress)
        self.sentence, self.error = Sentence(), Sentence(error=True)
        column(
            *self.buttons.values(), self.progress, self.sentence, self.save, self.error,
            parent=self, margins=(4, 0, 4, 4),
        )  # fmt: skip
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._patience.timeout.connect(self.progress.show)
        self._show_idle()
        self.task.progressed.connect(lambda part: self.bar.setValue(round(100 * part)))
        self.task.finished.connect(self._on_found)
        self.task.failed.connect(self._on_failed)
        self._saving.finished.connect(self._on_saved)
        self._saving.failed.connect(self._on_failed)
        self.destroyed.connect(self.task.forget)
        listen(self, session, "stack_changed", self._forget)
        listen(self, session, "stack_grown", self._on_grown)

    def start(self, estimator: Estimator) -> None:
        """Estimate, in the background."""
        self._show_idle()
        try:
            source = self._source()
        except LazyPipelineError as error:
            self.error.say(str(error))
            return
        step, index = self._step.step, self._step.index
        assert step is not None and index is not None
        (moment, _), screen = self._layers.position.raw_place, self._layers.screen
        channel = next(iter(screen.channels_in(source).values()), 0)
        place = source.plan.time_point(moment), channel
        self._steps_before = source.stated_plan.token

        def work(run: TaskRun) -> Estimate:
            sample = sample_of(source, source.plan.after, place, run.cancelled, run.report)
            return estimator.estimate(dict(step), sample)

        folder_info = self._session.folder_info
        self.bar.setValue(0)
        self._patience.start()
        for button in self.buttons.values():
            button.setEnabled(False)
        self.sentence.say("Estimating…")
        self.task.start(f"{folder_info.folder if folder_info else ''}, estimate", work)

    def save_to(self, folder: Path) -> None:
        """Save the images of the estimate, and have the step use them; in the background."""
        found, info, step = self._found, self._session.folder_info, self._step.step
        assert found is not None and step is not None
        raw = Path(info.folder) if info is not None else None
        self._saving.start(str(folder), lambda _: save_images(found, folder, step.kind, raw))

    def _source(self) -> PipelineSource:
        """Make what the step is given; an error if that cannot be."""
        index, session = self._step.index, self._session
        if session.stack is None or session.plan is None:
            raise GeometryError("Open a folder first")
        if index is None or session.plan.spec_before(index) is None:
            raise GeometryError("A step before this one does not fit or waits")
        return session.source_of(session.pipeline, until=index)

    def _show_idle(self) -> None:
        """Show buttons, and nothing that was found before."""
        self._patience.stop()
        self._found = None
        for button in self.buttons.values():
            button.setEnabled(True)
        self.progress.setVisible(False)
        self.save.setVisible(False)
        self.sentence.say("")
        self.error.say("")

    def _forget(self, *_: object) -> None:
        """Drop what is under way, and what was said: it is of other data."""
        self.task.forget()
        self._show_idle()

    def _on_grown(self, recorded: object) -> None:
        """Drop what is of time points that have other numbers now."""
        if recorded is not None:
            self._forget()

    def _on_cancel(self) -> None:
        self._forget()
        self.sentence.say("Cancelled")

    def _on_found(self, found: Estimate) -> None:
        self._show_idle()
        if self._step.index is None:
            return
        try:
            changed = self._source().stated_plan.token != self._steps_before
            if changed:
                raise GeometryError("The steps before were changed meanwhile: estimate again")
            if found.changes:
                self._step.edit(**found.changes, enabled=True)
        except LazyPipelineError as error:
            self.error.say(str(error))
            return
        self.sentence.say(found.sentence)
        self.sentence.setToolTip(f"Looked at: {found.basis}" if found.basis else "")
        self._found = found
        self.save.setVisible(bool(found.images))

    def _on_failed(self, error: LazyPipelineError) -> None:
        self._show_idle()
        self.error.say(str(error))

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the image")
        if folder:
            self.save_to(Path(folder))

    def _on_saved(self, paths: dict[str, Any]) -> None:
        self.save.setVisible(False)
        self._step.edit(**paths, enabled=True)
