"""The ledger: what was made is noted, where it was made, and as often as it was."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_lazy_pipeline.compute.compute_log import Ledger, State
from napari_lazy_pipeline.compute.pipeline import Pipeline, PipelineSource
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image.stack import Stack
from napari_lazy_pipeline.steps import Crop, SubtractBackground


def test_what_is_made_is_noted() -> None:
    ledger = Ledger()
    assert ledger.observe("a", "stage", (1, 0), False, lambda: 7) == 7
    entry = ledger.of("stage")[1, 0]
    assert (entry.state, entry.times) == (State.MADE, 1)
    assert ledger.count("a") == 1 and ledger.mean("a") == pytest.approx(entry.seconds)
    assert ledger.mean("b") is None and ledger.of("other") == {}


def test_while_it_is_made_it_is_under_way() -> None:
    ledger = Ledger()
    seen = ledger.observe("a", "s", (0, 0), False, lambda: ledger.of("s")[0, 0].state)
    assert seen is State.RUNNING


def test_a_failure_is_noted_and_raised() -> None:
    ledger = Ledger()
    with pytest.raises(ZeroDivisionError):
        ledger.observe("a", "s", (0, 0), False, lambda: 1 // 0)
    assert ledger.of("s")[0, 0].state is State.FAILED and ledger.count("a") == 0


def test_what_was_given_up_is_as_before() -> None:
    ledger = Ledger()

    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ledger.observe("a", "s", (0, 0), False, cancel)
    assert ledger.of("s") == {}
    ledger.observe("a", "s", (0, 0), False, lambda: None)
    with pytest.raises(Cancelled):
        ledger.observe("a", "s", (0, 0), False, cancel)
    assert ledger.of("s")[0, 0].state is State.MADE


def test_a_part_does_not_hide_the_whole() -> None:
    ledger = Ledger()
    states = []
    for part in (True, False, True):
        ledger.observe("a", "s", (0, 0), part, lambda: None)
        states.append(ledger.of("s")[0, 0].state)
    assert states == [State.PART, State.MADE, State.MADE]
    assert ledger.of("s")[0, 0].times == 3


def test_stages_of_old_edits_are_forgotten() -> None:
    ledger = Ledger()
    for stage in range(200):
        ledger.observe("a", stage, (0, 0), False, lambda: None)
    assert ledger.of(0) == {} and ledger.of(199) and ledger.count("a") == 200


def test_threads_lose_nothing() -> None:
    ledger = Ledger()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda t: ledger.observe("a", "s", (t, 0), False, lambda: t), range(500)))
    assert ledger.count("a") == 500 == len(ledger.of("s"))


def test_a_pipeline_fills_it(stack: Stack) -> None:
    pipeline = Pipeline(steps=(SubtractBackground(value=3), Crop(z=(1, 3))))
    ledger = Ledger()
    source = PipelineSource(stack.source, pipeline, cache=StageCache(), ledger=ledger)
    assert ledger.version == 0
    source.read(1, 0)
    source.read(1, 0)
    for count in range(3):
        assert set(ledger.of(source.stage(count))) == {(1, 0)}
        assert source.is_kept(1, 0, count) or count == 0
    counts = [ledger.count(name) for name in ("read", "subtract_background", "crop")]
    assert counts == [1, 1, 1], "the second time, all is at hand"
    other = PipelineSource(
        stack.source, pipeline.replace_step(1, Crop(z=(0, 2))), cache=source.cache, ledger=ledger
    )
    assert ledger.of(other.stage(1)) and not ledger.of(other.stage(2)), "only the crop is new"


def test_it_changes_nothing(stack: Stack) -> None:
    pipeline = Pipeline(steps=(SubtractBackground(value=3),))
    plain = PipelineSource(stack.source, pipeline)
    noted = PipelineSource(stack.source, pipeline, ledger=Ledger())
    assert plain == noted and plain.token == noted.token
    np.testing.assert_array_equal(plain.read(0, 0), noted.read(0, 0))
    assert pickle.loads(pickle.dumps(noted)).ledger is None
