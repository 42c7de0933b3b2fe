"""Angle tool: finds out how the planes of a raw stack were scanned, on the card of the deskew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.angle_preview_3d import AnglePreview3D
from napari_lazy_pipeline._gui.tools.drawn_shape import PREPARING, DrawnShape
from napari_lazy_pipeline._gui.tools.raw_volume_task import RawVolumeTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate.scan_angle import estimate_scan, scans_of, shear_of_line
from napari_lazy_pipeline.image import Scan, Stack
from napari_lazy_pipeline.session import Session

_MEANINGS = {
    "stage": "along the stage",
    "perpendicular": "perpendicular to the planes",
}
_DRAW_LINE = "Draw a line along something upright; Esc cancels"


class AngleTool(QObject):
    """Estimates the angle, or takes it from a line; makes one panel for each card."""

    proposed = Signal(object, object, str)  # scans that are proposed for a step, and a sentence

    def __init__(self, viewer: Any, session: Session, layers: Layers) -> None:
        super().__init__()
        self.viewer, self.session = viewer, session
        self.preview = AnglePreview3D(viewer, session, layers)
        self.drawing = DrawnShape(viewer, "Angle line", tool="line")
        self.task = RawVolumeTask(session, layers, "The angle cannot be estimated")
        self._step: StepReference | None = None
        self._before: tuple[Any, int, int | None] | None = None
        self.task.finished.connect(lambda result: self._propose(result.scans, result.reason))
        self.task.failed.connect(lambda error: self._propose((), str(error)))
        self.drawing.drawn.connect(self._on_line)
        self.drawing.ended.connect(self._on_drawing_ended)
        self.drawing.ready.connect(partial(self._propose, (), _DRAW_LINE))
        self._data = _files(session.stack)  # that proposals are of
        session.stack_changed.connect(self._on_stack)

    def _on_stack(self, stack: Stack | None) -> None:
        """Drop what is under way, and what was proposed, for other data."""
        before, self._data = self._data, _files(stack)
        if before not in (None, self._data):
            self.task.forget()
            self.cancel_line()
            self._propose((), "")

    def make(self, step: StepReference) -> QWidget:
        return AnglePanel(self, step)

    def close(self) -> None:
        self.task.forget()
        self.cancel_line()
        self.drawing.update()
        self.preview.close()

    def estimate(self, step: StepReference) -> None:
        """Estimate the scan from the raw volume on screen, in the background."""
        self._step = step
        stack = self.session.stack
        if stack is None:
            self._propose((), "Open a folder first")
            return
        if not stack.spec.size_known:
            self._propose((), "State the voxel size first, under Data")
            return
        size = stack.voxel_size
        self.task.start_on_volume(lambda volume, cancelled: estimate_scan(volume, size, cancelled))

    def ask_for_line(self, step: StepReference) -> None:
        """Show the raw stack from the side, and let the person draw a line."""
        self._step = step
        stack, dims = self.session.stack, self.viewer.dims
        if stack is None or step.step is None:
            self._propose((), "Open a folder first")
            return
        if not stack.spec.size_known:
            self._propose((), "State the voxel size first, under Data")
            return
        self._before = self._before or (dims.order, dims.ndisplay, self.session.until)
        dims.ndisplay = 2
        self.session.show_until(0)
        skew = "zyx".index(getattr(step.step, "skew_axis", "x"))
        first = dims.ndim - 3
        dims.order = (*range(first), first + 3 - skew, first, first + skew)
        self.viewer.reset_view()
        self.drawing.open(stack.spec)
        self.drawing.update()
        if self.drawing.is_waiting:
            self._propose((), PREPARING)

    def cancel_line(self) -> None:
        """Put the line away, and show again what was shown before."""
        self.drawing.close()
        self._on_drawing_ended()

    def _on_line(self, ends: np.ndarray) -> None:
        """Propose what sets the line upright."""
        stack, axes = self.session.stack, self.drawing.axes
        if stack is None or axes is None or axes[0] != 0:
            self._propose((), "Draw the line in a side view, of z and the scan axis")
            return
        (z0, u0), (z1, u1) = ends[0, axes].tolist(), ends[-1, axes].tolist()
        axis: Any = "zyx"[axes[1]]
        try:
            shear = shear_of_line((z0, u0), (z1, u1), stack.voxel_size, axis)
        except GeometryError as error:
            self.drawing.open(stack.spec)
            self._propose((), str(error))
            return
        sentence = f"The line shifts {shear:.2f} px along {axis} per plane"
        self.cancel_line()
        self._propose(scans_of(shear, axis, stack.voxel_size), sentence)

    def _on_drawing_ended(self) -> None:
        if self._before is not None:
            (order, ndisplay, until), self._before = self._before, None
            dims = self.viewer.dims
            if len(order) == dims.ndim:
                dims.order = order
            dims.ndisplay = ndisplay
            self.session.show_until(until)
            self.viewer.reset_view()

    def _propose(self, scans: Sequence[Scan], sentence: str) -> None:
        self.proposed.emit(self._step, tuple(scans), sentence)


def _files(stack: Stack | None) -> object:
    """Name of the files of data, whatever is stated about them."""
    return stack.source.token if stack is not None else None


class AnglePanel(QWidget):
    """Buttons that find the angle of one step, and what they propose."""

    def __init__(self, tool: AngleTool, step: StepReference) -> None:
        super().__init__()
        self._tool, self._step = tool, step
        self.estimate = push_button(
            "Estimate angle",
            "Find angle, scan axis and direction at which neighbouring raw planes match",
            self._on_estimate,
        )
        self.line = push_button(
            "Measure angle from a line…",
            "Draw a line in a side view of the raw stack, along something that is upright in the "
            "sample, such as the streak of a bead. Esc cancels",
            self._on_line,
        )
        self.preview = QCheckBox("Preview angle live (3-D)")
        self.preview.setToolTip(
            "In 3-D, let the raw stack lean along while the angle is turned; nothing is computed"
        )
        self.preview.setAccessibleName(self.preview.text())
        self.sentence = Sentence()
        self.sentence.say("")
        self.proposals: list[QPushButton] = []
        self._list = column()
        column(
            self.estimate, self.line, self.sentence, self._list, self.preview,
            parent=self, margins=(4, 0, 4, 4), spacing=3,
        )  # fmt: skip
        self.preview.toggled.connect(self._on_preview)
        tool.proposed.connect(self._on_proposed)
        tool.preview.notice.connect(self._on_notice)
        tool.preview.stopped.connect(self._on_stopped)

    def _on_estimate(self) -> None:
        self._say("Comparing the planes…")
        self._tool.estimate(self._step)

    def _on_line(self) -> None:
        self._say(_DRAW_LINE)
        self._tool.ask_for_line(self._step)

    def _on_preview(self, on: bool) -> None:
        if on:
            self._tool.preview.switch_on(self._step)
        else:
            self._tool.preview.switch_off()

    def _on_stopped(self) -> None:
        self.preview.setChecked(False)

    def _on_notice(self, sentence: str) -> None:
        if self.preview.isChecked() or sentence:
            self.preview.setText(f"Preview angle live ({sentence or '3-D'})")

    def _on_proposed(self, step: StepReference, scans: tuple[Scan, ...], sentence: str) -> None:
        """Offer scans, each with a button that takes it over."""
        if step is not self._step:
            return
        self._say(f"{sentence}. Apply:" if scans else sentence)
        for scan in scans:
            button = push_button(
                f"{scan.angle:.1f}° along {scan.skew_axis}\nz step {_MEANINGS[scan.step]}",
                "Set angle, axis and meaning of the z step to these; can be undone",
                partial(self._apply, scan),
            )
            self._list.addWidget(button)
            self.proposals.append(button)

    def _apply(self, scan: Scan) -> None:
        self._step.edit(
            angle=round(scan.angle, 1), skew_axis=scan.skew_axis, step=scan.step, enabled=True
        )

    def _say(self, sentence: str) -> None:
        """Say something instead of what was said and proposed."""
        self.sentence.say(sentence)
        for button in self.proposals:
            self._list.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.proposals = []
