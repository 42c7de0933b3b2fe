"""View panel: which part of the steps is shown, how, beside what, and where it is computed."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_lazy_pipeline._gui.widgets.choice import Choice, combo_box
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row, tool_button
from napari_lazy_pipeline._gui.widgets.tab_order import tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.text import Sentence, plain
from napari_lazy_pipeline.engines import engine_names
from napari_lazy_pipeline.engines.auto import best_engine
from napari_lazy_pipeline.session import Session

_PARTS = {
    "raw": ("Raw", "The raw data, before any step"),
    "here": ("Up to selected step", ""),
    "all": ("All", "The result of all steps"),
}
_PREVIEWS = {
    "auto": ("On", "While a slow step is computed, show a quick preview of its result"),
    "full": ("Off", "Keep the last picture until the full result is computed"),
}


class ViewPanel(QWidget):
    """Edits how a session is looked at."""

    # The person wants the raw data beside the processed ones, or no longer.
    compare_toggled = Signal(bool)
    side_view_toggled = Signal(bool)  # the person wants to see x-z beside x-y, or no longer
    contrast_requested = Signal()  # the contrast is to be set from what is on screen
    restore_requested = Signal()  # layers that were deleted are to come back

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.engines_missing: dict[str, str | None] = {}
        self._here: int | None = None
        self.show_choice = Choice("Show", _PARTS)
        self.quality = Choice("Preview while computing", _PREVIEWS)
        tooltip = "Show the raw data beside the processed ones, at the same time point and plane"
        self.compare = push_button("Compare with raw", tooltip, checkable=True)
        tooltip = "Set the contrast of all channels from what is on screen"
        self.contrast = push_button("Set contrast", tooltip, self.contrast_requested.emit)
        tooltip = "See the row in the middle of the picture from the side, below the picture"
        self.side_view = push_button("x-z view", tooltip, checkable=True)
        tooltip = "Show the layers again that were deleted"
        self.restore = push_button("Show layers", tooltip, self.restore_requested.emit)
        self.offer_restore(False)
        self._build_engine()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow("Show", self.show_choice)
        form.addRow("Preview while computing", self.quality)
        form.addRow("Engine", self.engine)
        form.addRow(self.engine_details)
        form.addRow(self.engine_reason)
        self._more = row(self.side_view, spacing=6)
        buttons = row(self.compare, self.contrast, self.restore, spacing=6)
        column(form, buttons, self._more, parent=self)
        session.plan_changed.connect(self._show_session)
        session.view_changed.connect(self._show_session)
        self.show_choice.chosen.connect(self._on_part)
        self.quality.chosen.connect(session.set_quality)
        self.engine.currentTextChanged.connect(self._on_engine)
        self.compare.toggled.connect(self.compare_toggled)
        self.side_view.toggled.connect(self.side_view_toggled)
        self._show_session()

    def _show_session(self, *_: object) -> None:
        self._show_part()
        self.quality.set(self.session.quality)
        self.engine.setCurrentText(self.session.engine)

    def show_comparing(self, on: bool) -> None:
        """Show whether raw data are beside the processed ones; raises no signal."""
        with QSignalBlocker(self.compare):
            self.compare.setChecked(on)

    def add_button(self, button: QWidget) -> None:
        """Put another way to look at the data beside the view from the side."""
        self._more.addWidget(button)
        tab_in_reading_order(self)

    def show_side_view(self, on: bool) -> None:
        """Show whether there is a view from the side; raises no signal."""
        with QSignalBlocker(self.side_view):
            self.side_view.setChecked(on)

    def offer_restore(self, on: bool) -> None:
        """Offer to show layers again, or not: none was deleted."""
        self.restore.setVisible(on)

    def show_engines(self, reasons: dict[str, str | None]) -> None:
        """Grey the engines that cannot be used here, and say why."""
        self.engines_missing = reasons
        for name, reason in reasons.items():
            entry = self._entries.item(self.engine.findText(name))
            if entry is not None:
                entry.setEnabled(reason is None)
                why = reason or (f"uses {best_engine()}" if name == "auto" else "")
                entry.setToolTip(plain(why))
        missing = {name: reason for name, reason in reasons.items() if reason}
        usable = [name for name in reasons.keys() - missing.keys() if name not in ("cpu", "auto")]
        what = ", ".join(missing) if usable else "GPU"
        self.engine_details.setText(f"{what} not available (details)")
        self.engine_details.setVisible(bool(missing))
        self.engine_reason.setText("\n".join(f"{n}: {why}" for n, why in missing.items()))
        self.engine_reason.setVisible(bool(missing) and self.engine_details.isChecked())

    def _build_engine(self) -> None:
        self.engine = combo_box("Engine", "Where the steps are computed")
        self._entries = QStandardItemModel(self.engine)
        for name in engine_names():
            self._entries.appendRow(QStandardItem(name))
        self.engine.setModel(self._entries)
        # How to get an engine is for the few who want one: it takes no lines of the dock.
        tooltip = "Show why, and what can be done about it"
        self.engine_details = tool_button("", tooltip, "Details of engines that are not available")
        self.engine_details.setCheckable(True)
        self.engine_details.setAutoRaise(True)
        self.engine_details.setVisible(False)
        self.engine_reason = Sentence()
        self.engine_reason.say("")
        self.engine_details.toggled.connect(self.engine_reason.setVisible)

    def _show_part(self, *_: object) -> None:
        """Show which part of the steps is on screen, and which step "here" is."""
        until, steps = self.session.until, self.session.pipeline.steps
        if until:
            self._here = until
        if self._here is not None and self._here > len(steps):
            self._here = None
        here = steps[self._here - 1].title if self._here else ""
        tooltip = f"The result up to the step {here}" if here else "Click a step to see up to it"
        self.show_choice.enable("here", bool(here), tooltip)
        self.show_choice.set("all" if until is None else "here" if until else "raw")

    def offer_here(self, index: int | None) -> None:
        """Offer to show the result up to the selected step; None: up to none in particular."""
        self._here = None if index is None else index + 1
        self._show_part()

    def _on_part(self, part: str) -> None:
        self.session.show_until({"raw": 0, "here": self._here, "all": None}[part])

    def _on_engine(self, name: str) -> None:
        if self.engines_missing.get(name):
            self.engine.setCurrentText(self.session.engine)
        else:
            self.session.set_engine(name)
