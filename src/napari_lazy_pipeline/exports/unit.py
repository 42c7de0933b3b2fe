"""Unit: the share of one of several processes that write one export without a scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Unit:
    """Number ``number`` of ``count`` processes, from 1; none of them knows how far the others are.

    Examples
    --------
    >>> Unit(1, 2).share({(0, 0): "a", (0, 1): "b", (1, 0): "c"})
    {(0, 0): 'a', (1, 0): 'c'}
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"There is no unit {self.number} of {self.count}")

    def __str__(self) -> str:
        return f"{self.number}of{self.count}"

    @property
    def first(self) -> bool:
        """Return whether it writes what there is once, such as the recipe."""
        return self.number == 1

    def share(self, volumes: Mapping[K, V]) -> dict[K, V]:
        """Every ``count``-th of all volumes: what is finished already makes no difference."""
        chosen = list(volumes.items())[self.number - 1 :: self.count]
        return dict(chosen)

    def turned(self, by: int) -> Unit:
        """Who it is in the ``by``-th folder: many small ones do not all go to the first units."""
        return Unit((self.number - 1 + by) % self.count + 1, self.count)
