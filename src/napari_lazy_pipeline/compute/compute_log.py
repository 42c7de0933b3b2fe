"""Compute log: what was read and computed so far, block by block, and how long it took."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import median_low
from time import perf_counter
from typing import TypeVar

from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.errors import Cancelled

_STAGES = 64  # that are remembered; those of older edits are forgotten
_DURATIONS = 1000
_REMARKS = 1000
_SAMPLES = 5  # of the latest times of a stage
_Made = TypeVar("_Made")


class State(Enum):
    """State of a block."""

    RUNNING = "computing"
    MADE = "computed"
    PART = "partly computed"
    FAILED = "failed"


@dataclass(frozen=True)
class BlockRecord:
    """Record of a block: its state, how long it took the last time [s], how often it was made.

    ``from_cache``: when another was made of it last, it came from the cache.
    """

    state: State
    seconds: float = 0.0
    times: int = 0
    from_cache: bool = False


@dataclass(frozen=True)
class Duration:
    """Time that something takes for a volume [s]; rough, and perhaps less, if known from parts."""

    seconds: float
    rough: bool = False


@dataclass(frozen=True)
class _Samples:
    """Latest times of a stage: of whole volumes [s], and of parts, scaled to a volume [s]."""

    volumes: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    parts: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    def add(self, seconds: float, share: float) -> None:
        if share < 1:
            self.parts.append(seconds / share)
        else:
            self.volumes.append(seconds)

    @property
    def duration(self) -> Duration:
        """The median of whole volumes; of parts the fastest, since the others waited."""
        if self.volumes:
            return Duration(median_low(self.volumes))
        return Duration(min(self.parts), rough=True)


class ComputeLog:
    """Notes what is made of which volume, and how long that took; safe to use from any thread.

    A stage is named by what its pixels depend on: after an edit, those from that step on are new.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: OrderedDict[Hashable, dict[tuple[int, int], BlockRecord]] = OrderedDict()
        self._version = 0
        self._counts: Counter[tuple[str, bool]] = Counter()
        self._seconds: defaultdict[tuple[str, bool], float] = defaultdict(float)
        self._durations: OrderedDict[Hashable, _Samples] = OrderedDict()
        self._latest: dict[str, float] = {}
        self._remarks: OrderedDict[tuple[Hashable, tuple[int, int]], str] = OrderedDict()

    def observe(
        self,
        name: str,
        stage: Hashable,
        place: tuple[int, int],
        make: Callable[[], _Made],
        share: float = 1.0,
        timing: Hashable = None,
    ) -> _Made:
        """Make something for the volume at a place (t, c), and note that, and how long it took.

        Counted together is what has one ``name``: the kind of the step, or ``"read"``. ``share`` is
        how much of the volume is made, 1 for all; ``timing`` names what its time depends on.
        """
        before = self.of(stage).get(place)
        running = replace(before or BlockRecord(State.RUNNING), state=State.RUNNING)
        self._note(stage, place, replace(running, from_cache=False))
        begin, compiling = self._clock(), preparation.is_under_way()
        try:
            result = make()
        except Cancelled:
            self._note(stage, place, before)
            raise
        except Exception:
            self._note(stage, place, BlockRecord(State.FAILED, self._clock() - begin))
            raise
        seconds, part = self._clock() - begin, share < 1
        whole = before is not None and before.state is State.MADE
        state = State.PART if part and not whole else State.MADE
        self._note_time(name, seconds, share)
        if not compiling:  # slower transforms serve meanwhile
            self._note_duration(seconds, share, timing)
        self._note(stage, place, BlockRecord(state, seconds, (before.times if before else 0) + 1))
        return result

    def note_cached(
        self, stage: Hashable, place: tuple[int, int], share: float, again: bool = True
    ) -> None:
        """Note that the volume at a place, or this share of it, came from the cache.

        Perhaps a preview made it, which nobody notes. Not ``again``: only if nothing is known.
        """
        record = self.of(stage).get(place)
        if record is None or (again and record.state is not State.RUNNING):
            whole = share >= 1 or (record is not None and record.state is State.MADE)
            state = State.MADE if whole else State.PART
            noted = replace(record or BlockRecord(state), state=state, from_cache=True)
            if noted != record:
                self._note(stage, place, noted)

    def remark(self, stage: Hashable, place: tuple[int, int], text: str) -> None:
        """Note what a step says of a volume, or of the part of it that it made last."""
        with self._lock:
            self._remarks.pop((stage, place), None)
            if text:
                self._remarks[stage, place] = text
            if len(self._remarks) > _REMARKS:
                self._remarks.popitem(last=False)

    def remark_on(self, stage: Hashable, place: tuple[int, int]) -> str:
        """What the step said of a volume last; empty: nothing."""
        with self._lock:
            return self._remarks.get((stage, place), "")

    def duration(self, timing: Hashable) -> Duration | None:
        """Time that something takes for a volume; None if it was not made yet.

        Each volume that is made counts, the latest ones only: the first of all waits for much
        that the next ones do not. A whole volume tells more than a part. While loops are compiled,
        nothing counts.
        """
        with self._lock:
            samples = self._durations.get(timing)
            return samples.duration if samples is not None else None

    def latest(self, name: str) -> float | None:
        """Time of the last whole volume that was made under a name [s]."""
        with self._lock:
            return self._latest.get(name)

    def _note_time(self, name: str, seconds: float, share: float) -> None:
        part = share < 1
        with self._lock:
            self._counts[name, part] += 1
            self._seconds[name, part] += seconds
            if not part:
                self._latest[name] = seconds

    def _note_duration(self, seconds: float, share: float, timing: Hashable) -> None:
        with self._lock:
            self._durations.setdefault(timing, _Samples()).add(seconds, share)
            self._durations.move_to_end(timing)
            if len(self._durations) > _DURATIONS:
                self._durations.popitem(last=False)

    def of(self, stage: Hashable) -> dict[tuple[int, int], BlockRecord]:
        """Records of the blocks of a stage, by (t, c)."""
        with self._lock:
            return dict(self._stages.get(stage, {}))

    @property
    def version(self) -> int:
        """Another number whenever something was noted."""
        return self._version

    def count(self, name: str, part: bool = False) -> int:
        """Number of whole blocks that were made under a name, or of parts of blocks."""
        with self._lock:
            return self._counts[name, part]

    def spent(self, name: str) -> float:
        """Time of all that was made under a name [s]."""
        with self._lock:
            return sum(self._seconds[name, part] for part in (False, True))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._stages.clear()
            self._counts.clear()
            self._seconds.clear()
            self._version += 1

    def _note(self, stage: Hashable, place: tuple[int, int], entry: BlockRecord | None) -> None:
        with self._lock:
            self._version += 1
            known = self._stages.setdefault(stage, {})
            self._stages.move_to_end(stage)
            if entry is None:
                known.pop(place, None)
            else:
                known[place] = entry
            if len(self._stages) > _STAGES:
                self._stages.popitem(last=False)
