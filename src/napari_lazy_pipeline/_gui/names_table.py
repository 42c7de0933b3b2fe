"""Names table: what a pattern reads off file names, a row for each field."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_lazy_pipeline.overview import FieldRow

_HEADS = ("Field", "Found", "Missing or extra")
_TALLEST = 8  # rows, before the table scrolls


class NamesTable(QTableWidget):
    """Shows rows of fields; texts that are too long are in the tooltips."""

    def __init__(self) -> None:
        super().__init__(0, len(_HEADS))
        self.setAccessibleName("What the pattern reads off the names")
        self.setHorizontalHeaderLabels(_HEADS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrap(False)
        # Tab leaves the table: it is to be read, not to be filled in.
        self.setTabKeyNavigation(False)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        rows.setVisible(False)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self._fit()

    def show_rows(self, rows: Sequence[FieldRow]) -> None:
        """Show other rows."""
        self.setRowCount(len(rows))
        for index, row in enumerate(rows):
            for column, (text, tooltip) in enumerate(_cells(row)):
                item = QTableWidgetItem(text)
                item.setToolTip(tooltip)
                self.setItem(index, column, item)
        self._fit()

    def _fit(self) -> None:
        """Be as tall as the rows are."""
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        shown = max(min(self.rowCount(), _TALLEST), 1)
        height = shown * rows.defaultSectionSize() + columns.sizeHint().height()
        self.setFixedHeight(height + 2 * self.frameWidth())


def _cells(row: FieldRow) -> tuple[tuple[str, str], ...]:
    """Text and tooltip of each cell of a row."""
    if row.field == "*":
        return ("no match", row.role), (f"{row.count} names", ""), (row.extra, row.extra)
    what = f"{row.field}: {row.role}" if row.role else row.field
    count = f"{row.values} ({row.count})" if row.count > 2 else row.values
    wanting = ", ".join(text for text in (row.missing, row.extra) if text)
    return (what, what), (count, f"{row.values}: {row.count} values"), (wanting, wanting)
