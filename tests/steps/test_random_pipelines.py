"""Any steps of the registry, in any order, with any values: what is declared is what is made.

No step is named here: a new one, also of another package, is taken like those that are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute import PipelineSource, Plan, StageCache
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import slices, whole
from napari_lazy_pipeline.steps import Step, step_types
from napari_lazy_pipeline.steps._scan_step import ScanStep
from step_examples import example, steps_of

CHANNELS = ("488", "560")
SHAPE, SIZE = (5, 14, 17), (0.3, 0.1, 0.12)
KINDS = step_types()
DATA = {
    dtype: np.random.default_rng(0).integers(50, 1000, (3, 2, *SHAPE)).astype(dtype)
    for dtype in ("uint16", "float32")
}


def stack_of(dtype: str) -> Stack:
    return Stack.from_array(DATA[dtype], SIZE, channel_names=CHANNELS, time_interval=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of steps are: made once."""
    return tmp_path_factory.mktemp("files")


def random_block(after: StackSpec, data: st.DataObject) -> Block:
    box = []
    for n in after.shape:
        a = data.draw(st.integers(0, n - 1))
        box.append((a, data.draw(st.integers(a + 1, n))))
    t = data.draw(st.integers(0, after.times - 1))
    return Block(t, data.draw(st.integers(0, len(after.channels) - 1)), tuple(box))  # type: ignore[arg-type]


@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # the steps drawn are told as they are
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), dtype=st.sampled_from(list(DATA)), cached=st.booleans())
def test_what_is_declared_is_made(
    data: st.DataObject, dtype: str, cached: bool, folder: Path
) -> None:
    """Shape, type, channels, times and place; and a part is that of the whole, to the last bit.

    What cannot be is refused when the plan is made, with a sentence. Steps of which a part differs
    from the whole make wholes, as exports do.
    """
    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=6))
    steps = [
        data.draw(steps_of(KINDS[kind], folder, SHAPE[1:], CHANNELS), label=kind) for kind in kinds
    ]
    stack = stack_of(dtype)
    plan = Plan.of(Pipeline(steps).steps, stack.stack_spec)
    for refused in (*plan.waiting, *([plan.misfit] if plan.misfit else [])):
        assert refused.what and isinstance(refused.__cause__, GeometryError | IncompleteError)
        event("refused")
    plan = Plan.of(plan.steps[: len(plan.stages)], stack.stack_spec)
    if plan.misfit or plan.waiting or not plan.stages:
        return
    plan, after = plan.on_whole_volumes(), plan.after
    event(f"{len(plan.stages)} steps")
    view = Stack(PipelineSource(stack.source, plan), after.channels, after.time_interval)
    block = random_block(after, data)
    lazy = view.data[block.t, block.c]
    assert lazy.shape == after.shape and lazy.dtype == after.dtype
    assert view.shape == (*after.sizes, *after.shape) and len(set(after.channels)) == view.shape[1]
    assert view.spec == after.volume and np.isfinite(view.spec.translate).all()
    runner = StageRunner(stack.source, plan, StageCache() if cached else None)
    expected = StageRunner(stack.source, plan).volume(len(plan.stages), block.t, block.c)
    assert (expected.shape, expected.dtype) == (after.shape, after.dtype)
    part = runner.part(len(plan.stages), block)
    np.testing.assert_array_equal(part, expected[slices(block.box)])
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), expected)
    before = DATA[dtype].sum(dtype=float)
    assert before == np.random.default_rng(0).integers(50, 1000, (3, 2, *SHAPE)).sum(), "left alone"


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_part_alone_is_that_of_the_whole(kind: str, data: st.DataObject, folder: Path) -> None:
    """Exactly; to 1e-5 of the range where voxels are interpolated at positions that are rounded.

    Others that are not exact work on what is around a part: within 0.5 % of the brightest voxel.
    """
    step: Step = data.draw(steps_of(KINDS[kind], folder, SHAPE[1:], CHANNELS))
    stack = stack_of("float32")
    plan = Plan.of([step], stack.stack_spec)
    if plan.misfit or plan.waiting:
        event("refused")
        return
    block = random_block(plan.after, data)
    runner = StageRunner(stack.source, plan)
    everything = runner.part(1, Block(block.t, block.c, whole(plan.after.shape)))
    part, expected = runner.part(1, block), everything[slices(block.box)]
    if step.exact:
        np.testing.assert_array_equal(part, expected)
        return
    share = 1e-5 if isinstance(step, ScanStep) else 0.005
    top = float(np.nanmax(np.abs(everything)))
    np.testing.assert_allclose(part, expected, rtol=0, atol=share * top)


def test_every_step_can_run(folder: Path) -> None:
    """With the first example of each field, on two channels; else nothing of it is tested."""
    for kind, step_type in KINDS.items():
        plan = Plan.of(
            [example(step_type, folder, SHAPE[1:], CHANNELS)], stack_of("uint16").stack_spec
        )
        assert len(plan.stages) == 1, f"{kind}: {plan.misfit or plan.waiting}"


def views(folder: Path) -> list[Stack]:
    """A view of each step, and one of all that go together."""
    stack, chain = stack_of("uint16"), list[Step]()
    examples = [example(kind, folder, SHAPE[1:], CHANNELS) for kind in KINDS.values()]
    for step in sorted(examples, key=lambda step: step.order):
        plan = Plan.of([*chain, step], stack.stack_spec)
        if plan.misfit is None and not plan.waiting and not plan.cautions and step.exact:
            chain.append(step)
    assert len(chain) > len(examples) / 2
    return [Pipeline([step]).apply(stack) for step in examples] + [Pipeline(chain).apply(stack)]


@pytest.mark.parametrize("scheduler", ["threads", "processes", "distributed"])
def test_schedulers_agree(scheduler: str, folder: Path) -> None:
    made = views(folder)
    expected = [view.volume(1, -1) for view in made]
    lazy: list[Any] = [view.data[1, -1] for view in made]
    if scheduler == "distributed":
        import distributed

        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster),
        ):
            results = dask.compute(*lazy)
    else:
        results = dask.compute(*lazy, scheduler=scheduler, num_workers=2)
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one, other)
