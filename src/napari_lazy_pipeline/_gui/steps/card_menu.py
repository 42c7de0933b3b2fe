"""Card menu: what can be done with a step, besides editing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QMenu

if TYPE_CHECKING:
    from napari_lazy_pipeline._gui.steps.step_card import StepCard


class CardMenu(QMenu):
    """Made when it is asked for, gone when it is closed."""

    def __init__(self, card: StepCard) -> None:
        super().__init__(card)
        self.setToolTipsVisible(True)
        self.aboutToHide.connect(self.deleteLater)
        self._add("Duplicate\tCtrl+D", card.duplicated.emit, "Another one of it, below")
        self._add("Move up\tAlt+Up", lambda: card.moved.emit(-1), "Done before the step above")
        self._add("Move down\tAlt+Down", lambda: card.moved.emit(1), "Done after the step below")
        self._add_resets(card)
        self.addSeparator()
        self._add("Remove\tDel", card.removed.emit, "Take the step away; can be undone")

    def _add(self, text: str, action: Any, tooltip: str, menu: QMenu | None = None) -> None:
        entry = (menu or self).addAction(text)
        entry.setToolTip(tooltip)
        entry.triggered.connect(lambda _=False: action())

    def _add_resets(self, card: StepCard) -> None:
        """Offer the default of each field that has another value."""
        others = [f for f in card.form.fields.values() if f.value != f.default]
        menu = self.addMenu("Reset")
        menu.setEnabled(bool(others))
        self._add("All values", card.form.reset, "As in a new step", menu)
        for field in others:
            text = f"{field.label}: {field.in_words(field.value)} → {field.in_words(field.default)}"
            self._add(text, field.reset, "As in a new step", menu)
