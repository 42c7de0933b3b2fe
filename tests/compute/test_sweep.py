"""Sweeps: one lazy array for all values, and nothing in common is made twice."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Recipe, Stack
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.errors import GeometryError, ParameterError
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, SubtractBackground
from stacks import RAW, CountingSource

PIPELINE = Pipeline([SubtractBackground(value=100), Deskew(angle=31.5), Crop(z=(1, 5))])


def test_a_value_becomes_an_axis(stack: Stack, source: CountingSource) -> None:
    sweep = PIPELINE.sweep(stack, "subtract_background.value", [90, 100, 300])
    assert sweep.axis_labels == ("subtract_background.value", "t", "c", "z", "y", "x")
    assert sweep.shape == sweep.data.shape == (3, 4, 2, 4, 8, 30)
    assert not source.reads
    for index, value in enumerate((90, 100, 300)):
        alone = PIPELINE.replace_step(0, SubtractBackground(value=value)).apply(stack)
        np.testing.assert_array_equal(sweep.data[index, 2, 1].compute(), alone.volume(2, 1))


def test_a_cache_that_is_empty_yet_is_the_one_that_is_used(stack: Stack) -> None:
    cache = StageCache(limit=stack.spec.nbytes * 3)
    sweep = PIPELINE.sweep(stack, "subtract_background.value", [90, 100], cache=cache)
    sweep.data[0, 0, 0].compute()
    assert len(cache)


def test_what_is_shared_is_made_once(
    stack: Stack, source: CountingSource, calls: Counter[str]
) -> None:
    sweep = PIPELINE.sweep(stack, "crop.z", [(0, 4), (1, 5), (2, 6)])
    everything = sweep.data.compute(scheduler="threads")
    assert everything.shape[0] == 3
    assert set(source.reads.values()) == {1}, "each file is read once"
    assert calls == {"subtract_background": 8, "deskew": 8, "crop": 24}


def test_two_parameters_are_a_table_in_one_symbolic_layer() -> None:
    raw = CountingSource((1000, 2))
    swept = {"subtract_background.value": [90, 100], "crop.enabled": [True, True, True]}
    sweep = PIPELINE.sweep(Stack(raw), swept)
    assert sweep.data.shape == (2, 3, 1000, 2, 4, 8, 30)
    layers = sweep.data.dask.layers
    assert len(layers) == 2 and not any(layer.is_materialized() for layer in layers.values())
    assert sweep.data[1, 2, 999, 1].compute().shape == (4, 8, 30)
    assert raw.reads == {(999, 1): 1}


def test_a_channel_is_swept_alone(stack: Stack) -> None:
    sweep = PIPELINE.sweep(stack, "subtract_background.value.488", [0, 300])
    different = [(sweep.data[0, 0, c] != sweep.data[1, 0, c]).any().compute() for c in range(2)]
    assert different == [True, False]


def test_results_of_other_shapes_lie_where_they_are_in_the_sample(stack: Stack) -> None:
    sweep = Pipeline([Crop()]).sweep(stack, "crop.x", [(0, 6), (4, 10)])
    assert sweep.shape[-1] == 10 and sweep.spec.translate == RAW.translate
    raw = stack.volume(0, 0)
    for index, (start, stop) in enumerate([(0, 6), (4, 10)]):
        seen = sweep.data[index, 0, 0].compute()
        np.testing.assert_array_equal(seen[..., start:stop], raw[..., start:stop])
        assert not np.delete(seen, range(start, stop), axis=-1).any(), "empty is 0"


def test_other_angles_are_matched_plane_by_plane(stack: Stack) -> None:
    sweep = Pipeline([Deskew(angle=31.5)]).sweep(stack, "deskew.angle", [20, 45])
    for index, angle in enumerate((20, 45)):
        alone = Pipeline([Deskew(angle=angle)]).apply(stack)
        seen = sweep.data[index, 0, 0].compute()
        start = round((alone.spec.translate[2] - sweep.spec.translate[2]) / 0.1)
        width = alone.shape[-1]
        np.testing.assert_array_equal(seen[..., start : start + width], alone.volume())


def test_floats_are_empty_where_there_is_nothing(stack: Stack) -> None:
    floats = Stack.from_array(stack.data.astype("float32"), RAW.voxel_size)
    sweep = Pipeline([Crop()]).sweep(floats, "crop.y", [(0, 4), (0, 8)])
    assert np.isnan(sweep.data[0, 0, 0, :, 4:].compute()).all()


def test_layers_of_an_unknown_size_are_in_pixels() -> None:
    def units(**size: Any) -> tuple[str, ...]:
        viewer = Mock()
        data = Stack.from_array(np.ones((4, 8, 10), np.uint16), **size)
        Pipeline([SubtractBackground()]).sweep(data, "subtract_background.value", [1, 2]).add_to(
            viewer
        )
        return viewer.add_image.call_args.kwargs["units"]  # type: ignore[no-any-return]

    assert units() == ("pixel",) * 5
    assert units(voxel_size=(0.4, 0.1, 0.1)) == ("pixel", "pixel", "um", "um", "um")


def test_a_step_that_is_off_is_switched_on(stack: Stack) -> None:
    off = Pipeline([Crop(enabled=False)])
    assert off.sweep(stack, "crop.z", [(0, 3)]).shape[-3] == 3
    both = {"crop.enabled": [False, True], "crop.z": [(0, 3)]}
    assert off.sweep(stack, both).shape[:2] == (2, 1)


def test_other_processes_compute_it_too(stack: Stack) -> None:
    sweep = PIPELINE.sweep(stack, "subtract_background.value", [90, 100])
    copy = pickle.loads(pickle.dumps(sweep.data))
    assert copy.name == sweep.data.name
    np.testing.assert_array_equal(copy[1, 0, 0].compute(), sweep.data[1, 0, 0].compute())


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("rotate.angle", [1], "There is no step 'rotate'. Of: subtract_background, deskew"),
        ("deskew.angel", [1], "The step 'deskew' has no 'angel'"),
        ("deskew.angle", [30, 400], "deskew.angle cannot be 400"),
        ("subtract_background.value.640", [1], "There is no channel '640'. Of: 488, 560"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    stack: Stack, name: str, values: list[int], sentence: str
) -> None:
    with pytest.raises(ParameterError, match=sentence):
        PIPELINE.sweep(stack, name, values)


def test_no_values_are_no_sweep(stack: Stack) -> None:
    with pytest.raises(GeometryError, match=r"no sweep of deskew\.angle"):
        PIPELINE.sweep(stack, "deskew.angle", [])


def test_a_recipe_holds_it(tmp_path: Path, raw_folder: Path) -> None:
    values = {"deskew.angle": [30, 31.5], "deskew.rounding": ["nearest", "down"]}
    pipeline = Pipeline([Deskew(angle=31.5)])
    assert "sweep" not in Recipe(pipeline=pipeline).model_dump()
    source = {"folder": str(raw_folder), "voxel_size": (0.3, 0.1, 0.1)}
    Recipe(source=source, pipeline=pipeline, sweep=values).save(tmp_path / "recipe.yaml")
    recipe = Recipe.load(tmp_path / "recipe.yaml")
    sweep = recipe.pipeline.sweep(recipe.open(), recipe.sweep)
    assert sweep.shape[:2] == (2, 2)
    space: dict[str, object] = {}
    exec(recipe.to_script(), space)
    np.testing.assert_array_equal(space["volume"], sweep.data[0, 0, 0, 0].compute())


def test_what_changes_nothing_is_refused(stack: Stack, psf_file: Path) -> None:
    pipeline = Pipeline([Deconvolve(psf=str(psf_file))])
    with pytest.raises(ParameterError, match="iterations changes nothing"):
        pipeline.sweep(stack, "deconvolve.iterations", [1, 2])
    both = {"deconvolve.iterations": [1, 2], "deconvolve.method": ["rl", "fast"]}
    assert pipeline.sweep(stack, both).shape[:2] == (2, 2)


def test_psfs_per_channel(stack: Stack, psf_file: Path) -> None:
    voxel_size = (0.1, 0.1, 0.1)
    pipeline = Pipeline([Deconvolve(psf=str(psf_file), psf_voxel_size=voxel_size, iterations=1)])
    sweep = pipeline.sweep(stack, "deconvolve.background.560", [0, 100])
    first, second = (sweep.data[i, 0, 1].compute() for i in range(2))
    assert (first != second).any()
