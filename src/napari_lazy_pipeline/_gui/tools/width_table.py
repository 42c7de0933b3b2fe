"""Width table: how wide beads are along each axis, and how much they differ."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_lazy_pipeline._gui.widgets.text import INDENT
from napari_lazy_pipeline.psf.bead_average import BeadAverage

_HEADS = {
    "FWHM (µm)": "Full width at half maximum, by a Gaussian fit",
    "beads": "Median of the beads that are used",
    "±": "Robust standard deviation among the beads",
    "average": "Of the averaged PSF; larger than that of the beads where these were badly centred",
}


class WidthTable(QWidget):
    """A row an axis; hidden while there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(INDENT, 0, 0, 0)
        self._grid.setSpacing(2)
        self.rows: list[tuple[str, ...]] = []
        for column, (head, tooltip) in enumerate(_HEADS.items()):
            self._put(0, column, head).setToolTip(tooltip)
        self._cells = [[self._put(row, column, "") for column in range(4)] for row in (1, 2, 3)]
        self.setVisible(False)

    def show_widths(self, made: BeadAverage | None) -> None:
        """Show the widths of other beads."""
        self.rows = []
        if made is not None:
            widths = ("" if one is None else f"{one:.3f}" for one in made.average_width)
            self.rows = [(*row, average) for row, average in zip(made.table(), widths, strict=True)]
        for cells, row in zip(self._cells, self.rows, strict=False):
            for cell, text in zip(cells, row, strict=True):
                cell.setText(text)
        texts = (f"{axis}: {width} ± {spread}" for axis, width, spread, _ in self.rows)
        self.setAccessibleDescription(", ".join(texts))
        self.setVisible(bool(self.rows))

    def _put(self, row: int, column: int, text: str) -> QLabel:
        label = QLabel(text)
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        self._grid.addWidget(label, row, column, right if column else left)
        return label
