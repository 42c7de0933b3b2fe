"""Process form: asks what to write, in which type, and where to."""

from __future__ import annotations

from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from napari_lazy_pipeline._gui.order import Order
from napari_lazy_pipeline.stack import Stack
from napari_lazy_pipeline.writing import DTYPES

_ABREAST = 3  # channels in a row


class ProcessForm(QWidget):
    """Asks what to write.

    Signals
    -------
    changed()
        The person wants something else.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.folder.native.setToolTip("Folder to write to; never that of the raw files")
        self.folder.native.setAccessibleName("Folder to write to")
        self.folder.choose_btn.text = "…"
        self.folder.choose_btn.tooltip = "Choose a folder to write to"
        self.folder.choose_btn.native.setAccessibleName("Choose a folder to write to")
        self.first = _number("First time point, counted from 0 as the slider does")
        self.last = _number("Last time point, counted from 0 as the slider does")
        self.channels: list[QCheckBox] = []
        self.dtype = QComboBox()
        self.dtype.setToolTip(
            "Type of the pixels; integers are rounded, and clipped to what they can hold"
        )
        self.dtype.setAccessibleName("Pixel type")
        self.dtype.addItem("as computed", None)
        for name in DTYPES:
            self.dtype.addItem(name, name)
        self._build()
        self.folder.changed.connect(self._tell)
        self.first.valueChanged.connect(self._on_range)
        self.last.valueChanged.connect(self._on_range)
        self.dtype.currentIndexChanged.connect(self._tell)

    def _build(self) -> None:
        times = QHBoxLayout()
        times.addWidget(self.first, 1)
        times.addWidget(QLabel("to"))
        times.addWidget(self.last, 1)
        self._channel_grid = QGridLayout()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Write to", self.folder.native)
        form.addRow("Time points", times)
        form.addRow("Channels", self._channel_grid)
        form.addRow("Pixels", self.dtype)
        self.setLayout(form)
        form.setContentsMargins(0, 0, 0, 0)

    def order(self, view: Stack) -> Order | None:
        """What the person wants of these data; None if nowhere."""
        folder = self.folder.value
        if not isinstance(folder, Path) or folder == Path():
            return None
        c = tuple(i for i, box in enumerate(self.channels) if box.isChecked())
        t = range(self.first.value(), self.last.value() + 1)
        return Order(view, folder, t, c, self.dtype.currentData())

    def show_stack(self, stack: Stack) -> None:
        """Propose all of other data, or of more of the same."""
        times = stack.shape[0]
        whole = self.last.value() == self.last.maximum()
        for box in (self.first, self.last):
            box.blockSignals(True)
            box.setRange(0, times - 1)
            box.blockSignals(False)
        if whole:
            self.last.setValue(times - 1)
        self._show_channels(stack)

    def _tell(self, *_: object) -> None:
        self.changed.emit()

    def _show_channels(self, stack: Stack) -> None:
        names = [*stack.channel_names, *map(str, range(len(stack.channel_names), stack.shape[1]))]
        if [box.text() for box in self.channels] == names:
            return
        for box in self.channels:
            self._channel_grid.removeWidget(box)
            box.deleteLater()
        self.channels = [QCheckBox(name) for name in names]
        for i, box in enumerate(self.channels):
            box.setChecked(True)
            box.setToolTip(f"Write channel {box.text()}")
            box.setAccessibleName(f"Write channel {box.text()}")
            box.toggled.connect(self._tell)
            self._channel_grid.addWidget(box, i // _ABREAST, i % _ABREAST)

    def _on_range(self) -> None:
        """The last time point is not before the first."""
        if self.sender() is self.first:
            self.last.setValue(max(self.last.value(), self.first.value()))
        else:
            self.first.setValue(min(self.first.value(), self.last.value()))
        self._tell()


def _number(tooltip: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tooltip)
    box.setAccessibleName(tooltip.partition(",")[0])
    box.setKeyboardTracking(False)
    box.setRange(0, 0)
    return box
