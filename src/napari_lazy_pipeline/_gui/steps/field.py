"""Field: one parameter of a step in its form: label, controls, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo
from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QWidget

from napari_lazy_pipeline._gui.steps.controls import Bounds, Control, NumberControl, control_of
from napari_lazy_pipeline._gui.widgets.edit_gesture import EditGesture
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.steps._base import Unit

_AXES = ("z", "y", "x")


def unit(info: FieldInfo) -> str:
    """Unit of a field; empty for text, choices and plain numbers."""
    mark = next((mark.unit for mark in info.metadata if isinstance(mark, Unit)), "")
    return "" if mark == "1" else str(mark)


class Field(QWidget):
    """One field of a form: a label, one control or one for each member, and room for an error.

    Signals
    -------
    edited(str)
        The person changed the field of that name.
    refused(str, value)
        The person entered a value that the field cannot have.
    """

    edited = Signal(str)
    refused = Signal(str, object)

    def __init__(
        self, name: str, info: FieldInfo, value: Any, hand: EditGesture | None = None
    ) -> None:
        super().__init__()
        self._name, self._info = name, info
        self._tuple = isinstance(value, tuple)
        self._silent = False
        self.controls = [control_of(info, part) for part in self._parts(value)]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for control in self.controls:
            layout.addWidget(control, 1)
            self._prepare(control, hand or EditGesture(self))
        self.label = QLabel(_label(info, name))
        self.label.setBuddy(self.controls[0].native)
        self.label.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.label.customContextMenuRequested.connect(self._on_menu)
        self.error = Sentence(error=True)
        self.error.setVisible(False)
        self._explain()

    @property
    def title(self) -> str:
        """Name of the field."""
        return self._info.title or self._name

    @property
    def default(self) -> Any:
        """The value of a new step."""
        return self._info.get_default(call_default_factory=True)

    def value(self) -> Any:
        """What the controls show, as the step wants it."""
        values = tuple(control.value for control in self.controls)
        return values if self._tuple else values[0]

    def set_value(self, value: Any) -> None:
        """Show a value."""
        self._silent = True
        for control, part in zip(self.controls, self._parts(value), strict=True):
            if control.value != part:
                control.value = part
        self._silent = False
        self.show_error("")

    def reset(self) -> None:
        """Go back to the value of a new step, as an edit."""
        if self.value() != self.default:
            self.set_value(self.default)
            self.edited.emit(self._name)

    def show_error(self, sentence: str) -> None:
        """Say what is wrong under the field; empty: nothing is."""
        if sentence != self.error.text():
            self.error.say(sentence)

    def told(self, value: Any) -> str:
        """A value in words, with its unit."""
        texts = [
            f"{part:g}" if isinstance(part, float) else str(part) for part in (self._parts(value))
        ]
        text = ", ".join(texts) or "nothing"
        return f"{text} {unit(self._info)}".rstrip()

    def focus_chain(self) -> list[QWidget]:
        """All that the tab key stops at, in order."""
        return [part for control in self.controls for part in control.parts()]

    def _parts(self, value: Any) -> tuple[Any, ...]:
        return value if self._tuple else (value,)

    def _prepare(self, control: Control, hand: EditGesture) -> None:
        for part in control.parts():
            hand.watch(part)
        if self._tuple and isinstance(control, NumberControl):
            # Three boxes share the row: there is no room for arrows, the keys do the same.
            control.native.without_arrows()
        control.native.setMinimumWidth(20)
        control.changed.connect(self._on_changed)
        control.refused.connect(lambda value: self.refused.emit(self._name, value))

    def _on_changed(self) -> None:
        if not self._silent:
            self.edited.emit(self._name)

    def _on_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(f"Reset to {self.told(self.default)}", self.reset)
        menu.exec(self.label.mapToGlobal(place))
        menu.deleteLater()

    def _explain(self) -> None:
        """Tooltip, and a name for screen readers."""
        bounds, mark = Bounds.of(self._info), unit(self._info)
        text = self._info.description or ""
        if bounds.low > float("-inf") and bounds.high < float("inf"):
            text += f"\nFrom {bounds.low:g} to {bounds.high:g} {mark}".rstrip() + "."
        self.label.setToolTip(f"{text}\nDefault: {self.told(self.default)} (right-click to reset)")
        axes = _AXES if len(self.controls) == 3 else ("start", "end")
        for axis, control in zip(axes, self.controls, strict=False):
            name = self.label.text() + (f" {axis}" if self._tuple else "")
            for part in control.parts():
                if not part.toolTip():
                    part.setToolTip(f"{axis}: {text}" if self._tuple else text)
                part.setAccessibleName(name)
            if isinstance(control, NumberControl) and control.slider is not None:
                control.slider.setAccessibleName(f"{name}, slider")


def _label(info: FieldInfo, name: str) -> str:
    title, mark = info.title or name, unit(info)
    return f"{title} ({mark})" if mark else title
