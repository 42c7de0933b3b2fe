"""Names table: what a pattern reads off file names, a row for each field."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_lazy_pipeline._gui.widgets.text import plain
from napari_lazy_pipeline.errors import printable
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.patterns.field_table import FieldRow

_HEADS = ("Field", "Found", "Missing, extra")
_MISSING = 86  # px
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
        columns.setMinimumSectionSize(30)
        columns.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        columns.resizeSection(2, _MISSING)
        self._fit()

    def show_rows(self, rows: Sequence[FieldRow]) -> None:
        """Show other rows."""
        self.setRowCount(len(rows))
        for index, row in enumerate(rows):
            for column, (text, tooltip) in enumerate(_cells(row)):
                item = QTableWidgetItem(printable(text))
                item.setToolTip(plain(printable(tooltip)))
                self.setItem(index, column, item)
        self._fit()

    def _fit(self) -> None:
        """Be as tall as the rows are."""
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        visible = max(min(self.rowCount(), _TALLEST), 1)
        height = visible * rows.defaultSectionSize() + columns.sizeHint().height()
        self.setFixedHeight(height + 2 * self.frameWidth())


def _cells(row: FieldRow) -> tuple[tuple[str, str], ...]:
    """Return text and tooltip of each cell of a row."""
    if row.field == "*":
        return (
            ("others", row.role),
            (f"{format_count(row.count, 'name')}", ""),
            (row.extra,) * 2,
        )
    tooltip = f"{{{row.field}}}: {row.role or 'only shown'}"
    count = f"{_ends(row.values)} ({row.count})" if row.count > 3 else row.values
    wanting = ", ".join(text for text in (row.missing, row.extra) if text)
    missing = f"missing: {row.missing}" if row.missing else ""
    return (
        (row.role or row.field, tooltip),
        (count, f"{row.values}: {format_count(row.count, 'value')}"),
        (wanting, "; ".join(text for text in (missing, row.extra) if text)),
    )


def _ends(values: str) -> str:
    """Return first and last of a list of values."""
    parts = re.split(r", | \.\.\. ", values)
    return f"{parts[0]} … {parts[-1]}"
