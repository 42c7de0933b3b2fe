"""Cost lines: say what a step, and what all steps take, before anything is run."""

from __future__ import annotations

from napari_lazy_pipeline._gui.steps.card_tools import StepPlace
from napari_lazy_pipeline._gui.steps.cost_monitor import CostWatch
from napari_lazy_pipeline._gui.widgets.text import INDENT, Sentence
from napari_lazy_pipeline.compute.resource_estimate import StepCost, size


class StepCostLine(Sentence):
    """At the foot of the form of a step: the memory that it takes."""

    def __init__(self, place: StepPlace, watch: CostWatch) -> None:
        super().__init__()
        self._place, self._watch = place, watch
        self.setToolTip("Memory while this step runs on one volume: input, result and work")
        self.setContentsMargins(INDENT + 4, 0, 4, 2)
        watch.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        cost = self._watch.estimate.of(self._place.index)
        self.say("" if cost is None else f"Takes {_memory(cost)} for one volume")


class CostSummary(Sentence):
    """Below the list of steps: the step that takes most, and how long a volume will take."""

    def __init__(self, watch: CostWatch) -> None:
        super().__init__()
        self._watch = watch
        watch.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        estimate = self._watch.estimate
        peak = estimate.peak
        if peak is None:
            self.say("")
            return
        time = self._watch.time()
        time = f", {time} if nothing is cached" if time else ""
        self.say(f"One volume: {_memory(peak)}{time}; {size(estimate.free)} are free")
        self.setToolTip("\n".join(f"{cost.title}: {_memory(cost)}" for cost in estimate.costs))


class CostWarning(Sentence):
    """Below the list of steps, in red: what will not fit, and what is done about it."""

    def __init__(self, watch: CostWatch) -> None:
        super().__init__(error=True)
        self._watch = watch
        watch.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        self.say("\n".join(self._watch.estimate.warnings))


def _memory(cost: StepCost) -> str:
    card = f" and {size(cost.need.device)} on the graphics card" if cost.need.device else ""
    return f"{size(cost.memory)} of memory{card}"
