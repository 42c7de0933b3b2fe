"""Table places: the data and time points that steps got their values for each time point on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.session.recipe_numbers import Place, set_elsewhere, tables_of
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import Step
from napari_lazy_pipeline.steps._per_channel import ChannelValues

_MOST = 400  # tables; those that were met last


@dataclass(frozen=True)
class _Set:
    """How a table came to be: on which data, and as which values of which recorded time points."""

    place: Place
    table: Any
    times: range | None = None  # None: that is still to be noted


class TablePlaces:
    """Remembers how each table was set first: it stays that, also off, undone or moved."""

    def __init__(self) -> None:
        self._sets: dict[Hashable, _Set] = {}

    def note(self, pipeline: Pipeline, plan: Plan | None, data: FolderInfo | Source | None) -> None:
        """Take tables that are new for set on some data, as a plan meets these; None: on none."""
        if data is None:
            return
        place = data.folder, data.position or None
        known = plan if plan is not None and plan.steps == pipeline.steps else None
        for number, table in tables_of(pipeline).items():
            one = self._sets.pop(table, _Set(place, table))
            met = _times(known, number) if known and one.times is None else one.times
            self._sets[table] = replace(one, times=met)
        for table in [*self._sets][:-_MOST]:
            del self._sets[table]

    def follow(self, before: Pipeline, after: Pipeline) -> Pipeline:
        """Take tables that were renumbered for those that they were; return these steps."""
        now = tables_of(after)
        for number, table in tables_of(before).items():
            if table in self._sets and number in now:
                self._sets.setdefault(now[number], _Set(self._sets[table].place, now[number]))
        return after

    def forget_times(self) -> None:
        """Recorded time points have other numbers: which rows are whose is noted anew."""
        self._sets = {table: _Set(one.place, table) for table, one in self._sets.items()}

    def moved(
        self, before: Pipeline, after: Pipeline, plan_of: Callable[[Pipeline], Plan]
    ) -> tuple[Pipeline, str]:
        """Leave rows with their time points where an edit brings a step others, and say so.

        Rows that have no time point come back with it.
        """
        old, now = set(tables_of(before).values()), tables_of(after)
        sets = {n: self._sets[one] for n, one in now.items() if one in old and one in self._sets}
        held = {n: one for n, one in sets.items() if one.times is not None}
        plan, labels, bare = plan_of(after) if held else None, list[str](), 0
        for number, one in held.items():
            met = _times(plan, number) if plan is not None else None
            if met is None or (one.table == now[number] and _alike(met, one)):
                continue
            step = after.steps[number]
            moved, lacking = _rows_at(step, one, met)
            if moved == step:
                continue
            after = after.replace_step(number, moved)
            if (table := tables_of(after).get(number)) is not None:
                self._sets[table] = one
            labels, bare = [*labels, step.label], max(bare, lacking)
        what = f"The values of {' and '.join(labels)} went with their time points"
        lack = f". Not known are those of {format_count(bare, 'time point')}: estimate again"
        return after, f"{what}{lack if bare else ''}" if labels else ""

    def elsewhere(
        self, pipeline: Pipeline, raw: Stack | None, before: Pipeline | None = None
    ) -> str:
        """Say which steps that are on have tables of other data; empty: none.

        Nothing is said of tables that steps ``before`` had, too.
        """
        known, held = _in_use(before) if before else {}, dict[Place, list[str]]()
        for table, label in _in_use(pipeline).items():
            if table in self._sets and table not in known:
                held.setdefault(self._sets[table].place, []).append(label)
        if raw is None:
            return ""
        said = (set_elsewhere(labels, place, raw) for place, labels in held.items())
        return ". ".join(filter(None, said))


def _in_use(pipeline: Pipeline) -> dict[Hashable, str]:
    """Tables of steps that are on, and the names of these."""
    steps = pipeline.steps
    return {table: steps[n].label for n, table in tables_of(pipeline).items() if steps[n].enabled}


def _times(plan: Plan, index: int) -> range | None:
    """The recorded time points that the step at a place meets; None if that cannot be told."""
    return plan.until(index).recorded_times if plan.spec_before(index) is not None else None


def _alike(met: range, one: _Set) -> bool:
    """Return whether the rows of a table are those of the time points that a step meets."""
    return one.times is not None and (met.start, met.step) == (one.times.start, one.times.step)


def _rows_at(step: Step, one: _Set, met: range) -> tuple[Step, int]:
    """A step with the rows for the time points that it meets; how many lie between without one.

    Those after the last row are not counted: the step itself tells of them.
    """
    values = dict(one.table[1:])
    if _alike(met, one) or one.times is None:
        return step.replace(**values), 0
    own = one.times[: max(map(_count, values.values()))]
    numbers = {own.index(t): met.index(t) for t in met if t in own}
    if not numbers:
        return step.renumbered({}), len(met)
    last = max(numbers)  # rows after it are of time points that are left out
    cut = step.replace(**{name: _first(value, last + 1) for name, value in values.items()})
    return cut.renumbered(numbers), numbers[last] + 1 - len(numbers)


def _count(value: Any) -> int:
    if isinstance(value, ChannelValues):
        return max(map(len, value.values()), default=0)
    return len(value) if isinstance(value, tuple) else 0


def _first(value: Any, count: int) -> Any:
    """The first rows of a table."""
    if isinstance(value, ChannelValues):
        return {name: rows[:count] for name, rows in value.items()}
    return value[:count] if isinstance(value, tuple) else value
