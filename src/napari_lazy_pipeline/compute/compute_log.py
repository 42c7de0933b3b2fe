"""Compute log: what was read and computed so far, block by block, and how long it took."""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from enum import Enum
from time import perf_counter
from typing import TypeVar

from napari_lazy_pipeline.errors import Cancelled

_STAGES = 64  # that are remembered; those of older edits are forgotten
_DURATIONS = 1000
_Made = TypeVar("_Made")


class State(Enum):
    """What became of a block."""

    RUNNING = "under way"
    MADE = "made"
    PART = "made in part"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """What is known of a block: how long it took the last time [s], and how often it was made."""

    state: State
    seconds: float = 0.0
    times: int = 0


@dataclass(frozen=True)
class Duration:
    """How long something takes for a volume [s]; rough, and perhaps less, if told by parts."""

    seconds: float
    rough: bool = False


class ComputeLog:
    """Notes what is made of which volume, and how long that took; safe to use from any thread.

    A stage is named by what its pixels depend on: after an edit, those from that step on are new.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: OrderedDict[Hashable, dict[tuple[int, int], Entry]] = OrderedDict()
        self._version = 0
        self._counts: Counter[tuple[str, bool]] = Counter()
        self._seconds: defaultdict[tuple[str, bool], float] = defaultdict(float)
        self._durations: dict[Hashable, Duration] = {}
        self._latest: dict[str, float] = {}

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
        self._note(stage, place, replace(before or Entry(State.RUNNING), state=State.RUNNING))
        begin = perf_counter()
        try:
            result = make()
        except Cancelled:
            self._note(stage, place, before)
            raise
        except Exception:
            self._note(stage, place, Entry(State.FAILED, perf_counter() - begin))
            raise
        seconds, part = perf_counter() - begin, share < 1
        whole = before is not None and before.state is State.MADE
        state = State.PART if part and not whole else State.MADE
        self._note_time(name, seconds, share, timing)
        self._note(stage, place, Entry(state, seconds, (before.times if before else 0) + 1))
        return result

    def duration(self, timing: Hashable) -> Duration | None:
        """How long something took for a volume; None if it was not made yet.

        A whole volume tells more than a part, and of parts the fastest: the others waited.
        """
        with self._lock:
            return self._durations.get(timing)

    def latest(self, name: str) -> float | None:
        """How long the last whole volume took that was made under a name [s]."""
        with self._lock:
            return self._latest.get(name)

    def _note_time(self, name: str, seconds: float, share: float, timing: Hashable) -> None:
        part = share < 1
        with self._lock:
            self._counts[name, part] += 1
            self._seconds[name, part] += seconds
            if len(self._durations) > _DURATIONS:
                self._durations.pop(next(iter(self._durations)))
            if not part:
                self._latest[name] = seconds
                self._durations[timing] = Duration(seconds)
            else:
                known = self._durations.get(timing, Duration(math.inf, rough=True))
                if known.rough:
                    whole = min(seconds / share, known.seconds)
                    self._durations[timing] = Duration(whole, rough=True)

    def of(self, stage: Hashable) -> dict[tuple[int, int], Entry]:
        """What is known of the blocks of a stage, by (t, c)."""
        with self._lock:
            return dict(self._stages.get(stage, {}))

    @property
    def version(self) -> int:
        """Another number whenever something was noted."""
        return self._version

    def count(self, name: str, part: bool = False) -> int:
        """How many whole blocks were made under a name, or how many parts of blocks."""
        with self._lock:
            return self._counts[name, part]

    def spent(self, name: str) -> float:
        """How long all that was made under a name took [s]."""
        with self._lock:
            return sum(self._seconds[name, part] for part in (False, True))

    def mean(self, name: str) -> float | None:
        """How long a whole block took on average [s]; None if none was made."""
        with self._lock:
            made = self._counts[name, False]
            return self._seconds[name, False] / made if made else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._stages.clear()
            self._counts.clear()
            self._seconds.clear()
            self._version += 1

    def _note(self, stage: Hashable, place: tuple[int, int], entry: Entry | None) -> None:
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
