"""Questions: what neither names nor metadata tell is asked, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QIcon, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_lazy_pipeline._gui.steps.card_frame import ACCENT, CardFrame
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.forms.number_box import NumberBox
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.io.metadata.claim import Question

_WORDS = {
    "stage": "Along the stage",
    "perpendicular": "Perpendicular",
    "ZYX": "Yes, planes",
    "use": "Use these",
}
_NO = {"axes": "No", "angle": "Not oblique", "step": "Not oblique", "offer": "No"}
_NUMBERS = {  # unit, step and tooltip of what is asked for as a number
    "angle": ("°", 0.1, "Angle of the light sheet to the scan, often about 30"),
    "z step": ("µm", 0.01, "Distance of two planes, as the microscope recorded it"),
    "pixel size": ("µm", 0.01, "Size of a pixel in the sample"),
}


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
        if question.about in ("angle", "step"):
            self.answered.emit("angle", 0.0)  # not oblique: the z step is along no stage either
            return
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
        self.numbers: dict[str, NumberBox] = {}
        self._row = row()
        self._layout = column(self.text, self._row, parent=self, margins=(8, 3, 4, 4), spacing=2)
        self._add_answers()

    def _add_answers(self) -> None:
        about = self.question.about
        if about == "pattern":
            self._add_list("Patterns that may be meant", "The pattern in use is right")
            return
        if about == "axes" and len(self.question.choices) > 1:
            self._add_list("What the pages of a file may be", "The axes in use are right")
            return
        if about == "voxel_size":
            self._add_numbers(self.question.choices)
        elif about == "angle":
            self._add_numbers(("angle",))
        else:
            for choice in self.question.choices:
                words = _WORDS.get(choice, choice)
                self._button(words, f"Answer: {words}", partial(self.answered.emit, choice))
        if about == "step":
            for button, kind in zip(self.buttons, self.question.choices, strict=True):
                button.setIcon(step_drawing(button, kind))
            self._row = row()  # all three are too wide for one
            self._layout.addLayout(self._row)
        if about in _NO:
            words = _NO[about]
            self._button(words, f"Answer: {words}", self.dismissed.emit)
        self._row.addStretch(1)

    def _add_numbers(self, names: Sequence[str]) -> None:
        """Ask for numbers, and take them all at once."""
        for name in names:
            unit, step, tooltip = _NUMBERS[name]
            box = self.numbers[name] = NumberBox(
                step=step, empty="", low=0 if unit == "µm" else -179
            )
            box.set_number(None)
            box.setAccessibleName(f"{name} ({unit})".capitalize())
            box.setToolTip(tooltip)
            box.without_arrows()
            box.setMinimumWidth(56)
            line = box.lineEdit()
            assert line is not None
            line.returnPressed.connect(self._answer_numbers)
            if len(names) > 1:
                self._row.addWidget(QLabel(name.removesuffix(" size")))
            self._row.addWidget(box, 1)
            self._row.addWidget(QLabel(unit))
        self._button("Set", "Use what was entered", self._answer_numbers)

    def _answer_numbers(self) -> None:
        """Answer with what was entered; what is left empty stays unknown."""
        # A button that is clicked does not take the focus everywhere.
        for box in self.numbers.values():
            box.interpretText()
        values = {name: box.number() or None for name, box in self.numbers.items()}
        if not any(values.values()):
            next(iter(self.numbers.values())).setFocus()
        elif self.question.about == "angle":
            self.answered.emit(values["angle"])
        else:
            pixel = values.get("pixel size")
            self.answered.emit((values.get("z step"), pixel, pixel))

    def _add_list(self, tooltip: str, correct: str) -> None:
        """Add the answers as a list: they are too long for buttons."""
        self.list = combo_box(self.question.text, tooltip)
        words = self.question.words or self.question.choices
        for text, choice in zip(words, self.question.choices, strict=True):
            self.list.addItem(text, choice)
        self._row.addWidget(self.list, 1)
        self._button(
            "Use this", "Open with this answer", lambda: self.answered.emit(self.list.currentData())
        )
        self._button("Correct", correct, self.dismissed.emit)

    def _button(self, words: str, tooltip: str, on_click: Callable[[], object]) -> None:
        button = push_button(words, tooltip, on_click)
        button.setAccessibleName(f"{self.question.text} {words}")
        self.buttons.append(button)
        self._row.addWidget(button)


def step_drawing(widget: QWidget, kind: str) -> QIcon:
    """Three slanted planes, and an arrow from one to the next: along the stage, or across them."""
    pixmap = QPixmap(40, 20)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    text = widget.palette().color(QPalette.ColorRole.ButtonText)
    painter.setPen(QPen(text, 1))
    for x in (2, 14, 26):
        painter.drawLine(QPointF(x, 18), QPointF(x + 10, 2))
    painter.setPen(QPen(ACCENT, 2))
    start = QPointF(7, 10)
    end = QPointF(19, 10) if kind == "stage" else QPointF(15.6, 15.4)
    painter.drawLine(start, end)
    painter.setBrush(ACCENT)
    painter.drawEllipse(end, 2, 2)
    painter.end()
    return QIcon(pixmap)
