"""The ledger: what was made is noted, where it was made, and as often as it was."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_lazy_pipeline.compute import ComputeLog, Pipeline, StageCache
from napari_lazy_pipeline.compute.compute_log import State
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.steps import Crop, SubtractBackground
from stacks import source_of


def test_what_is_made_is_noted() -> None:
    compute_log = ComputeLog()
    assert compute_log.observe("a", "stage", (1, 0), lambda: 7) == 7
    entry = compute_log.of("stage")[1, 0]
    assert (entry.state, entry.times) == (State.MADE, 1)
    assert compute_log.count("a") == 1 and compute_log.spent("a") == pytest.approx(entry.seconds)
    assert compute_log.spent("b") == 0 and compute_log.of("other") == {}


def test_while_it_is_made_it_is_under_way() -> None:
    compute_log = ComputeLog()
    seen = compute_log.observe("a", "s", (0, 0), lambda: compute_log.of("s")[0, 0].state)
    assert seen is State.RUNNING


def test_a_failure_is_noted_and_raised() -> None:
    compute_log = ComputeLog()
    with pytest.raises(ZeroDivisionError):
        compute_log.observe("a", "s", (0, 0), lambda: 1 // 0)
    assert compute_log.of("s")[0, 0].state is State.FAILED and compute_log.count("a") == 0


def test_what_was_given_up_is_as_before() -> None:
    compute_log = ComputeLog()

    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        compute_log.observe("a", "s", (0, 0), cancel)
    assert compute_log.of("s") == {}
    compute_log.observe("a", "s", (0, 0), lambda: None)
    with pytest.raises(Cancelled):
        compute_log.observe("a", "s", (0, 0), cancel)
    assert compute_log.of("s")[0, 0].state is State.MADE


def test_a_part_does_not_hide_the_whole() -> None:
    compute_log = ComputeLog()
    states = []
    for part in (True, False, True):
        compute_log.observe("a", "s", (0, 0), lambda: None, 0.5 if part else 1.0)
        states.append(compute_log.of("s")[0, 0].state)
    assert states == [State.PART, State.MADE, State.MADE]
    assert compute_log.of("s")[0, 0].times == 3


def test_stages_of_old_edits_are_forgotten() -> None:
    compute_log = ComputeLog()
    for stage in range(200):
        compute_log.observe("a", stage, (0, 0), lambda: None)
    assert compute_log.of(0) == {} and compute_log.of(199) and compute_log.count("a") == 200


def test_threads_lose_nothing() -> None:
    compute_log = ComputeLog()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda t: compute_log.observe("a", "s", (t, 0), lambda: t), range(500)))
    assert compute_log.count("a") == 500 == len(compute_log.of("s"))


def test_a_pipeline_fills_it(stack: Stack) -> None:
    pipeline = Pipeline(steps=(SubtractBackground(value=3), Crop(z=(1, 3))))
    compute_log = ComputeLog()
    source = source_of(stack.source, *pipeline.steps, cache=StageCache(), compute_log=compute_log)
    assert compute_log.version == 0
    source.read(1, 0)
    source.read(1, 0)
    for count in range(3):
        assert set(compute_log.of(source.plan.work(count))) == {(1, 0)}
        assert source.is_cached(1, 0, count) or count == 0
    counts = [compute_log.count(name) for name in ("read", "subtract_background", "crop")]
    assert counts == [1, 1, 1], "the second time, all is at hand"
    other = source_of(
        stack.source,
        *pipeline.replace_step(1, Crop(z=(0, 2))).steps,
        cache=source.cache,
        compute_log=compute_log,
    )
    assert compute_log.of(other.plan.work(1)) and not compute_log.of(other.plan.work(2)), (
        "only the crop is new"
    )


def test_it_changes_nothing(stack: Stack) -> None:
    pipeline = Pipeline(steps=(SubtractBackground(value=3),))
    plain = source_of(stack.source, *pipeline.steps)
    noted = source_of(stack.source, *pipeline.steps, compute_log=ComputeLog())
    assert plain == noted and plain.token == noted.token
    np.testing.assert_array_equal(plain.read(0, 0), noted.read(0, 0))
    assert pickle.loads(pickle.dumps(noted)).compute_log is None
