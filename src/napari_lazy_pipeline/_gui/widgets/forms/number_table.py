"""Number table: cells that are typed, copied, pasted, or taken from their neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QHeaderView, QTableWidget, QTableWidgetItem

from napari_lazy_pipeline._gui.widgets.forms.number_text import read_number
from napari_lazy_pipeline._gui.widgets.text import plain

_TALLEST = 6  # rows, before the table scrolls
_TOOLTIP = (
    "Rows count from 0. Type over a number, or paste rows from a spreadsheet (Ctrl+V); "
    "Ctrl+C copies, Del takes what lies between the rows above and below"
)
# Of what is no decimal comma: one with a space after it, or before a number with a point.
_SEPARATOR = re.compile(r"[;\s]+|,\s+|,(?=[^,;\s]*\.)")
_Standard = QKeySequence.StandardKey


class NumberTable(QTableWidget):
    """Shows rows of numbers, and tells which the person entered; it does not keep them itself."""

    cells_edited = Signal(object)  # numbers by row and column
    cell_refused = Signal(int, int, object)  # row, column, and the number or text

    def __init__(self, low: float, high: float) -> None:
        super().__init__(0, 0)
        self._low, self._high = low, high
        self.setToolTip(plain(_TOOLTIP))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)  # Tab goes on to what is below
        rows, columns = self._headers
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        columns.setMinimumSectionSize(30)
        self.cellChanged.connect(self._on_typed)

    @property
    def _headers(self) -> tuple[QHeaderView, QHeaderView]:
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        return rows, columns

    def show_cells(self, heads: Sequence[str], cells: Sequence[Sequence[float | None]]) -> None:
        """Show other numbers, below these names of columns."""
        with QSignalBlocker(self):
            self.setColumnCount(len(heads))
            self.setHorizontalHeaderLabels(list(heads))
            self._headers[1].setVisible(any(heads))
            self.setRowCount(len(cells))
            self.setVerticalHeaderLabels([str(row) for row in range(len(cells))])
            for row, numbers in enumerate(cells):
                for place, number in enumerate(numbers):
                    text = "" if number is None else f"{number:.6g}"
                    item = self.item(row, place)
                    if item is None:
                        self.setItem(row, place, QTableWidgetItem(text))
                    else:
                        item.setText(text)
        self._fit()

    def text(self, row: int, place: int) -> str:
        item = self.item(row, place)
        return item.text() if item is not None else ""

    def paste(self, text: str) -> None:
        """Take numbers over from a spreadsheet, from the current cell on."""
        start = max(self.currentRow(), 0), max(self.currentColumn(), 0)
        cells = dict[tuple[int, int], float]()
        for (row, place), part in _pasted(text):
            where = start[0] + row, start[1] + place
            number = read_number(part)
            if number is None and not row:
                continue  # names of columns
            if number is None or not self._low <= number <= self._high:
                self.cell_refused.emit(*where, part if number is None else number)
                return
            if where[1] < self.columnCount():
                cells[where] = number
        if cells:
            first = min(row for row, _ in cells) - start[0]  # a row of names is left out
            self.cells_edited.emit({(r - first, c): number for (r, c), number in cells.items()})

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(_Standard.Paste):
            self.paste(QApplication.clipboard().text())
        elif event.matches(_Standard.Copy):
            QApplication.clipboard().setText(self._copied())
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._take_from_neighbours()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: Any) -> None:
        """Scroll what the table is part of, as long as nobody works in the table."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _copied(self) -> str:
        """The numbers that are selected, or all, as a spreadsheet takes them."""
        places = sorted((index.row(), index.column()) for index in self.selectedIndexes())
        if len(places) < 2:
            places = [(r, c) for r in range(self.rowCount()) for c in range(self.columnCount())]
        rows: dict[int, list[str]] = {}
        for row, place in places:
            rows.setdefault(row, []).append(self.text(row, place))
        return "\n".join("\t".join(parts) for parts in rows.values())

    def _take_from_neighbours(self) -> None:
        """Give the selected cells what lies between the nearest that are not selected."""
        chosen = {(index.row(), index.column()) for index in self.selectedIndexes()}
        cells: dict[tuple[int, int], float] = {}
        for row, place in chosen:
            known = {
                r: number
                for r in range(self.rowCount())
                if (r, place) not in chosen
                and (number := read_number(self.text(r, place))) is not None
            }
            above = max((r for r in known if r < row), default=None)
            below = min((r for r in known if r > row), default=None)
            ends = [r for r in (above, below) if r is not None]
            if len(ends) == 2:
                part = (row - ends[0]) / (ends[1] - ends[0])
                cells[row, place] = (1 - part) * known[ends[0]] + part * known[ends[1]]
            elif ends:
                cells[row, place] = known[ends[0]]
        if cells:
            self.cells_edited.emit(cells)

    def _on_typed(self, row: int, place: int) -> None:
        text = self.text(row, place).strip()
        number = read_number(text)
        if number is None or not self._low <= number <= self._high:
            self.cell_refused.emit(row, place, text if number is None else number)
        else:
            self.cells_edited.emit({(row, place): number})

    def _fit(self) -> None:
        """Be as tall as the rows are, up to a few."""
        rows, columns = self._headers
        visible = min(self.rowCount(), _TALLEST)
        head = 0 if columns.isHidden() else columns.sizeHint().height()
        self.setFixedHeight(visible * rows.defaultSectionSize() + head + 2 * self.frameWidth())
        self.setVisible(visible > 0)


def _pasted(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Row, column and text of each cell of a table that was copied elsewhere."""
    for row, line in enumerate(line for line in text.splitlines() if line.strip()):
        parts = line.split("\t") if "\t" in line else _SEPARATOR.split(line.strip())
        for place, part in enumerate(parts):
            if part.strip():
                yield (row, place), part.strip()
