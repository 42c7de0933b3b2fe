"""Incoming files: the state of each, and which time points are visible once they are complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan

_CHECK_AGAIN = 4  # polls; some shares do not tell that a file has changed


@dataclass
class IncomingFile:
    """A file that is not known to be complete."""

    visible: bool = False  # in the stack nevertheless: it was there when that was opened
    stamp: tuple[int, ...] = ()  # size [byte] and time of change [ns] at the last poll
    changes: int = 0  # number of different stamps
    unchanged: int = 0  # polls since the last change
    checked: bool = False  # whether its content was judged since
    reason: str = "It was seen only once"  # not complete for; empty if it is a whole volume

    def update(self, stamp: tuple[int, ...]) -> None:
        """Note the stamp at a poll."""
        if stamp == self.stamp:
            self.unchanged += 1
            if self.reason and self.unchanged % _CHECK_AGAIN == 0:
                self.checked = False
            return
        self.stamp, self.unchanged, self.checked = stamp, 0, False
        self.changes += 1
        self.reason = "It is being written" if self.changes > 1 else ""

    def judge(self, reason: str) -> None:
        """Note why its content is not a whole volume."""
        self.checked, self.reason = True, reason

    @property
    def needs_check(self) -> bool:
        """Return whether it is worth while to read its content."""
        first = self.visible and self.changes == 1
        return not self.checked and (self.unchanged > 0 or first)

    @property
    def complete(self) -> bool:
        """Return whether it is a whole volume that nobody writes to."""
        return self.checked and not self.reason and self.unchanged > 0


class TimeAxis:
    """Time axis of a folder that is being written: all channels of a time point, or a blank.

    The last ``recent`` time points are taken for complete only provisionally. After ``patience``
    polls nothing more is expected of a time point that others have overtaken, nor of a channel that
    seems to be recorded at every n-th time point: from then on it is waited for at these only.
    """

    def __init__(self, source: FileSource, recent: int, patience: int) -> None:
        self.source, self._patience = source, patience
        layout = source.layout
        self._pattern, self._position = compile_pattern(layout.pattern), layout.position
        self._names, self._table = list(layout.names), layout.table
        self._times = _times(self._table, len(self._names))
        self.complete = set(self._names)
        end = self._table[-recent:]
        self.recent = [self._names[index] for index in end[end >= 0].tolist()]
        self._granted = self.complete.difference(self.recent)
        self.dropped: dict[str, str] = {}  # names of the files that were given up, and why
        self._overtaken: dict[str, int] = {}
        self._plan = layout.plan
        self._sparse = self._plan.sparse  # channels not waited for at each time point
        self._settled = False
        # Whether time points have new numbers; to be reset once that is taken care of.
        self.shifted = False
        self.outdated = ""  # why the folder has to be opened anew

    def add(self, names: Iterable[str]) -> dict[str, str]:
        """Give new files their places; return those that have none, and why if they fit."""
        fresh = sorted(set(names).difference(self._names))
        if not fresh:
            return {}
        try:
            self._arrange(fresh)
        except PatternError as error:
            if len(fresh) == 1:
                return {fresh[0]: error.what}
            return {key: why for name in fresh for key, why in self.add([name]).items()}
        return dict.fromkeys(set(fresh).difference(self._names), "")

    def accept(self, name: str) -> None:
        """Note that a file is complete."""
        self.complete.add(name)
        self.dropped.pop(name, None)
        self._settled = False

    def revoke(self, names: Iterable[str]) -> None:
        """Note that files are not complete any more: they are being written anew."""
        names = set(names)
        self._settled = self._settled and not names
        self.complete.difference_update(names)
        self._granted.difference_update(names)

    def update(self, incoming: Mapping[str, IncomingFile]) -> FileSource:
        """Return the volumes that are visible now: the same source if nothing is new."""
        if self.outdated or (self._settled and not incoming):
            return self.source
        present = self._table >= 0
        mask = np.fromiter((name in self.complete for name in self._names), bool, len(self._names))
        done = present & mask[self._table]
        inner = tuple(range(1, done.ndim))
        due = present.reshape(self._plan.present.shape) | self._plan.cells
        by_design = (done | ~due.reshape(done.shape)).all(axis=inner)
        waited = self._plan.pieces & ~self._sparse[:, np.newaxis]
        rows = (done | ~(due | waited).reshape(done.shape)).all(axis=inner)
        full = np.flatnonzero(rows)
        last = int(full[-1]) if full.size else -1
        self._give_up(incoming, last)
        partial = np.flatnonzero(present.any(axis=inner) & ~rows)
        for t in partial.tolist():
            rows[t] = self._is_decided(t, incoming, last, by_design[t])
            if rows[t] and by_design[t]:
                self._sparse = self._sparse | self._plan.sparse & ~self._plan.times[t]
        self._set_visible(done & np.expand_dims(rows, inner))
        self._settled = bool(rows[partial].all())
        return self.source

    def _arrange(self, fresh: list[str]) -> None:
        position = self._position or None
        layout = arrange([*self._names, *fresh], self._pattern, position)
        if layout.table.shape[1:] != self._table.shape[1:]:
            what = "channel" if layout.table.shape[1] != self._table.shape[1] else "plane"
            self.outdated = f"There is another {what}: {fresh[0]}"
            return
        self._set_plan(layout.plan)
        times = _times(layout.table, len(layout.names))
        self.shifted |= not self._keeps_times(layout.names, times)
        self._names, self._table, self._times = layout.names, layout.table, times
        self._settled = False

    def _set_plan(self, plan: RecordingPlan) -> None:
        """Take what is planned now; what is visible stays, though more may be expected of it."""
        count = min(len(plan.times), len(self._plan.times))
        changed = (plan.times[:count] != self._plan.times[:count]).any(axis=0)
        if (changed & self._sparse).any():
            self._granted.update(self.source.layout.names)
        self._plan, self._sparse = plan, self._sparse & plan.sparse

    def column(self, name: str) -> int:
        """In which column of the table a file is."""
        place = np.argwhere(self._table == self._names.index(name))[0]
        return int(place[1])

    def _keeps_times(self, names: list[str], times: NDArray[np.intp]) -> bool:
        """Return whether the files have the time points that they had."""
        count = len(self._names)
        if names[:count] == self._names:
            return np.array_equal(times[:count], self._times)
        later = dict(zip(names, times.tolist(), strict=True))
        return all(
            later[name] == t for name, t in zip(self._names, self._times.tolist(), strict=True)
        )

    def _give_up(self, incoming: Mapping[str, IncomingFile], last: int) -> None:
        """Give up files that do not change any more, while later time points are complete."""
        late = [name for name, file in incoming.items() if file.unchanged >= self._patience]
        for name in late:
            if name not in self.dropped and self._times[self._names.index(name)] < last:
                self.dropped[name] = incoming[name].reason

    def _is_decided(
        self, t: int, incoming: Mapping[str, IncomingFile], last: int, by_design: bool
    ) -> bool:
        """Return whether nothing more is expected of a time point that is not full."""
        row = self._table[t].ravel().tolist()
        names = [self._names[index] for index in row if index >= 0]
        if any(name in self._granted for name in names):
            return True
        expected = any(name in incoming and name not in self.dropped for name in names)
        if (t >= last and not by_design) or expected:
            return False
        polls = self._overtaken[names[0]] = self._overtaken.get(names[0], 0) + 1
        if polls < self._patience and len(names) < len(row):
            return False
        del self._overtaken[names[0]]
        self._granted.update(names)
        return True

    def _set_visible(self, visible: NDArray[np.bool_]) -> None:
        """Make a source of the visible files, if they are others than before."""
        rows = np.flatnonzero(visible.any(axis=tuple(range(1, visible.ndim))))
        length = int(rows[-1]) + 1 if rows.size else 1
        indices = np.where(visible, self._table, -1)[:length]
        used = np.sort(indices[indices >= 0])
        rank = np.full(len(self._names) + 1, -1, np.int32)
        rank[used] = np.arange(len(used), dtype=np.int32)
        table, names = rank[indices], [self._names[index] for index in used.tolist()]
        before = self.source.layout
        if names != before.names or not np.array_equal(table, before.table):
            self.source = self.source.with_layout(replace(before, names=names, table=table))


def _times(table: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Time point of each file."""
    where = np.nonzero(table >= 0)
    times = np.zeros(count, np.intp)
    times[table[where]] = where[0]
    return times
