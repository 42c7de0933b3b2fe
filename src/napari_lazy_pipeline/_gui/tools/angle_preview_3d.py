"""Angle preview: in 3-D, the raw stack leans along with the knob while the real deskew is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.layers.contrast import contrast_limits
from napari_lazy_pipeline._gui.layers.layer_list import take_out
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.raw_volume_task import RawVolumeTask
from napari_lazy_pipeline.session import Session

STILL = 250  # ms without a move after which the knob rests


class AnglePreview3D(QObject):
    """Shows the raw volume, sheared by nothing but its place in the scene, while a knob turns.

    The graphics card draws the raw planes where the angle puts them, while the angle moves.
    """

    notice = Signal(str)  # why nothing is to be seen at present; empty if there is no reason
    stopped = Signal()  # it was switched off by something else than the person

    def __init__(self, viewer: Any, session: Session, layers: Layers) -> None:
        super().__init__()
        self.viewer, self.session, self.layers = viewer, session, layers
        self.layer: Any = None
        self._step: StepReference | None = None
        self._kind = ""
        self._frame = np.eye(3)
        self._opacities: dict[int | str, dict[str, float]] = {}  # of the real layers, by channel
        self._task = RawVolumeTask(session, layers, "The raw volume cannot be shown")
        self._task.finished.connect(self._on_volume)
        self._task.failed.connect(lambda error: self._on_failed(str(error)))
        self._rest = QTimer(self, singleShot=True, interval=STILL)
        self._rest.timeout.connect(self._on_still)
        session.plan_changed.connect(self._on_plan)
        session.stack_changed.connect(self._stop)
        layers.rendered.connect(self._on_still)
        layers.failed.connect(self._hide)
        viewer.dims.events.ndisplay.connect(self._on_view)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        self.switch_off()
        self.viewer.dims.events.ndisplay.disconnect(self._on_view)
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    @property
    def is_on(self) -> bool:
        return self._step is not None

    def switch_on(self, step: StepReference) -> None:
        """Get the raw volume ready, in the background; from now on follow a step."""
        if self.session.stack is None or step.step is None:
            self._on_failed("Open a folder first")
            return
        self._step, self._kind = step, step.step.kind
        self._frame = self._matrix(step)
        self._task.start_on_volume()
        self._on_view()

    def switch_off(self) -> None:
        """Leave nothing behind."""
        self._rest.stop()
        self._task.forget()
        self._step = None
        self._hide()
        layer, self.layer = self.layer, None
        take_out(self.viewer.layers, layer)

    def _matrix(self, step: StepReference) -> np.ndarray:
        """From raw positions (z, y, x) to those the step puts them at."""
        plan = self.session.plan
        if step.step is None or plan is None or not plan.raw.volume.size_known:
            return np.eye(3)
        if step.step.scan() is None:
            return np.eye(3)
        return step.step.world(plan.raw, 0)[:3, :3]

    def _on_volume(self, volume: np.ndarray) -> None:
        """Make the layer, not to be seen yet."""
        stack, active = self.session.stack, self.viewer.layers.selection.active
        if stack is None or not self.is_on or not self.layers.layers:
            return
        like, spec = self.layers.layers[0], stack.spec
        self.layer = self.viewer.add_image(
            volume,
            name="Angle preview",
            visible=False,
            contrast_limits=contrast_limits(volume),
            colormap=like.colormap,
            blending=like.blending,
            rendering=like.rendering,
            multiscale=False,
            rgb=False,
            cache=False,
            scale=spec.spacing,
            translate=spec.translate,
            units=(spec.unit,) * 3,
            axis_labels=("z", "y", "x"),
        )
        self.viewer.layers.selection.active = active

    def _show(self, matrix: np.ndarray) -> None:
        """Lean the stack; the real layers are there, but not to be seen."""
        affine = np.eye(4)
        affine[:3, :3] = matrix
        self.layer.affine = affine
        if not self.layer.visible:
            shown = self.layers.screen.channels.values()
            self._opacities = {entry.key: {"opacity": entry.layer.opacity} for entry in shown}
            for layer in self.layers.layers:
                layer.opacity = 0.0
            self.layer.visible = True

    def _hide(self, *_: object) -> None:
        if self.layer is not None and self.layer.visible:
            self.layer.visible = False
        self.layers.screen.look_as(self._opacities)
        self._opacities = {}

    def _on_plan(self, _: object) -> None:
        if self._step is None:
            return
        step = self._step.step
        if step is None or step.kind != self._kind:
            # The step was removed; its card may not know yet.
            self._stop()
            return
        matrix, before = self._matrix(self._step), self._frame
        self._frame = matrix
        moved = step.enabled and not np.array_equal(matrix, before)
        if moved and self.layer is not None and self.viewer.dims.ndisplay == 3:
            self._show(matrix)
            self._rest.start()

    def _on_still(self, *_: object) -> None:
        """Show the real thing, if it is there; otherwise as soon as it is."""
        if self.layers.up_to_date and not self._rest.isActive():
            self._hide()

    def _on_view(self, _: Any = None) -> None:
        if self.is_on:
            if self.viewer.dims.ndisplay != 3:
                self._hide()
            self.notice.emit("" if self.viewer.dims.ndisplay == 3 else "Seen in 3-D only")

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value == self.layer:
            self.layer = None
            self._stop()

    def _on_failed(self, sentence: str) -> None:
        self._stop()
        self.notice.emit(sentence)

    def _stop(self, *_: object) -> None:
        if self.is_on or self.layer is not None:
            self.switch_off()
        self.stopped.emit()
