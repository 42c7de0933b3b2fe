"""Export panel: asks what to write and where to, and shows how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QWidget

from napari_lazy_pipeline._gui.save.export_form import ExportForm
from napari_lazy_pipeline._gui.save.export_settings import ExportPlan, ExportSettings
from napari_lazy_pipeline._gui.save.queue_list import QueueList
from napari_lazy_pipeline._gui.save.queue_report import problems, summary
from napari_lazy_pipeline._gui.save.queue_store import queue_file, run_queue
from napari_lazy_pipeline._gui.save.result_links import ResultLinks
from napari_lazy_pipeline._gui.steps.cost_monitor import CostMonitor
from napari_lazy_pipeline._gui.steps.step_remarks import obstacle
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import PipelineSource, Plan
from napari_lazy_pipeline.compute.resource_estimate import DiskCost
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.cluster import unavailable
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.formats import FormatName, format_names, get_format
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.exports.outputs import stage_labels
from napari_lazy_pipeline.exports.queue import ExportQueue
from napari_lazy_pipeline.exports.refusals import refuse_folder
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration
from napari_lazy_pipeline.session import Session

_REST = 200  # ms without an edit, before the disk is checked


class ExportPanel(QWidget):
    """Writes all volumes of the open data, as the present steps make them, and other folders."""

    def __init__(
        self, session: Session, costs: CostMonitor, settings: ExportSettings | None = None
    ) -> None:
        super().__init__()
        self.session, self._costs = session, costs
        # A volume that is being written is completed before the program ends.
        self.exporter = BackgroundTask("The export failed", name="lazy-export", daemon=False)
        self._disk_check = BackgroundTask("The folder to write to cannot be checked")
        self._format_check = BackgroundTask("The formats cannot be checked")
        self._store = BackgroundTask("The queue cannot be saved", daemon=False)
        self._load = BackgroundTask("The queue of the last session cannot be read")
        self._refusal, self._file = "", queue_file()
        self._proposed: Path | None = None  # where to write, unless the person says otherwise
        self._ran: Job | None = None  # whose result is shown: that of the open data, or the last
        self._timer = QTimer(self, singleShot=True, interval=_REST)
        self._make_controls(settings or ExportSettings())
        self._build()
        self._connect()
        self._format_check.start("formats", lambda _: _missing())
        self._load.start("queue", lambda _: ExportQueue.load(self._file).jobs)
        self._on_data()

    def close_session(self) -> None:
        """Stop, and disconnect from the session; volumes that are finished stay."""
        self._timer.stop()
        for task in (
            self.exporter, self._disk_check, self._format_check, self._load,
            self.form.cluster_check,
        ):  # fmt: skip
            task.forget()
        self.session.stack_changed.disconnect(self._on_data)
        self.session.stack_grown.disconnect(self._on_grown)
        self.session.plan_changed.disconnect(self._on_plan)

    # ---- building -------------------------------------------------------------------------

    def _make_controls(self, settings: ExportSettings) -> None:
        self.list = QueueList(self.session, ExportQueue())
        self.form = ExportForm(settings, self._raw_folder)
        self.estimate, self.warning, self.state = Sentence(), Sentence(error=True), Sentence()
        tooltip = "Process and write all of it in the background, one folder after the other"
        self.start = push_button("Start", tooltip, self._on_start)
        tooltip = "Stop; what is written stays"
        self.cancel = push_button("Cancel", tooltip, self._on_cancel)
        tooltip = "Complete what was cancelled or failed, with the steps it was begun with"
        self.resume = push_button("Resume", tooltip, self._on_resume)
        for button in (self.start, self.cancel, self.resume):
            button.setAccessibleName(f"{button.text()} processing all")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of processing all")
        self.bar.setToolTip("Volumes that are written")
        self.failures, self.result = ProblemsPanel(), ResultLinks()

    def _build(self) -> None:
        column(
            self.list, self.form.native, self.estimate, self.warning,
            row(self.start, self.cancel, self.resume),
            self.bar, self.state, self.failures, self.result,
            parent=self, margins=(4, 0, 4, 4), spacing=3,
        )  # fmt: skip
        for sentence in (self.estimate, self.warning, self.state):
            sentence.say("")
        self.bar.setVisible(False)
        self._enable()

    def _connect(self) -> None:
        self.form.changed.connect(self._check_soon)
        self.list.changed.connect(self._on_list_changed)
        self._timer.timeout.connect(self._check)
        self._disk_check.finished.connect(self._on_checked)
        self._disk_check.failed.connect(lambda error: self._show_estimate("", str(error)))
        self._format_check.finished.connect(lambda missing: self.form.disable_missing(*missing))
        self._load.finished.connect(self._on_loaded)
        for task in (self._load, self._store):
            task.failed.connect(self.list.show_error)
        self.exporter.progressed.connect(self._on_progress)
        self.exporter.finished.connect(self._on_end)
        self.exporter.failed.connect(self._on_failed)
        self.destroyed.connect(self.exporter.cancel)
        self._costs.changed.connect(self._check_soon)
        self.session.stack_changed.connect(self._on_data)
        self.session.stack_grown.connect(self._on_grown)
        self.session.plan_changed.connect(self._on_plan)

    # ---- settings -------------------------------------------------------------------------

    @property
    def settings(self) -> ExportSettings:
        """Settings that the person chose; where to write only if that was chosen."""
        settings: ExportSettings = self.form.value
        if settings.folder == self._proposed:
            return settings.model_copy(update={"folder": None})
        return settings

    @property
    def plan(self) -> ExportPlan | None:
        """What would be written of the open data, perhaps to nowhere yet; None if nothing can."""
        possible = self.settings.complete and not obstacle(self.session.plan)
        return ExportPlan.of(self.session, self.form.value) if possible else None

    def _raw_folder(self) -> Path | None:
        stack = self.session.stack
        return raw_folder(stack.source) if stack is not None else None

    def _on_grown(self, recorded: object) -> None:
        """There is more of the same data, perhaps with other numbers."""
        if recorded is not None:
            self.result.forget_times()
        self._on_data()

    def _on_data(self, *_: object) -> None:
        """Propose all of other data, or of more of the same."""
        before = self.list.open_data
        self.list.show_data()
        if self.list.open_data != before:
            # Where to write was chosen for the data before, and they made the result.
            self._disk_check.forget()
            self._show_proposal(None)
            self.result.show_result(None)
        self._on_plan(self.session.plan, other_data=True)

    def _on_plan(self, plan: Plan | None, other_data: bool = False) -> None:
        """Offer the time points and channels that the steps make, unless some cannot be made."""
        if plan is not None and (other_data or (plan.misfit is None and not plan.waiting)):
            self.form.show_result(plan.after)
        self._check_soon()

    # ---- estimates ------------------------------------------------------------------------

    def _check_soon(self, *_: object) -> None:
        self._timer.start()

    def _check(self) -> None:
        plan = self.plan
        if plan is None:
            self._disk_check.forget()
            self._show_estimate(obstacle(self.session.plan))
            return
        self._enable()
        self.form.show_stages(list(stage_labels(plan.view).values()))
        self.form.show_dtype(plan.view.spec.dtype)
        plan, position = replace(plan, settings=self.settings), self.list.open_data[1]
        self._forget_end(plan)
        place = str(self.settings.folder or self._raw_folder())
        raw_folders = self.list.queue.raw_folders
        self._disk_check.start(place, lambda _: _checked(plan, position, raw_folders))

    def _on_checked(self, result: tuple[ExportPlan, DiskCost]) -> None:
        plan, disk = result
        if self.settings.folder is None:
            self._show_proposal(plan.settings.folder)
        time = self._costs.time(plan.count)
        parts = [f"{format_count(plan.count, 'volume')}, {format_bytes(disk.needed)}"]
        if disk.free is not None:
            parts.append(f"{format_bytes(disk.free)} free")
        if time and self.settings.workers == "here" and not self.settings.maxima:
            parts.append(time)
        full = "There is not enough room on that disk"
        self._show_estimate("; ".join(parts), "" if disk.fits else full)

    def _show_proposal(self, folder: Path | None) -> None:
        self._proposed = folder
        self.form.show_folder(folder)

    def _forget_end(self, plan: ExportPlan) -> None:
        """Let the open data wait again once the steps are others than those that were run."""
        job = None if self.exporter.busy else self.list.current
        if job is None or job.view is None or job.state not in ("done", "failed"):
            return
        if job.view.source.token != plan.view.source.token:
            job.restart()
            self.list.show_jobs()

    def _show_estimate(self, estimate: str, refusal: str = "") -> None:
        self._refusal = refusal
        self.estimate.say(estimate)
        self.warning.say(refusal)
        self._enable()

    def _enable(self) -> None:
        plan, busy = self.plan, self.exporter.busy
        place = self.settings.folder or self._raw_folder()
        possible = plan is not None and place is not None and plan.count > 0
        self.start.setEnabled(possible and not self._refusal and not busy)
        self.cancel.setEnabled(busy)
        self.resume.setVisible(self.list.queue.resumable and not busy)

    # ---- running --------------------------------------------------------------------------

    def _on_start(self) -> None:
        plan = self.plan
        if plan is None or self.exporter.busy:
            return
        for job in self.list.queue.jobs:
            again = job.state != "done" and not job.own_recipe
            if job is self.list.current or job.state == "waiting" or again:
                self._prepare(job, plan)
        self._run()

    def _prepare(self, job: Job, plan: ExportPlan) -> None:
        """Let a job wait for its turn, with the present steps unless it has its own."""
        assert self.session.stack is not None
        # Where to write is proposed anew: the steps may have changed just now.
        plan = replace(plan, settings=self.settings)
        channels = len(self.session.stack.stack_spec.channels)
        is_open = job is self.list.current
        plan.prepare(job, self.session.recipe(), None if is_open else channels)

    def _on_resume(self) -> None:
        if not self.exporter.busy:
            self.list.queue.resume()
            self._run()

    def _run(self) -> None:
        self.failures.show_problems(())
        self.result.show_result(None)
        self._ran = None
        self.warning.say("")
        self.state.say("Looking at what is there already…")
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        queue, file = self.list.queue, self._file
        self.exporter.start("queue", lambda run: run_queue(queue, file, run))
        self.list.show_jobs()
        self._enable()

    def _on_cancel(self) -> None:
        self.state.say("Stopping…")
        self.exporter.cancel()

    def _on_progress(self, job: Job) -> None:
        self.list.show_jobs()
        if self._ran is None or self._ran is not self.list.current:
            self._ran = job
        done, total, left = job.done, job.total, job.seconds_left
        if job.state != "running" or not total:
            return
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        time = f", {format_duration(left, 2)} left" if left is not None and done < total else ""
        title = f"{job.title}: " if len(self.list.queue.jobs) > 1 else ""
        self.state.say(f"{title}{done} of {total} volumes{time}")
        self._costs.update_times()

    def _on_end(self, *_: object) -> None:
        """Show what became of all jobs."""
        self._check_soon()  # steps may have been edited meanwhile
        jobs = self.list.queue.jobs
        self.list.show_jobs()
        self.state.say(summary(jobs))
        self.failures.show_problems(problems(jobs))
        current, ran = self.list.current, self._ran
        if ran is not None and ran.report is not None:
            report, title = ran.report, ran.title if len(jobs) > 1 else ""
            files = (*report.written, *report.kept)
            source = ran.view.source if ran.view is not None else None
            times = source.plan.recorded_times if isinstance(source, PipelineSource) else None
            place = report.place if files else None
            self.result.show_result(place, report.folder, title, files, times)
        if current is not None and current.report is None and current.state == "failed":
            self.warning.say(current.error)
        self.bar.setVisible(False)
        self._enable()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.list.show_error(error)
        self._on_end()

    def show_error(self, error: LazyPipelineError) -> None:
        """Show what went wrong."""
        self.warning.say(str(error))

    # ---- the list -------------------------------------------------------------------------

    def _on_loaded(self, jobs: Sequence[Job]) -> None:
        """Show what the last session did not complete."""
        if jobs:
            self.list.add(jobs)

    def _on_list_changed(self) -> None:
        plan = self.plan
        if self.exporter.busy and plan is not None:
            # What is added while the queue runs has its turn, too.
            for job in self.list.queue.jobs:
                if job.state == "waiting" and job.recipe is None and job is not self.list.current:
                    self._prepare(job, plan)
        queue, file = self.list.queue, self._file
        self._store.start("queue", lambda _: queue.save(file))
        self._check_soon()
        self._enable()


def _checked(
    plan: ExportPlan, position: str | None, raw_folders: Iterable[Path]
) -> tuple[ExportPlan, DiskCost]:
    """Look for a place to write to if none is chosen, and at the room there."""
    plan = plan if plan.settings.folder is not None else plan.proposed(position)
    folder = plan.settings.folder
    if folder is not None:
        for raw in raw_folders:
            refuse_folder(folder, raw)
    return plan, plan.disk_cost()


def _missing() -> tuple[dict[FormatName, str | None], str | None]:
    """Return why a format cannot be written here, or None; and the same of a cluster."""
    formats = {name: get_format(name).unavailable() for name in format_names()}
    return formats, unavailable()
