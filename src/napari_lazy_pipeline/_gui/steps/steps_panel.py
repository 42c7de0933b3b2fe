"""Steps panel: the list of steps; add, remove, duplicate, reorder."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.steps.add_step import AddStep, usual_place
from napari_lazy_pipeline._gui.steps.card_list import CardList
from napari_lazy_pipeline._gui.steps.card_tools import CardTools, MakeTool, StepReference
from napari_lazy_pipeline._gui.steps.step_card import StepCard
from napari_lazy_pipeline._gui.steps.step_remarks import caution, told, waits_for
from napari_lazy_pipeline._gui.widgets.layout import column, row
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps._base import Step


class StepsPanel(QWidget):
    """Edits the steps of a session."""

    selected_changed = Signal(object)  # another step is selected; None: none is
    trial_requested = Signal(object)  # Parameter whose values are to be tried

    def __init__(self, session: Session, tools: CardTools = lambda kind: ()) -> None:
        super().__init__()
        self.session = session
        self._tools = tools
        self._failed_requests: dict[int, RenderRequest] = {}
        self.add = AddStep()
        self.add.requested.connect(self._on_add)
        self._buttons = row((self.add, 1))
        self.list = CardList(session, before=self.add)
        self.list.card_made.connect(self._on_card_made)
        self.list.select_requested.connect(self.select)
        self._column = column(self._buttons, self.list, parent=self, spacing=6)
        self._show_steps()
        session.plan_changed.connect(self._show_steps)
        session.view_changed.connect(self._show_until)

    def add_button(self, button: QWidget, below: QWidget) -> None:
        """Put another way to add a step beside the button for it, and what it asks below."""
        self._buttons.addWidget(button, 1)
        self.list.before = button
        self._column.insertWidget(1, below)

    @property
    def cards(self) -> list[StepCard]:
        return self.list.cards

    @property
    def selected(self) -> int | None:
        return self.list.selected

    def card(self, index: int) -> StepCard | None:
        """The card of a step; None for reading the file, or if it is gone."""
        return self.cards[index] if 0 <= index < len(self.cards) else None

    def select(self, index: int | None) -> None:
        """Select a step; if the picture goes up to a step, it now goes up to this one."""
        until = self.session.until
        if index is None and until:
            return
        self.list.mark_selected(index)
        self._show_selected()
        if index is not None and until:
            self.session.show_until(index + 1)

    def _show_steps(self, *_: object) -> None:
        before = self.selected
        self.list.show_steps(self.session.pipeline.steps)
        self._show_results()
        self._show_until()
        if self.selected != before:
            self._show_selected()

    def show_failure(self, request: RenderRequest, error: StepError) -> None:
        """Say on its card why a step failed on a volume."""
        card = self.card(error.index)
        if card is not None:
            card.set_failure(request.channel, error)
            for undone in self.cards[error.index :]:
                undone.time.setText("")
            self._failed_requests[request.channel] = request

    def show_success(self, request: RenderRequest) -> None:
        """Forget what failed in a channel, if another volume of it is on screen now."""
        remarks = told(request.source, request.t)
        for index, card in enumerate(self.cards):
            # Files that were read for the picture may have shown what speaks against them.
            texts = caution(self.session, index), remarks.get(index, "")
            card.set_caution("\n".join(filter(None, texts)))
        failed = self._failed_requests.get(request.channel)
        if failed is not None and not request.same_as(failed):
            del self._failed_requests[request.channel]
            for card in self.cards:
                card.set_failure(request.channel, None)

    def _show_results(self) -> None:
        """Show what each step makes of the data, or why it cannot; volumes are tried anew."""
        self._failed_requests.clear()
        plan = self.session.plan
        misfit = plan.misfit if plan is not None else None
        for index, card in enumerate(self.cards):
            result = plan.result_of(index) if plan is not None else None
            before = plan.spec_before(index) if plan is not None else None
            if before is not None:
                card.set_channels(before.channels)
            card.clear_failures()
            card.set_misfit(misfit if misfit is not None and misfit.index == index else None)
            card.set_waiting(waits_for(self.session, index))
            card.set_caution(caution(self.session, index))
            card.set_result(result, before)

    def _show_until(self) -> None:
        """Draw the steps paler that are not part of the picture."""
        until = self.session.until
        for index, card in enumerate(self.cards):
            card.set_dimmed(until is not None and index >= until)
        if until and self.selected != until - 1 and until <= len(self.cards):
            self.list.mark_selected(until - 1)
            self._show_selected()

    def _show_selected(self) -> None:
        index = self.selected
        self.add.show_place(None if index is None else self.cards[index].step)
        self.selected_changed.emit(index)

    def _on_card_made(self, card: StepCard) -> None:
        """Add the tools below the form; those that also work while it is folded, at once."""
        tools = [*self._tools(card.step.kind)]
        card.body_made.connect(partial(self._add_tools, card, tools))
        card.trial_requested.connect(partial(self._on_trial, card))
        if any(getattr(make, "works_folded", False) for make in tools):
            card.make_body()

    def _on_trial(self, card: StepCard, field: str, channel: str) -> None:
        self.trial_requested.emit(Parameter(self.cards.index(card), field, channel))

    def _add_tools(self, card: StepCard, tools: list[MakeTool]) -> None:
        def find() -> int | None:
            return self.cards.index(card) if card in self.cards else None

        for make in tools:
            card.add_tool(make(StepReference(self.session, find, card.form)))

    def _on_add(self, step_type: type[Step]) -> None:
        step, steps, selected = step_type(), self.session.pipeline.steps, self.selected
        place = usual_place(step, steps) if selected is None else selected + 1
        self.list.insert(place, step)
