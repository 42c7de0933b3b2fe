"""The graph of a chunk is that of dask for a chain of steps, and what is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask.callbacks import Callback
from dask.local import get_sync

from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.compute import ComputeLog, PipelineSource, Plan, StageCache
from napari_lazy_pipeline.compute.chunk_graph import Volume, chunk_graph, dask_graph, dask_key
from napari_lazy_pipeline.compute.compute_log import State
from napari_lazy_pipeline.session.plain_script import plain_script
from napari_lazy_pipeline.steps import (
    Crop,
    Deskew,
    Filter,
    Flip,
    Step,
    SubtractBackground,
    step_types,
)
from step_examples import example

USUAL: list[Step] = [SubtractBackground(value=120), Deskew(), Crop(z=(1, 5))]
CHUNKS = [(1, 0), (1, 1)]


@pytest.fixture
def stack(raw_folder: Path) -> Stack:
    return open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")


def source_of(stack: Stack, steps: list[Step], **more: Any) -> PipelineSource:
    return PipelineSource(stack.source, Plan.of(steps, stack.stack_spec), **more)


@pytest.mark.parametrize(
    "steps", [[], USUAL, [Deskew(), Filter(sigma=(0.3, 0.2, 0.1)), Flip(x=True)]]
)
def test_it_is_that_of_dask_for_the_same_steps(stack: Stack, steps: list[Step]) -> None:
    """Keys and dependencies of a chain of `map_blocks`, one layer a step, culled by dask."""
    names: dict[str, Any] = {}
    exec(compile(plain_script(stack, Pipeline(steps)), "script", "exec"), names)
    chain = names["stack"]
    graph = chain.dask.cull({(chain.name, *place, 0, 0, 0) for place in CHUNKS})
    order = chain.dask._toposort_layers()
    layers = [name for name in order if "info" not in name]
    assert [name.split("-")[0].rstrip("_123") for name in layers] == [
        "read", *(step.kind for step in steps),
    ]  # fmt: skip

    def volume(key: Any) -> Volume:
        return Volume(layers.index(key[0]), key[1], key[2])

    of_dask = {
        volume(key): {volume(one) for one in needs if one[0] in layers}
        for key, needs in graph.get_all_dependencies().items()
        if key[0] in layers
    }
    ours = chunk_graph(source_of(stack, steps), CHUNKS)
    assert {key: set(needs) for key, needs in ours.items()} == of_dask
    assert len(ours) == 2 * (1 + len(steps)), "of the two chunks only"


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("kind", step_types())
def test_what_is_carried_out_is_in_it(kind: str, tmp_path: Path) -> None:
    """Volume by volume, of each kind of step, also of those that need others, or are fused."""
    pixels = np.random.default_rng(1).integers(90, 900, (4, 2, 6, 16, 20)).astype("uint16")
    raw = Stack.from_array(pixels, (0.3, 0.1, 0.1), channel_names=("488", "560"))
    step = example(step_types()[kind], tmp_path, (16, 20), ("488", "560"))
    background, deskew = SubtractBackground(value=90), Deskew(angle=31.5)
    chains = [background, deskew, step], [background, step], [step, background]
    steps = next(steps for steps in chains if not Plan.of(steps, raw.stack_spec).misfit)
    source = source_of(raw, steps, compute_log=ComputeLog())
    last = source.sizes[0] - 1, source.sizes[1] - 1
    source.read(*last)
    assert source.compute_log is not None
    made = {
        Volume(count, *place)
        for count in range(source.count + 1)
        for place in source.compute_log.of(source.plan.work(count))
    }
    assert made == set(chunk_graph(source, [last]))


def test_fused_steps_are_one() -> None:
    raw = Stack.from_array(np.ones((2, 2, 6, 16, 20), "uint16"), (0.3, 0.1, 0.1))
    shift = np.eye(4)
    shift[2, 3] = 0.07
    register = step_types()["register_channels"](
        reference="ch0", transform={"ch1": shift[:3].tolist()}
    )
    source = source_of(raw, [Deskew(angle=31.5), register])
    graph = chunk_graph(source, [(0, 0), (0, 1)])
    assert graph[Volume(2, 0, 1)] == (Volume(0, 0, 1),), "in one interpolation"
    assert graph[Volume(2, 0, 0)] == (Volume(1, 0, 0),), "the reference is not moved"


@pytest.mark.parametrize("times", [3, 6000])
def test_the_tasks_of_dask(times: int) -> None:
    """Those that dask keeps for two chunks of however many, before it fuses them and after."""
    pixels = np.broadcast_to(np.full((1, 1, 4, 8, 8), 300, "uint16"), (times, 2, 4, 8, 8))
    raw = Stack.from_array(pixels, (0.3, 0.1, 0.1))
    source = source_of(raw, [SubtractBackground(value=120), Deskew(angle=31.5)])
    keys = {dask_key(source, place) for place in CHUNKS}
    tasks = dask_graph(source, CHUNKS)
    assert keys < set(tasks) and len(tasks) == 4
    assert {one for key in keys for one in tasks[key]} == set(tasks) - keys
    view = Stack(source, raw.channel_names)
    run: list[Any] = []
    with Callback(pretask=lambda key, *_: run.append(key)):
        array = view.data
        (chunk,) = get_sync(array.__dask_optimize__(array.dask, [*keys]), [sorted(keys)])
    fused = dask_graph(source, CHUNKS, fused=True)
    assert set(run) == set(fused) == keys and all(not any(fused[key]) for key in keys)
    np.testing.assert_array_equal(chunk[1][0, 0], source.read(1, 1))


def test_what_came_from_the_cache_is_noted(stack: Stack) -> None:
    log = ComputeLog()
    source = source_of(stack, USUAL, cache=StageCache(), compute_log=log)

    def cached(source: PipelineSource) -> list[bool]:
        works = (source.plan.work(count) for count in range(source.count + 1))
        return [log.of(work)[1, 0].from_cache for work in works]

    source.read(1, 0)
    assert cached(source) == [False] * 4, "everything was made"
    other = source_of(stack, [USUAL[0], Deskew(angle=33), USUAL[2]], cache=source.cache)
    other = PipelineSource(other.raw, other.stated_plan, source.cache, compute_log=log)
    other.read(1, 0)
    assert cached(other) == [False, True, False, False], "the background; the file was not needed"
    other.read(1, 0)
    assert cached(other) == [False, True, False, False], "the same again tells nothing"


def test_what_a_preview_left_in_the_cache_counts_as_made(stack: Stack) -> None:
    """Nobody notes what a preview makes: the volumes would be shown as never computed."""
    log = ComputeLog()
    source = source_of(stack, USUAL, cache=StageCache(), compute_log=log)
    source.draft().read(0, 1)
    assert not log.of(source.plan.work(0))
    source.read(0, 1)
    record = log.of(source.plan.work(3)).get((0, 1))
    assert record is not None and record.state is State.MADE and record.from_cache
    part = source.plan.work(1)
    log.note_cached(part, (2, 0), 0.5)
    assert log.of(part)[2, 0].state is State.PART
    log.note_cached(part, (2, 0), 1.0)
    assert log.of(part)[2, 0].state is State.MADE
