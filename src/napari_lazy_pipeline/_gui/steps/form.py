"""Form: edits one step; made from the fields of the step, so that nothing is stated twice."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_lazy_pipeline._gui.steps.field import Field
from napari_lazy_pipeline._gui.widgets.edit_gesture import EditGesture
from napari_lazy_pipeline.steps._base import Step


class StepForm(QWidget):
    """Edits one step.

    Attributes
    ----------
    fields
        The fields, by name.
    gesture
        The movement of the hand that made the last change; None if it stands alone.

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
        self._hand = EditGesture(self)
        self.gesture: object = None
        self.fields: dict[str, Field] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(4, 2, 4, 6)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name, info in type(step).model_fields.items():
            if name in ("kind", "enabled"):
                continue
            field = Field(name, info, getattr(step, name), self._hand)
            self.fields[name] = field
            field.edited.connect(self._on_edited)
            field.refused.connect(self._on_refused)
            layout.addRow(field.label, field)
            layout.addRow(field.error)

    def value(self) -> Step:
        """The step as it was last valid."""
        return self._step

    def set_value(self, step: Step) -> None:
        """Show another step of the same kind; raises no signal."""
        self._step = step
        for name, field in self.fields.items():
            field.set_value(getattr(step, name))

    def reset(self) -> None:
        """Go back to the values of a new step, as one edit."""
        values = {name: field.default for name, field in self.fields.items()}
        self._take(self._step.replace(**values))
        self.set_value(self._step)

    def _on_edited(self, name: str) -> None:
        field = self.fields[name]
        try:
            step = self._step.replace(**{name: field.value()})
        except ValidationError as error:
            field.show_error(sentence(error))
            return
        field.show_error("")
        if step == self._step:
            return
        step = step.after_edit(name)
        for other in self.fields.keys() - {name}:
            self.fields[other].set_value(getattr(step, other))
        self._take(step, self._hand.gesture(name))

    def _on_refused(self, name: str, value: Any) -> None:
        """Say why a value was not even shown."""
        try:
            self._step.replace(**{name: value})
        except ValidationError as error:
            self.fields[name].show_error(f"{value:g}: {sentence(error)}")

    def _take(self, step: Step, gesture: object = None) -> None:
        if step != self._step:
            self._step, self.gesture = step, gesture
            self.changed.emit(step)


def sentence(error: ValidationError) -> str:
    """Say what the first thing wrong is."""
    problem = error.errors()[0]
    return str(problem.get("ctx", {}).get("error") or problem["msg"])
