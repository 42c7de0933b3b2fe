"""Entries: magicgui widgets for one value each, that tell of an edit only once it is complete."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from magicgui.type_map import TypeMap
from magicgui.types import Undefined
from magicgui.widgets import CheckBox, ComboBox
from magicgui.widgets.bases import ValuedContainerWidget
from psygnal import Signal
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit, QSlider, QWidget

from napari_lazy_pipeline._gui.widgets.choice import Choice
from napari_lazy_pipeline._gui.widgets.escape_key import EscapeKey
from napari_lazy_pipeline._gui.widgets.forms.number_box import NumberBox
from napari_lazy_pipeline._gui.widgets.layout import SPACING, tool_button

_BOX = 56  # px; beside a slider
_AXES = {2: ("start", "end"), 3: ("z", "y", "x")}


class Entry(ValuedContainerWidget[Any]):
    """A magicgui widget around what is made with Qt."""

    # The person entered a part that cannot be; with it, this would be the value.
    refused = Signal(object, object)

    def __init__(self, editor: QWidget, *beside: QWidget, **options: Any) -> None:
        self.editor: Any = editor
        value = options.pop("value", Undefined)
        super().__init__(layout="horizontal", labels=False, **options)
        layout = self.native.layout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        for widget in (editor, *beside):
            layout.addWidget(widget, int(widget is editor))
        if value is not Undefined:
            self.value = value

    def _on_edited(self, *_: object) -> None:
        self.changed.emit(self.value)


class NumberEntry(Entry):
    """A number box, with a slider where ``slider=(low, high)`` says from where to where.

    Options: ``min``, ``max``, ``step``, ``slider``, and the words that stand for 0 and
    for None, ``zero`` and ``empty``; ``nullable``, if it may be None.
    """

    def __init__(self, **options: Any) -> None:
        low, high = options.pop("min", -math.inf), options.pop("max", math.inf)
        ends, empty = options.pop("slider", None), options.pop("empty", "")
        zero, self._step = options.pop("zero", ""), options.pop("step", 1)
        whole = _holds(options.get("annotation"), int)
        nothing = empty if options.get("nullable") else None
        box = NumberBox(whole, low, high, self._step, zero, nothing)
        self.slider = QSlider(Qt.Orientation.Horizontal) if ends else None
        super().__init__(box, **options)
        if self.slider is not None:
            self._add_slider(self.slider, *ends)
        box.setMinimumWidth(20)
        box.valueChanged.connect(self._on_edited)
        box.refused.connect(lambda number: self.refused.emit(number, number))

    def get_value(self) -> Any:
        return self.editor.number()

    def set_value(self, value: Any) -> None:
        self.editor.set_number(value)

    def _add_slider(self, slider: QSlider, low: float, high: float) -> None:
        slider.setRange(0, round((high - low) / self._step))
        slider.setPageStep(10)
        slider.setMinimumWidth(40)
        self._low = low
        self._follow_box()
        self.editor.without_arrows()
        self.editor.setFixedWidth(_BOX)
        self.native.layout().insertWidget(0, slider, 1)
        slider.valueChanged.connect(self._on_slider)
        self.editor.valueChanged.connect(self._follow_box)

    def _follow_box(self, *_: object) -> None:
        """Beyond its ends the slider rests at the end; of an empty box, at the lower one."""
        slider, number = self.slider, self.editor.number()
        assert slider is not None
        place = 0.0 if number is None else (number - self._low) / self._step
        with QSignalBlocker(slider):
            slider.setValue(round(min(max(place, slider.minimum()), slider.maximum())))

    def _on_slider(self, position: int) -> None:
        self.editor.setValue(round(self._low + position * self._step, 9))


class TextEntry(Entry):
    """A text; typing it is one edit, however many letters it has."""

    def __init__(self, *beside: QWidget, **options: Any) -> None:
        self._text = ""
        placeholder = options.pop("empty", "")
        super().__init__(QLineEdit(), *beside, **options)
        self.editor.setPlaceholderText(placeholder)
        self.editor.setMinimumWidth(20)
        self.editor.editingFinished.connect(self._on_finished)
        EscapeKey(self.editor)

    def get_value(self) -> Any:
        return None if self._nullable and not self._text else self._text

    def set_value(self, value: Any) -> None:
        self.editor.setText("" if value is None else str(getattr(value, "__name__", value)))
        self._on_finished()

    def _on_finished(self) -> None:
        self.editor.setModified(False)
        self.commit()

    def commit(self, *_: object) -> None:
        """Take the text as it is now, also while it is being typed."""
        text = self.editor.text().strip()
        if text != self._text:
            self._text = text
            self._on_edited()


class LiteralEntry(TextEntry):
    """A value of any type, as Python writes it; what is no literal is a text, nothing is None."""

    def get_value(self) -> Any:
        try:
            return ast.literal_eval(self._text)
        except (SyntaxError, ValueError):
            return self._text or None


class FileEntry(TextEntry):
    """The path of a file, or of a folder, typed or chosen; a Path where the field has one.

    Options: ``mode``, "r" for a file or "d" for a folder, and ``filter`` for the dialog.
    """

    def __init__(self, **options: Any) -> None:
        self._folder = options.pop("mode", "r") == "d"
        self._filter = options.pop("filter", "TIFF (*.tif *.tiff);;All files (*)")
        tooltip = "Choose a folder" if self._folder else "Choose a file"
        self.choose = tool_button("…", tooltip, tooltip)
        super().__init__(self.choose, **options)
        self.choose.clicked.connect(self._on_choose)

    def get_value(self) -> Any:
        text = super().get_value()
        return Path(text) if text and _holds(self.annotation, Path) else text

    def _on_choose(self) -> None:
        start, title = str(Path(self._text).parent) if self._text else "", self.choose.toolTip()
        if self._folder:
            path = QFileDialog.getExistingDirectory(self.native, title, self._text)
        else:
            path, _ = QFileDialog.getOpenFileName(self.native, title, start, self._filter)
        if path:
            self.value = path


class ChoiceEntry(ComboBox):
    """One of a few, in a list; ``words`` names them, and ``empty`` is the word for None."""

    def __init__(
        self, choices: Iterable[Any], words: Mapping[Any, str] = {}, empty: str = "", **options: Any
    ) -> None:
        self.null_string = empty
        named = [(words.get(choice, str(choice)), choice) for choice in choices]
        super().__init__(choices=named, **options)
        self.native.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.native.setMinimumContentsLength(4)
        self.native.setMinimumWidth(20)


class ChoiceButtons(Entry):
    """One of a few, all of them in sight; ``words`` gives each its word, or word and tooltip."""

    def __init__(
        self, choices: Iterable[Any], words: Mapping[Any, Any] = {}, empty: str = "", **options: Any
    ) -> None:
        named = {choice: words.get(choice, str(choice)) for choice in choices}
        pairs = {c: (word, "") if isinstance(word, str) else word for c, word in named.items()}
        super().__init__(Choice(options.get("name", ""), pairs), **options)
        self.editor.chosen.connect(self._on_edited)

    def get_value(self) -> Any:
        return self.editor.value

    def set_value(self, value: Any) -> None:
        if value != self.editor.value:
            self.editor.set(value)
            self._on_edited()


class TupleEntry(ValuedContainerWidget[Any]):
    """A few values in one row; None, where that is allowed, as long as one of them is empty.

    Options: ``length``, and ``member``, the options of each of them; its ``zero`` may be a list of
    words, one for each. Tuples are rows of a matrix.
    """

    refused = Signal(object, object)

    def __init__(self, length: int, member: dict[str, Any], **options: Any) -> None:
        value = options.pop("value", None)
        make = member["widget_type"]
        rest = {name: option for name, option in member.items() if name != "widget_type"}
        rest["nullable"] = options.get("nullable", False)
        zeros = rest.pop("zero", "")
        words = zeros if isinstance(zeros, list) else [zeros] * length
        entries = [make(**rest, **({"zero": word} if word else {})) for word in words]
        self.parts = dict(zip(_AXES.get(length, range(length)), entries, strict=True))
        layout = "vertical" if make is TupleEntry else "horizontal"
        super().__init__(widgets=entries, layout=layout, labels=False, **options)
        self.margins = (0, 0, 0, 0)
        self.native.layout().setSpacing(SPACING)
        self.value = value
        for index, entry in enumerate(entries):
            entry.changed.connect(lambda: self.changed.emit(self.value))
            entry.refused.connect(partial(self._on_refused, index))
            if isinstance(entry, NumberEntry):
                # They share the row: there is no room for arrows, the keys do the same.
                entry.editor.without_arrows()

    def get_value(self) -> Any:
        values = tuple(entry.value for entry in self.parts.values())
        return None if None in values else values

    def set_value(self, value: Any) -> None:
        with self.changed.blocked():
            for index, entry in enumerate(self.parts.values()):
                entry.value = None if value is None else value[index]
        self.changed.emit(self.value)

    def _on_refused(self, index: int, part: Any, value: Any) -> None:
        values = [entry.value for entry in self.parts.values()]
        values[index] = value
        self.refused.emit(part, tuple(values))


def _holds(annotation: Any, kind: type) -> bool:
    return kind in (annotation, *get_args(annotation))


# Makes the widgets of forms; others can be registered.
ENTRIES = TypeMap()
for _type, _entry in (
    (bool, CheckBox),  # before int, of which it is a kind
    (int, NumberEntry),
    (float, NumberEntry),
    (str, TextEntry),
    (Path, FileEntry),
    (tuple, TupleEntry),
    (dict, "napari_lazy_pipeline._gui.widgets.forms.arguments_form.ArgumentsForm"),
):
    ENTRIES.register_type(_type, widget_type=_entry)
