"""Renumbered steps: what they hold of single time points, once these have other numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.compute.stage import Stage
from napari_lazy_pipeline.image.renumbering import Numbers, is_same, number_now
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.steps import Step


@dataclass(frozen=True)
class RenumberedSteps:
    """Steps once time points have other numbers.

    Attributes
    ----------
    steps
        The steps; what they hold of a time point stays with it.
    numbers
        Old and new numbers of the time points that each step meets; the last, of those that all
        steps make.
    times
        Number of raw time points.
    sentence
        Which steps are not as they were; empty: all are.
    moved
        Their names.
    """

    steps: tuple[Step, ...]
    numbers: tuple[Numbers, ...]
    times: int
    sentence: str = ""
    moved: str = ""

    @classmethod
    def of(cls, plan: Plan, times: int, now: Numbers) -> RenumberedSteps:
        """Renumber the steps of a plan of raw time points; of these there are ``times`` now."""
        steps, numbers = list(plan.steps), [now]
        grown = plan.grown(times, plan.steps)
        for index, step in enumerate(steps):
            if not is_same(now):
                steps[index] = step.renumbered(now)
            before, after = _stage(plan, index), _stage(grown, index)
            if before and after and not (_keeps_times(before) and _keeps_times(after)):
                made = _stage(plan.grown(times, tuple(steps[: index + 1])), index)
                now = _through(before, made, now) if made is not None else now
            numbers.append(now)
        moved = " and ".join(
            new.label for old, new in zip(plan.steps, steps, strict=True) if new != old
        )
        what = "The time points have other numbers now, and the values of"
        sentence = f"{what} {moved} went with them" if moved else ""
        return cls(tuple(steps), tuple(numbers), times, sentence, moved)

    @classmethod
    def reopened(
        cls, plan: Plan | None, before: FolderInfo | None, now: FolderInfo
    ) -> RenumberedSteps | None:
        """Renumber the steps of a plan of a folder that is opened anew; None: no need to."""
        if plan is None or before is None or before.source is now.source:
            return None
        counted = [(one.folder, one.pattern, one.source.info.inner) for one in (before, now)]
        numbers = before.source.moved_to(now.source) if counted[0] == counted[1] else {}
        return cls.of(plan, now.sizes[0], numbers) if numbers else None

    @property
    def pipeline(self) -> Pipeline:
        """The steps as a pipeline."""
        return Pipeline(self.steps)

    def follow(self, plan: Plan) -> Pipeline:
        """Other steps for the same raw time points, renumbered in the same way."""
        return RenumberedSteps.of(plan, self.times, self.numbers[0]).pipeline

    def recorded(self, until: int | None, plan: Plan, shifted: bool) -> Callable[[int], int] | None:
        """Function of an old time point after ``until`` steps to its number in the recording now.

        None if all numbers are the same.
        """
        now = self.numbers[-1 if until is None else until]
        if is_same(now) and not shifted:
            return None
        shown = plan.until(until)
        last = shown.after.times - 1
        return lambda t: shown.origin(min(number_now(t, now), last), 0)[0]


def told(plan: Plan) -> tuple[object, ...]:
    """The steps, and all that a person is told of them."""
    return plan.steps, plan.cautions, [str(error) for error in (*plan.waiting, plan.misfit)]


def _stage(plan: Plan, index: int) -> Stage | None:
    return next((stage for stage in plan.stages if stage.index == index), None)


def _keeps_times(stage: Stage) -> bool:
    times = stage.after.times
    return times == stage.before.times and all(stage.origin(t)[0] == t for t in {0, times - 1})


def _through(before: Stage, after: Stage, now: Numbers) -> Numbers:
    """Old and new numbers behind a stage, of those before it."""
    places = {after.origin(t)[0]: t for t in range(after.after.times)}
    origins = (before.origin(t)[0] for t in range(before.after.times))
    moved = {t: places.get(now.get(origin, -1)) for t, origin in enumerate(origins)}
    return {t: place for t, place in moved.items() if place is not None}
