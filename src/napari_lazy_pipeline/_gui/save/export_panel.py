"""Export panel: asks what to write and where to, and shows how far it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QWidget

from napari_lazy_pipeline._gui.save.export_form import ExportForm
from napari_lazy_pipeline._gui.save.export_settings import ExportJob, ExportProgress, ExportSettings
from napari_lazy_pipeline._gui.save.result_links import ResultLinks
from napari_lazy_pipeline._gui.steps.cost_monitor import CostMonitor
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.resource_estimate import DiskCost
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.exports.cluster import unavailable
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.export import ExportReport
from napari_lazy_pipeline.exports.formats import FormatName, format_names, get_format
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.session import Session

_REST = 200  # ms without an edit, before the disk is checked


class ExportPanel(QWidget):
    """Writes all volumes, as the present steps make them."""

    def __init__(
        self, session: Session, costs: CostMonitor, settings: ExportSettings | None = None
    ) -> None:
        super().__init__()
        self.session, self._costs = session, costs
        # A volume that is being written is completed before the program ends.
        self.exporter = BackgroundTask("The export failed", name="lazy-export", daemon=False)
        self._disk_check = BackgroundTask("The folder to write to cannot be checked")
        self._format_check = BackgroundTask("The formats cannot be checked")
        self._refusal = ""
        self._timer = QTimer(self, singleShot=True, interval=_REST)
        self._make_controls(settings or ExportSettings())
        self._build()
        self._connect()
        self._format_check.start("formats", lambda _: _missing())
        self._on_data()

    def close_session(self) -> None:
        """Stop, and disconnect from the session; volumes that are finished stay."""
        self._timer.stop()
        for task in (self.exporter, self._disk_check, self._format_check, self.form.cluster_check):
            task.forget()
        self.session.stack_changed.disconnect(self._on_data)
        self.session.stack_grown.disconnect(self._on_data)
        self.session.plan_changed.disconnect(self._check_soon)

    # ---- building -------------------------------------------------------------------------

    def _make_controls(self, settings: ExportSettings) -> None:
        self.form = ExportForm(settings, self._raw_folder)
        self.estimate, self.warning, self.state = Sentence(), Sentence(error=True), Sentence()
        tooltip = "Process and write all of it in the background"
        self.start = push_button("Start", tooltip, self._on_start)
        tooltip = "Stop; what is written stays, and Start goes on from there"
        self.cancel = push_button("Cancel", tooltip, self._on_cancel)
        for button in (self.start, self.cancel):
            button.setAccessibleName(f"{button.text()} processing all")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of processing all")
        self.bar.setToolTip("Volumes that are written")
        self.failures, self.result = ProblemsPanel(), ResultLinks()

    def _build(self) -> None:
        column(
            self.form.native, self.estimate, self.warning, row(self.start, self.cancel),
            self.bar, self.state, self.failures, self.result,
            parent=self, margins=(4, 0, 4, 4), spacing=3,
        )  # fmt: skip
        for sentence in (self.estimate, self.warning, self.state):
            sentence.say("")
        self.bar.setVisible(False)
        self.cancel.setEnabled(False)

    def _connect(self) -> None:
        self.form.changed.connect(self._check_soon)
        self._timer.timeout.connect(self._check)
        self._disk_check.finished.connect(self._on_checked)
        self._disk_check.failed.connect(lambda error: self._show_estimate("", str(error)))
        self._format_check.finished.connect(lambda missing: self.form.disable_missing(*missing))
        self.exporter.progressed.connect(self._on_progress)
        self.exporter.finished.connect(self._on_finished)
        self.exporter.failed.connect(self._on_failed)
        self.destroyed.connect(self.exporter.cancel)
        self._costs.changed.connect(self._check_soon)
        self.session.stack_changed.connect(self._on_data)
        self.session.stack_grown.connect(self._on_data)
        self.session.plan_changed.connect(self._check_soon)

    # ---- settings -------------------------------------------------------------------------

    @property
    def settings(self) -> ExportSettings:
        """Settings that the person chose."""
        settings: ExportSettings = self.form.value
        return settings

    @property
    def job(self) -> ExportJob | None:
        """Job that can be started; None if there is nothing to write, or nowhere."""
        stack = self.session.stack
        if stack is None or not self.settings.complete:
            return None
        try:
            view = self.session.pipeline.apply(stack, self.session.engine)
        except StepError:
            return None  # the card of the step shows that it does not fit
        if isinstance(view.source, PipelineSource):
            # What it takes is measured, for the estimates.
            source = replace(view.source, compute_log=self.session.compute_log)
            view = replace(view, source=source)
        return ExportJob(view, self.settings, self._costs.seconds)

    def _raw_folder(self) -> Path | None:
        stack = self.session.stack
        return raw_folder(stack.source) if stack is not None else None

    def _on_data(self, *_: object) -> None:
        """Propose all of other data, or of more of the same."""
        if self.session.stack is not None:
            self.form.show_stack(self.session.stack)
            self._check_soon()

    # ---- estimates ------------------------------------------------------------------------

    def _check_soon(self, *_: object) -> None:
        self._timer.start()

    def _check(self) -> None:
        job = self.job
        self._enable()
        if job is not None:
            self._disk_check.start(str(job.folder), lambda _: (job, job.disk_cost()))

    def _on_checked(self, result: tuple[ExportJob, DiskCost]) -> None:
        job, disk = result
        time = self._costs.time(job.count)
        parts = [f"{format_count(job.count, 'volume')}, {format_bytes(disk.needed)}"]
        if disk.free is not None:
            parts.append(f"{format_bytes(disk.free)} are free")
        if time and job.scheduler is None:
            parts.append(time)
        full = "There is not enough room on that disk"
        self._show_estimate("; ".join(parts), "" if disk.fits else full)

    def _show_estimate(self, estimate: str, refusal: str = "") -> None:
        self._refusal = refusal
        self.estimate.say(estimate)
        self.warning.say(refusal)
        self._enable()

    def _enable(self) -> None:
        job, busy = self.job, self.exporter.busy
        possible = job is not None and job.count > 0 and not self._refusal
        self.start.setEnabled(possible and not busy)
        self.cancel.setEnabled(busy)

    # ---- running --------------------------------------------------------------------------

    def _on_start(self) -> None:
        job = self.job
        if job is None or self.exporter.busy:
            return
        self.failures.show_problems(())
        self.result.show_result(None)
        self.state.say("Looking at what is there already…")
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self.exporter.start(str(job.folder), job.write)
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
        self._costs.update_times()

    def _on_finished(self, report: ExportReport) -> None:
        self.state.say(f"{report}.")
        failures = ((f"time point {f.t}, channel {f.c}", f.why) for f in report.failed)
        self.failures.show_problems([Problem(*texts, "not written") for texts in failures])
        something = report.written or report.kept
        self.result.show_result(report.place if something else None, report.folder)
        self._on_end()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.state.say("")
        self.show_error(error)
        self._on_end()

    def show_error(self, error: LazyPipelineError) -> None:
        """Show what went wrong."""
        self.warning.say(str(error))

    def _on_end(self) -> None:
        self.bar.setVisible(False)
        self._enable()


def _missing() -> tuple[dict[FormatName, str | None], str | None]:
    """Return why a format cannot be written here, or None; and the same of a cluster."""
    formats = {name: get_format(name).unavailable() for name in format_names()}
    return formats, unavailable()
