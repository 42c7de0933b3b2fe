"""What holds for every estimator, and what an estimator is given."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute import Progress, StageCache
from napari_lazy_pipeline.compute.step_estimate import estimate, sample_of
from napari_lazy_pipeline.errors import Cancelled, GeometryError
from napari_lazy_pipeline.estimate import Estimator, estimators_of
from napari_lazy_pipeline.estimate._estimator_registry import _estimators
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.steps import Crop, Deskew, SubtractBackground, step_types
from stacks import CountingSource, PlaneSource, source_of

ALL = [pytest.param(one, id=type(one).__name__) for one in _estimators()]


@pytest.mark.parametrize("estimator", ALL)
def test_it_is_told_in_full(estimator: Estimator) -> None:
    step = step_types()[estimator.kind]
    assert estimator in estimators_of(step.kind)
    assert estimator.title and "reads" in estimator.tooltip, "what it looks at is said"
    assert not estimator.tooltip.endswith("."), "as the other tooltips of buttons"


def test_a_background_per_channel() -> None:
    data = np.zeros((3, 2, 4, 16, 16), "uint16")
    data[:, 0], data[:, 1], data[2] = 98, 103, 500
    stack = Stack.from_array(data, channel_names=("488", "560"))
    found = estimate(SubtractBackground(), stack, t=1)
    assert SubtractBackground().replace(**found.changes).value == {"488": 98.0, "560": 103.0}
    assert found.sentence == "Most voxels have these counts: 488: 98, 560: 103"
    one = estimate(SubtractBackground(), data[0, 1])
    assert (one.changes, one.sentence) == ({"value": 103.0}, "Most voxels have 103 counts")


def test_it_sees_what_the_steps_before_make_and_reads_that_only() -> None:
    raw = CountingSource((4, 2))
    view = Pipeline([SubtractBackground(value=60)]).apply(Stack(raw, ("a", "b")))
    found = estimate(SubtractBackground(), view, t=2)
    expected = estimate(SubtractBackground(), view.volume(2, 0)).changes["value"]
    raw.reads.clear()
    estimate(SubtractBackground(), view, t=2)
    assert found.changes["value"]["a"] == expected
    assert raw.reads == Counter({(2, 0): 1, (2, 1): 1})


def test_it_leaves_the_cache_alone_and_uses_it() -> None:
    raw, cache = CountingSource((4, 1)), StageCache()
    source = source_of(raw, SubtractBackground(value=60), cache=cache)
    source.read(1, 0, Progress())
    before, raw.reads = len(cache), Counter()
    sample = sample_of(source, source.plan.after)
    np.testing.assert_array_equal(sample.read(1, 0), source.read(1, 0))
    assert not raw.reads, "this volume is in the cache"
    sample.read(2, 0)
    assert (len(cache), raw.reads) == (before, Counter({(2, 0): 1}))


def test_a_part_reads_its_planes_only() -> None:
    raw = PlaneSource((2, 1))
    box = ((2, 4), (1, 5), (3, 9))
    for source in (raw, source_of(raw, Crop(y=(1, 8)))):
        sample = sample_of(source, source_of(raw).plan.after.replace(shape=source.spec.shape))
        raw.made.clear()
        part = sample.read_part(Block(1, 0, box))
        assert part.shape == (2, 4, 6) and raw.made == Counter({2: 1, 3: 1})


def test_what_cannot_be_estimated_is_said() -> None:
    volume = np.full((4, 8, 8), 98, "uint16")
    for words, asked in (
        ("Nothing can be estimated for Deskew", lambda: estimate(Deskew(), volume)),
        (
            "no estimate 'flat' of Subtract background. There is: Estimate background",
            lambda: estimate(SubtractBackground(), volume, "flat"),
        ),
        ("no time point 3. There are 1", lambda: estimate(SubtractBackground(), volume, t=3)),
    ):
        with pytest.raises(GeometryError, match=words):
            asked()


def test_it_can_be_cancelled() -> None:
    asked: list[Any] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        estimate(SubtractBackground(), Stack(CountingSource((1, 4))), cancelled=cancelled)
