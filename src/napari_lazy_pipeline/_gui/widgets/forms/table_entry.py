"""Table entry: numbers in rows, one a time point say; cells are typed, copied and pasted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.widgets.forms.entries import Entry
from napari_lazy_pipeline._gui.widgets.forms.number_table import NumberTable
from napari_lazy_pipeline._gui.widgets.layout import column, small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, plain
from napari_lazy_pipeline.steps._per_channel import ChannelValues

Grid = list[list[float | None]]  # rows of cells; None where a channel has no value


class TableEntry(Entry):
    """Edits rows of numbers: tuples of tuples, a tuple of numbers, or one of these per channel.

    Options: ``columns``, the names of the members of a row; none where a row is one number.
    ``min`` and ``max``; ``first``, the numbers of a first row that is added; ``per_channel``,
    whether each channel may have numbers of its own.
    """

    def __init__(self, columns: Sequence[str] = (), **options: Any) -> None:
        self._columns = tuple(columns)
        self._value: Any = options.pop("value", ())
        low, high = options.pop("min", -math.inf), options.pop("max", math.inf)
        self._first = float(options.pop("first", 0))
        self._may_differ = options.pop("per_channel", False)
        options.pop("nullable", None)
        self._channels: tuple[str, ...] = ()
        self.table = NumberTable(low, high)
        self.summary = Elided(tooltip="How many rows of numbers there are, one a time point")
        self.add = small_button("+", "Add a row like the last one", "Add a row")
        self.take = small_button("\u2212", "Remove the last row", "Remove a row")
        self.switch = small_button("", "", "")
        self.rows = QWidget()
        column(self.table, parent=self.rows)
        super().__init__(self.summary, self.add, self.take, self.switch, **options)
        self.rows.setObjectName(self.native.objectName())
        name = str(options.get("name", "")).replace("_", " ")
        self.table.setAccessibleName(name)
        self.summary.setAccessibleName(f"{name}: rows")
        self.table.cells_edited.connect(self._on_cells)
        self.table.cell_refused.connect(self._on_refused)
        self.add.clicked.connect(lambda: self._edit([*self._grid(), self._next_row()]))
        self.take.clicked.connect(lambda: self._edit(self._grid()[:-1]))
        self.switch.clicked.connect(lambda: self.set_per_channel(not self.is_per_channel))
        self._show()

    def get_value(self) -> Any:
        return self._value

    def set_value(self, value: Any) -> None:
        if value != self._value:
            self._value = value
            self._show()
            self.changed.emit(value)

    def set_channels(self, names: Sequence[str]) -> None:
        """Offer columns for these channels, those of the data."""
        if self._may_differ and tuple(names) != self._channels:
            self._channels = tuple(names)
            self._show()

    @property
    def is_per_channel(self) -> bool:
        return isinstance(self._value, Mapping)

    @property
    def offered(self) -> bool:
        """Return whether one can choose between numbers for all channels, and for each."""
        return self._may_differ and (self.is_per_channel or len(self._channels) > 1)

    @property
    def choice(self) -> str:
        """The other way than the present one, in words."""
        return "One for all" if self.is_per_channel else "Per channel"

    def set_per_channel(self, on: bool) -> None:
        """Give each channel the numbers that all have; or all those of the first, as an edit."""
        first = next(iter(self._value.values())) if self.is_per_channel else self._value
        self.value = ChannelValues(dict.fromkeys(self._channels, first)) if on else first

    @property
    def _heads(self) -> tuple[str, ...]:
        if self.is_per_channel:
            return tuple(dict.fromkeys((*self._channels, *self._value)))
        return self._columns or ("all channels" if self._may_differ else "",)

    def _grid(self) -> Grid:
        """The value as rows of cells."""
        if not self.is_per_channel:
            return [list(row) if self._columns else [row] for row in self._value]
        series = [self._value.get(name, ()) for name in self._heads]
        count = max(map(len, series), default=0)
        return [[one[i] if i < len(one) else None for one in series] for i in range(count)]

    def _next_row(self) -> list[float | None]:
        grid = self._grid()
        return list(grid[-1]) if grid else [self._first] * len(self._heads)

    def _value_of(self, grid: Grid) -> Any:
        """The value of rows of cells; an empty one before others is what stands above it."""
        columns = [_filled([row[c] for row in grid]) for c in range(len(self._heads))]
        if self.is_per_channel:
            series = zip(self._heads, columns, strict=True)
            return ChannelValues({name: tuple(one) for name, one in series if one})
        if not self._columns:
            return tuple(columns[0])
        return tuple(zip(*columns, strict=True))

    def _edit(self, grid: Grid) -> None:
        self.value = self._value_of(grid)

    def _on_cells(self, cells: Mapping[tuple[int, int], float]) -> None:
        """Take over cells that were typed or pasted, perhaps below the last row."""
        grid, last = self._grid(), max(row for row, _ in cells)
        while len(grid) <= last:
            grid.append(list(grid[-1]) if grid else self._next_row())
        for (row, place), number in cells.items():
            grid[row][place] = number
        self._edit(grid)
        self._show()  # what was typed is shown as what it became

    def _on_refused(self, row: int, place: int, part: Any) -> None:
        grid = self._grid()
        if isinstance(part, float) and row < len(grid):
            grid[row][place] = part
        self._show()
        self.refused.emit(part, self._value_of(grid))

    def _show(self) -> None:
        grid = self._grid()
        self.table.show_cells(self._heads, grid)
        self.summary.setText(f"{len(grid)} row{'' if len(grid) == 1 else 's'}")
        self.take.setEnabled(bool(grid))
        self.switch.setVisible(self.offered)
        self.switch.setText("-" if self.is_per_channel else "≡")
        per_channel = "One column for all channels", "A column for each channel"
        self.switch.setToolTip(plain(per_channel[not self.is_per_channel]))
        self.switch.setAccessibleName(self.choice)


def _filled(cells: Sequence[float | None]) -> list[float]:
    """Numbers of a column as far as the last; an empty cell is what stands above, or below, it."""
    last = max((i for i, cell in enumerate(cells) if cell is not None), default=-1)
    numbers: list[float] = []
    for i, cell in enumerate(cells[: last + 1]):
        below = next((one for one in cells[i:] if one is not None), 0.0)
        numbers.append(cell if cell is not None else numbers[-1] if numbers else below)
    return numbers
