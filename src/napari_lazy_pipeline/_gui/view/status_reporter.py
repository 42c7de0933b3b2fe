"""Status reporter: what is computed, shown or failed, in the status line and on the cards."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline import errors
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.steps.steps_panel import StepsPanel
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Elided, plain
from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.image.problem_log import ProblemLog


class StatusReporter(QObject):
    """Says what is computed, shown or failed now, in words.

    There is one notification a kind of problem; once it is solved, it may be notified again.
    """

    _problem = Signal()

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
        self._failures: dict[int, str] = {}  # why the picture of a channel is blank
        self.session.plan_changed.connect(self._on_edit)
        self.session.view_changed.connect(self.show_state)
        layers.rendered.connect(self._on_rendered)
        layers.failed.connect(self._on_failed)
        for event in self._view_events:
            event.connect(self._on_view)
        self.compute_thread.started.connect(self._on_started)
        self.compute_thread.progressed.connect(self._on_progressed)
        self.compute_thread.finished.connect(self._on_finished)
        # Problems are met in other threads: a signal brings them here.
        self._problem.connect(self._show_problems)
        notices.listen(self._report)
        self._show_problems()

    def _report(self) -> None:
        self._problem.emit()

    def begin(self, problems: ProblemLog) -> None:
        """Other data are open: notify each kind of problem once more, and hear of no others."""
        self._notified.clear()
        self._failures.clear()
        self._listen_to(problems)
        self._show_problems()
        self.show_state()

    def show_state(self) -> None:
        """Say what is on screen, unless something is being computed for it."""
        stack, misfit = self.session.stack, self._misfit
        if stack is None:
            self.status.setText("Choose a folder of raw stacks")
        elif misfit is not None:
            title = self.session.pipeline.steps[misfit.index].title
            shown = f"Still showing {self._moment}" if self.layers.layers else "Nothing to show"
            self.status.setText(f"{shown}: {title} does not fit")
        elif self._failures:
            texts = (f"{self._channel(c)} {why}" for c, why in sorted(self._failures.items()))
            self.status.setText(f"{self._moment}: {', '.join(texts)}")
        elif self.layers.up_to_date:
            self.status.setText(f"{self._moment}: {self._waiting or 'up to date'}")

    @property
    def _waiting(self) -> str:
        """Return which steps are left out of the picture, because they wait for a value."""
        plan = self.session.plan
        waiting = plan.until(self.session.until).waiting if plan is not None else ()
        titles = [self.session.pipeline.steps[error.index].title for error in waiting]
        return f"without {' and '.join(titles)}: waiting" if titles else ""

    def close(self) -> None:
        notices.unlisten(self._report)
        self._listen_to(None)
        for event in self._view_events:
            event.disconnect(self._on_view)
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

    @property
    def _view_events(self) -> list[Any]:
        """What tells that other axes, or thicker slices, are on screen."""
        events = self.layers.viewer.dims.events
        return [events.order, events.margin_left, events.margin_right]

    def _on_view(self, _: object) -> None:
        self.show_state()

    def _on_edit(self, *_: object) -> None:
        """Volumes on which a step failed are tried anew."""
        self._finished_steps.clear()
        self._failures.clear()
        if self._problem_log is not None:
            self._problem_log.withdraw(lambda about: isinstance(about, errors.StepFailure))
        self.show_state()

    def _on_started(self, channel: int, index: int) -> None:
        card = self.steps.card(index)
        what = "reading" if index < 0 else card.step.title.lower() if card else "computing"
        self._show_progress(channel, f"{what}…")
        if card is not None:
            card.show_progress(0.0)

    def _on_progressed(self, channel: int, index: int, fraction: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(fraction)
            step = card.step.title.lower()
            self._show_progress(channel, f"{step} {round(100 * fraction)} %")

    def _on_finished(self, channel: int, index: int, seconds: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(1.0)
            card.set_time(seconds)
            self._finished_steps.add(index)

    def _on_rendered(self, request: RenderRequest) -> None:
        """Pixels are on screen: what did not run came from the cache."""
        if request.preview:
            self._show_progress(request.channel, "preview")
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
        self._failures.pop(request.channel, None)
        self._forget_solved({stage.step.kind for stage in request.source.plan.stages})
        self.show_state()

    def _on_failed(self, request: RenderRequest, error: errors.LazyPipelineError) -> None:
        """One card or one line says it; one notification a kind, not one a frame."""
        if isinstance(error, errors.StepError):
            self.steps.show_failure(request, error)
        if isinstance(error, errors.MissingFileError):
            self._failures[request.channel] = "not recorded"
        elif isinstance(error, errors.FolderMissingError):
            self._failures[request.channel] = "waiting for the folder"
        else:
            self._failures[request.channel] = "not computed"
            self._notify(error)
        self.show_state()

    def _notify(self, error: errors.LazyPipelineError) -> None:
        kind = getattr(error, "kind", type(error).__name__)
        if kind not in self._notified:
            self._notified.add(kind)
            show_error(plain(str(error)))
        self._show_problems()

    def _show_problems(self) -> None:
        """List what is wrong, with the data and with this process."""
        stack = self.session.stack
        self.problems.show_problems([*notices, *(stack.source.problems if stack else ())])
        self._forget_solved()

    def _forget_solved(self, computed: Collection[str] = ()) -> None:
        """Let what is solved be notified again; a step is, once it has computed something."""
        present = {problem.kind for problem in self.problems.problems}
        steps = {step.kind for step in self.session.pipeline.steps if step.enabled}
        self._notified &= present | steps.difference(computed)

    @property
    def _misfit(self) -> errors.StepError | None:
        """Error of a step that should be part of the picture and does not fit."""
        plan = self.session.plan
        return plan.until(self.session.until).misfit if plan is not None else None

    def _show_progress(self, channel: int, what: str) -> None:
        if self._misfit is None:
            self.status.setText(f"{self._moment}, {self._channel(channel)}: {what}")

    @property
    def _moment(self) -> str:
        """The time point of the slider, counted from 0 as that does."""
        stack = self.session.stack
        if self.layers.position.along_time:
            return "Along time, blank where nothing was looked at yet"
        if stack is None:
            return ""
        source = self.layers.screen.source
        times = source.sizes[0] if source is not None else stack.shape[0]
        return f"t {self.layers.position.time_point} of {times}"

    def _channel(self, channel: int) -> str:
        plan = self.session.plan
        names = plan.until(self.session.until).after.channels if plan is not None else ()
        return names[channel] if channel < len(names) else str(channel)
