"""Step card: one step in the list, with its form, its result and its errors."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from napari_lazy_pipeline._gui.steps.card_frame import ACCENT
from napari_lazy_pipeline._gui.steps.card_menu import add_trials, card_menu
from napari_lazy_pipeline._gui.steps.list_card import ListCard
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.tab_order import stops
from napari_lazy_pipeline._gui.widgets.text import Elided, Sentence, plain
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.quantity_text import format_count, format_duration
from napari_lazy_pipeline.image.spec import size_text
from napari_lazy_pipeline.steps._base import Step

_BAR = (
    "QProgressBar { border: 0px; background: transparent; }"
    f"QProgressBar::chunk {{ background: {ACCENT.name()}; }}"
)
PATIENCE = 150  # ms; a step that is done sooner shows no progress


class StepCard(ListCard):
    """One step of the list."""

    changed = Signal(object)  # the person edited or switched the step
    body_made = Signal()  # the form is there: it is made once somebody wants to see it

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.step = step
        self.shown = step  # with what it takes from the data
        self.gesture: object = None  # of the hand, that made the last change; None: it stands alone
        self._misfit, self._failures = "", dict[int, str]()
        self._form: ModelForm | None = None
        self._channels: tuple[str, ...] = ()
        self.switch, self.unfold, self.time = self.head.switch, self.head.unfold, self.head.time
        self.switch.toggled.connect(self._on_switch)
        self.head.menu_requested.connect(self.show_menu)
        self.result = Elided(tooltip="Shape (z, y, x), voxel size, and what else this step changes")
        self.result.setIndent(18)
        self.waiting, self.caution = Sentence(), Sentence(caution=True)
        self.error = Sentence(error=True)
        for sentence in self._messages:
            sentence.say("")
        # Not in the layout: what is below must not jump at each turn of a knob.
        self.bar = QProgressBar(self, textVisible=False)
        self.bar.setStyleSheet(_BAR)
        self.bar.setAccessibleName(f"Progress of {step.title}")
        self.bar.setToolTip("How far the step is")
        self.bar.hide()
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._patience.timeout.connect(self.bar.show)
        self._column = column(parent=self._body, spacing=2)
        column(
            self.head, *self._messages, self.result, self._body,
            parent=self, margins=(4, 3, 4, 3), spacing=2,
        )  # fmt: skip
        self._show_errors()

    @property
    def _messages(self) -> tuple[Sentence, ...]:
        return self.waiting, self.caution, self.error

    def add_tool(self, tool: QWidget) -> None:
        """Put something below the form that helps to find its values."""
        self._column.addWidget(tool)

    @property
    def form(self) -> ModelForm:
        """The form of the step; made when it is first used."""
        self.make_body()
        assert self._form is not None
        return self._form

    def make_body(self) -> None:
        if self._form is None:
            self._form = ModelForm(self.shown, hidden=("kind", "enabled"))
            self._form.changed.connect(self._on_form)
            self._form.menu_opening.connect(self._on_menu_opening)
            self._form.set_channels(self._channels)
            self._column.addWidget(self._form.native)
            self.body_made.emit()

    def set_channels(self, names: tuple[str, ...]) -> None:
        self._channels = names
        if self._form is not None:
            self._form.set_channels(names)

    def set_step(self, step: Step, shown: Step) -> None:
        """Show another step, with what it takes from the data; raises no signal."""
        self.step = step
        if shown != self.shown:
            self.shown = shown
            self.head.show_step(shown)
            if self._form is not None:
                self._form.set_value(shown)

    def set_misfit(self, error: LazyPipelineError | None) -> None:
        """Say why the step does not fit the volumes; None: it does."""
        self._misfit = _sentence(error) if error else ""
        self._show_errors()

    def set_failure(self, channel: int, error: LazyPipelineError | None) -> None:
        """Say why the step failed on the volume of a channel; None: it did not."""
        self._failures.pop(channel, None)
        if error is not None:
            self._failures[channel] = _sentence(error)
        self._show_errors()

    def clear_failures(self) -> None:
        self._failures.clear()
        self._show_errors()

    def set_waiting(self, text: str) -> None:
        """Say what the step waits for, which is no error; empty: for nothing."""
        self.waiting.say(text)

    def set_caution(self, text: str) -> None:
        """Say why the result is probably not what is wanted; empty: nothing is doubtful."""
        self.caution.say(text)

    def set_time(self, seconds: float | None) -> None:
        """Show how long the step took; None: it was in the cache; NaN: that says nothing."""
        if seconds is not None and math.isnan(seconds):
            self.time.setText("")
        else:
            self.time.setText("cached" if seconds is None else format_duration(seconds))

    def set_result(self, spec: StackSpec | None, before: StackSpec | None) -> None:
        """Show shape and voxel size after the step; None: the step is off, or does not fit.

        Number type, channels and time points are told where the step changes them.
        """
        self.result.setVisible(spec is not None)
        if spec is not None:
            shape = " x ".join(map(str, spec.shape))
            parts = [f"→ {shape}", size_text(spec.volume.stated_size, "µm", axes="")]
            if before is not None and spec.times != before.times:
                parts.append(format_count(spec.times, "time point"))
            if before is not None and spec.channels != before.channels:
                parts.append(f"channels {', '.join(spec.channels)}")
            if before is not None and spec.dtype != before.dtype:
                parts.append(spec.dtype)
            self.result.setText(", ".join(parts))
        else:
            self.time.setText("")

    def show_progress(self, fraction: float) -> None:
        """Show how far the step is; 1: it is done."""
        self.bar.setValue(round(100 * fraction))
        if fraction >= 1:
            self._patience.stop()
            self.bar.hide()
        elif self.bar.isHidden() and not self._patience.isActive():
            self._patience.start()

    def set_dimmed(self, dimmed: bool) -> None:
        """Draw the card paler: its step is not part of the picture."""
        self.dim(dimmed, (self.head, self.result))

    def show_menu(self) -> None:
        button = self.head.menu
        card_menu(self, self.form).popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _on_menu_opening(self, name: str, menu: Any) -> None:
        add_trials(menu, self.form.fields[name], partial(self.trial_requested.emit, name))

    def focus_chain(self) -> list[QWidget]:
        return [self, self.switch, self.head.menu, *stops(self._body)]

    def _show_errors(self) -> None:
        """Show what is wrong: with the geometry, and with the first volume that failed."""
        failures = [self._failures[channel] for channel in sorted(self._failures)]
        sentences = [text for text in (self._misfit, *failures[:1]) if text]
        self.error.say("\n".join(sentences))
        self.error.setToolTip(plain("\n".join(failures)))
        self.head.show_failed(bool(sentences))

    def _on_form(self, step: Step) -> None:
        self.shown, self.gesture = step.replace(enabled=self.shown.enabled), self.form.gesture
        self.head.show_step(self.shown)
        self.changed.emit(self.shown)

    def _on_switch(self, on: bool) -> None:
        self.shown, self.gesture = self.shown.replace(enabled=on), None
        self.changed.emit(self.shown)

    def contextMenuEvent(self, event: Any) -> None:
        self.show_menu()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        head = self.head.geometry()
        self.bar.setGeometry(head.left(), head.bottom() + 1, head.width(), 3)


def _sentence(error: LazyPipelineError) -> str:
    """Return what is wrong, and on a line of its own what to do."""
    located = f"{error.what} ({error.where})" if error.where else error.what
    return f"{located}.\n{error.hint}" if error.hint else located
