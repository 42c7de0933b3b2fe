"""Process panel: asks what to write and where to, and shows how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.save.export_form import ExportForm
from napari_lazy_pipeline._gui.save.export_job import ExportJob, ExportProgress, ExportSettings
from napari_lazy_pipeline._gui.save.result_links import ResultLinks
from napari_lazy_pipeline._gui.steps.cost_monitor import CostMonitor
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute.resource_estimate import DiskCost
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.exports.cluster import unavailable
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.export import ExportReport
from napari_lazy_pipeline.exports.formats import FormatName, format_names, get_format
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.session.session import Session

_REST = 200  # ms without an edit, before the disk is looked at


class ExportPanel(QWidget):
    """Writes all volumes, as the present steps make them.

    Parameters
    ----------
    session
        Whose data and steps.
    costs
        How long a volume takes, if that was measured.
    wishes
        What was chosen before, in an earlier dock.
    """

    def __init__(
        self, session: Session, costs: CostMonitor, wishes: ExportSettings | None = None
    ) -> None:
        super().__init__()
        self.wishes = wishes or ExportSettings()
        self.session, self._costs = session, costs
        # A volume that is being written is completed before the program ends.
        self.exporter = BackgroundTask("The export failed", name="lazy-export", daemon=False)
        self._estimator = BackgroundTask("The folder to write to cannot be checked")
        self._format_check = BackgroundTask("The formats cannot be checked")
        self._refused = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._make_controls()
        self._build()
        self._connect()
        self._format_check.start("formats", lambda _: _reasons())
        self._on_data()

    def close_session(self) -> None:
        """Stop, and let go of the session; volumes that are finished stay."""
        self._timer.stop()
        for task in (self.exporter, self._estimator, self._format_check, self.form.where):
            task.forget()
        for signal in self._session_signals():
            signal.disconnect(self._on_data)
        self.session.plan_changed.disconnect(self._look_soon)

    def _session_signals(self) -> tuple[Any, ...]:
        return self.session.stack_changed, self.session.stack_grown

    # ---- building -------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.form = ExportForm(self.wishes, self._raw_folder)
        self.estimate = Sentence()
        self.warning = Sentence(error=True)
        self.start = QPushButton("Start")
        self.start.setToolTip("Process and write all of it in the background")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; what is written stays, and Start goes on from there")
        for button in (self.start, self.cancel):
            button.setAccessibleName(f"{button.text()} processing all")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of processing all")
        self.bar.setToolTip("Volumes that are written")
        self.state = Sentence()
        self.failures = ProblemsPanel()
        self.result = ResultLinks()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(3)
        layout.addWidget(self.form)
        layout.addWidget(self.estimate)
        layout.addWidget(self.warning)
        layout.addLayout(buttons)
        for widget in (self.bar, self.state, self.failures, self.result):
            layout.addWidget(widget)
        for sentence in (self.estimate, self.warning, self.state):
            sentence.say("")
        self.bar.setVisible(False)
        self.cancel.setEnabled(False)

    def _connect(self) -> None:
        self.form.changed.connect(self._look_soon)
        self._timer.timeout.connect(self._look)
        self._estimator.finished.connect(self._on_looked)
        self._estimator.failed.connect(self._on_refused)
        self._format_check.finished.connect(self._on_missing)
        self.start.clicked.connect(self._on_start)
        self.cancel.clicked.connect(self._on_cancel)
        self.exporter.progressed.connect(self._on_progress)
        self.exporter.finished.connect(self._on_finished)
        self.exporter.failed.connect(self._on_failed)
        self.destroyed.connect(self.exporter.cancel)
        self._costs.changed.connect(self._look_soon)
        for signal in self._session_signals():
            signal.connect(self._on_data)
        self.session.plan_changed.connect(self._look_soon)

    # ---- what is wanted -------------------------------------------------------------------

    @property
    def order(self) -> ExportJob | None:
        """What the person wants; None if there is nothing to write, or nowhere."""
        stack = self.session.stack
        if stack is None:
            return None
        try:
            view = self.session.pipeline.apply(stack, self.session.engine)
        except StepError:
            return None  # that the steps do not fit is said on their card
        return self.form.order(view)

    def _raw_folder(self) -> Path | None:
        stack = self.session.stack
        return raw_folder(stack.source) if stack is not None else None

    def _on_missing(self, reasons: tuple[dict[FormatName, str | None], str | None]) -> None:
        """Grey what cannot be chosen, as its package is not there."""
        formats, cluster = reasons
        self.form.files.show_missing(formats)
        self.form.where.allow_cluster(cluster)

    def _on_data(self, *_: object) -> None:
        """Other data, or more of the same."""
        if self.session.stack is not None:
            self.form.show_stack(self.session.stack)
            self._look_soon()

    # ---- estimates ------------------------------------------------------------------------

    def _look_soon(self, *_: object) -> None:
        self._timer.start()

    def _look(self) -> None:
        order = self.order
        self._enable()
        if order is not None:
            self._estimator.start(str(order.folder), lambda _: (order, order.look()))

    def _on_looked(self, found: tuple[ExportJob, DiskCost]) -> None:
        order, disk = found
        time = self._costs.time(order.count)
        parts = [f"{format_count(order.count, 'volume')}, {format_bytes(disk.needed)}"]
        if disk.free is not None:
            parts.append(f"{format_bytes(disk.free)} are free")
        if time and order.scheduler is None:
            parts.append(time)
        self.estimate.say("; ".join(parts))
        self._refused = "" if disk.fits else "There is not enough room on that disk"
        self.warning.say(self._refused)
        self._enable()

    def _on_refused(self, error: LazyPipelineError) -> None:
        self._refused = str(error)
        self.estimate.say("")
        self.warning.say(self._refused)
        self._enable()

    def _enable(self) -> None:
        order = self.order
        possible = order is not None and order.count > 0 and not self._refused
        self.start.setEnabled(possible and not self.exporter.busy)
        self.cancel.setEnabled(self.exporter.busy)

    # ---- running --------------------------------------------------------------------------

    def _on_start(self) -> None:
        order = self.order
        if order is None or self.exporter.busy:
            return
        self.failures.show_problems(())
        self.result.show_place(None)
        self.state.say("Looking at what is there already…")
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self.exporter.start(str(order.folder), order.write)
        self._enable()

    def _on_cancel(self) -> None:
        self.state.say("Stopping…")
        self.exporter.cancel()

    def _on_progress(self, progress: ExportProgress) -> None:
        done, total, left = progress.done, progress.total, progress.seconds_left
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        time = f", {format_duration(left, 2)} left" if left is not None and done < total else ""
        self.state.say(f"{done} of {total} volumes{time}")

    def _on_finished(self, report: ExportReport) -> None:
        self.state.say(f"{report}.")
        self.failures.show_problems(
            [
                Problem(f"time point {failure.t}, channel {failure.c}", failure.why, "not written")
                for failure in report.failed
            ]
        )
        something = report.written or report.kept
        self.result.show_place(report.place if something else None, report.folder)
        self._end()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.state.say("")
        self.show_error(error)
        self._end()

    def show_error(self, error: LazyPipelineError) -> None:
        """Say what went wrong."""
        self.warning.say(str(error))

    def _end(self) -> None:
        self.bar.setVisible(False)
        self._enable()


def _reasons() -> tuple[dict[FormatName, str | None], str | None]:
    """Why a format cannot be written here, or None; and the same of a cluster."""
    formats = {name: get_format(name).unavailable() for name in format_names()}
    return formats, unavailable()
