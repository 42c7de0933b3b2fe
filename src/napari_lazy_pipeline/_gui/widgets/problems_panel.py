"""Problems panel: what went wrong with single files or steps, folded to one line until wanted."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.image.problem_log import Problem

# More are counted, and copied, but not listed: nobody reads them.
LISTED = 200
HEIGHT = 140  # pixel


class ProblemsPanel(QWidget):
    """Lists problems: where, what is wrong, and what was done instead."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._problems: tuple[Problem, ...] = ()
        self.unfold = QToolButton()
        self.unfold.setCheckable(True)
        self.unfold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.unfold.setAutoRaise(True)
        self.unfold.setToolTip("Show all problems")
        self.unfold.setAccessibleName("Show all problems")
        self.unfold.toggled.connect(self._on_unfold)
        self.copy = QToolButton()
        self.copy.setText("Copy")
        self.copy.setToolTip("Copy all problems to the clipboard, one a line")
        self.copy.setAccessibleName("Copy all problems")
        self.copy.clicked.connect(self._on_copy)
        self.newest = Sentence(error=True)
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setMaximumHeight(HEIGHT)
        self.list.setSpacing(2)
        self.list.setAccessibleName("Problems")
        self.list.setToolTip("Path, what is wrong, and what was done")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVisible(False)
        self._build()
        self.show_problems(())

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.unfold)
        head.addStretch(1)
        head.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 4, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.newest)
        layout.addWidget(self.list)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is listed, the oldest first."""
        return self._problems

    def text(self) -> str:
        """All that can be read without unfolding."""
        return f"{self.unfold.text()} {self.newest.text()}" if self._problems else ""

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """List problems, the newest last; hide if there are none."""
        self._problems = tuple(problems)
        self.setVisible(bool(problems))
        self._say()
        self.newest.setText(_sentence(problems[-1]) if problems else "")
        if self.unfold.isChecked():
            self._fill()

    def _say(self) -> None:
        count = len(self._problems)
        arrow = "▾" if self.unfold.isChecked() else "▸"
        self.unfold.setText(f"{arrow} Problems: {count}")

    def _on_unfold(self, unfolded: bool) -> None:
        self._say()
        self.list.setVisible(unfolded)
        self.newest.setVisible(not unfolded)
        if unfolded:
            self._fill()

    def _fill(self) -> None:
        self.list.clear()
        for problem in reversed(self._problems[-LISTED:]):
            item = QListWidgetItem(f"{problem.where}\n{problem.what}; {problem.done}")
            item.setToolTip(f"{problem.where}\n{problem.what}\n{problem.done}")
            self.list.addItem(item)
        rest = len(self._problems) - LISTED
        if rest > 0:
            self.list.addItem(f"… and {rest} before these: copy them to read them")

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(f"{p.where}\t{p.what}\t{p.done}" for p in self._problems))


def _sentence(problem: Problem) -> str:
    return f"{problem.what} ({problem.where}); {problem.done}"
