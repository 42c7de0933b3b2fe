"""The stage cache: bounded, and nothing is made twice at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.errors import Cancelled, StepError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.steps import Context, Flip, Step


def make(value: float = 0.0) -> np.ndarray:
    return np.full(10, value, "float64")  # 80 bytes


def test_least_recently_used_goes_first() -> None:
    cache = StageCache(limit=170)
    cache.get_or_make("a", make)
    cache.get_or_make("b", make)
    cache.get("a")
    cache.get_or_make("c", make)
    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)
    assert cache.used == 160


def test_a_smaller_limit_evicts_at_once() -> None:
    cache = StageCache(limit=1000)
    for key in range(5):
        cache.get_or_make(key, make)
    cache.limit = 100
    assert (len(cache), cache.used) == (1, 80)


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = StageCache(limit=79)
    assert cache.get_or_make("a", make).shape == (10,)
    assert (len(cache), cache.used) == (0, 0)


def test_results_are_read_only() -> None:
    array = StageCache().get_or_make("a", make)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_many_threads_make_it_once() -> None:
    cache, calls = StageCache(), []
    barrier = threading.Barrier(8)

    def slow() -> np.ndarray:
        calls.append(threading.get_ident())
        return make(7)

    def ask(_: int) -> float:
        barrier.wait()
        return float(cache.get_or_make("a", slow)[0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [7.0] * 8
    assert len(calls) == 1


def test_an_error_reaches_everybody_and_is_not_kept() -> None:
    cache = StageCache()

    def fail() -> np.ndarray:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get_or_make("a", fail)
    assert cache.get_or_make("a", make)[0] == 0


def test_an_error_may_be_kept_without_what_it_refers_to() -> None:
    with suppress(ImportError):  # as distributed does: copies have the cause from then on
        import_module("tblib.pickling_support").install()
    cache, tries = StageCache(1000, keep_errors=True), list[int]()

    def fail() -> np.ndarray:
        tries.append(1)
        raise StepError("It failed", "here", "Stop", "deskew", 3) from MemoryError()

    told = []
    for _ in range(3):
        with pytest.raises(StepError) as raised:
            cache.get_or_make("a", fail)
        told.append((str(raised.value), raised.value.kind, raised.value.index))
    assert len(tries) == 1 and set(told) == {("It failed (here). Stop", "deskew", 3)}
    assert raised.value.__cause__ is None
    cache.clear()
    with pytest.raises(StepError):
        cache.get_or_make("a", fail)
    assert len(tries) == 2


def test_a_waiting_thread_takes_over_from_a_cancelled_one() -> None:
    cache = StageCache()
    inside, leave = threading.Event(), threading.Event()

    def cancelled() -> np.ndarray:
        inside.set()
        leave.wait(5)
        raise Cancelled

    def lead() -> None:
        with pytest.raises(Cancelled):
            cache.get_or_make("a", cancelled)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lead)
        assert inside.wait(5)
        second = pool.submit(cache.get_or_make, "a", lambda: make(3))
        leave.set()
        first.result(5)
        assert second.result(5)[0] == 3


def test_a_waiting_thread_may_give_up() -> None:
    cache = StageCache()
    inside, leave = threading.Event(), threading.Event()

    def slow() -> np.ndarray:
        inside.set()
        leave.wait(5)
        return make()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(cache.get_or_make, "a", slow)
        assert inside.wait(5)
        with pytest.raises(Cancelled):
            cache.get_or_make("a", make, cancelled=lambda: True)
        leave.set()
        first.result(5)


class Weighted(Step):
    """Twice one volume and one of the next, or the other way round, by the time point."""

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(times=2)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        return tuple(wanted.replace(t=t) for t in ((0, 0, 1), (0, 1, 1))[wanted.t])

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0] + parts[1] + parts[2]


def test_how_often_each_part_of_the_input_is_taken_counts() -> None:
    pixels = np.array([1, 10], "uint16").reshape(2, 1, 1, 1, 1)
    view = Pipeline([Weighted()]).apply(Stack.from_array(pixels), cache=StageCache())
    assert [view.volume(t).item() for t in (0, 1)] == [12, 21]


def test_files_of_other_axes_or_of_another_shape_are_other_volumes(tmp_path: Path) -> None:
    """One cache serves all that is opened, one after the other: pages may be stated anew."""
    pages = np.arange(8 * 3 * 4, dtype="uint16").reshape(8, 3, 4)
    for t in range(2):
        tifffile.imwrite(tmp_path / f"x_t{t}.tif", pages, photometric="minisblack")
    cache, step = StageCache(), Flip(x=True)
    for axes, expected in (
        ("C2ZYX", pages[4:]),
        ("ZC2YX", pages[1::2]),
        ("C4ZYX", pages[2:4]),
        ("C2ZYX", pages[4:]),
    ):
        stack = open_stack(tmp_path, voxel_size=(1, 1, 1), axes=axes)
        view = Pipeline([step]).apply(stack, cache=cache)
        np.testing.assert_array_equal(view.volume(0, 1), expected[..., ::-1])
        raw = Pipeline([]).apply(stack, cache=cache)
        np.testing.assert_array_equal(raw.volume(0, 1), expected)
