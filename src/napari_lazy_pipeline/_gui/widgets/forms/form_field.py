"""Form field: one parameter in a form: caption, the widget for its value, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets.bases import ValuedContainerWidget
from psygnal import Signal
from pydantic.fields import FieldInfo
from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtWidgets import QLineEdit, QMenu, QSizePolicy, QSlider, QWidget

from napari_lazy_pipeline._gui.widgets.forms import entries
from napari_lazy_pipeline._gui.widgets.forms import field_options as options
from napari_lazy_pipeline._gui.widgets.forms.channel_entry import ChannelEntry
from napari_lazy_pipeline._gui.widgets.forms.channel_rows import ChannelRows
from napari_lazy_pipeline._gui.widgets.forms.edit_gesture import EditGesture
from napari_lazy_pipeline._gui.widgets.forms.table_entry import TableEntry
from napari_lazy_pipeline._gui.widgets.layout import SPACING, row
from napari_lazy_pipeline._gui.widgets.tab_order import stops, tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.text import Elided, Sentence, entry_text
from napari_lazy_pipeline.steps._per_channel import is_per_channel, value_type

_WIDEST = 150  # px; a longer caption is shortened


class FormField(ValuedContainerWidget[Any]):
    """A magicgui widget for one field of a model."""

    # The person entered a part that the control cannot show; with it, this would be the value.
    refused = Signal(object, object)
    # The menu of the caption is about to open, for others to add to it.
    menu_opening = Signal(object)

    def __init__(
        self, name: str, info: FieldInfo, value: Any, gesture: EditGesture, captions: list[Caption]
    ) -> None:
        self.info, self._gesture = info, gesture
        # Of the value; where it has parts (members of a tuple, channels), `controls` are these.
        self.control: Any = control_of(name, info, value)
        self.caption = Caption(options.label(info, name), captions)
        self.error = Sentence(error=True)
        super().__init__(name=name, label=info.title or name, layout="vertical", labels=False)
        self._row = row(self.caption, (self.control.native, 1))
        self._build()
        self.control.changed.connect(lambda: self.changed.emit(self.value))
        if hasattr(self.control, "refused"):
            self.control.refused.connect(lambda part, value: self.refused.emit(part, value))
        if hasattr(self.control, "rebuilt"):
            self.control.rebuilt.connect(self._prepare)
        self._prepare()

    def _build(self) -> None:
        layout = self.native.layout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(self._row)
        if hasattr(self.control, "rows"):
            layout.addWidget(self.control.rows)
        layout.addWidget(self.error)
        self.error.setVisible(False)
        self._add_menu(self.caption)
        default = f"Default: {options.default_in_words(self.info)} (right-click to reset)"
        self.caption.set_tooltip(f"{options.tooltip(self.info)}\n{default}")

    @property
    def default(self) -> Any:
        return self.info.get_default(call_default_factory=True)

    @property
    def controls(self) -> list[Any]:
        """The widget of the value, or those of its parts."""
        return [control for _, control in _leaves(self.control)]

    @property
    def editors(self) -> list[Any]:
        """Return what is typed into or pressed, one a part of the value."""
        return [getattr(control, "editor", control.native) for control in self.controls]

    def get_value(self) -> Any:
        return self.control.value

    def set_value(self, value: Any) -> None:
        """Show a value, as an edit; block `changed` to only show it."""
        if value != self.control.value:
            with self.control.changed.blocked():
                self.control.value = value
            self.changed.emit(value)
        self.show_error("")

    def reset(self) -> None:
        """Go back to the value of a new model, as an edit."""
        self.value = self.default

    def show_error(self, sentence: str) -> None:
        """Say what is wrong under the field; empty: nothing is."""
        if sentence != self.error.text():
            self.error.say(sentence)

    def in_words(self, value: Any) -> str:
        """A value as a person reads it, with its unit."""
        return options.in_words(self.info, value)

    def add_beside(self, widget: QWidget) -> None:
        self._row.addWidget(widget)

    def menu(self) -> QMenu:
        menu = QMenu(self.native)
        text = entry_text(f"Reset to {options.default_in_words(self.info)}")
        menu.addAction(text, self.reset)
        control = self.control
        if getattr(control, "offered", False):
            per_channel = not control.is_per_channel
            menu.addAction(control.choice, lambda: control.set_per_channel(per_channel))
        self.menu_opening.emit(menu)
        return menu

    def _add_menu(self, widget: QWidget) -> None:
        """Open the menu of the field on a right click, and on the menu key."""
        widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        widget.customContextMenuRequested.connect(partial(self._on_menu, widget))

    def _on_menu(self, widget: QWidget, place: QPoint) -> None:
        menu = self.menu()
        menu.exec(widget.mapToGlobal(place))
        menu.deleteLater()

    def _prepare(self) -> None:
        """Give every control a name for screen readers and a tooltip, and watch it."""
        name = self.caption.text()
        text = options.tooltip(self.info) or name
        for part, control in _leaves(self.control):
            for stop in stops(control.native):
                self._gesture.watch(stop)
                if not isinstance(stop, QLineEdit):
                    self._add_menu(stop)
                if not stop.toolTip():
                    stop.setToolTip(f"{part}: {text}" if part else text)
                slider = ", slider" if isinstance(stop, QSlider) else ""
                stop.setAccessibleName(f"{name} {part}".rstrip() + slider)
        if hasattr(self.control, "switch"):
            self.control.switch.setAccessibleName(f"{name}: {self.control.choice.lower()}")
        tab_in_reading_order(self.native)
        if self.editors:
            self.caption.setBuddy(self.editors[0])


class Caption(Elided):
    """What a field is called; as wide as the widest of its form, within a limit."""

    def __init__(self, text: str, group: list[Caption]) -> None:
        self._group = group
        super().__init__(text)
        group.append(self)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        widest = max(Elided.sizeHint(caption).width() for caption in self._group)
        return QSize(min(widest, _WIDEST), super().sizeHint().height())


def control_of(name: str, info: FieldInfo, value: Any) -> Any:
    """Make the magicgui widget for a field, by its annotation and what is said about it."""
    annotation = options.bare_type(value_type(info))
    kind = options.kind(annotation)
    # Of a dict[str, Any], magicgui would edit the first of the two.
    kind = dict if get_origin(kind) is dict else kind
    nullable = NoneType in get_args(annotation)

    def make(part: Any) -> Any:
        return entries.ENTRIES.create_widget(
            part, kind, name, options={"nullable": nullable, **_hints(info, kind)}
        )

    per_channel, columns = is_per_channel(info), options.table_columns(info)
    if columns is not None:
        low, high = options.bounds(info)
        hints = {"min": low, "max": high, "first": options.extras(info).get("first", 0)}
        return TableEntry(columns, value=value, per_channel=per_channel, name=name, **hints)
    return ChannelRows(make, value, name=name) if per_channel else make(value)


def _hints(info: FieldInfo, kind: Any) -> dict[str, Any]:
    """Options of the widget for a field."""
    extra, (low, high) = options.extras(info), options.bounds(info)

    def stated(*names: str) -> dict[str, Any]:
        return {name: extra[name] for name in names if name in extra}

    number = {"min": low, "max": high, **stated("min", "max", "step", "slider", "zero", "empty")}
    if "widget_type" in extra:
        return extra
    if extra.get("format") == "path":
        return {"widget_type": entries.FileEntry, **stated("mode", "filter", "empty")}
    if extra.get("format") == "channel":
        return {"widget_type": ChannelEntry, **stated("empty")}
    if get_origin(kind) is Literal or "choices" in extra:
        widget = entries.ChoiceButtons if extra.get("buttons") else entries.ChoiceEntry
        choices = extra.get("choices", get_args(kind))
        return {"widget_type": widget, "choices": choices, **stated("words", "empty")}
    if get_origin(kind) is tuple and options.length(info):
        return _tuple_hints(kind, options.length(info), number)
    if kind is Any or get_origin(kind) is tuple:
        return {"widget_type": entries.LiteralEntry}
    if kind in (int, float):
        return number
    return {"text": " "} if kind is bool else stated("empty", "mode", "filter")


def _tuple_hints(kind: Any, length: int, number: dict[str, Any]) -> dict[str, Any]:
    """Options of the widget for a tuple; one of tuples is a matrix."""
    part = options.bare_type(get_args(kind)[0])
    if get_origin(part) is tuple:
        member = _tuple_hints(part, len(get_args(part)), number)
        return {"length": length, "member": {"widget_type": entries.TupleEntry, **member}}
    entry: Any = {"widget_type": entries.TextEntry} if part is str else number
    member = {"widget_type": entries.NumberEntry, "annotation": part, **entry}
    return {"length": length, "member": member}


def _leaves(control: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of a control with their names, or the control itself."""
    parts = getattr(control, "parts", None)
    if parts is None:
        yield name, control
    else:
        for part, inner in parts.items():
            yield from _leaves(inner, f"{name} {part}".strip())
