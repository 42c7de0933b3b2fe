"""Trial panel: the values that are tried, and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_lazy_pipeline._gui.side_by_side.swept_field import SweptField
from napari_lazy_pipeline._gui.side_by_side.tile_view import TileView
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence

_HINT = (
    "Click a picture to take its value. Drag to move; wheel, + and - to enlarge; Home "
    "to see all; arrow keys and Enter; Esc goes back"
)
_VALUES = "Values as 5, 10, 20, or ranges as 5..20 step 5 or 0:50:10; Enter shows them"
_LIMIT = "Up to nine pictures, up to three by three"


class TrialPanel(QWidget):
    """Asks for the values of one field or of two, and shows what each makes."""

    values_edited = Signal()  # other values are wanted
    side_changed = Signal()  # the pictures are wanted from the side, or no longer
    second_changed = Signal(int)  # which other field is tried, too; -1: none
    taken = Signal(int)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Try values")
        self.title = QLabel()
        self.first, self.second = self._line("Values"), self._line("Values of the second field")
        self.other = combo_box("Second field", f"Try another field with it: a table. {_LIMIT}")
        self.side = push_button(
            "x-z", "Show the row in the middle of the picture from the side", checkable=True
        )
        self.back = push_button("Back", "Go back to how it was (Esc)", self.closed.emit)
        self.error, self.hint = Sentence(error=True), Sentence(_HINT)
        self.tiles = TileView("Pictures for each value")
        self.error.say("")
        column(
            row(self.title, (self.first, 1), self.side, self.back),
            row((self.other, 1), (self.second, 1)),
            self.error, (self.tiles, 1), self.hint,
            parent=self, margins=(6, 6, 6, 4), spacing=4,
        )  # fmt: skip
        self.tiles.chosen.connect(self.taken)
        self.tiles.closed.connect(self.closed)
        self.side.toggled.connect(lambda _: self.side_changed.emit())
        self.other.currentIndexChanged.connect(lambda index: self.second_changed.emit(index - 1))

    def begin(self, field: SweptField, values: str, others: Sequence[SweptField]) -> None:
        """Show values of a field, or propose some; and other fields to be tried with it."""
        self.title.setText(f"Try {field.title}")
        self.first.setText(values or field.proposal())
        with QSignalBlocker(self.side):
            # In x-y, one angle looks like another.
            self.side.setChecked(field.step.scan() is not None)
        with QSignalBlocker(self.other):
            self.other.clear()
            self.other.addItems(["one field", *(f"and {other.title}" for other in others)])
        self.second.hide()

    def propose(self, field: SweptField, second: SweptField | None) -> None:
        """Propose values for one field, or fewer of each for two."""
        self.second.setVisible(second is not None)
        self.first.setText(field.proposal(of_two=second is not None))
        self.second.setText(second.proposal(of_two=True) if second is not None else "")
        self.second.setCursorPosition(0)

    def paintEvent(self, event: Any) -> None:
        """Hide the picture underneath."""
        QPainter(self).fillRect(self.rect(), self.palette().window())

    def keyPressEvent(self, event: Any) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _line(self, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setAccessibleName(name)
        line.setToolTip(f"{_VALUES}. {_LIMIT}")
        line.returnPressed.connect(self.values_edited)
        return line
