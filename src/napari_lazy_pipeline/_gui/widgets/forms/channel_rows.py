"""Channel rows: one value for all channels, or a row for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from psygnal import Signal
from qtpy.QtWidgets import QApplication, QGridLayout, QPushButton, QWidget

from napari_lazy_pipeline._gui.widgets.forms.entries import Entry
from napari_lazy_pipeline._gui.widgets.layout import SPACING, small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, plain
from napari_lazy_pipeline.steps._per_channel import ChannelValues

_NAME = 60  # px; longer names of channels are shortened


class ChannelRows(Entry):
    """Edits a value, or `ChannelValues`, also of channels that are not here and have no row."""

    rebuilt = Signal()  # there are other rows

    def __init__(self, make: Callable[[Any], Any], value: Any, **options: Any) -> None:
        self._make, self._value = make, value
        self._channels: tuple[str, ...] = ()
        self.single = make(self._first())
        self.switch = small_button("", "", "")
        self.switch.clicked.connect(self._on_switch)
        self.summary = Elided("per channel")
        self.rows = QWidget()
        self.parts: dict[str, Any] = {}
        super().__init__(self.single.native, self.summary, self.switch, **options)
        self.rows.setObjectName(self.native.objectName())
        self.native.layout().setStretch(1, 1)
        grid = QGridLayout(self.rows)
        grid.setContentsMargins(SPACING, 0, 0, 0)
        grid.setSpacing(SPACING)
        grid.setColumnStretch(1, 1)
        self.single.changed.connect(self._on_single)
        if hasattr(self.single, "refused"):
            self.single.refused.connect(lambda part, value: self.refused.emit(part, value))
        self._rebuild()

    @property
    def is_per_channel(self) -> bool:
        return isinstance(self._value, Mapping)

    def get_value(self) -> Any:
        return self._value

    def set_value(self, value: Any) -> None:
        if value != self._value:
            rows, self._value = self._rows, value
            if self._rows != rows:
                self._rebuild()
            self._show_values()
            self.changed.emit(value)

    def set_channels(self, names: Sequence[str]) -> None:
        """Offer rows for these channels, those of the data."""
        if tuple(names) != self._channels:
            self._channels = tuple(names)
            self._rebuild()

    def set_per_channel(self, on: bool) -> None:
        """Give each channel the value that all have; or all that of the first, as an edit."""
        first = self._first()
        self.value = ChannelValues(dict.fromkeys(self._channels, first)) if on else first

    @property
    def offered(self) -> bool:
        """Return whether one can choose between one value and several."""
        return self.is_per_channel or len(self._channels) > 1

    @property
    def choice(self) -> str:
        """The other way than the present one, in words."""
        return "One for all" if self.is_per_channel else "Per channel"

    @property
    def _names(self) -> tuple[str, ...]:
        """Channels that have a row, with a value or without one; none for a single value."""
        if not self.is_per_channel:
            return ()
        return self._channels or tuple(self._value)

    @property
    def _rows(self) -> dict[str, bool]:
        """Channels that have a row, and whether each has a value in it."""
        return {name: name in self._value for name in self._names}

    def _first(self) -> Any:
        """The value of the first channel that has one, or of all."""
        if not self.is_per_channel:
            return self._value
        names = [*(name for name in self._channels if name in self._value), *self._value]
        return self._value[names[0]]

    def _rebuild(self) -> None:
        grid: Any = self.rows.layout()
        for control in self.parts.values():
            if control is not self.single:
                control.changed.disconnect()  # one that loses the focus by going edits nothing
        while grid.count():
            widget = grid.takeAt(0).widget()
            widget.hide()
            widget.deleteLater()
        self.parts = {} if self.is_per_channel else {"": self.single}
        for row, name in enumerate(self._names):
            title = Elided(name)
            title.setMaximumWidth(_NAME)
            grid.addWidget(title, row, 0)
            grid.addWidget(self._row(name), row, 1)
        for widget in (self.summary, self.rows):
            widget.setVisible(self.is_per_channel)
        self.single.native.setVisible(not self.is_per_channel)
        self.switch.setVisible(self.offered)
        self._explain()
        self.rebuilt.emit()

    def _row(self, name: str) -> QWidget:
        """The control of a channel; a button that gives it a value where it has none."""
        if name not in self._value:
            button = QPushButton("Set a value")
            text = f"Channel {name} has no value yet: begin with that of the first"
            button.setToolTip(plain(text))
            button.setAccessibleName(f"Set a value for channel {name}")
            button.clicked.connect(lambda: self._set(name, self._first()))
            return button
        control = self.parts[name] = self._make(self._value[name])
        control.changed.connect(partial(self._set, name))
        if hasattr(control, "refused"):
            control.refused.connect(partial(self._on_refused, name))
        return control.native

    def _show_values(self) -> None:
        """Show the values in the rows that are there; raises no signal."""
        for name, control in self.parts.items():
            with control.changed.blocked():
                control.value = self._value[name] if name else self._value

    def _explain(self) -> None:
        per_channel = self.is_per_channel
        absent = [name for name in self._value if name not in self._names] if per_channel else []
        note = f"\nKept for channels that are not here: {', '.join(absent)}" if absent else ""
        self.switch.setText("-" if per_channel else "≡")
        choice = "One value for all channels" if per_channel else "A value for each channel"
        self.switch.setToolTip(plain(choice + note))
        self.summary.set_tooltip(f"One value for each channel{note}")

    def _on_switch(self) -> None:
        typing = QApplication.focusWidget()
        if typing is not None and any(w.isAncestorOf(typing) for w in (self.native, self.rows)):
            typing.clearFocus()  # what was typed counts: the button does not take the focus
        self.set_per_channel(not self.is_per_channel)

    def _on_single(self, value: Any) -> None:
        if not self.is_per_channel:  # else it loses the focus by being hidden, and edits nothing
            self._value = value
            self._on_edited()

    def _set(self, name: str, value: Any) -> None:
        before, self._value = self._value, ChannelValues({**self._value, name: value})
        if name not in before:
            self._rebuild()
        self._on_edited()

    def _on_refused(self, name: str, part: Any, value: Any) -> None:
        self.refused.emit(part, ChannelValues({**self._value, name: value}))
