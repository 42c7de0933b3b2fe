"""Form: edits one step; made from the fields of the step, so that nothing is stated twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import annotated_types
from magicgui.widgets import create_widget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QFormLayout, QHBoxLayout, QLabel, QWidget

from napari_lazy_pipeline._gui.text import Sentence
from napari_lazy_pipeline.step import Step, Unit

_AXES = ("z", "y", "x")


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


def unit(info: FieldInfo) -> str:
    """Unit of a field; empty for text and choices."""
    return next((mark.unit for mark in info.metadata if isinstance(mark, Unit)), "")


def _marks(info: FieldInfo) -> list[Any]:
    """Everything said about a field, or about the members of a tuple."""
    marks = list(info.metadata)
    if get_origin(info.annotation) is tuple:
        for mark in get_args(get_args(info.annotation)[0])[1:]:
            marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return marks


class StepForm(QWidget):
    """Edits one step.

    Signals
    -------
    changed(Step)
        The person made a valid step. What is not valid is said under its field, and changes
        nothing.
    """

    changed = Signal(object)

    def __init__(self, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step = step
        self._loading = False
        self.fields: dict[str, Field] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(4, 2, 4, 6)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name, info in type(step).model_fields.items():
            if name in ("kind", "enabled"):
                continue
            field = Field(name, info, getattr(step, name))
            self.fields[name] = field
            field.edited.connect(self._on_edited)
            layout.addRow(field.label, field)
            layout.addRow(field.error)

    def value(self) -> Step:
        """The step as it was last valid."""
        return self._step

    def set_value(self, step: Step) -> None:
        """Show another step of the same kind; raises no signal."""
        self._step, self._loading = step, True
        for name, field in self.fields.items():
            field.set_value(getattr(step, name))
        self._loading = False

    def _on_edited(self, name: str) -> None:
        if self._loading:
            return
        field = self.fields[name]
        try:
            step = self._step.replace(**{name: field.value()})
        except ValidationError as error:
            field.show_error(sentence(error))
            return
        field.show_error("")
        if step != self._step:
            self._step = step.after_edit(name)
            for other in self.fields.keys() - {name}:
                self.fields[other].set_value(getattr(self._step, other))
            self.changed.emit(self._step)


class Field(QWidget):
    """One field of a form: a label, one control or one for each axis, and room for an error.

    Signals
    -------
    edited(str)
        The person changed the field of that name.
    """

    edited = Signal(str)

    def __init__(self, name: str, info: FieldInfo, value: Any) -> None:
        super().__init__()
        self._name, self._info = name, info
        self._tuple = isinstance(value, tuple)
        parts = value if self._tuple else (value,)
        self.controls = [self._control(part) for part in parts]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for control in self.controls:
            layout.addWidget(control.native)
        self.label = QLabel(_label(info, name))
        self.error = Sentence(error=True)
        self.error.setVisible(False)
        self._explain()

    def value(self) -> Any:
        """What the controls show, as the step wants it."""
        values = tuple(_plain(control.value) for control in self.controls)
        return values if self._tuple else values[0]

    def set_value(self, value: Any) -> None:
        """Show a value."""
        for control, part in zip(self.controls, value if self._tuple else (value,), strict=True):
            with control.changed.blocked():
                control.value = part
        self.show_error("")

    def show_error(self, sentence: str) -> None:
        """Say what is wrong under the field; empty: nothing is."""
        self.error.say(sentence)

    def _control(self, value: Any) -> Any:
        if _is_path(self._info):
            control: Any = create_widget(
                value=value, annotation=Path, options={"mode": "r", "filter": "*.tif *.tiff"}
            )
            control.choose_btn.text = "…"
            control.choose_btn.tooltip = "Choose a file"
        elif self._info.annotation is bool or isinstance(value, str):
            control = create_widget(value=value, annotation=self._info.annotation)
        else:
            control = create_widget(value=value, annotation=type(value), options=self._range(value))
            for box in control.native.findChildren(QAbstractSpinBox) or [control.native]:
                if isinstance(box, QAbstractSpinBox):
                    # "31.5" is one edit, not the three of typing it.
                    box.setKeyboardTracking(False)
        if self._tuple:
            # Three boxes share the row: there is no room for arrows, the keys do the same.
            control.native.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            control.native.setStyleSheet("min-width: 24px; padding: 1px 2px;")
            control.native.setSpecialValueText(_extra(self._info, "zero", ""))
            if decimals := _extra(self._info, "decimals", 0):
                control.native.setDecimals(decimals)
                control.value = value
        control.changed.connect(lambda *_: self.edited.emit(self._name))
        return control

    def _range(self, value: Any) -> dict[str, Any]:
        bounds, step = Bounds.of(self._info), _extra(self._info, "step", 1)
        kind = type(value)
        return {"min": kind(bounds.low), "max": kind(bounds.high), "step": kind(step)}

    def _explain(self) -> None:
        """Tooltip, and a name for screen readers."""
        text = self._info.description or ""
        self.label.setToolTip(text)
        for axis, control in zip(_AXES, self.controls, strict=False):
            control.native.setToolTip(f"{axis}: {text}" if len(self.controls) == 3 else text)
            suffix = f" {axis}" if len(self.controls) == 3 else ""
            control.native.setAccessibleName(self.label.text() + suffix)
            control.native.setMinimumWidth(20)


def _label(info: FieldInfo, name: str) -> str:
    title = info.title or name
    mark = unit(info)
    return f"{title} ({mark})" if mark not in ("", "1") else title


def _is_path(info: FieldInfo) -> bool:
    return bool(_extra(info, "format", "") == "path")


def _extra(info: FieldInfo, name: str, otherwise: Any) -> Any:
    """What is said about a field for its control only."""
    extra = info.json_schema_extra
    return extra.get(name, otherwise) if isinstance(extra, dict) else otherwise


def _plain(value: Any) -> Any:
    """A path as text; the empty path as none."""
    if isinstance(value, Path):
        return "" if value == Path() else str(value)
    return value


def sentence(error: ValidationError) -> str:
    """Say what the first thing wrong is."""
    problem = error.errors()[0]
    return str(problem.get("ctx", {}).get("error") or problem["msg"])
