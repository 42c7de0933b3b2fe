"""Angle help: finds out how the planes of a raw stack were scanned, on the card of the deskew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.angle_preview_3d import AnglePreview3D
from napari_lazy_pipeline._gui.tools.drawn_shape import DrawnShape
from napari_lazy_pipeline._gui.tools.raw_volume_task import RawVolumeTask
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate.scan_angle import (
    ScanEstimate,
    estimate_scan,
    scans_of,
    shear_of_line,
)
from napari_lazy_pipeline.image.scan_geometry import Scan
from napari_lazy_pipeline.session.session import Session

_MEANINGS = {"stage": "z step along the stage", "perpendicular": "z step across the planes"}


class AngleTool(QObject):
    """What the help for the angle needs of the dock; makes one panel for each card.

    Signals
    -------
    found(StepPlace, tuple, str)
        Scans that are proposed for a step, and a sentence.
    """

    found = Signal(object, object, str)

    def __init__(self, viewer: Any, session: Session, layers: Layers) -> None:
        super().__init__()
        self.viewer, self.session = viewer, session
        self.live = AnglePreview3D(viewer, session, layers)
        self.drawing = DrawnShape(viewer, "Upright line", tool="line")
        self._task = RawVolumeTask(session, layers, "The angle cannot be estimated")
        self._asked: StepReference | None = None
        self._before: tuple[Any, int, int | None] | None = None
        self._task.finished.connect(self._on_estimate)
        self._task.failed.connect(lambda error: self._tell((), str(error)))
        self.drawing.drawn.connect(self._on_line)
        self.drawing.ended.connect(self._on_drawing_ended)

    def make(self, place: StepReference) -> QWidget:
        """Make the panel for the card of a step."""
        return AnglePanel(self, place)

    def close_session(self) -> None:
        """Stop, and leave nothing behind."""
        self._task.forget()
        self.cancel_line()
        self.live.close_session()

    @property
    def busy(self) -> bool:
        """Whether an estimate is being made."""
        return self._task.busy

    def estimate(self, place: StepReference) -> None:
        """Estimate the scan from the raw volume on screen, in the background."""
        self._asked = place
        stack = self.session.stack
        if stack is None:
            self._tell((), "Open a folder first")
            return
        size = stack.voxel_size
        self._task.start_on_volume(lambda volume, cancelled: estimate_scan(volume, size, cancelled))

    def cancel(self) -> None:
        """Stop estimating."""
        self._task.forget()

    def ask_for_line(self, place: StepReference) -> None:
        """Show the raw stack from the side, and let the person draw a line."""
        self._asked = place
        stack, dims = self.session.stack, self.viewer.dims
        if stack is None or place.step is None:
            self._tell((), "Open a folder first")
            return
        self._before = self._before or (dims.order, dims.ndisplay, self.session.until)
        dims.ndisplay = 2
        self.session.show_until(0)
        skew = "zyx".index(getattr(place.step, "skew_axis", "x"))
        first = dims.ndim - 3
        dims.order = (*range(first), first + 3 - skew, first, first + skew)
        self.viewer.reset_view()
        self.drawing.open(stack.spec)

    def cancel_line(self) -> None:
        """Put the line away, and show again what was shown before."""
        self.drawing.close()
        self._on_drawing_ended()

    def _on_estimate(self, estimate: ScanEstimate) -> None:
        self._tell(estimate.scans, estimate.reason)

    def _on_line(self, ends: np.ndarray) -> None:
        """Propose what sets the line upright."""
        stack, axes = self.session.stack, self.drawing.axes
        if stack is None or axes is None or axes[0] != 0:
            self._tell((), "Draw the line in a view of z and the skewed axis")
            return
        (z0, u0), (z1, u1) = ends[0, axes].tolist(), ends[-1, axes].tolist()
        axis: Any = "zyx"[axes[1]]
        try:
            shear = shear_of_line((z0, u0), (z1, u1), stack.voxel_size, axis)
        except GeometryError as error:
            self.drawing.open(stack.spec)
            self._tell((), str(error))
            return
        sentence = f"The line leans by {abs(shear):.2f} px along {axis} from plane to plane"
        self.cancel_line()
        self._tell(scans_of(shear, axis, stack.voxel_size), sentence)

    def _on_drawing_ended(self) -> None:
        """Turn the view back."""
        if self._before is not None:
            (order, ndisplay, until), self._before = self._before, None
            dims = self.viewer.dims
            if len(order) == dims.ndim:
                dims.order = order
            dims.ndisplay = ndisplay
            self.session.show_until(until)
            self.viewer.reset_view()

    def _tell(self, scans: Sequence[Scan], sentence: str) -> None:
        self.found.emit(self._asked, tuple(scans), sentence)


class AnglePanel(QWidget):
    """Buttons that find the angle of one step, and what they found."""

    def __init__(self, angles: AngleTool, place: StepReference) -> None:
        super().__init__()
        self._help, self._place = angles, place
        self.estimate = QPushButton("Estimate angle")
        self.estimate.setToolTip(
            "Find the angle, the axis and the direction at which neighbouring raw planes match"
        )
        self.line = QPushButton("Draw upright line")
        self.line.setToolTip(
            "See the raw stack from the side, and draw a line along something that leans there "
            "but is upright in the sample: the streak of a bead, say. Esc cancels"
        )
        self.preview = QCheckBox("Preview angle live (3-D)")
        self.preview.setToolTip(
            "In 3-D, let the raw stack lean along while the angle is turned; nothing is computed"
        )
        self.sentence = Sentence()
        self.proposals: list[QPushButton] = []
        row = QHBoxLayout()
        row.addWidget(self.estimate)
        row.addWidget(self.line)
        self._list = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.sentence)
        layout.addLayout(self._list)
        layout.addWidget(self.preview)
        self.sentence.say("")
        self.estimate.clicked.connect(self._on_estimate)
        self.line.clicked.connect(self._on_line)
        self.preview.toggled.connect(self._on_preview)
        angles.found.connect(self._on_found)
        angles.live.said.connect(self._on_said)
        angles.live.stopped.connect(self._on_stopped)

    def _on_estimate(self) -> None:
        self._clear()
        self.sentence.say("Comparing the planes…")
        self._help.estimate(self._place)

    def _on_line(self) -> None:
        self._clear()
        self.sentence.say("Draw a line along something upright; Esc cancels")
        self._help.ask_for_line(self._place)

    def _on_preview(self, on: bool) -> None:
        if on:
            self._help.live.switch_on(self._place)
        else:
            self._help.live.switch_off()

    def _on_said(self, sentence: str) -> None:
        if self.preview.isChecked() or sentence:
            self.preview.setText(f"Preview angle live ({sentence or '3-D'})")

    def _on_stopped(self) -> None:
        self.preview.setChecked(False)

    def _on_found(self, place: StepReference, scans: tuple[Scan, ...], sentence: str) -> None:
        """Offer what was found, each with a button that takes it over."""
        if place is not self._place:
            return
        self._clear()
        if len(scans) > 1:
            sentence += ". Choose by what the z step means"
        self.sentence.say(sentence)
        for scan in scans:
            button = QPushButton(
                f"{scan.angle:.1f}° along {scan.skew_axis}, {_MEANINGS[scan.step]}"
            )
            button.setToolTip("Set angle, axis and meaning of the z step to these; can be undone")
            button.clicked.connect(lambda _=False, scan=scan: self._take(scan))
            self._list.addWidget(button)
            self.proposals.append(button)

    def _take(self, scan: Scan) -> None:
        self._place.edit(
            angle=round(scan.angle, 1), skew_axis=scan.skew_axis, step=scan.step, enabled=True
        )

    def _clear(self) -> None:
        for button in self.proposals:
            self._list.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.proposals = []
