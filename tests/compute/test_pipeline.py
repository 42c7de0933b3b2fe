"""The pipeline: lazy, exact about shapes, and never computes a stage twice."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute import Progress, StageCache
from napari_lazy_pipeline.errors import Cancelled, FileError, StepError
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, SubtractBackground, step_types
from napari_lazy_pipeline.steps.ratio import Ratio
from stacks import RAW, CountingSource, source_of


def steps(**changes: Any) -> Pipeline:
    return Pipeline(
        steps=(
            SubtractBackground(value=changes.get("value", 100)),
            Deskew(angle=changes.get("angle", 31.5)),
            Crop(z=(1, 5)),
        )
    )


def test_specs_tell_shapes_without_pixels(source: CountingSource) -> None:
    specs = steps().specs(RAW)
    assert [spec.shape for spec in specs] == [(6, 8, 10), (6, 8, 30), (4, 8, 30)]
    assert specs[2].voxel_size == pytest.approx((0.4 * np.sin(np.radians(31.5)), 0.1, 0.1))
    assert specs[2].translate[0] == pytest.approx(specs[2].voxel_size[0])
    assert not source.reads


def test_apply_is_lazy_and_exact(stack: Stack, source: CountingSource) -> None:
    view = steps().apply(stack)
    assert view.data.shape == view.shape == (4, 2, 4, 8, 30)
    assert view.data.dtype == "uint16"
    assert view.voxel_size == steps().specs(RAW)[-1].voxel_size
    assert view.data.chunks == ((1,) * 4, (1,) * 2, (4,), (8,), (30,))
    assert not source.reads
    block = view.data[2, 1].compute()
    assert source.reads == {(2, 1): 1}
    eager = steps().run_volume(source.read(2, 1), RAW)
    np.testing.assert_array_equal(block, eager)


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_lazy_equals_eager_everywhere(stack: Stack, scheduler: str) -> None:
    view = steps().apply(stack)
    with dask.config.set(scheduler=scheduler):
        everything = view.data.compute()
    for t in range(4):
        for c in range(2):
            np.testing.assert_array_equal(everything[t, c], view.volume(t, c))


def test_a_step_that_is_off_does_nothing(stack: Stack) -> None:
    pipeline = Pipeline(steps=(Deskew(enabled=False), Crop(z=(0, 2), enabled=False)))
    view = pipeline.apply(stack)
    np.testing.assert_array_equal(view.volume(0, 0), stack.volume(0, 0))
    assert view.spec == RAW


def test_the_graph_does_not_grow_with_the_files() -> None:
    for times in (10, 100_000):
        view = steps().apply(Stack(CountingSource((times, 2))))
        layers = view.data.dask.layers
        assert len(layers) == 2 and view.data.name.startswith("read-subtract_background-deskew-")
        assert not any(layer.is_materialized() for layer in layers.values())
        assert len(view.data[times - 1, 1].dask.layers) <= 4


def test_a_slice_costs_one_read(stack: Stack, source: CountingSource) -> None:
    assert stack.data[1, 0].compute().shape == (6, 8, 10)
    assert source.reads == {(1, 0): 1}
    stack.data[1, 0, 3].compute()
    assert source.reads == {(1, 0): 2}


def test_names_of_the_graph_are_equal_for_equal_work(stack: Stack) -> None:
    assert steps().apply(stack).data.name == steps().apply(stack).data.name
    assert steps().apply(stack).data.name != steps(angle=32).apply(stack).data.name
    assert stack.data.name != steps().apply(stack).data.name


def test_it_pickles_small_and_without_its_cache(stack: Stack) -> None:
    cache = StageCache()
    view = steps().apply(Stack(CountingSource((100, 2))), cache=cache)
    view.volume(0, 0)
    pickled = pickle.dumps(view.data)
    assert len(pickled) < 6000
    np.testing.assert_array_equal(pickle.loads(pickled)[3, 1].compute(), view.data[3, 1].compute())


def test_only_what_follows_an_edit_is_run(
    stack: Stack, source: CountingSource, calls: Counter[str]
) -> None:
    cache = StageCache()

    def look(pipeline: Pipeline) -> None:
        pipeline.apply(stack, cache=cache).volume(0, 0)

    look(steps())
    assert calls == {"subtract_background": 1, "deskew": 1, "crop": 1}
    look(steps(angle=32))
    assert calls == {"subtract_background": 1, "deskew": 2, "crop": 2}
    look(steps())
    assert calls == {"subtract_background": 1, "deskew": 2, "crop": 2}
    look(steps(value=90))
    assert calls == {"subtract_background": 2, "deskew": 3, "crop": 3}
    assert source.reads == {(0, 0): 1}


def test_the_angle_changes_nothing_before_deskewing(
    stack: Stack, calls: Counter[str], psf_file: Path
) -> None:
    """But a deconvolution on the skewed data does depend on it."""
    cache = StageCache()
    deconvolve = Deconvolve(psf=str(psf_file), iterations=1)

    def look(angle: float) -> None:
        pipeline = Pipeline(steps=(SubtractBackground(), deconvolve, Deskew(angle=angle)))
        pipeline.apply(stack, cache=cache).volume(0, 0)

    look(31.5)
    look(32.0)
    assert calls == {"subtract_background": 1, "deconvolve": 2, "deskew": 2}


def test_a_replaced_file_is_computed_again(stack: Stack, source: CountingSource) -> None:
    view = steps().apply(stack, cache=StageCache())
    before = view.volume(0, 0)
    source.version = 1
    after = view.volume(0, 0)
    assert source.reads == {(0, 0): 2}
    assert (before != after).any()


def test_a_replaced_psf_is_computed_again(
    stack: Stack, calls: Counter[str], psf_file: Path
) -> None:
    import os

    cache = StageCache()
    pipeline = Pipeline(steps=(Deconvolve(psf=str(psf_file), iterations=1),))
    pipeline.apply(stack, cache=cache).volume(0, 0)
    pipeline.apply(stack, cache=cache).volume(0, 0)
    os.utime(psf_file, ns=(1, 1))
    pipeline.apply(stack, cache=cache).volume(0, 0)
    assert calls["deconvolve"] == 2


def test_a_misfit_is_said_when_building_and_names_the_step(stack: Stack) -> None:
    with pytest.raises(StepError, match=r"Crop does not fit: .* z = 6, .* ends at 6") as caught:
        Pipeline(steps=(Deskew(angle=31.5), Crop(z=(6, 0)))).apply(stack)
    assert (caught.value.kind, caught.value.index) == ("crop", 1)


def test_a_failing_step_raises_headless_and_is_blank_in_the_viewer(
    stack: Stack, source: CountingSource
) -> None:
    pipeline = Pipeline(steps=(Deconvolve(psf="nowhere.tif"),))
    with pytest.raises(StepError, match=r"Deconvolve failed at t=1, channel 488: .*nowhere\.tif"):
        pipeline.apply(stack).data[1, 0].compute()
    blank = pipeline.apply(stack, blank_failures=True).data[1, 0].compute()
    assert np.isnan(blank).all()
    assert len(source.problems) == 1


def test_a_bad_file_is_blank_and_the_rest_goes_on(stack: Stack, source: CountingSource) -> None:
    read = source.read

    def bad(t: int, c: int) -> np.ndarray:
        if t == 1:
            raise FileError("The file is cut short", "t1.tif", "Copy it again")
        return read(t, c)

    source.read = bad  # type: ignore[method-assign]
    everything = steps().apply(stack, cache=StageCache()).data.compute()
    assert not everything[1].any()
    assert everything[0].any() and everything[2].any()
    assert [problem.where for problem in source.problems] == ["t1.tif"]
    source.read = read  # type: ignore[method-assign]
    assert steps().apply(stack, cache=StageCache()).volume(1, 0).any()


def test_an_unexpected_error_of_a_step_names_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> np.ndarray:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Crop, "run", broken)
    with pytest.raises(StepError, match="Crop failed at t=0, channel 488: ZeroDivisionError: oh"):
        Pipeline(steps=(Crop(),)).apply(stack).volume(0, 0)


def test_cancelling_stops_between_steps_and_keeps_what_is_done(
    stack: Stack, source: CountingSource, calls: Counter[str]
) -> None:
    cache, stop = StageCache(), threading.Event()
    progress = Progress(
        cancelled=stop.is_set,
        finished=lambda index, seconds: stop.set() if index == 0 else None,
    )
    made = source_of(source, *steps().steps, cache=cache)
    with pytest.raises(Cancelled):
        made.read(0, 0, progress)
    assert calls == {"subtract_background": 1}
    made.read(0, 0)
    assert calls == {"subtract_background": 1, "deskew": 1, "crop": 1}
    assert source.reads == {(0, 0): 1}


def test_the_watcher_hears_of_each_step(source: CountingSource) -> None:
    heard: list[tuple[str, int | None]] = []
    progress = Progress(
        started=lambda index: heard.append(("started", index)),
        finished=lambda index, seconds: heard.append(("finished", index)),
    )
    source_of(source, *steps().steps).read(0, 0, progress)
    assert [index for what, index in heard if what == "started"] == [None, 0, 1, 2]
    assert [index for what, index in heard if what == "finished"] == [None, 0, 1, 2]


def test_steps_of_a_pipeline_are_validated_by_kind() -> None:
    data = {"steps": [{"kind": "deskew", "angle": 30}, {"kind": "crop", "z": [1, 2]}]}
    pipeline = Pipeline.model_validate(data)
    assert pipeline.steps == (Deskew(angle=30), Crop(z=(1, 2)))
    assert Pipeline.model_validate(pipeline.model_dump(mode="json")) == pipeline
    assert set(step_types()) >= {"subtract_background", "deskew", "deconvolve", "crop"}


def test_the_steps_to_run_for_a_channel_that_a_step_makes() -> None:
    """Before that step there is no such channel: what counts is what it is made from."""
    steps = [SubtractBackground(value=1), Ratio(background=(1, 1)), SubtractBackground(value=0)]
    view = Pipeline(steps).apply(Stack(CountingSource((2, 2))), cache=StageCache())
    source = view.source
    assert [step.kind for step in source.steps_to_run(0, 2)] == [step.kind for step in steps]
    source.read(0, 2)
    assert source.steps_to_run(0, 2) == () and len(source.steps_to_run(1, 2)) == 3
    assert source.steps_to_run(0, 0) == view.source.plan.steps[1:]
