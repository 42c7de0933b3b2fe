"""Controls: what a person sets one value with, chosen by the field of the step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSlider,
    QToolButton,
    QWidget,
)

from napari_lazy_pipeline._gui.widgets.number_box import NumberBox


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest value of a number."""

    low: float
    high: float

    @classmethod
    def of(cls, info: FieldInfo) -> Bounds:
        """Read the bounds of a field, or of the members of a tuple."""
        low: Any = float("-inf")
        high: Any = float("inf")
        for mark in _marks(info):
            if isinstance(mark, annotated_types.Ge):
                low = mark.ge
            elif isinstance(mark, annotated_types.Gt):
                low = mark.gt
            elif isinstance(mark, annotated_types.Le):
                high = mark.le
            elif isinstance(mark, annotated_types.Lt):
                high = mark.lt
        return cls(low, high)


def extras(info: FieldInfo) -> dict[str, Any]:
    """What is said about how to show a field."""
    return dict(info.json_schema_extra) if isinstance(info.json_schema_extra, dict) else {}


def _marks(info: FieldInfo) -> list[Any]:
    """Everything said about a field, or about the members of a tuple."""
    marks = list(info.metadata)
    if get_origin(info.annotation) is tuple:
        for mark in get_args(get_args(info.annotation)[0])[1:]:
            marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return marks


class Control(QWidget):
    """Sets one value.

    Attributes
    ----------
    native
        The Qt widget that has the value, and the focus.

    Signals
    -------
    changed()
        There is another value.
    refused(value)
        The person entered what cannot be shown.
    """

    changed = Signal()
    refused = Signal(object)

    def __init__(self, native: QWidget) -> None:
        super().__init__()
        self.native: Any = native
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(native, 1)
        self.row = layout

    @property
    def value(self) -> Any:
        """What is shown."""
        raise NotImplementedError

    @value.setter
    def value(self, value: Any) -> None:
        raise NotImplementedError

    def parts(self) -> list[QWidget]:
        """All that can be pressed or typed into, as the tab key goes through it."""
        return [self.native]


class NumberControl(Control):
    """A number box, with a slider where the field says from where to where."""

    def __init__(self, info: FieldInfo, value: float) -> None:
        whole, bounds, extra = isinstance(value, int), Bounds.of(info), extras(info)
        step = extra.get("step", 1)
        box = NumberBox(whole, bounds.low, bounds.high, step, extra.get("zero", ""))
        super().__init__(box)
        self.slider: QSlider | None = None
        if "slider" in extra:
            self._low, high = extra["slider"]
            self._step = step
            self.slider = _slider(self._low, high, step)
            box.without_arrows()
            box.setFixedWidth(56)
            self.row.insertWidget(0, self.slider, 1)
            self.slider.valueChanged.connect(self._on_slider)
        box.setValue(value)
        self._on_value()
        box.valueChanged.connect(self._on_value)
        box.refused.connect(self.refused)

    @property
    def value(self) -> Any:
        """The number."""
        return self.native.number()

    @value.setter
    def value(self, value: Any) -> None:
        self.native.setValue(value)

    def parts(self) -> list[QWidget]:
        """Slider and box."""
        return [self.native] if self.slider is None else [self.slider, self.native]

    def _on_value(self, *_: object) -> None:
        if self.slider is not None:
            blocker = QSignalBlocker(self.slider)  # noqa: F841 - unblocks when it goes
            # Beyond its ends the slider rests at the end.
            self.slider.setValue(round((self.native.value() - self._low) / self._step))
        self.changed.emit()

    def _on_slider(self, position: int) -> None:
        self.native.setValue(round(self._low + position * self._step, 9))


def _slider(low: float, high: float, step: float) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, round((high - low) / step))
    slider.setPageStep(10)
    slider.setMinimumWidth(40)
    return slider


class ChoiceControl(Control):
    """One of a few, in words."""

    def __init__(self, info: FieldInfo, value: str) -> None:
        box = QComboBox()
        super().__init__(box)
        words = extras(info).get("words", {})
        for choice in get_args(info.annotation):
            box.addItem(words.get(choice, str(choice)), choice)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(4)
        self.value = value
        box.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> Any:
        """The choice, as the step calls it."""
        return self.native.currentData()

    @value.setter
    def value(self, value: Any) -> None:
        self.native.setCurrentIndex(self.native.findData(value))


class TickControl(Control):
    """Yes or no."""

    def __init__(self, value: bool) -> None:
        super().__init__(QCheckBox())
        self.value = value
        self.native.toggled.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> Any:
        """Whether it is ticked."""
        return self.native.isChecked()

    @value.setter
    def value(self, value: Any) -> None:
        self.native.setChecked(value)


class TextControl(Control):
    """A text; typing it is one edit, however many letters it has."""

    def __init__(self, value: str) -> None:
        self._entered = value
        super().__init__(QLineEdit(value))
        self.native.editingFinished.connect(self._on_finished)

    @property
    def value(self) -> Any:
        """The text that was entered last."""
        return self._entered

    @value.setter
    def value(self, value: Any) -> None:
        self.native.setText(str(value))
        self._on_finished()

    def _on_finished(self) -> None:
        text = self.native.text().strip()
        self.native.setModified(False)
        if text != self._entered:
            self._entered = text
            self.changed.emit()


class PathControl(TextControl):
    """A file, typed or chosen."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.choose = QToolButton()
        self.choose.setText("…")
        self.choose.setToolTip("Choose a file")
        self.choose.clicked.connect(self._on_choose)
        self.row.addWidget(self.choose)

    def parts(self) -> list[QWidget]:
        """Line and button."""
        return [self.native, self.choose]

    def _on_choose(self) -> None:
        start = str(Path(self.value).parent) if self.value else ""
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a file", start, "TIFF (*.tif *.tiff);;All files (*)"
        )
        if path:
            self.value = path


def control_of(info: FieldInfo, value: Any) -> Control:
    """Make the control of a field, or of one member of a tuple."""
    if extras(info).get("format") == "path":
        return PathControl(str(value))
    if isinstance(value, bool):
        return TickControl(value)
    if isinstance(value, str):
        choices = get_args(info.annotation)
        return ChoiceControl(info, value) if choices else TextControl(value)
    return NumberControl(info, value)
