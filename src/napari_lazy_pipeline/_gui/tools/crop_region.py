"""Crop region: a crop that is drawn over the picture, and follows what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QSignalBlocker, Qt
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.tools.axis_range import AxisRange
from napari_lazy_pipeline._gui.tools.drawn_shape import DrawnShape
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import GeometryError, StepError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.crop_box import (
    CropPlace,
    Extent,
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
    """Makes a crop step of a rectangle and a range of planes.

    The crop belongs to the stage that is shown. As long as the rectangle is there, both follow
    each other: its corners change the step, and the form, undo and redo move its corners.

    Attributes
    ----------
    draw
        The button that begins and ends it; it stands elsewhere.
    """

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
        self._place, self._step = CropPlace.of(self.session.pipeline, self.session.until), None
        step = self._present()
        if step is not None and step.enabled:
            self._step = step
        self._follow()

    def stop(self) -> None:
        """Put the rectangle away; the crop stays as it is."""
        self.drawing.close()
        self._step = self._spec = None
        self._show_state()

    def keyPressEvent(self, event: Any) -> None:
        """Escape ends drawing from here too."""
        if not self._is_end(event):
            super().keyPressEvent(event)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """And from the button, which stands elsewhere."""
        return event.type() == QEvent.Type.KeyPress and self._is_end(event)

    def _is_end(self, event: Any) -> bool:
        """End drawing, if it is under way and the key says so."""
        ends = event.key() == Qt.Key.Key_Escape and self.drawing.is_open
        if ends:
            self.stop()
        return ends

    # ---- the step -------------------------------------------------------------------------

    @property
    def _raw(self) -> VolumeSpec:
        assert self.session.stack is not None
        return self.session.stack.spec

    def _present(self) -> Crop | None:
        """The crop that stands at the place by now."""
        steps = self.session.pipeline.steps
        index = self._place.index
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

    def _put(self, box: list[Extent | None]) -> None:
        """Make the box the crop."""
        assert self._spec is not None
        try:
            ranges = list(crop_bounds(self._spec, box))
        except GeometryError as error:
            self._refuse(str(error))
            return
        ranges[self.across.axis] = self.across.bounds
        self._set((ranges[0], ranges[1], ranges[2]))

    def _refuse(self, sentence: str) -> None:
        """Forget what was drawn, and say why."""
        if self._step is None:
            self._spec = None
        self._follow()
        self._show_error(sentence)

    def _set(self, ranges: Ranges) -> None:
        pipeline = self._place.put(self.session.pipeline, ranges)
        self._place = CropPlace(self._place.index, exists=True)
        self._step = pipeline.steps[self._place.index]  # type: ignore[assignment]
        self.session.set_pipeline(pipeline)
        until = self.session.until
        if until is not None and until <= self._place.index:
            self.session.show_until(self._place.index + 1)
        # Equal steps raise no signal, but the rectangle has to lie on whole voxels again.
        self._follow()

    # ---- what happens ---------------------------------------------------------------------

    def _on_draw(self, on: bool) -> None:
        if on and not self.drawing.is_open:
            self.start()
        elif not on:
            self.stop()

    def _on_drawn(self, corners: np.ndarray) -> None:
        """Take over a rectangle; whatever else was drawn counts as the box around it."""
        low, high = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        self._put([None if np.isnan(a) else (a, b) for a, b in zip(low, high, strict=True)])

    def _on_turned(self) -> None:
        """Another view: the range is now that of another axis."""
        if self._step is None and self._spec is not None:
            self._show_range(self._spec, (_ALL,) * 3)
        self._follow()

    def _on_range(self) -> None:
        if self._step is not None:
            ranges = list(ranges_of(self._step))
            ranges[self.across.axis] = self.across.bounds
            self._set((ranges[0], ranges[1], ranges[2]))

    def _follow(self, *_: object) -> None:
        """Show the crop as it is now."""
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
        except StepError as error:
            self.stop()
            self._show_error(str(error))
            return
        if self._step is not None and _is_blank(self._step):
            self._step = self._spec = None
        if self._step is None:
            self._await_drawing(spec)
        else:
            self._show_step(self._step, spec, in_view)

    def _await_drawing(self, spec: VolumeSpec) -> None:
        if spec != self._spec or not self.drawing.is_open:
            self._spec = spec
            self.drawing.open(spec)
            self._show_range(spec, (_ALL,) * 3)
        self._show_state(_DRAW)

    def _show_step(self, step: Crop, spec: VolumeSpec, in_view: bool) -> None:
        self._spec, ranges = spec, ranges_of(step)
        self.drawing.show(spec, extents(spec, ranges), in_view)
        self._show_range(spec, ranges)
        self._show_state(_ADJUST if in_view else _ELSEWHERE)

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


def _is_blank(crop: Crop) -> bool:
    """Whether a crop is off, and would keep everything: as it was before it was drawn."""
    return not crop.enabled and ranges_of(crop) == (_ALL,) * 3
