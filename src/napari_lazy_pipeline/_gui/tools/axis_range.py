"""Axis range: from which plane to which, with a slider and in numbers, and what that is in µm."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSpinBox, QWidget
from superqt import QRangeSlider

from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.session.crop_box import Range, extents

_REST = 250  # ms without a change before it counts: a drag is one edit


class AxisRange(QWidget):
    """Asks for the first and the last plane, row or column."""

    edited = Signal()  # the person chose another range, and has come to rest

    def __init__(self) -> None:
        super().__init__()
        self._loading = False
        self.axis = 0
        self._spec: VolumeSpec | None = None
        self.title = QLabel()
        self.first, self.last = QSpinBox(), QSpinBox()
        self.slider: Any = QRangeSlider(Qt.Orientation.Horizontal)
        self.extent = QLabel()
        for box in (self.first, self.last):
            box.setKeyboardTracking(False)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setColumnStretch(1, 1)
        layout.setColumnStretch(3, 1)
        for column, widget in enumerate((self.title, self.first, QLabel("to"), self.last)):
            layout.addWidget(widget, 0, column)
        layout.addWidget(self.slider, 1, 0, 1, 4)
        layout.addWidget(self.extent, 2, 0, 1, 4)
        # The end that is changed takes the other one along.
        self.first.valueChanged.connect(lambda v: self._on_edit(v, max(v, self.last.value())))
        self.last.valueChanged.connect(lambda v: self._on_edit(min(v, self.first.value()), v))
        self.slider.valueChanged.connect(lambda ends: self._on_edit(*map(round, ends)))
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self.edited)

    def show_axis(self, axis: int, spec: VolumeSpec, bounds: Range = (0, 0)) -> None:
        """Show a range of z, y or x (0, 1, 2); (0, 0) is all of it."""
        self.axis, self._spec = axis, spec
        length = spec.shape[axis]
        title = ("Planes", "Rows", "Columns")[axis]
        self.title.setText("zyx"[axis])
        what = title.lower().removesuffix("s")
        for box, which in ((self.first, "First"), (self.last, "Last")):
            box.setToolTip(f"{which} {what} that is kept, counted from 0")
            box.setAccessibleName(f"{which} {what}")
        self.slider.setToolTip(f"{title} that are kept")
        self.slider.setAccessibleName(f"Range of {title.lower()}")
        start, stop = bounds
        self._show(start, (min(stop, length) if stop else length) - 1)

    @property
    def bounds(self) -> Range:
        """(start, stop) as a crop counts them; (0, 0) if all is kept."""
        first, stop = self.first.value(), self.last.value() + 1
        whole = self._spec is None or (first, stop) == (0, self._spec.shape[self.axis])
        return (0, 0) if whole else (first, stop)

    def _show(self, first: int, last: int) -> None:
        assert self._spec is not None
        end = self._spec.shape[self.axis] - 1
        self._loading = True
        for box, value in ((self.first, first), (self.last, last)):
            box.setRange(0, end)
            box.setValue(value)
        self.slider.setRange(0, max(end, 1))
        self.slider.setEnabled(end > 0)
        self.slider.setValue((first, last))
        self._loading = False
        ranges: list[Range] = [(0, 0)] * 3
        ranges[self.axis] = (first, last + 1)
        low, high = extents(self._spec, ranges)[self.axis]
        self.extent.setText(f"{last - first + 1} of {end + 1}, {high - low:.4g} µm")

    def _on_edit(self, first: int, last: int) -> None:
        if not self._loading:
            self._show(first, last)
            self._rest.start()
