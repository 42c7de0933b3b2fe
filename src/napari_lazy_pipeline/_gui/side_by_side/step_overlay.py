"""Step overlay: channels laid over each other in two colours, with a step and without it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.side_by_side.other_state import OtherState
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.layout import push_button, row
from napari_lazy_pipeline.session.state import State
from napari_lazy_pipeline.steps.register_channels import RegisterChannels

_REFERENCE, _MOVED = "green", "magenta"  # what lies on each other is white
_LOOKS = ("colormap", "blending", "visible", "opacity")


class StepOverlay(QWidget):
    """Shows the reference channel of a step green and the others magenta."""

    def __init__(self, other_state: OtherState, step: StepReference) -> None:
        super().__init__()
        self._layers, self._other_state, self._step = other_state.layers, other_state, step
        self._before: dict[int | str, dict[str, Any]] = {}  # looks of channels
        tooltip = (
            "Show the reference channel green and the others magenta: what lies on each other is "
            "white. Press again to have the colours back"
        )
        self.overlay = push_button("Overlay", tooltip, checkable=True)
        tooltip = (
            "Hold to see the same place without this step (so does the key Q over the picture)"
        )
        self.without = push_button("Hold: before", tooltip)
        row(self.overlay, self.without, parent=self)
        self.overlay.toggled.connect(self._on_overlay)
        other_state.ended.connect(self._on_end)
        self.without.pressed.connect(self._on_pressed)
        self.without.released.connect(lambda: other_state.hold(False))
        step.follow(self, self._on_edit)

    def _on_end(self) -> None:
        """The colours are those of these data, and of this dock."""
        self.overlay.setChecked(False)

    def _on_overlay(self, on: bool) -> None:
        with self._layers.screen.lending():
            self._lend(on)

    def _lend(self, on: bool) -> None:
        self._restore()
        source, step = self._layers.screen.source, self._step.step
        if not on or source is None or step is None:
            return
        names, derived = source.plan.after.channels, dict(source.plan.after.colormaps)
        reference = step.onto(names) if isinstance(step, RegisterChannels) else names[0]
        for channel, entry in self._layers.screen.channels.items():
            layer = entry.layer
            self._before[entry.key] = {name: getattr(layer, name) for name in _LOOKS}
            layer.colormap = _REFERENCE if names[channel] == reference else _MOVED
            layer.blending, layer.opacity = "additive", 1.0
            layer.visible = names[channel] not in derived  # a ratio would lie over both

    def _on_edit(self, *_: object) -> None:
        """Without the step there is no button to have the colours back."""
        if self._step.index is None:
            self._on_overlay(False)

    def _restore(self) -> None:
        """Give layers the colours back that they had."""
        self._layers.screen.look_as(self._before)
        self._before.clear()

    def _on_pressed(self) -> None:
        """Show what the other steps make, without this one."""
        index, session = self._step.index, self._other_state.session
        if index is None:
            return
        step = session.pipeline.steps[index]
        without = session.pipeline.replace_step(index, step.replace(enabled=False))
        self._other_state.choose(State(without, session.scan), f"without {step.label}")
        self._other_state.hold(True)
