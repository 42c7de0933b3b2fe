"""Problems panel: what is wrong with single files or steps, folded to one line until wanted."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QListWidget, QListWidgetItem, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, row, tool_button
from napari_lazy_pipeline._gui.widgets.text import Sentence, plain
from napari_lazy_pipeline.errors import printable
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.quantity_text import format_count

# More are counted, and copied, but not listed: nobody reads them.
LISTED = 200
HEIGHT = 140  # pixel


class ProblemsPanel(QWidget):
    """Lists problems: where, what is wrong, what is done instead, and what a person can do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.problems: tuple[Problem, ...] = ()  # the oldest first
        self.unfold = tool_button("", "Show all problems", "Show all problems")
        self.unfold.setCheckable(True)
        self.unfold.setAutoRaise(True)
        self.unfold.toggled.connect(self._on_unfold)
        tooltip = "Copy all problems to the clipboard, one a line"
        self.copy = tool_button("Copy", tooltip, "Copy all problems")
        self.copy.clicked.connect(self._on_copy)
        self.newest = Sentence(error=True)
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setMaximumHeight(HEIGHT)
        self.list.setSpacing(2)
        self.list.setAccessibleName("Problems")
        self.list.setToolTip("Path, what is wrong, what was done, and what to do")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVisible(False)
        head = row(self.unfold, (QWidget(), 1), self.copy)
        column(head, self.newest, self.list, parent=self, margins=(6, 0, 4, 0), spacing=2)
        self.show_problems(())

    def text(self) -> str:
        """All that can be read without unfolding."""
        return f"{self.unfold.text()} {self.newest.text()}" if self.problems else ""

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """List problems, the newest last; hide if there are none."""
        self.problems = tuple(problems)
        self.setVisible(bool(problems))
        self.newest.setText(str(problems[-1]) if problems else "")
        self._on_unfold(self.unfold.isChecked())

    def _on_unfold(self, unfolded: bool) -> None:
        self.unfold.setText(
            f"{'▾' if unfolded else '▸'} {format_count(len(self.problems), 'problem')}"
        )
        self.list.setVisible(unfolded)
        self.newest.setVisible(not unfolded)
        self.list.clear()
        for problem in reversed(self.problems[-LISTED:] if unfolded else ()):
            text = "\n".join(filter(None, _columns(problem)))
            item = QListWidgetItem(text)
            item.setToolTip(plain(text))
            self.list.addItem(item)
        rest = len(self.problems) - LISTED
        if unfolded and rest > 0:
            self.list.addItem(f"… and {rest} before these: copy them to read them")

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join("\t".join(_columns(p)) for p in self.problems))


def _columns(problem: Problem) -> tuple[str, str, str, str]:
    where, what = printable(problem.where), printable(problem.what)
    return where, what, problem.done, problem.hint
