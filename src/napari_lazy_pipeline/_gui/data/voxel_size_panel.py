"""Voxel panel: spacing, angle and time interval of the raw data, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_lazy_pipeline._gui.widgets.collapsible import small_button
from napari_lazy_pipeline._gui.widgets.number_box import angle_box, number_box
from napari_lazy_pipeline._gui.widgets.text import Elided, error_style
from napari_lazy_pipeline.io.open_stack import FolderInfo
from napari_lazy_pipeline.session.session import Session

_UNKNOWN = "unknown"
_BOX = 76  # px
_MEANING = (
    "What the z step is: the way of the stage between two planes, "
    "or the distance of the planes, perpendicular to them"
)
_KINDS = (("", "not told"), ("stage", "way of the stage"), ("perpendicular", "perpendicular"))


@dataclass
class Row:
    """A value: its control, who says so, and the way back to what the files say."""

    control: QDoubleSpinBox | QComboBox
    source: Elided
    reset: QToolButton

    def show(self, source: str, typed: bool, needed: bool = False) -> None:
        """Say where the value comes from; in red, if it is needed and nobody says."""
        told = "typed" if typed else source
        self.source.setText(told)
        self.source.set_tooltip(f"From: {told}")
        self.source.setStyleSheet(error_style(self.source) if needed and told == _UNKNOWN else "")
        if isinstance(self.control, QComboBox):
            # There is no room for the source beside the words.
            self.control.setToolTip(f"{_MEANING}. From: {told}")
        self.reset.setEnabled(typed)


class VoxelSizePanel(QWidget):
    """Shows and edits what is known of the place of the voxels.

    Signals
    -------
    stated(dict)
        What the person states, by the names in `MetadataOverrides`; None: as the files say.
    """

    stated = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.z_step = _length(
            "Z step (µm)", "Distance of two planes, as the microscope recorded it"
        )
        self.pixel = _length("Pixel size (µm)", "Size of a pixel in the sample")
        self.meaning = _meaning_box()
        self.angle = angle_box("Angle between light sheet and scan")
        self.interval = number_box(
            "Time interval (s)", "Time between two time points", 0.0, 1e6, 0.1
        )
        self.interval.setSpecialValueText("?")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(2, 1)
        self.rows = {
            name: self._row(grid, index, label, control, names)
            for index, (name, label, control, names) in enumerate(self._fields())
        }
        self.z_step.valueChanged.connect(self._on_size)
        self.pixel.valueChanged.connect(self._on_size)
        self.angle.valueChanged.connect(self._on_angle)
        self.interval.valueChanged.connect(self._on_interval)
        self.meaning.activated.connect(self._on_meaning)

    def _fields(self) -> tuple[tuple[str, str, QDoubleSpinBox | QComboBox, tuple[str, ...]], ...]:
        return (
            ("z_step", "Z step (µm)", self.z_step, ("voxel_size",)),
            ("meaning", "Z step is", self.meaning, ("step",)),
            ("pixel", "Pixel (µm)", self.pixel, ("voxel_size",)),
            ("angle", "Angle (°)", self.angle, ("angle",)),
            ("interval", "Interval (s)", self.interval, ("time_interval",)),
        )

    def _row(
        self, grid: QGridLayout, index: int, label: str, control: Any, names: tuple[str, ...]
    ) -> Row:
        text, source = QLabel(label), Elided()
        text.setToolTip(control.toolTip())
        source.setAccessibleName(f"Source of {label}")
        reset = small_button("↺", "Back to what the files say", f"Reset {label}")
        reset.clicked.connect(lambda: self.stated.emit(dict.fromkeys(names)))
        wide = isinstance(control, QComboBox)
        grid.addWidget(text, index, 0)
        grid.addWidget(control, index, 1, 1, 2 if wide else 1)
        if not wide:
            grid.addWidget(source, index, 2)
            control.setFixedWidth(_BOX)
        grid.addWidget(reset, index, 3)
        return Row(control, source, reset)

    def show_values(self, folder_info: FolderInfo) -> None:
        """Show what is known of the data that are open."""
        session, overrides = self._session, self._session.overrides
        assert session.stack is not None
        size = session.stack.voxel_size
        for name in ("z_step", "pixel"):
            typed = overrides.voxel_size not in (None, folder_info.voxel_size)
            self.rows[name].show(folder_info.voxel_source, typed, needed=True)
        self.rows["interval"].show(folder_info.interval_source, overrides.time_interval is not None)
        self._put(self.z_step, size[0])
        self._put(self.pixel, size[2])
        self._put(self.interval, session.stack.time_interval or 0.0)
        self.show_scan(folder_info)

    def show_scan(self, folder_info: FolderInfo) -> None:
        """Show angle and meaning of the z step as the steps take them, or as the data say."""
        session, overrides = self._session, self._session.overrides
        assert session.stack is not None
        told, used = session.stack.spec.scan, session.scan
        angle = used.angle if used else overrides.angle or folder_info.angle
        self._put(self.angle, -180.0 if angle is None else angle)
        known = (told.angle if told else overrides.angle or folder_info.angle) == angle
        source = folder_info.angle_source if known else "the steps"
        typed = overrides.angle not in (None, folder_info.angle)
        self.rows["angle"].show(source if angle else _UNKNOWN, typed and known)
        meaning = told.step if told else overrides.step
        if used and used.step != (meaning or "stage"):
            meaning, source = used.step, "the steps"
        else:
            source = folder_info.angle_source if folder_info.scan else _UNKNOWN
        self.meaning.setCurrentIndex([kind for kind, _ in _KINDS].index(meaning or ""))
        found = folder_info.scan.step if folder_info.scan else None
        typed = overrides.step not in (None, found) and overrides.step == meaning
        self.rows["meaning"].show(source, typed)

    @staticmethod
    def _put(box: QDoubleSpinBox, value: float) -> None:
        if box.value() != value:
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)

    # ---- what the person does -------------------------------------------------------------

    def _on_size(self, *_: object) -> None:
        pixel = self.pixel.value()
        self.stated.emit({"voxel_size": (self.z_step.value(), pixel, pixel)})

    def _on_angle(self, angle: float) -> None:
        unknown = angle == self.angle.minimum()
        self.stated.emit({"angle": None if unknown else angle})

    def _on_interval(self, interval: float) -> None:
        self.stated.emit({"time_interval": interval or None})

    def _on_meaning(self, index: int) -> None:
        self.stated.emit({"step": _KINDS[index][0] or None})


def _meaning_box() -> QComboBox:
    box = QComboBox()
    for _, words in _KINDS:
        box.addItem(words)
    box.setAccessibleName("Meaning of the z step")
    box.setToolTip(_MEANING)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _length(name: str, tooltip: str) -> QDoubleSpinBox:
    return number_box(name, tooltip, 0.001, 1000.0, 0.01)
