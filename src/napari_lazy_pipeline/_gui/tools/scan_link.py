"""Scan link: whether a step takes the scan from the data, or states one of its own."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline.session.linked_steps import is_linked
from napari_lazy_pipeline.steps._scan_step import ScanStep


class ScanLink(QCheckBox):
    """Links the step to the angle, scan axis and meaning of the z step that Data states."""

    def __init__(self, step: StepReference) -> None:
        super().__init__("Scan as stated in Data")
        self._step = step
        self.setAccessibleName(self.text())
        self.setToolTip(
            "Angle, scan axis and what the z step measures are those of the data, for all linked "
            "steps; switch it off to give this step values of its own"
        )
        self.setContentsMargins(4, 0, 4, 2)
        step.follow(self, self._show)
        self.toggled.connect(self._on_toggled)

    def _show(self, *_: object) -> None:
        index = self._step.index
        if index is None:
            return
        step = self._step.session.pipeline.steps[index]
        linked = is_linked(step)
        with QSignalBlocker(self):
            self.setChecked(linked)
        for name in ("skew_axis", "step"):
            self._step.form[name].visible = not linked

    def _on_toggled(self, on: bool) -> None:
        """Unlinked, the step starts with the values that it had."""
        session, index = self._step.session, self._step.index
        if index is None:
            return
        step = session.shown_step(index)
        if on:
            session.replace_step(index, step.replace(angle=None))
        elif isinstance(step, ScanStep) and step.angle is not None:
            session.replace_step(index, step)
        self._show()
