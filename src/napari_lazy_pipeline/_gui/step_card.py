"""Step card: one step in the list, with its switch, its form, its time and its error."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.form import StepForm
from napari_lazy_pipeline._gui.text import ERROR_STYLE, Sentence
from napari_lazy_pipeline.stack import VolumeSpec
from napari_lazy_pipeline.step import Step


class StepCard(QFrame):
    """One step of the list.

    Signals
    -------
    changed(Step)
        The person edited or switched the step.
    removed(), moved(int)
        The person took the step away, or moved it up (-1) or down (+1).
    """

    changed = Signal(object)
    removed = Signal()
    moved = Signal(int)

    def __init__(self, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._step = step
        self.form = StepForm(step)
        self.form.changed.connect(self._on_form)
        self.body = QWidget()
        self.body.setVisible(False)
        self.switch = QCheckBox(step.title)
        self.switch.setToolTip(step.summary)
        self.switch.setAccessibleName(f"{step.title} on or off")
        self.switch.setChecked(step.enabled)
        self.switch.toggled.connect(self._on_switch)
        self.time = QLabel()
        self.time.setToolTip("How long the step took for the last volume")
        self.result = Sentence()
        self.result.setToolTip("Shape (z, y, x) and voxel size after this step")
        self.error = Sentence(error=True)
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(6)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(f"Progress of {step.title}")
        self._build()
        self.set_error("")
        self.show_progress(1.0)

    def _build(self) -> None:
        self.unfold = _button("▸", "Show the parameters", f"Parameters of {self._step.title}")
        self.unfold.setCheckable(True)
        self.unfold.toggled.connect(self._on_unfold)
        up = _button("↑", "Move the step up", f"Move {self._step.title} up")
        down = _button("↓", "Move the step down", f"Move {self._step.title} down")
        remove = _button("✕", "Remove the step", f"Remove {self._step.title}")
        up.clicked.connect(lambda: self.moved.emit(-1))
        down.clicked.connect(lambda: self.moved.emit(1))
        remove.clicked.connect(lambda: self.removed.emit())
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.unfold)
        head.addWidget(self.switch, 1)
        head.addWidget(self.time)
        for button in (up, down, remove):
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(head)
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(2)
        body.addWidget(self.form)
        for widget in (self.bar, self.body, self.error, self.result):
            layout.addWidget(widget)

    def add_action(self, action: QWidget) -> None:
        """Put something below the form that helps to find its values."""
        layout = self.body.layout()
        assert layout is not None
        layout.addWidget(action)

    @property
    def step(self) -> Step:
        """The step as it is shown."""
        return self._step

    def set_step(self, step: Step) -> None:
        """Show another step of the same kind; raises no signal."""
        if step == self._step:
            return
        self._step = step
        self.switch.blockSignals(True)
        self.switch.setChecked(step.enabled)
        self.switch.blockSignals(False)
        self.form.set_value(step)

    def set_error(self, sentence: str) -> None:
        """Turn the card red and say why; empty: all is well again."""
        self.error.say(sentence)
        self.switch.setStyleSheet(ERROR_STYLE if sentence else "")

    def set_time(self, seconds: float | None) -> None:
        """Show how long the step took; None: its result was in the cache."""
        self.time.setText("cached" if seconds is None else _duration(seconds))

    def set_result(self, spec: VolumeSpec | None) -> None:
        """Show shape and voxel size after the step; None: the step is off."""
        self.result.setVisible(spec is not None)
        if spec is not None:
            size = " x ".join(f"{length:.3g}" for length in spec.voxel_size)
            self.result.setText(f"→ {spec.shape[0]} x {spec.shape[1]} x {spec.shape[2]}, {size} µm")
        else:
            self.time.setText("")

    def show_progress(self, fraction: float) -> None:
        """Show how far the step is; 1: it is done."""
        self.bar.setValue(round(100 * fraction))
        self.bar.setVisible(fraction < 1)

    def _on_form(self, step: Step) -> None:
        self._step = step.replace(enabled=self._step.enabled)
        self.changed.emit(self._step)

    def _on_switch(self, on: bool) -> None:
        self._step = self._step.replace(enabled=on)
        self.unfold.setChecked(on or self.unfold.isChecked())
        self.changed.emit(self._step)

    def _on_unfold(self, unfolded: bool) -> None:
        self.body.setVisible(unfolded)
        self.unfold.setText("▾" if unfolded else "▸")


def _button(text: str, tooltip: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(name)
    button.setAutoRaise(True)
    button.setStyleSheet("padding: 1px; min-width: 14px;")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
