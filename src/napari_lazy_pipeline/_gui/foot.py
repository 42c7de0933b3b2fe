"""Foot: what stays in sight below the sections: undo, recipes, the export, status and problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFrame, QWidget

from napari_lazy_pipeline._gui.save.save_bar import SaveBar
from napari_lazy_pipeline._gui.widgets.layout import column, row, small_button, tool_button
from napari_lazy_pipeline._gui.widgets.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.widgets.text import Elided, Sentence, error_style
from napari_lazy_pipeline._gui.widgets.undo_keys import REDO, UNDO
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.session import Session

_LINE = 24  # px


class CountedProblems(ProblemsPanel):
    """A list of problems that is hidden until its button is pressed."""

    def __init__(self) -> None:
        self.button = tool_button("", "Show or hide the problems", "Problems")
        self.button.setCheckable(True)
        super().__init__()
        self.button.toggled.connect(self.unfold.setChecked)
        self.unfold.toggled.connect(self.button.setChecked)
        self.unfold.toggled.connect(lambda _: self._show_count())

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """List problems, the newest last."""
        super().show_problems(problems)
        self._show_count()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.button.setStyleSheet(error_style(self))

    def _show_count(self) -> None:
        count = len(self.problems)
        self.button.setText(format_count(count, "problem"))
        self.button.setVisible(count > 0)
        self.setVisible(count > 0 and self.unfold.isChecked())


class Remark(QWidget):
    """What was fitted to other data, or taken from a recipe: in sight until it has been read."""

    def __init__(self) -> None:
        super().__init__()
        self._sentence = Sentence()
        self.dismiss = small_button("✕", "Hide this remark", "Hide the remark")
        self.dismiss.clicked.connect(lambda: self.say(""))
        line = row((self._sentence, 1), self.dismiss, parent=self)
        line.setAlignment(self.dismiss, Qt.AlignmentFlag.AlignTop)
        self.say("")

    def text(self) -> str:
        return self._sentence.text()

    def say(self, text: str) -> None:
        """Show a remark instead of the one before; hide if there is none."""
        self._sentence.setText(text)
        self.setVisible(bool(text))


class Foot(QWidget):
    """Stands below the sections; what it has to say in more than a line grows upwards."""

    def __init__(self, session: Session, save: SaveBar) -> None:
        super().__init__()
        self._session, self._save = session, save
        keys = UNDO.toString(), REDO.toString()
        self.undo = tool_button("↶", f"Undo: take the last change back ({keys[0]})", "Undo")
        self.redo = tool_button("↷", f"Redo: make the change again ({keys[1]})", "Redo")
        self.undo.clicked.connect(lambda: session.undo())
        self.redo.clicked.connect(lambda: session.redo())
        self.problems = CountedProblems()
        self.status, self.note, self.remark = Elided(), Elided(), Remark()
        self.say("")
        for part in (
            self.status,
            self.note,
            self.problems.button,
        ):  # each may be empty, and the row stays
            part.setFixedHeight(_LINE)
        for button in (self.undo, self.redo):
            button.setStyleSheet("padding: 0px; font-size: 15pt;")
            button.setFixedSize(24, 26)
        rim = QFrame()
        rim.setFixedHeight(1)
        rim.setStyleSheet("background-color: rgba(128, 128, 128, 110);")
        tools = row(self.undo, self.redo, (save, 1))
        state = row((self.status, 1), self.note, self.problems.button)
        column(
            rim, self.remark, self.problems, save.error, tools, state,
            parent=self, margins=(4, 0, 4, 4), spacing=4,
        )  # fmt: skip
        session.plan_changed.connect(self._show_session)
        session.stack_changed.connect(self._show_session)
        session.view_changed.connect(self._show_session)
        self._show_session()

    def say(self, note: str, meaning: str = "") -> None:
        """Note beside the status what goes on; hide that if there is nothing."""
        self.note.setText(note)
        self.note.set_tooltip(meaning)
        self.note.setVisible(bool(note))

    def _show_session(self, *_: object) -> None:
        self.undo.setEnabled(self._session.can_undo)
        self.redo.setEnabled(self._session.can_redo)
        self._save.show_data(self._session.stack is not None)
