"""Problems panel: what went wrong with single files or steps, folded to one line until wanted."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QListWidget, QListWidgetItem, QToolButton, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, row
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
        self.unfold = _button("Show all problems")
        self.unfold.setCheckable(True)
        self.unfold.setAutoRaise(True)
        self.unfold.toggled.connect(self._on_unfold)
        self.copy = _button("Copy all problems to the clipboard, one a line")
        self.copy.setText("Copy")
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
        head = row(self.unfold)
        head.addStretch(1)
        head.addWidget(self.copy)
        column(head, self.newest, self.list, parent=self, margins=(6, 0, 4, 0), spacing=2)
        self.show_problems(())

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
        self.newest.setText(_sentence(problems[-1]) if problems else "")
        self._on_unfold(self.unfold.isChecked())

    def _on_unfold(self, unfolded: bool) -> None:
        self.unfold.setText(f"{'▾' if unfolded else '▸'} Problems: {len(self._problems)}")
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


def _button(tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setToolTip(tooltip)
    button.setAccessibleName(tooltip.partition(" to ")[0])
    return button


def _sentence(problem: Problem) -> str:
    return f"{problem.what} ({problem.where}); {problem.done}"
