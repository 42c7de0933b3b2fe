"""Step curve: the plot of what a step states over time, on its card."""

from __future__ import annotations

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.curve_plot import CurvePlot


class StepCurve(CurvePlot):
    """Plots `Step.curve`, whatever the step is by now."""

    def __init__(self, step: StepReference) -> None:
        super().__init__()
        self._step = step
        step.follow(self, self._show)

    def _show(self, *_: object) -> None:
        step, index, plan = self._step.step, self._step.index, self._step.session.plan
        before = plan.spec_before(index) if plan is not None and index is not None else None
        self.show_curve(None if step is None or before is None else step.curve(before))
