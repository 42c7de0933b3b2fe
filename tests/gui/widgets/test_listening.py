"""A widget hears of the session for as long as Qt has it."""

from __future__ import annotations

from typing import Any

from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.widgets.listening import listen


class Owner:
    changed = Signal(int)


class Listener(QWidget):
    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner, self.heard = owner, list[int]()
        listen(self, owner, "changed", self.hear)

    def hear(self, value: int) -> None:
        self.heard.append(value)


def test_until_qt_has_it_no_more(qtbot: Any) -> None:
    owner = Owner()
    listener = Listener(owner)
    owner.changed.emit(1)
    listener.deleteLater()
    qtbot.waitUntil(lambda: len(owner.changed) == 0)
    owner.changed.emit(2)
    assert listener.heard == [1]
