"""Steps panel: the list of steps; add, remove, reorder, undo and redo."""

from __future__ import annotations

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.step_actions import StepActions, StepPlace
from napari_lazy_pipeline._gui.step_card import StepCard
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.pipeline import Pipeline
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.step import Step, step_types


class StepsPanel(QWidget):
    """Edits the steps of a session."""

    def __init__(
        self,
        session: Session,
        actions: StepActions | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._actions = actions or StepActions()
        self.cards: list[StepCard] = []
        self._build()
        self.show_pipeline(session.pipeline)
        session.pipeline_changed.connect(self.show_pipeline)
        session.stack_changed.connect(self._show_results)

    def close_session(self) -> None:
        """Let go of the session."""
        self.session.pipeline_changed.disconnect(self.show_pipeline)
        self.session.stack_changed.disconnect(self._show_results)

    def _build(self) -> None:
        self.add = QPushButton("Add step")
        self.add.setToolTip("Add a step at the end")
        menu = QMenu(self.add)
        menu.setToolTipsVisible(True)
        for step_type in step_types().values():
            action = menu.addAction(f"{step_type.title}: {step_type.summary}")
            action.triggered.connect(lambda _=False, kind=step_type: self._on_add(kind))
        self.add.setMenu(menu)
        self.undo = self._tool("Undo", "Take the last change back", self.session.undo, "Undo")
        self.redo = self._tool("Redo", "Make the change again", self.session.redo, "Redo")
        row = QHBoxLayout()
        row.addWidget(self.add, 1)
        row.addWidget(self.undo)
        row.addWidget(self.redo)
        self._list = QVBoxLayout()
        self._list.setSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addLayout(self._list)

    def _tool(self, text: str, tooltip: str, action: object, key: str) -> QToolButton:
        button = QToolButton()
        sequence = QKeySequence(getattr(QKeySequence.StandardKey, key))
        button.setText(text)
        button.setToolTip(f"{tooltip} ({sequence.toString()})")
        button.clicked.connect(lambda: action())  # type: ignore[operator]
        return button

    def show_pipeline(self, pipeline: Pipeline) -> None:
        """Show the steps; cards are kept where the kind of the step is the same."""
        kinds = [step.kind for step in pipeline.steps]
        if kinds != [card.step.kind for card in self.cards]:
            self._rebuild(pipeline)
        for card, step in zip(self.cards, pipeline.steps, strict=True):
            card.set_step(step)
        self.undo.setEnabled(self.session.can_undo)
        self.redo.setEnabled(self.session.can_redo)
        self._show_results()

    def show_misfit(self, error: StepError) -> None:
        """Turn the card of a step red."""
        if 0 <= error.index < len(self.cards):
            self.cards[error.index].set_error(str(error))

    def clear_errors(self) -> None:
        """Take all red away."""
        for card in self.cards:
            card.set_error("")

    def card(self, index: int) -> StepCard | None:
        """The card of a step; None for reading the file, or if it is gone."""
        return self.cards[index] if 0 <= index < len(self.cards) else None

    def _rebuild(self, pipeline: Pipeline) -> None:
        for card in self.cards:
            self._list.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [StepCard(step) for step in pipeline.steps]
        for card in self.cards:
            self._list.addWidget(card)
            card.changed.connect(lambda step, card=card: self._on_changed(card, step))
            card.removed.connect(lambda card=card: self._on_removed(card))
            card.moved.connect(lambda by, card=card: self._on_moved(card, by))
            for make in self._actions.actions_for(card.step.kind):
                card.add_action(make(self._place(card)))

    def _place(self, card: StepCard) -> StepPlace:
        """Where the step of a card stands."""
        return StepPlace(
            self.session, lambda: self.cards.index(card) if card in self.cards else None
        )

    def _show_results(self, *_: object) -> None:
        """Show what each step makes of the data, or why it cannot."""
        self.clear_errors()
        if self.session.stack is None:
            return
        spec = self.session.stack.spec
        pipeline = self.session.pipeline
        try:
            specs = pipeline.specs(spec)
        except StepError as error:
            self.show_misfit(error)
            return
        for card, step, after in zip(self.cards, pipeline.steps, specs, strict=True):
            card.set_result(after if step.enabled else None)

    def _on_changed(self, card: StepCard, step: Step) -> None:
        self.session.replace_step(self.cards.index(card), step)

    def _on_add(self, step_type: type[Step]) -> None:
        step = step_type()  # type: ignore[call-arg]
        self.session.set_pipeline(
            self.session.pipeline.with_steps([*self.session.pipeline.steps, step])
        )

    def _on_removed(self, card: StepCard) -> None:
        steps = list(self.session.pipeline.steps)
        del steps[self.cards.index(card)]
        self.session.set_pipeline(self.session.pipeline.with_steps(steps))

    def _on_moved(self, card: StepCard, by: int) -> None:
        steps = list(self.session.pipeline.steps)
        index = self.cards.index(card)
        if 0 <= index + by < len(steps):
            steps.insert(index + by, steps.pop(index))
            self.session.set_pipeline(self.session.pipeline.with_steps(steps))
