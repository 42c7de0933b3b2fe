"""Selection entries: magicgui widgets for a range of numbers, and for some of several things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from napari_lazy_pipeline._gui.widgets.forms.entries import Entry, NumberEntry
from napari_lazy_pipeline._gui.widgets.text import entry_text, plain

_ABREAST = 3  # boxes in a row, at most
_ROOM = 200  # px, for a row of them in a narrow dock


class RangeEntry(Entry):
    """First and last of a range, counted from 0; one moves the other along."""

    def __init__(self, **options: Any) -> None:
        first, last = (NumberEntry(annotation=int, min=0, max=0) for _ in range(2))
        self.parts = {"first": first, "last": last}
        self.first, self.last = first.editor, last.editor
        self._chosen: tuple[int, int | None] = (0, None)  # by the person; None: up to the end
        super().__init__(first.native, QLabel("to"), last.native, **options)
        self.native.layout().setStretch(2, 1)
        first.changed.connect(lambda value: self._order(self.last, max(self.last.value(), value)))
        last.changed.connect(lambda value: self._order(self.first, min(self.first.value(), value)))
        for part in (first, last):
            part.refused.connect(self.refused.emit)

    def get_value(self) -> Any:
        return self.first.number(), self.last.number()

    def set_value(self, value: Any) -> None:
        with self._silent():
            self.first.setValue(value[0])
            self.last.setValue(value[1])
        self._note()

    def set_count(self, count: int) -> None:
        """Allow so many; what the person chose is kept as far as it is there; raises no signal."""
        first, last = self._chosen
        with self._silent():
            for box in (self.first, self.last):
                box.set_bounds(0, count - 1)
            self.first.setValue(min(first, count - 1))
            self.last.setValue(count - 1 if last is None else min(last, count - 1))

    def _note(self) -> None:
        """Note what was chosen."""
        first, last = self.first.number(), self.last.number()
        self._chosen = first, None if last == self.last.maximum() else last
        self._on_edited()

    @contextmanager
    def _silent(self) -> Iterator[None]:
        with QSignalBlocker(self.first), QSignalBlocker(self.last):
            yield

    def _order(self, other: Any, value: float) -> None:
        with self._silent():
            other.setValue(value)
        self._note()


class TicksEntry(Entry):
    """Indices of some of several things, each with a box to tick."""

    def __init__(self, **options: Any) -> None:
        self.boxes: list[QCheckBox] = []
        self._names: list[str] = []
        self._chosen: dict[str, bool] = {}  # by the person, also of things that are not there now
        super().__init__(QWidget(), **options)
        self._grid = QGridLayout(self.editor)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(_ABREAST, 1)

    def get_value(self) -> Any:
        return tuple(index for index, box in enumerate(self.boxes) if box.isChecked())

    def set_value(self, value: Any) -> None:
        for index, (name, box) in enumerate(self._named()):
            with QSignalBlocker(box):
                box.setChecked(index in value)
            self._chosen[name] = index in value
        self._on_edited()

    def set_names(self, names: Sequence[str], tooltip: str, ticked: bool = True) -> None:
        """Show other things; raises no signal.

        What the person chose is ticked as it was, and what is new if ``ticked``: then something is.
        """
        if self._names == list(names):
            return
        ticks = [self._chosen.get(name, ticked) for name in names]
        ticks = [True] * len(ticks) if ticked and not any(ticks) else ticks
        for box in self.boxes:
            self._grid.removeWidget(box)
            box.hide()
            box.deleteLater()
        self.boxes, self._names = [QCheckBox(entry_text(name)) for name in names], list(names)
        widest = max((box.sizeHint().width() for box in self.boxes), default=1)
        abreast = max(min(_ROOM // widest, _ABREAST), 1)
        for index, (name, box) in enumerate(self._named()):
            box.setChecked(ticks[index])
            box.setToolTip(plain(f"{tooltip} {name}"))
            box.setAccessibleName(f"{tooltip} {name}")
            box.toggled.connect(partial(self._on_ticked, name))
            self._grid.addWidget(box, *divmod(index, abreast))

    def _on_ticked(self, name: str, on: bool) -> None:
        self._chosen[name] = on
        self._on_edited()

    def _named(self) -> Iterable[tuple[str, QCheckBox]]:
        """The boxes with what they are for."""
        return zip(self._names, self.boxes, strict=True)
