"""Table places: on which data and time points steps got their values for each time point."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.folder_info import Place
from napari_lazy_pipeline.session.recipe_numbers import set_elsewhere, tables_of
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import Step

_MOST = 400  # tables; those that were met last


class TablePlaces:
    """Remembers where each table was first seen: it stays one of these data, also off or undone."""

    def __init__(self) -> None:
        self._places: dict[Hashable, Place] = {}
        self._times: dict[Hashable, set[tuple[int, int]]] = {}  # first one met, and stride

    def note(self, pipeline: Pipeline, data: FolderInfo | Source | None) -> None:
        """Take tables that are new for set on some data; None: on none."""
        if data is None:
            return
        for table in tables_of(pipeline).values():
            self._places[table] = self._places.pop(table, data.place)
        for table in [*self._places][:-_MOST]:
            del self._places[table]

    def follow(self, before: Pipeline, after: Pipeline) -> Pipeline:
        """Take tables that were renumbered for those that they were; return these steps."""
        now = tables_of(after)
        for number, table in tables_of(before).items():
            if table in self._places and number in now:
                self._places.setdefault(now[number], self._places[table])
        return after

    def forget_times(self) -> None:
        """Recorded time points have other numbers now."""
        self._times.clear()

    def met_anew(self, before: Plan, after: Plan) -> str:
        """Say which tables meet other recorded time points than when they were set; empty: none.

        Nothing is said of what was so before the edit.
        """
        was: dict[Hashable, set[tuple[int, int]]] = {}
        for table, _, times in _met(before):
            was.setdefault(table, set()).add((times.start, times.step))
        new = {table: times for table, times in was.items() if table not in self._times}
        self._times = dict([*self._times.items(), *new.items()][-_MOST:])
        told = [
            f"{step.label} meets {_listed(times)} now"
            for table, step, times in _met(after)
            if step.enabled
            and (known := self._times.get(table, set()) | was.get(table, set()))
            and (times.start, times.step) not in known
        ]
        hint = "Their rows are in the same order: estimate anew, or put what selects them behind"
        return f"{'. '.join(told)}. {hint}" if told else ""

    def elsewhere(
        self, pipeline: Pipeline, raw: Stack | None, before: Pipeline | None = None
    ) -> str:
        """Say which steps that are on have tables of other data; empty: none.

        Nothing is said of tables that steps ``before`` had, too.
        """
        known, held = _in_use(before) if before else {}, dict[Place, list[str]]()
        for table, label in _in_use(pipeline).items():
            if table in self._places and table not in known:
                held.setdefault(self._places[table], []).append(label)
        if raw is None:
            return ""
        said = (set_elsewhere(labels, place, raw) for place, labels in held.items())
        return ". ".join(filter(None, said))


def _in_use(pipeline: Pipeline) -> dict[Hashable, str]:
    """Tables of steps that are on, and the names of these."""
    steps = pipeline.steps
    return {table: steps[n].label for n, table in tables_of(pipeline).items() if steps[n].enabled}


def _met(plan: Plan) -> Iterator[tuple[Hashable, Step, range]]:
    """Tables, the steps that have them, and the recorded time points that each of these meets."""
    for number, table in tables_of(Pipeline(plan.steps)).items():
        if plan.misfit is None or plan.misfit.index >= number:
            yield table, plan.steps[number], plan.until(number).recorded_times


def _listed(times: range) -> str:
    """Recorded time points in words."""
    if len(times) == 1:
        return f"time point {times[0]}"
    every = f", every {times.step}" if times.step > 1 else ""
    return f"time points {times[0]} to {times[-1]}{every}"
