"""Process panel: asks what to write and where to, and shows how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.background import Background
from napari_lazy_pipeline._gui.cost_watch import CostWatch
from napari_lazy_pipeline._gui.exporter import Exporter
from napari_lazy_pipeline._gui.problems_panel import ProblemsPanel
from napari_lazy_pipeline._gui.text import Sentence
from napari_lazy_pipeline.costs import DiskCost, disk_cost, duration, size
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.exporting import ExportReport, export
from napari_lazy_pipeline.problems import Problem
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.stack import Stack
from napari_lazy_pipeline.target import raw_folder, refuse_raw
from napari_lazy_pipeline.writing import DTYPES

_REST = 200  # ms without an edit, before the disk is looked at


@dataclass(frozen=True)
class Order:
    """What the person wants to be written.

    Attributes
    ----------
    view
        The processed data.
    folder
        Where to.
    t, c
        Time points and channels.
    dtype
        Type of the pixels; None for that of the data.
    """

    view: Stack
    folder: Path
    t: range
    c: tuple[int, ...]
    dtype: Any

    @property
    def count(self) -> int:
        """Number of volumes."""
        return len(self.t) * len(self.c)


class ProcessPanel(QWidget):
    """Writes all volumes, as the present steps make them.

    Parameters
    ----------
    session
        Whose data and steps.
    costs
        How long a volume takes, if that was measured.
    """

    def __init__(self, session: Session, costs: CostWatch) -> None:
        super().__init__()
        self.session, self._costs = session, costs
        self.exporter = Exporter()
        self._looking = Background()
        self._refused = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._make_controls()
        self._build()
        self._connect()
        self._on_data()

    def close_session(self) -> None:
        """Stop, and let go of the session; volumes that are finished stay."""
        self._timer.stop()
        self._looking.forget()
        self.exporter.stop()
        for signal in self._session_signals():
            signal.disconnect(self._on_data)
        self.session.pipeline_changed.disconnect(self._look_soon)

    def _session_signals(self) -> tuple[Any, ...]:
        return self.session.stack_changed, self.session.stack_grown

    # ---- building -------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.folder.native.setToolTip("Folder to write to; never that of the raw files")
        self.folder.native.setAccessibleName("Folder to write to")
        self.folder.choose_btn.text = "…"
        self.folder.choose_btn.tooltip = "Choose a folder to write to"
        self.folder.choose_btn.native.setAccessibleName("Choose a folder to write to")
        self.first = _number("First time point, counted from 0 as the slider does")
        self.last = _number("Last time point, counted from 0 as the slider does")
        self.channels: list[QCheckBox] = []
        self.dtype = QComboBox()
        self.dtype.setToolTip(
            "Type of the pixels; integers are rounded, and clipped to what they can hold"
        )
        self.dtype.setAccessibleName("Pixel type")
        self.dtype.addItem("as computed", None)
        for name in DTYPES:
            self.dtype.addItem(name, name)
        self.estimate = Sentence()
        self.warning = Sentence(error=True)
        self.start = QPushButton("Start")
        self.start.setToolTip("Process and write all of it in the background")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; what is written stays, and Start goes on from there")
        for button in (self.start, self.cancel):
            button.setAccessibleName(f"{button.text()} processing all")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of processing all")
        self.bar.setToolTip("Volumes that are written")
        self.state = Sentence()
        self.failures = ProblemsPanel()

    def _build(self) -> None:
        times = QHBoxLayout()
        times.addWidget(self.first, 1)
        times.addWidget(QLabel("to"))
        times.addWidget(self.last, 1)
        self._channel_row = QHBoxLayout()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Write to", self.folder.native)
        form.addRow("Time points", times)
        form.addRow("Channels", self._channel_row)
        form.addRow("Pixels", self.dtype)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(3)
        kind = Sentence("One TIFF file for each volume, as ImageJ opens it")
        layout.addWidget(kind)
        layout.addLayout(form)
        layout.addWidget(self.estimate)
        layout.addWidget(self.warning)
        layout.addLayout(buttons)
        for widget in (self.bar, self.state, self.failures):
            layout.addWidget(widget)
        for sentence in (self.estimate, self.warning, self.state):
            sentence.say("")
        self.bar.setVisible(False)
        self.cancel.setEnabled(False)

    def _connect(self) -> None:
        self.folder.changed.connect(self._look_soon)
        self.first.valueChanged.connect(self._on_range)
        self.last.valueChanged.connect(self._on_range)
        self.dtype.currentIndexChanged.connect(self._look_soon)
        self._timer.timeout.connect(self._look)
        self._looking.done.connect(self._on_looked)
        self._looking.failed.connect(self._on_refused)
        self.start.clicked.connect(self._on_start)
        self.cancel.clicked.connect(self._on_cancel)
        self.exporter.progressed.connect(self._on_progress)
        self.exporter.finished.connect(self._on_finished)
        self.exporter.failed.connect(self._on_failed)
        self.destroyed.connect(self.exporter.stop)
        self._costs.changed.connect(self._look_soon)
        for signal in self._session_signals():
            signal.connect(self._on_data)
        self.session.pipeline_changed.connect(self._look_soon)

    # ---- what is wanted -------------------------------------------------------------------

    @property
    def order(self) -> Order | None:
        """What the person wants; None if there is nothing to write, or nowhere."""
        stack, folder = self.session.stack, self.folder.value
        if stack is None or not isinstance(folder, Path) or folder == Path():
            return None
        try:
            view = self.session.pipeline.apply(stack, self.session.engine)
        except StepError:
            return None  # that the steps do not fit is said on their card
        c = tuple(i for i, box in enumerate(self.channels) if box.isChecked())
        t = range(self.first.value(), self.last.value() + 1)
        return Order(view, folder, t, c, self.dtype.currentData())

    def _on_data(self, *_: object) -> None:
        """Other data, or more of the same: all of it is proposed."""
        stack = self.session.stack
        if stack is None:
            return
        times = stack.shape[0]
        whole = self.last.value() == self.last.maximum()
        for box in (self.first, self.last):
            box.blockSignals(True)
            box.setRange(0, times - 1)
            box.blockSignals(False)
        if whole:
            self.last.setValue(times - 1)
        self._show_channels(stack)
        self._look_soon()

    def _show_channels(self, stack: Stack) -> None:
        names = [*stack.channel_names, *map(str, range(len(stack.channel_names), stack.shape[1]))]
        if [box.text() for box in self.channels] == names:
            return
        for box in self.channels:
            self._channel_row.removeWidget(box)
            box.deleteLater()
        self.channels = [QCheckBox(name) for name in names]
        for box in self.channels:
            box.setChecked(True)
            box.setToolTip(f"Write channel {box.text()}")
            box.setAccessibleName(f"Write channel {box.text()}")
            box.toggled.connect(self._look_soon)
            self._channel_row.addWidget(box)

    def _on_range(self) -> None:
        """The last time point is not before the first."""
        if self.sender() is self.first:
            self.last.setValue(max(self.last.value(), self.first.value()))
        else:
            self.first.setValue(min(self.first.value(), self.last.value()))
        self._look_soon()

    # ---- estimates ------------------------------------------------------------------------

    def _look_soon(self, *_: object) -> None:
        self._timer.start()

    def _look(self) -> None:
        order = self.order
        self._enable()
        if order is not None:
            self._looking.run(partial(_look_at, order))

    def _on_looked(self, found: tuple[Order, DiskCost]) -> None:
        order, disk = found
        seconds = self._costs.seconds
        parts = [f"{order.count} volumes, {size(disk.needed)}"]
        if disk.free is not None:
            parts.append(f"{size(disk.free)} are free")
        if seconds:
            parts.append(f"about {duration(seconds * order.count)}")
        self.estimate.say("; ".join(parts))
        self._refused = "" if disk.fits else "There is not enough room on that disk"
        self.warning.say(self._refused)
        self._enable()

    def _on_refused(self, error: LazyPipelineError) -> None:
        self._refused = str(error)
        self.estimate.say("")
        self.warning.say(self._refused)
        self._enable()

    def _enable(self) -> None:
        order = self.order
        possible = order is not None and order.count > 0 and not self._refused
        self.start.setEnabled(possible and not self.exporter.busy)
        self.cancel.setEnabled(self.exporter.busy)

    # ---- running --------------------------------------------------------------------------

    def _on_start(self) -> None:
        order = self.order
        if order is None or self.exporter.busy:
            return
        self.failures.show_problems(())
        self.state.say("Looking at what is there already…")
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self.exporter.start(
            lambda progress, cancelled: export(
                order.view, order.folder, t=order.t, c=order.c, dtype=order.dtype,
                progress=progress, cancelled=cancelled,
            )
        )  # fmt: skip
        self._enable()

    def _on_cancel(self) -> None:
        self.state.say("Stopping…")
        self.exporter.cancel()

    def _on_progress(self, done: int, total: int, left: float | None) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        time = f", {duration(left)} left" if left is not None and done < total else ""
        self.state.say(f"{done} of {total} volumes{time}")

    def _on_finished(self, report: ExportReport) -> None:
        self.state.say(f"{report}.")
        self.failures.show_problems(
            [
                Problem(f"time point {failure.t}, channel {failure.c}", failure.why, "not written")
                for failure in report.failed
            ]
        )
        self._end()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.state.say("")
        self.warning.say(str(error))
        self._end()

    def _end(self) -> None:
        self.bar.setVisible(False)
        self._enable()


def _look_at(order: Order) -> tuple[Order, DiskCost]:
    """What it takes, and whether it may be written there."""
    refuse_raw(order.folder, raw_folder(order.view.source))
    return order, disk_cost(order.view.spec, order.count, order.dtype, order.folder)


def _number(tooltip: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tooltip)
    box.setAccessibleName(tooltip.partition(",")[0])
    box.setKeyboardTracking(False)
    box.setRange(0, 0)
    return box
