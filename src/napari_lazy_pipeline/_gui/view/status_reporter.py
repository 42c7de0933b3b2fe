"""Status reporter: what is computed, shown or failed, in the status line and on the cards."""

from __future__ import annotations

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline import errors
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.steps.steps_panel import StepsPanel
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Elided
from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.image.problem_log import ProblemLog


class StatusReporter(QObject):
    """Says what is computed, shown or failed, in words."""

    _problem = Signal(object)

    def __init__(
        self, layers: Layers, steps: StepsPanel, status: Elided, problems: ProblemsPanel
    ) -> None:
        super().__init__()
        self.session, self.compute_thread = layers.session, layers.compute_thread
        self.layers = layers
        self.steps, self.status, self.problems = steps, status, problems
        self._notified: set[str] = set()
        self._finished_steps: set[int] = set()
        self._last_request: RenderRequest | None = None
        self._problem_log: ProblemLog | None = None
        self.session.plan_changed.connect(self._on_edit)
        layers.rendered.connect(self._on_rendered)
        layers.failed.connect(self._on_failed)
        self.compute_thread.started.connect(self._on_started)
        self.compute_thread.progressed.connect(self._on_progressed)
        self.compute_thread.finished.connect(self._on_finished)
        # Problems are met in other threads: a signal brings them here.
        self._problem.connect(self._show_problems)
        self._report = self._problem.emit
        notices.listen(self._report)
        self._show_problems()

    def begin(self, problems: ProblemLog) -> None:
        """Other data are open: say each kind of problem once more, and hear of no others."""
        self._notified.clear()
        self._listen_to(problems)
        self._show_problems()

    def close(self) -> None:
        notices.unlisten(self._report)
        self._listen_to(None)
        thread = self.compute_thread  # what it has to tell may come when the cards are gone
        thread.started.disconnect(self._on_started)
        thread.progressed.disconnect(self._on_progressed)
        thread.finished.disconnect(self._on_finished)

    def _listen_to(self, problems: ProblemLog | None) -> None:
        if self._problem_log is not None:
            self._problem_log.unlisten(self._report)
        self._problem_log = problems
        if problems is not None:
            problems.listen(self._report)

    def _on_edit(self, *_: object) -> None:
        self._finished_steps.clear()

    def _on_started(self, channel: int, index: int) -> None:
        card = self.steps.card(index)
        what = "reading" if index < 0 else card.step.title.lower() if card else "computing"
        self.status.setText(f"{self._place(channel)}: {what}…")
        if card is not None:
            card.show_progress(0.0)

    def _on_progressed(self, channel: int, index: int, fraction: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(fraction)
            step = card.step.title.lower()
            self.status.setText(f"{self._place(channel)}: {step} {round(100 * fraction)} %")

    def _on_finished(self, channel: int, index: int, seconds: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(1.0)
            card.set_time(seconds)
            self._finished_steps.add(index)

    def _on_rendered(self, request: RenderRequest) -> None:
        """Pixels are on screen: what did not run came from the cache."""
        if request.preview:
            self.status.setText(f"{self._place(request.channel, request.t)}: preview")
            return
        first = self._last_request is None or not request.same_picture(self._last_request)
        used = {stage.index for stage in request.source.plan.stages} - self._finished_steps
        for index, card in enumerate(self.steps.cards):
            card.show_progress(1.0)
            if first and index in used:
                card.set_time(None)
        self.steps.show_success(request)
        self._last_request = request
        self._finished_steps.clear()
        if not self.compute_thread.busy or self.layers.up_to_date:
            self.status.setText(f"{self._place(request.channel, request.t)}: shown")

    def _on_failed(self, request: RenderRequest, error: errors.LazyPipelineError) -> None:
        """One card or one line says it; one notification a kind, not one a frame."""
        if isinstance(error, errors.StepError):
            self.steps.show_failure(request, error)
        place = self._place(request.channel, request.t)
        if isinstance(error, errors.MissingFileError | errors.FolderMissingError):
            missing = isinstance(error, errors.MissingFileError)
            reason = "nothing was recorded" if missing else "waiting for the folder"
            self.status.setText(f"{place}: {reason}")
            return
        kind = getattr(error, "kind", type(error).__name__)
        if kind not in self._notified:
            self._notified.add(kind)
            show_error(str(error))
        self._show_problems()
        self.status.setText(f"{place}: not shown, see above")

    def _show_problems(self, *_: object) -> None:
        """List what went wrong, here and in this process."""
        stack = self.session.stack
        self.problems.show_problems([*notices, *(stack.source.problems if stack else ())])

    def _place(self, channel: int, t: int | None = None) -> str:
        stack = self.session.stack
        if stack is None:
            return ""
        names = stack.channel_names
        name = names[channel] if channel < len(names) else str(channel)
        moment = f"t {t + 1}/{stack.shape[0]}, " if t is not None else ""
        return f"{moment}channel {name}"
