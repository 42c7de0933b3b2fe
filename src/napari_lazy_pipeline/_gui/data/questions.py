"""Questions: what neither names nor metadata tell is asked, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_lazy_pipeline._gui.steps.card_frame import CardFrame
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.forms.number_box import NumberBox
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.io.metadata.claim import Question

_WORDS = {"stage": "Way of the stage", "perpendicular": "Perpendicular", "ZYX": "Yes, planes"}
_NO = {"axes": "No", "angle": "Not tilted", "step": "Not tilted"}


class Questions(QWidget):
    """Shows open questions, each with its answers as buttons."""

    answered = Signal(str, object)  # what it was about, and the answer

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Open questions")
        self.cards: dict[str, QuestionCard] = {}
        self._dismissed: set[str] = set()
        self._layout = column(parent=self)
        self.setVisible(False)

    def start(self) -> None:
        """Show dismissed questions again: other data are open."""
        self._dismissed.clear()

    def show_questions(self, questions: Sequence[Question]) -> bool:
        """Show these questions, but for those that were dismissed; return if one is new."""
        open_ = {question.about: question for question in questions}
        for about in list(self.cards):
            if about in self._dismissed or self.cards[about].question != open_.get(about):
                card = self.cards.pop(about)
                self._layout.removeWidget(card)
                card.hide()
                card.deleteLater()
        new = {k: q for k, q in open_.items() if k not in self.cards and k not in self._dismissed}
        self.cards.update((about, self._card(question)) for about, question in new.items())
        self.setVisible(bool(self.cards))
        return bool(new)

    def _card(self, question: Question) -> QuestionCard:
        card = QuestionCard(question)
        card.answered.connect(lambda answer: self.answered.emit(question.about, answer))
        card.dismissed.connect(lambda: self._dismiss(question))
        self._layout.addWidget(card)
        return card

    def _dismiss(self, question: Question) -> None:
        # Data that are not tilted have no step along a stage either.
        self._dismissed |= {"angle", "step"} if question.about in ("angle", "step") else set()
        self._dismissed.add(question.about)
        self.show_questions([card.question for card in self.cards.values()])


class QuestionCard(CardFrame):
    """A question with its answers."""

    answered = Signal(object)
    dismissed = Signal()  # it does not matter

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        # Marked like what is selected: it waits for an answer.
        self.set_selected(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.text = Sentence(question.text)
        self.buttons: list[QPushButton] = []
        self._row = row()
        column(self.text, self._row, parent=self, margins=(8, 3, 4, 4), spacing=2)
        self._add_answers()

    def _add_answers(self) -> None:
        if self.question.about == "angle":
            self.angle = NumberBox(step=0.1, empty="?")
            self.angle.set_number(None)
            self.angle.setAccessibleName("Angle (degree)")
            self.angle.setToolTip("Angle between light sheet and scan, often about 30")
            self.angle.without_arrows()
            self.angle.setMinimumWidth(70)
            self._row.addWidget(self.angle, 1)
            line = self.angle.lineEdit()
            assert line is not None
            line.returnPressed.connect(self._answer_angle)
            self._button("Set", "Use this angle", self._answer_angle)
        if self.question.about == "pattern":
            self._add_patterns()
            return
        for choice in self.question.choices:
            words = _WORDS.get(choice, choice)
            self._button(words, f"Answer: {words}", partial(self.answered.emit, choice))
        if self.question.about in _NO:
            words = _NO[self.question.about]
            self._button(words, f"Answer: {words}", self.dismissed.emit)
        if self.question.about != "angle":
            self._row.addStretch(1)

    def _answer_angle(self) -> None:
        # A button that is clicked does not take the focus everywhere.
        self.angle.interpretText()
        if self.angle.number() is not None:
            self.answered.emit(self.angle.number())

    def _add_patterns(self) -> None:
        """Add the patterns as a list: they are too long for buttons."""
        self.patterns = combo_box(self.question.text, "Patterns that may be meant")
        self.patterns.addItems(self.question.choices)
        self._row.addWidget(self.patterns, 1)
        text = self.patterns.currentText
        self._button("Use it", "Open with this pattern", lambda: self.answered.emit(text()))
        self._button("It is right", "The pattern in use is right", self.dismissed.emit)

    def _button(self, words: str, tooltip: str, on_click: Callable[[], object]) -> None:
        button = push_button(words, tooltip, on_click)
        button.setAccessibleName(f"{self.question.text} {words}")
        self.buttons.append(button)
        self._row.addWidget(button)
