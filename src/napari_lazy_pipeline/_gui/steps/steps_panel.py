"""Steps panel: the list of steps; add, remove, duplicate, reorder, undo and redo."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.steps.add_step import AddStep, usual_place
from napari_lazy_pipeline._gui.steps.card_list import CardList
from napari_lazy_pipeline._gui.steps.card_tools import CardTools, StepReference
from napari_lazy_pipeline._gui.steps.step_card import StepCard
from napari_lazy_pipeline._gui.widgets.undo_keys import REDO, UNDO
from napari_lazy_pipeline.compute.pipeline import Pipeline
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.session.session import Session
from napari_lazy_pipeline.steps._base import Step


class StepsPanel(QWidget):
    """Edits the steps of a session.

    Signals
    -------
    selected_changed(int or None)
        Another step is selected; None: none is.
    """

    selected_changed = Signal(object)

    def __init__(
        self,
        session: Session,
        actions: CardTools | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._actions = actions or CardTools()
        self._failed_jobs: dict[int, RenderRequest] = {}
        self._build()
        self.show_pipeline(session.pipeline)
        session.plan_changed.connect(self._on_plan)
        session.view_changed.connect(self._show_until)

    def close_session(self) -> None:
        """Let go of the session."""
        self.session.plan_changed.disconnect(self._on_plan)
        self.session.view_changed.disconnect(self._show_until)

    def _build(self) -> None:
        self.add = AddStep()
        self.add.wanted.connect(self._on_add)
        self.undo = _tool("Undo", "Take the last change back", UNDO)
        self.redo = _tool("Redo", "Make the change again", REDO)
        self.undo.clicked.connect(lambda: self.session.undo())
        self.redo.clicked.connect(lambda: self.session.redo())
        row = self._row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.add, 1)
        row.addWidget(self.undo)
        row.addWidget(self.redo)
        self._list = CardList(before=self.redo, home=self.add)
        self._list.made.connect(self._on_made)
        self._list.changed.connect(self._on_changed)
        self._list.removed.connect(self._on_removed)
        self._list.duplicated.connect(self._on_duplicated)
        self._list.moved.connect(self._on_moved)
        self._list.picked.connect(lambda index: self.select(None if index < 0 else index))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._list)

    def offer(self, button: QWidget, below: QWidget) -> None:
        """Put another way to add a step beside the button for it, and what it asks below."""
        self._row.insertWidget(1, button, 1)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(1, below)

    # ---- what is shown --------------------------------------------------------------------

    @property
    def cards(self) -> list[StepCard]:
        """The cards, in the order of the steps."""
        return self._list.cards

    @property
    def selected(self) -> int | None:
        """Index of the selected step; None if none is."""
        return self._list.selected

    def card(self, index: int) -> StepCard | None:
        """The card of a step; None for reading the file, or if it is gone."""
        return self.cards[index] if 0 <= index < len(self.cards) else None

    def select(self, index: int | None) -> None:
        """Select a step; if the picture goes up to a step, it now goes up to this one."""
        until = self.session.until
        if index is None and until:
            return
        self._list.pick(index)
        self._say_selected()
        if index is not None and until:
            self.session.show_until(index + 1)

    def _on_plan(self, plan: object) -> None:
        self.show_pipeline(self.session.pipeline)

    def show_pipeline(self, pipeline: Pipeline) -> None:
        """Show the steps."""
        before = self.selected
        self._list.show_steps(pipeline.steps)
        self._show_history()
        self._show_results()
        self._show_until()
        if self.selected != before:
            self._say_selected()

    def show_misfit(self, error: StepError) -> None:
        """Say on its card why a step does not fit the volumes."""
        card = self.card(error.index)
        if card is not None:
            card.set_misfit(error)

    def show_failure(self, job: RenderRequest, error: StepError) -> None:
        """Say on its card why a step failed on a volume."""
        card = self.card(error.index)
        if card is not None:
            card.set_failure(job.channel, error)
            for undone in self.cards[error.index :]:
                undone.time.setText("")
            self._failed_jobs[job.channel] = job

    def show_success(self, job: RenderRequest) -> None:
        """Forget what failed in a channel, if another volume of it is on screen now."""
        failed = self._failed_jobs.get(job.channel)
        if failed is not None and not job.same_as(failed):
            del self._failed_jobs[job.channel]
            for card in self.cards:
                card.set_failure(job.channel, None)

    def _show_history(self, *_: object) -> None:
        self.undo.setEnabled(self.session.can_undo)
        self.redo.setEnabled(self.session.can_redo)

    def _show_results(self, *_: object) -> None:
        """Show what each step makes of the data, or why it cannot; volumes are tried anew."""
        self._failed_jobs.clear()
        plan = self.session.plan
        misfit = plan.misfit if plan is not None else None
        for index, card in enumerate(self.cards):
            result = plan.result_of(index) if plan is not None else None
            card.clear_failures()
            card.set_misfit(misfit if misfit is not None and misfit.index == index else None)
            card.set_result(result.volume if result is not None else None)

    def _show_until(self) -> None:
        """Draw the steps paler that are not part of the picture."""
        until = self.session.until
        for index, card in enumerate(self.cards):
            card.set_dimmed(until is not None and index >= until)
        if until and self.selected != until - 1 and until <= len(self.cards):
            self._list.pick(until - 1)
            self._say_selected()

    def _say_selected(self) -> None:
        index = self.selected
        self.add.show_place(None if index is None else self.cards[index].step)
        self.selected_changed.emit(index)

    # ---- what the person does -------------------------------------------------------------

    def _on_made(self, card: StepCard) -> None:
        for make in self._actions.actions_for(card.step.kind):
            card.add_action(make(self._place(card)))

    def _place(self, card: StepCard) -> StepReference:
        """Where the step of a card stands."""
        return StepReference(
            self.session, lambda: self.cards.index(card) if card in self.cards else None
        )

    def _on_changed(self, index: int, step: Step) -> None:
        self.session.replace_step(index, step, self.cards[index].gesture)

    def _on_add(self, step_type: type[Step]) -> None:
        step = step_type()
        steps, selected = self.session.pipeline.steps, self.selected
        self._insert(usual_place(step, steps) if selected is None else selected + 1, step)

    def _on_duplicated(self, index: int) -> None:
        # Another object: the picture goes up to the one, and not to its twin.
        self._insert(index + 1, self.session.pipeline.steps[index].model_copy())

    def _insert(self, index: int, step: Step) -> None:
        """Put in a step, open, and ready for the keys."""
        steps = list(self.session.pipeline.steps)
        steps.insert(index, step)
        self._set(steps)
        self.cards[index].unfold.setChecked(True)
        self.cards[index].setFocus()

    def _on_removed(self, index: int) -> None:
        steps = list(self.session.pipeline.steps)
        del steps[index]
        self._set(steps)

    def _on_moved(self, index: int, target: int) -> None:
        steps = list(self.session.pipeline.steps)
        steps.insert(target, steps.pop(index))
        self._set(steps)

    def _set(self, steps: list[Step]) -> None:
        self.session.set_pipeline(Pipeline(steps))


def _tool(text: str, tooltip: str, keys: QKeySequence) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(text)
    button.setToolTip(f"{tooltip} ({keys.toString()})")
    return button
