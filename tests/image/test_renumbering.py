"""Ranges of time points hold the same ones, whichever files are gone or came between."""

from __future__ import annotations

import random

import pytest

from napari_lazy_pipeline.image.renumbering import NOWHERE, moved_ends
from napari_lazy_pipeline.steps import Select


def chosen(step: Select, times: int) -> list[int]:
    (start, stop), first = step.times, step.times[0]
    last = times + stop if stop <= 0 else min(stop, times)
    return list(range(max(first + times, 0) if start < 0 else start, last, step.every))


def test_a_selection_holds_the_same_ones_or_none_at_all() -> None:
    dice = random.Random(1)
    for _ in range(3000):
        count = dice.randint(3, 14)
        start = dice.randint(0, count - 1)
        stop = dice.choice([0, 0, dice.randint(start + 1, count + 3)])
        step = Select(times=(start, stop), every=dice.randint(1, 4))
        gone = dice.sample(range(count), dice.randint(0, count - 1))
        if dice.random() < 0.5:
            gone = list(range(len(gone)))
        there = [t for t in range(count) if t not in gone]
        now = {t: number for number, t in enumerate(there)}
        moved = step.renumbered(now)
        if moved.times == NOWHERE:
            left = [now[t] for t in chosen(step, count) if t in now]
            assert step.every > 1 or not left
            assert len(gone) == 0 or gone != list(range(len(gone))) or not left
            continue
        assert [there[t] for t in chosen(moved, len(there))] == [
            t for t in chosen(step, count) if t in now
        ], f"{step!r} of {count}, {there}, is {moved!r}"


@pytest.mark.parametrize(
    ("step", "gone", "expected"),
    [
        (Select(every=2), [0], Select(times=(1, 0), every=2)),
        (Select(every=3), [0], Select(times=(2, 0), every=3)),
        (Select(times=(2, 0), every=2), [0, 1, 2], Select(times=(1, 0), every=2)),
        (Select(times=(0, 9), every=3), [0, 1], Select(times=(1, 7), every=3)),
        (Select(every=4), [1, 3, 5, 7, 9], Select(every=2)),
        (Select(times=(1, 0), every=2), [1, 3, 5, 7, 9], Select(times=NOWHERE, every=2)),
        (Select(every=2), [4], Select(times=NOWHERE, every=2)),
    ],
)
def test_every_nth_goes_on_as_before(step: Select, gone: list[int], expected: Select) -> None:
    there = [t for t in range(10) if t not in gone]
    assert step.renumbered({t: number for number, t in enumerate(there)}) == expected


@pytest.mark.parametrize(("every", "expected"), [(1, 1), (2, 4), (100, 200)])
def test_files_that_came_between_are_passed_over(every: int, expected: int) -> None:
    moved = Select(times=(1, 0), every=every).renumbered({t: 2 * t for t in range(6)})
    assert (moved.times, moved.every) == ((2, 0), expected)


@pytest.mark.parametrize(
    ("ends", "expected"), [((3, 6), (3, 5)), ((0, 4), (0, 3)), ((3, 0), (3, 0)), ((3, 4), NOWHERE)]
)
def test_an_end_that_is_gone_takes_in_no_neighbour(
    ends: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert moved_ends(ends, {0: 0, 1: 1, 2: 2, 4: 3, 5: 4, 6: 5}) == expected
