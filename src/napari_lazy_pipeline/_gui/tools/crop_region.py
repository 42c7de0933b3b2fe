"""Crop region: a crop that is drawn over the picture, and follows what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QSignalBlocker, Qt
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.tools.axis_range import AxisRange
from napari_lazy_pipeline._gui.tools.drawn_shape import PREPARING, DrawnShape
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import GeometryError, StepError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.crop_box import (
    CropPlace,
    Ranges,
    crop_bounds,
    extents,
    in_frame,
    ranges_of,
)
from napari_lazy_pipeline.steps.crop import Crop

_ALL = (0, 0)
_DRAW = "Draw a rectangle over the picture; Esc cancels"
_ADJUST = "Drag the corners, or draw another with the rectangle tool (R). Esc puts it away"
_ELSEWHERE = "The rectangle belongs to a picture that is not shown now"
_NO_VIEW = "A rectangle needs a view of two of z, y and x: leave 3-D, or roll the axes"


class CropRegion(QWidget):
    """Makes a crop of the stage on screen from a rectangle and a range; both follow each other."""

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self.viewer, self.session = viewer, session
        self.drawing = DrawnShape(viewer, "Crop rectangle")
        self._place = CropPlace(0, exists=False)
        self._step: Crop | None = None
        self._spec: VolumeSpec | None = None
        self.draw = push_button(
            "Draw crop",
            "Draw a rectangle over what is shown, and keep only what lies inside; only that is "
            "computed then",
            checkable=True,
        )
        self.draw.installEventFilter(self)
        self.hint, self.error = Sentence(), Sentence(error=True)
        self.across = AxisRange()
        column(self.hint, self.across, self.error, parent=self, margins=(4, 0, 4, 4), spacing=3)
        self._show_state()
        self.draw.toggled.connect(self._on_draw)
        self.across.edited.connect(self._on_range)
        self.drawing.drawn.connect(self._on_drawn)
        self.drawing.ended.connect(self.stop)
        self.drawing.turned.connect(self._on_turned)
        self.drawing.ready.connect(self._follow)
        session.plan_changed.connect(self._follow)
        session.view_changed.connect(self._follow)

    def start(self) -> None:
        """Let the person draw; a crop that is on already can be adjusted."""
        if self.session.stack is None:
            self.stop()
            self._show_error("Open a folder first")
            return
        if self.viewer.dims.ndisplay != 2:
            self.viewer.dims.ndisplay = 2
        self._check(True)
        self._place = CropPlace.of(self.session.pipeline, self.session.until)
        step = self._present()
        self._step = step if step is not None and step.enabled else None
        self._follow()

    def stop(self) -> None:
        """Put the rectangle away; the crop stays as it is."""
        self.drawing.close()
        self._step = self._spec = None
        self._show_state()

    def close_session(self) -> None:
        """Leave nothing behind."""
        self.draw.setChecked(False)
        self.drawing.update()

    def keyPressEvent(self, event: Any) -> None:
        if not self._is_end(event):
            super().keyPressEvent(event)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """End drawing also when Escape is pressed on the button, which stands elsewhere."""
        return event.type() == QEvent.Type.KeyPress and self._is_end(event)

    def _is_end(self, event: Any) -> bool:
        """End drawing, if it is under way and the key says so."""
        ends = event.key() == Qt.Key.Key_Escape and self.drawing.is_open
        if ends:
            self.draw.setChecked(False)
        return ends

    def _present(self) -> Crop | None:
        """The crop that stands at the place by now."""
        steps, index = self.session.pipeline.steps, self._place.index
        step = steps[index] if self._place.exists and index < len(steps) else None
        return step if isinstance(step, Crop) else None

    def _find(self) -> None:
        """Find the step again after an edit of the list; it may have moved, or be gone."""
        if self._step is None:
            self._place = CropPlace.of(self.session.pipeline, self.session.until)
            return
        for index, step in enumerate(self.session.pipeline.steps):
            if step is self._step:
                self._place = CropPlace(index, exists=True)
        self._step = self._present()

    def _set(self, drawn: Ranges) -> None:
        """Make of ranges the crop; the one across what is drawn is that of the slider."""
        z, y, x = (self.across.bounds if i == self.across.axis else r for i, r in enumerate(drawn))
        pipeline = self._place.put(self.session.pipeline, (z, y, x))
        self._place = CropPlace(self._place.index, exists=True)
        self._step = pipeline.steps[self._place.index]  # type: ignore[assignment]
        self.session.set_pipeline(pipeline)
        until = self.session.until
        if until is not None and until <= self._place.index:
            self.session.show_until(self._place.index + 1)
        # Equal steps raise no signal, but the rectangle has to lie on whole voxels again.
        self._follow()

    def _on_draw(self, on: bool) -> None:
        if on and not self.drawing.is_open:
            self.start()
        elif not on:
            self.stop()
        self.drawing.update()

    def _on_drawn(self, corners: np.ndarray) -> None:
        """Take over a rectangle; whatever else was drawn counts as the box around it."""
        assert self._spec is not None
        ends = np.stack((corners.min(axis=0), corners.max(axis=0)), axis=1).tolist()
        try:
            ranges = crop_bounds(self._spec, [None if np.isnan(a) else (a, b) for a, b in ends])
        except GeometryError as error:
            if self._step is None:
                self._spec = None
            self._follow()
            self._show_error(str(error))
        else:
            self._set(ranges)

    def _on_turned(self) -> None:
        if self._step is None and self._spec is not None:
            self._show_range(self._spec, (_ALL,) * 3)
        self._follow()

    def _on_range(self) -> None:
        if self._step is not None:
            self._set(ranges_of(self._step))

    def _follow(self, *_: object) -> None:
        if self.session.stack is None or not self.draw.isChecked():
            return
        followed = self._step is not None
        self._find()
        if followed and self._step is None:
            self.stop()
            return
        plan = self.session.plan
        assert plan is not None
        try:
            plan.until(self._place.index).check()
            before = plan.spec_before(self._place.index)
            assert before is not None
            spec = before.volume
            in_view = in_frame(plan, self._place.index, self.session.until)
            ranges = ranges_of(self._step) if self._step is not None else (_ALL,) * 3
            place = extents(spec, ranges)
        except (StepError, GeometryError) as error:  # no data before it, or it lies beside them
            self.stop()
            self._show_error(str(error))
            return
        if self._step is not None and not self._step.enabled and ranges == (_ALL,) * 3:
            self._step = self._spec = None  # as it was before it was drawn
        if self._step is not None:
            self._spec = spec
            self.drawing.show(spec, place, in_view)
            self._show_range(spec, ranges)
            self._show_state(_ADJUST if in_view else _ELSEWHERE)
            return
        if spec != self._spec or not self.drawing.is_open:
            self._spec = spec
            self.drawing.open(spec)
            self._show_range(spec, ranges)
        self._show_state(_DRAW)

    def _show_range(self, spec: VolumeSpec, ranges: Ranges) -> None:
        """Show the range along the axis that the rectangle does not have."""
        axes = self.drawing.axes
        if axes is not None:
            (across,) = {0, 1, 2} - set(axes)
            self.across.show_axis(across, spec, ranges[across])

    def _show_state(self, hint: str = "") -> None:
        """Show or hide what is only of use while there is a rectangle."""
        drawing = self.drawing.is_open
        self._check(drawing)
        possible = self.drawing.axes is not None
        hint = PREPARING if hint and self.drawing.is_waiting else hint
        self.hint.say(hint if possible or not drawing else _NO_VIEW)
        self.across.setVisible(drawing and possible)
        self._show_error("")

    def _show_error(self, sentence: str) -> None:
        """Say what is wrong; with nothing to say or to ask, take no room."""
        self.error.say(sentence)
        self.setVisible(self.drawing.is_open or bool(sentence))

    def _check(self, on: bool) -> None:
        with QSignalBlocker(self.draw):
            self.draw.setChecked(on)
