"""Card menu: what can be done with a step, besides editing it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QMenu

from napari_lazy_pipeline._gui.steps.list_card import ListCard
from napari_lazy_pipeline._gui.widgets.forms.field_options import can_be_tried
from napari_lazy_pipeline._gui.widgets.forms.form_field import FormField
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.text import entry_text
from napari_lazy_pipeline.steps._per_channel import ChannelValues


def card_menu(card: ListCard, form: ModelForm) -> QMenu:
    """Make the menu of a card; it is gone when it is closed."""
    menu = QMenu(card)
    menu.setToolTipsVisible(True)
    menu.aboutToHide.connect(menu.deleteLater)
    up, down = partial(card.moved.emit, -1), partial(card.moved.emit, 1)
    _add(menu, "Duplicate", card.duplicated.emit, "Another one of it, below", "Ctrl+D")
    _add(menu, "Move up", up, "Done before the step above", "Alt+Up")
    _add(menu, "Move down", down, "Done after the step below", "Alt+Down")
    trials = menu.addMenu("Try values")
    for name, field in form.fields.items():
        add_trials(trials, field, partial(card.trial_requested.emit, name), f"{field.label}…")
    _add_resets(menu.addMenu("Reset"), form)
    menu.addSeparator()
    _add(menu, "Remove", card.removed.emit, "Take the step away; can be undone", "Del")
    return menu


def add_trials(
    menu: Any, field: FormField, try_values: Callable[[str], Any], text: str = "Try values…"
) -> None:
    """Offer to try values of a field, if it is one that several can be tried of."""
    if not can_be_tried(field.info):
        return
    value = field.value
    for channel in value if isinstance(value, ChannelValues) else ("",):
        of_channel = f"{text.removesuffix('…')} of {channel}…" if channel else text
        _add(menu, of_channel, partial(try_values, channel), "See several values side by side")


def _add_resets(menu: Any, form: ModelForm) -> None:
    """Offer the default of each field that has another value."""
    others = [field for field in form.fields.values() if field.value != field.default]
    menu.setEnabled(bool(others))
    _add(menu, "All values", form.reset, "As in a new step")
    for field in others:
        text = f"{field.label}: {field.in_words(field.value)} → {field.in_words(field.default)}"
        _add(menu, text, field.reset, "As in a new step")


def _add(menu: QMenu, text: str, action: Callable[[], Any], tooltip: str, keys: str = "") -> None:
    entry = menu.addAction(f"{entry_text(text)}\t{keys}" if keys else entry_text(text))
    entry.setToolTip(tooltip)
    entry.triggered.connect(lambda _=False: action())
