"""Cost monitor: estimates what the steps take whenever they change, and never makes anyone wait."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.text import INDENT, Sentence, plain
from napari_lazy_pipeline._runtime.free_memory import available
from napari_lazy_pipeline.compute.resource_estimate import StepCost, step_costs, volume_time
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_duration
from napari_lazy_pipeline.session import Session

_REST = 150  # ms without an edit, before anything is estimated


class CostMonitor(QObject):
    """Estimates what the steps of a session take for one volume."""

    changed = Signal()  # there is another estimate

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.costs: tuple[StepCost, ...] = ()  # reading, and each step that is on; none: unknown
        self.free = 0  # memory [byte]
        self.seconds: float | None = None  # for one volume [s]; None unless it was measured
        self.rough = True  # only parts of volumes were: then it is hardly more, and may be less
        self._task = BackgroundTask("This cannot be estimated")
        self._timer = QTimer(self, singleShot=True, interval=_REST)
        self._timer.timeout.connect(self._start)
        self._task.finished.connect(self._on_done)
        # What cannot be estimated says why where it is computed.
        self._task.failed.connect(lambda _: self._on_done(((), 0)))
        session.plan_changed.connect(self._on_edit)

    def close(self) -> None:
        self._timer.stop()
        self._task.forget()

    def update_times(self, *_: object) -> None:
        """A volume, or a plane, was made: by now its time may be known, or known better."""
        plan = self.session.plan
        if plan is not None and plan.misfit is None:
            duration = volume_time(plan, self.session.compute_log)
            seconds = duration.seconds if duration is not None else None
            rough = duration is None or duration.rough
            if (seconds, rough) != (self.seconds, self.rough):
                self.seconds, self.rough = seconds, rough
                self.changed.emit()

    def time(self, count: int = 1) -> str:
        """Text of the time that so many volumes take; empty if that is not known."""
        how = "≤" if self.rough else "about"
        return f"{how} {format_duration(self.seconds * count, 2)}" if self.seconds else ""

    def _on_edit(self, *_: object) -> None:
        self.seconds, self.rough = None, True
        if self.session.stack is not None:
            self._timer.start()

    def _start(self) -> None:
        plan = self.session.plan
        if plan is not None:
            overhead = self.session.raw.overhead
            # A PSF may be on a share that hangs: with another one, it is another question.
            files = " ".join(path for step in plan.steps for path in step.files())
            self._task.start(files, lambda _: (step_costs(plan, overhead), available()))

    def _on_done(self, estimate: tuple[tuple[StepCost, ...], int]) -> None:
        self.costs, self.free = estimate
        self.update_times()
        self.changed.emit()


class _CostSentence(Sentence):
    """A text that follows the estimate."""

    def __init__(self, monitor: CostMonitor, error: bool = False) -> None:
        super().__init__(error=error)
        self._monitor = monitor
        monitor.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        raise NotImplementedError


class StepCostLine(_CostSentence):
    """At the foot of the form of a step: the memory that it takes."""

    def __init__(self, step: StepReference, monitor: CostMonitor) -> None:
        self._step = step
        super().__init__(monitor)
        self.setToolTip("Memory while this step runs on one volume: input, result and work")
        self.setContentsMargins(INDENT + 4, 0, 4, 2)

    def _show(self) -> None:
        index = self._step.index
        cost = next((cost for cost in self._monitor.costs if cost.index == index), None)
        self.say("" if cost is None else f"Needs {_memory(cost)} per volume")


class CostSummary(_CostSentence):
    """Below the list of steps: the step that takes most, and how long a volume will take."""

    def _show(self) -> None:
        costs, time = self._monitor.costs, self._monitor.time()
        if not costs:
            self.say("")
            return
        peak = max(costs, key=lambda cost: cost.memory)
        time = f", {time} uncached" if time else ""
        free = format_bytes(self._monitor.free)
        self.say(f"Per volume: {_memory(peak)}{time} ({free} free)")
        self.setToolTip(plain("\n".join(f"{cost.title}: {_memory(cost)}" for cost in costs)))


class CostWarning(_CostSentence):
    """Below the list of steps, in red: what will not fit, and what is done about it."""

    def _show(self) -> None:
        free = self._monitor.free
        warnings = [text for cost in self._monitor.costs for text in cost.warnings(free)]
        self.say("\n".join(dict.fromkeys(warnings)))


def _memory(cost: StepCost) -> str:
    device = cost.need.device
    card = f" and {format_bytes(device)} on the graphics card" if device else ""
    return f"{format_bytes(cost.memory)} of memory{card}"
