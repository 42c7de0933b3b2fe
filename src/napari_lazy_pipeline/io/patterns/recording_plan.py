"""Recording plan: which volumes were meant to be recorded, by what there is of each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_HOLES = 2  # a single one may be a file that was lost
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RecordingPlan:
    """What is empty by design where channels are not recorded alike.

    A channel may be recorded at every n-th time point, or at one of them; and at some of the planes
    (or other pieces of a volume) of another channel: one, the first few, every n-th.
    """

    present: Flags  # what is there (t, c, piece)
    times: Flags  # (t, c)
    pieces: Flags  # (c, piece)

    @classmethod
    def of(cls, present: ArrayLike) -> RecordingPlan:
        """Tell from what is there (t, c) or (t, c, piece).

        What is irregular was meant to be regular: all of it is planned, and some was lost.

        Examples
        --------
        >>> every_third = [[True, t % 3 == 0] for t in range(7)]
        >>> RecordingPlan.of(every_third).times[:, 1].nonzero()[0].tolist()
        [0, 3, 6]
        """
        cells = np.asarray(present, bool)
        cells = cells.reshape(*cells.shape[:2], -1)
        recorded, pieces = np.asarray(cells.any(axis=2)), np.asarray(cells.any(axis=0))
        columns = [_planned_times(column) for column in recorded.T]
        complete = bool(pieces.any(axis=0).all())
        rows = [_planned_pieces(row) if complete else np.ones_like(row) for row in pieces]
        return cls(cells, np.array(columns).T, np.array(rows))

    @property
    def cells(self) -> Flags:
        """Which pieces of all volumes are planned (t, c, piece)."""
        return np.asarray(self.times[..., np.newaxis] & self.pieces)

    @property
    def whole(self) -> Flags:
        """Of which volumes (t, c) all planned pieces are there."""
        return np.asarray((self.present | ~self.pieces).all(axis=2))

    @property
    def missing(self) -> int:
        """Number of volumes that are planned, and are not there as a whole."""
        return int(np.count_nonzero(self.times & ~self.whole))

    @property
    def recorded(self) -> list[int]:
        """Number of volumes that are there of each channel."""
        there = self.whole & self.present.any(axis=2)
        return [int(count) for count in np.count_nonzero(there, axis=0)]

    @property
    def sparse(self) -> Flags:
        """Which channels (c) are not meant to be recorded at each time point."""
        return ~np.asarray(self.times.all(axis=0))

    def has_begun_only(self, c: int) -> bool:
        """Whether a channel has fewer pieces than others, and that at one time point."""
        fewer = not self.pieces[c].all()
        return fewer and int(np.count_nonzero(self.present[:, c].any(axis=1))) < 2

    def note(self, c: int, name: str) -> str:
        """What a person should know of a channel of a name; empty if there is nothing special.

        Examples
        --------
        >>> RecordingPlan.of([[True, t % 3 == 0] for t in range(7)]).note(1, "BF")
        'BF is recorded at every 3rd time point: the rest is empty'
        """
        times, planes = np.flatnonzero(self.times[:, c]), np.flatnonzero(self.pieces[c])
        texts = []
        if len(times) == 1 < len(self.times):
            texts.append(f"at time point {times[0]} only")
        elif len(times) < len(self.times):
            texts.append(f"at every {_ordinal(int(times[1] - times[0]))} time point")
        if len(planes) < self.pieces.shape[1]:
            texts.append(f"in {len(planes)} of {self.pieces.shape[1]} planes")
        return f"{name} is recorded {', '.join(texts)}: the rest is empty" if texts else ""


def _planned_times(recorded: Flags) -> Flags:
    """Every n-th time point if that is what there is, with few lost; else all of them."""
    places, count = np.flatnonzero(recorded), len(recorded)
    step = int(np.gcd.reduce(np.diff(places))) if len(places) > 1 else count
    if len(places) and step > 1:
        planned = np.zeros(count, bool)
        planned[places[0] % step :: step] = True
        if count - planned.sum() >= _HOLES and 2 * len(places) > planned.sum():
            return planned
    return np.ones(count, bool)


def _planned_pieces(recorded: Flags) -> Flags:
    """Those that are there if they are evenly spaced; else all."""
    regular = len(np.unique(np.diff(np.flatnonzero(recorded)))) < 2
    return recorded if regular and recorded.any() else np.ones_like(recorded)


def _ordinal(number: int) -> str:
    """A number as one counts with it: 2nd, 3rd, 11th."""
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"
