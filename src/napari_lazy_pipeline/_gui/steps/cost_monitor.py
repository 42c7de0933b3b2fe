"""Cost watch: estimates what the steps take whenever they change, and never makes anyone wait."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.text import INDENT, Sentence
from napari_lazy_pipeline.compute.resource_estimate import (
    StepCost,
    free_memory,
    step_costs,
    volume_time,
)
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_duration
from napari_lazy_pipeline.session.session import Session

_REST = 150  # ms without an edit, before anything is estimated


@dataclass(frozen=True)
class Estimate:
    """What the present steps take for one volume.

    Attributes
    ----------
    costs
        Reading, and each step that is on; none if it cannot be known.
    free
        Free memory [byte].
    """

    costs: tuple[StepCost, ...] = ()
    free: int = 0

    def of(self, index: int | None) -> StepCost | None:
        """What a step takes; None if that is not known."""
        return next((cost for cost in self.costs if cost.index == index), None)

    @property
    def peak(self) -> StepCost | None:
        """The step that takes most."""
        return max(self.costs, key=lambda cost: cost.memory, default=None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before it is run, each once."""
        return tuple(dict.fromkeys(w for cost in self.costs for w in cost.warnings(self.free)))


class CostMonitor(QObject):
    """Estimates what the steps of a session take.

    Attributes
    ----------
    session
        Whose steps.
    estimate
        The latest.
    seconds
        How long a volume of the present steps takes [s]; None unless it was measured.
    rough
        Whether only parts of volumes were: then it is hardly more, and may be less.

    Signals
    -------
    changed()
        There is another estimate.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.estimate = Estimate()
        self.seconds: float | None = None
        self.rough = True
        self._task = BackgroundTask("This cannot be estimated")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._start)
        self._task.finished.connect(self._on_done)
        # What cannot be estimated says why where it is computed.
        self._task.failed.connect(lambda _: self._on_done(Estimate()))
        session.plan_changed.connect(self._on_edit)

    def close(self) -> None:
        """Let go of the session."""
        self._timer.stop()
        self._task.forget()
        self.session.plan_changed.disconnect(self._on_edit)

    def look_at_times(self, *_: object) -> None:
        """A volume, or a plane, was made: by now its time may be known, or known better."""
        plan = self.session.plan
        if self.rough and plan is not None and plan.misfit is None:
            duration = volume_time(plan.until(self.session.until), self.session.compute_log)
            seconds = duration.seconds if duration is not None else None
            rough = duration is None or duration.rough
            if (seconds, rough) != (self.seconds, self.rough):
                self.seconds, self.rough = seconds, rough
                self.changed.emit()

    def time(self, count: int = 1) -> str:
        """How long so many volumes take, as one says it; empty if that is not known."""
        how = "up to" if self.rough else "about"
        return f"{how} {format_duration(self.seconds * count, 2)}" if self.seconds else ""

    def _on_edit(self, *_: object) -> None:
        self.seconds, self.rough = None, True
        if self.session.stack is not None:
            self._timer.start()

    def _start(self) -> None:
        plan = self.session.plan
        if plan is not None:
            # A PSF may be on a share that hangs: with another one, it is another question.
            files = [path for step in plan.steps for path in step.files()]
            self._task.start(" ".join(files), lambda _: Estimate(step_costs(plan), free_memory()))

    def _on_done(self, estimate: Estimate) -> None:
        self.estimate = estimate
        self.look_at_times()
        self.changed.emit()


class StepCostLine(Sentence):
    """At the foot of the form of a step: the memory that it takes."""

    def __init__(self, place: StepReference, watch: CostMonitor) -> None:
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

    def __init__(self, watch: CostMonitor) -> None:
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
        self.say(f"One volume: {_memory(peak)}{time}; {format_bytes(estimate.free)} are free")
        self.setToolTip("\n".join(f"{cost.title}: {_memory(cost)}" for cost in estimate.costs))


class CostWarning(Sentence):
    """Below the list of steps, in red: what will not fit, and what is done about it."""

    def __init__(self, watch: CostMonitor) -> None:
        super().__init__(error=True)
        self._watch = watch
        watch.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        self.say("\n".join(self._watch.estimate.warnings))


def _memory(cost: StepCost) -> str:
    card = f" and {format_bytes(cost.need.device)} on the graphics card" if cost.need.device else ""
    return f"{format_bytes(cost.memory)} of memory{card}"
