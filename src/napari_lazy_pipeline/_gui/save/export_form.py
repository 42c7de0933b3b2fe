"""Process form: asks what to write and where to, in which format, and who computes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.save.cluster_form import ClusterForm
from napari_lazy_pipeline._gui.save.export_job import ExportJob, ExportSettings
from napari_lazy_pipeline._gui.save.format_form import FormatForm
from napari_lazy_pipeline.image.stack import Stack

_ABREAST = 3  # channels in a row


class ExportForm(QWidget):
    """Asks what to write.

    Parameters
    ----------
    wishes
        What was chosen before; choices are noted there.
    raw_folder
        Tells the folder of the raw files.

    Signals
    -------
    changed()
        The person wants something else.
    """

    changed = Signal()

    def __init__(self, wishes: ExportSettings, raw_folder: Callable[[], Path | None]) -> None:
        super().__init__()
        self._wishes = wishes
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        for widget in (self.folder.native, self.folder.line_edit.native):
            widget.setToolTip("Folder to write to; never that of the raw files")
            widget.setAccessibleName("Folder to write to")
        self.folder.choose_btn.text = "…"
        self.folder.choose_btn.tooltip = "Choose a folder to write to"
        self.folder.choose_btn.native.setAccessibleName("Choose a folder to write to")
        self.first = _number("First time point, counted from 0 as the slider does")
        self.last = _number("Last time point, counted from 0 as the slider does")
        self.channels: list[QCheckBox] = []
        self.files = FormatForm(wishes)
        self.dtype = self.files.dtype
        self.where = ClusterForm(wishes, raw_folder)
        self._build()
        if wishes.folder is not None:
            self.folder.value = wishes.folder
        self.folder.changed.connect(self._on_folder)
        self.first.valueChanged.connect(self._on_range)
        self.last.valueChanged.connect(self._on_range)
        self.files.changed.connect(self._tell)
        self.where.changed.connect(self._tell)

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
        form.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.files)
        layout.addWidget(self.where)

    def order(self, view: Stack) -> ExportJob | None:
        """What the person wants of these data; None if it is not said where to, or who does it."""
        folder, scheduler = self._wishes.folder, self.where.scheduler
        if folder is None or scheduler == "":
            return None
        c = tuple(i for i, box in enumerate(self.channels) if box.isChecked())
        t = range(self.first.value(), self.last.value() + 1)
        wishes = self._wishes
        return ExportJob(view, folder, t, c, wishes.dtype, wishes.format, scheduler)

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

    def _on_folder(self, folder: object) -> None:
        there = isinstance(folder, Path) and folder != Path()
        self._wishes.folder = folder if there else None  # type: ignore[assignment]
        self._tell()

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
