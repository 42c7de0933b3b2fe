"""Drift: volumes are moved back, and the drift is found in projections."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from moving_sample import VOXEL, MovingSample
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import FileError, GeometryError, StepError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.box import slices, whole
from napari_lazy_pipeline.steps import Crop, Drift, Select, Step
from stacks import CountingSource, source_of

DATA = np.random.default_rng(0).integers(0, 1000, (4, 1, 7, 12, 11)).astype("uint16")
ROW = (0.13, -0.17, 0.26)  # 0.43, -1.7 and 2.6 voxels


def moved(how: str, data: np.ndarray = DATA) -> np.ndarray:
    step = Drift(drift=((0, 0, 0), ROW), interpolation=how)  # type: ignore[arg-type]
    return Pipeline([step]).apply(Stack.from_array(data, (0.3, 0.1, 0.1))).volume(1)


def test_it_moves_as_scipy_does() -> None:
    way = np.divide(ROW, (0.3, 0.1, 0.1))
    linear = ndimage.shift(DATA[1, 0].astype(float), -way, order=1, cval=0.0)
    assert np.abs(moved("linear") - linear).max() <= 0.5 + 1e-3
    nearest = ndimage.shift(DATA[1, 0], -np.rint(way), order=0)
    np.testing.assert_array_equal(moved("none"), nearest)
    exact = moved("linear", DATA.astype("float64"))
    np.testing.assert_allclose(exact, linear, atol=1e-9)


def test_cubic_keeps_what_is_smooth() -> None:
    """Keys's convolution is exact for parabolas; linear is not."""
    z, y, x = np.ogrid[:7, :12, :11]
    data = np.broadcast_to(3.0 * x * x + y * y - x * y + z, (2, 1, 7, 12, 11))
    dz, dy, dx = np.divide(ROW, (0.3, 0.1, 0.1))
    truth = 3 * (x + dx) ** 2 + (y + dy) ** 2 - (x + dx) * (y + dy) + (z + dz)
    inner = (slice(1, 5), slice(3, -2), slice(1, 6))
    np.testing.assert_allclose(moved("cubic", data)[inner], truth[inner], atol=1e-9)
    assert np.abs(moved("linear", data) - truth)[inner].max() > 0.3


@pytest.mark.parametrize("row", [(0.3, -0.2, 0.4), (0.0, 0.0, 0.0)])
@pytest.mark.parametrize("how", ["none", "linear", "cubic"])
def test_whole_voxels_are_moved_as_they_are(row: Any, how: Any) -> None:
    step = Drift(drift=((0, 0, 0), row), interpolation=how)
    view = Pipeline([step]).apply(Stack.from_array(DATA, (0.3, 0.1, 0.1)))
    by = np.rint(np.divide(row, (0.3, 0.1, 0.1))).astype(int)
    np.testing.assert_array_equal(view.volume(1), ndimage.shift(DATA[1, 0], -by, order=0))
    np.testing.assert_array_equal(view.volume(0), DATA[0, 0])


@pytest.mark.parametrize("how", ["none", "linear", "cubic"])
def test_any_box_is_that_of_the_whole(how: Any) -> None:
    step = Drift(drift=((0, 0, 0), ROW, (-0.5, 0.35, -0.93)), interpolation=how, smoothing=0.4)
    spec = StackSpec(VolumeSpec((7, 12, 11), "uint16", (0.3, 0.1, 0.1)), times=4)
    made = StageRunner(ArraySource(DATA, spec.volume, "drift"), Plan.of([step], spec))
    rng = np.random.default_rng(1)
    for t in range(4):
        everything = made.part(1, Block(t, 0, whole(spec.shape)))
        for _ in range(15):
            ends = (sorted(rng.choice(n + 1, 2, replace=False).tolist()) for n in spec.shape)
            box: Any = tuple((a, b) for a, b in ends)
            np.testing.assert_array_equal(made.part(1, Block(t, 0, box)), everything[slices(box)])


def test_a_bead_goes_where_world_says() -> None:
    """In um: the bead of the first time point, and of a later one."""
    step = Drift(drift=((0.03, 0.02, -0.05), (0.36, -0.24, 0.17)), interpolation="cubic")
    z, y, x = np.ogrid[:20, :24, :26]
    place = np.array([9.2, 11.6, 13.1])
    bead = np.exp(-((z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2) / 8)
    stack = Stack.from_array(np.stack([bead, bead])[:, None], (0.3, 0.1, 0.1))
    view = Pipeline([step]).apply(stack)
    for t in (0, 1):
        seen = np.array(ndimage.center_of_mass(view.volume(t))) * (0.3, 0.1, 0.1)
        world = step.world_at(stack.stack_spec, t, 0)
        expected = world @ np.append(place * (0.3, 0.1, 0.1), 1)
        np.testing.assert_allclose(seen, expected[:3], atol=0.005)
    np.testing.assert_array_equal(
        step.world(stack.stack_spec, 0), step.world_at(stack.stack_spec, 0, 0)
    )


def test_after_the_last_row_its_drift_stays_and_a_caution_says_so() -> None:
    step = Drift(drift=((0, 0, 0), (0, 0, 0.2)))
    view = Pipeline([step]).apply(Stack.from_array(DATA, (0.3, 0.1, 0.1)))
    np.testing.assert_array_equal(view.volume(3)[..., :-2], DATA[3, 0, ..., 2:])
    spec = StackSpec(VolumeSpec((7, 12, 11), voxel_size=(0.3, 0.1, 0.1)), times=2)
    assert step.caution(spec) == ""
    assert step.caution(spec.replace(times=4)) == (
        "Time points from 2 on have the drift of 1: estimate again"
    )
    assert Plan.of([step], spec).grown(4, (step,)).cautions == (
        (0, step.caution(spec.replace(times=4))),
    )


def test_rows_of_time_points_that_a_selection_left_out_are_told_of() -> None:
    step = Drift(drift=tuple((0, 0, 0.1 * t) for t in range(8)))
    spec = StackSpec(VolumeSpec((7, 12, 11), voxel_size=(0.3, 0.1, 0.1)), times=8)
    words = (
        "There are 8 rows for 4 time points, maybe those of the whole recording: put this step "
        "before Select, or estimate again"
    )
    assert Plan.of([Select(every=2), step], spec).cautions == ((1, words),)
    assert Plan.of([step, Select(every=2)], spec).cautions == ()
    late = Plan.of([step], spec).grown(9, (step,)).cautions
    assert late == ((0, "Time points from 8 on have the drift of 7: estimate again"),)


def test_without_rows_it_waits_and_what_comes_later_does_not() -> None:
    spec = StackSpec(VolumeSpec((7, 12, 11), voxel_size=(0.3, 0.1, 0.1)), times=4)
    plan = Plan.of([Drift(), Crop(x=(2, 0))], spec)
    (waiting,) = plan.waiting
    assert "No drift is stated" in str(waiting) and plan.after.shape == (7, 12, 9)
    with pytest.raises(StepError, match="Estimate it, or type it"):
        Pipeline([Drift()]).apply(Stack.from_array(DATA, (0.3, 0.1, 0.1)))


def test_drift_that_leaves_the_volume_is_said() -> None:
    step = Drift(drift=((0, 0, 0), (0, 1.3, 0)))
    words = r"At time point 1 .* out of the volume: 1.3 um along y, which is 1.2 um long"
    with pytest.raises(StepError, match=words):
        Pipeline([step]).apply(Stack.from_array(DATA, (0.3, 0.1, 0.1)))


def test_smoothing_is_that_of_scipy_and_shown_as_a_curve() -> None:
    rows = np.cumsum(np.random.default_rng(2).normal(0, 0.1, (9, 3)), axis=0)
    step = Drift(drift=tuple(map(tuple, rows.tolist())), smoothing=1.5)
    smooth = ndimage.gaussian_filter1d(rows, 1.5, axis=0, mode="nearest")
    spec = StackSpec(VolumeSpec((70, 70, 70), voxel_size=(0.3, 0.1, 0.1)), times=9)
    np.testing.assert_allclose(-step.world_at(spec, 4, 0)[:3, 3], smooth[4])
    curve = step.curve(spec)
    assert curve is not None and curve.y_label == "Drift (µm)"
    for axis, name in enumerate("zyx"):
        np.testing.assert_allclose(curve.lines[name][1], smooth[:, axis])
        np.testing.assert_allclose(curve.dots[name][1], rows[:, axis])
    assert Drift().curve(spec) is None


# ---- found in the data --------------------------------------------------------------------


def estimated(stack: Stack, **options: Any) -> tuple[np.ndarray, Any]:
    """The drift that is found (t, 3) [voxel], and the estimate."""
    found = estimate(Drift(), stack, **options)
    return np.array(found.changes["drift"]) / VOXEL, found


@pytest.mark.parametrize("block", [False, True])
def test_a_random_walk_with_a_bad_frame_is_found(block: bool) -> None:
    """To a fifth of a voxel; also within the slanted block that deskewing leaves."""
    sample = MovingSample(seed=3, bad=(5,), block=block)
    way, found = estimated(sample.stack())
    good = [t for t in range(len(way)) if t != 5]
    error = np.sqrt(np.mean((way - sample.walk)[good] ** 2, axis=0))
    assert error.max() < 0.2
    np.testing.assert_allclose(way[5], (way[4] + way[6]) / 2, atol=1e-3)
    assert "Time point 5 is unlike the others" in found.sentence


def test_each_file_is_read_once_of_one_channel() -> None:
    sample = MovingSample(seed=1, times=5)
    reads: Counter[tuple[int, int]] = Counter()

    class Counted(ArraySource):
        def read(self, t: int, c: int) -> np.ndarray:
            reads[t, c] += 1
            if t == 3:
                raise FileError("The file is cut off")
            return super().read(t, c)

    data = np.concatenate([np.zeros_like(sample.data), sample.data], axis=1)
    source = Counted(data, VolumeSpec(data.shape[2:], "uint16", VOXEL), "counted")
    way, found = estimated(Stack(source, ("488", "560")), c=1)
    assert reads == Counter({(t, 1): 1 for t in range(5)})
    assert found.sentence.startswith("Channel 560 drifts by up to ")
    assert "Time point 3 is" in found.sentence
    np.testing.assert_allclose(way[4], sample.walk[4], atol=0.3)


def test_the_estimate_fits_the_step_whatever_was_before() -> None:
    """What is estimated after the correction is no drift any more."""
    sample = MovingSample(seed=2, times=5)
    _, found = estimated(sample.stack())
    step = Drift().replace(**found.changes)
    again, _ = estimated(Pipeline([step]).apply(sample.stack()))
    assert np.abs(again).max() < 0.2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (CountingSource((1, 1)), "There is one time point. Drift needs two or more"),
        (np.zeros((3, 1, 6, 16, 16), "uint16"), "Channel ch0 shows nothing at any time point"),
        (np.full((3, 1, 6, 16, 16), np.nan, "f4"), "Channel ch0 shows nothing at any time point"),
        (
            np.random.default_rng(0).integers(0, 99, (3, 1, 16, 64, 64)).astype("uint16"),
            "too little in common",
        ),
    ],
)
def test_where_there_is_nothing_to_see_it_says_so(source: Any, words: str) -> None:
    stack = Stack.from_array(source, VOXEL) if isinstance(source, np.ndarray) else Stack(source)
    with pytest.raises(GeometryError, match=words):
        estimate(Drift(), stack)


@pytest.mark.parametrize("times", [2, 3, 8])
@pytest.mark.parametrize("shape", [(40, 64, 64), (4, 32, 32), (1, 64, 64), (2, 16, 16)])
def test_noise_is_never_surely_a_drift(times: int, shape: tuple[int, int, int]) -> None:
    """Small pictures of noise are alike by chance, but no two of them in the same way."""
    rng = np.random.default_rng(times)
    for light in (100, 0.05):
        noise = Stack.from_array(rng.poisson(light, (times, 1, *shape)).astype("uint16"), VOXEL)
        try:
            found = estimated(noise)[1].sentence
        except GeometryError as error:
            found = str(error)
        assert re.search("Unsure: too few|too little in common|shows nothing", found)


def test_a_walk_is_sure_from_four_time_points_on() -> None:
    sample = MovingSample(seed=4, times=4, photons=8)
    way, found = estimated(sample.stack())
    assert "Unsure" not in found.sentence
    assert np.abs(way - sample.walk).max() < 0.5
    assert "Unsure" in estimated(Stack.from_array(sample.data[:3], VOXEL))[1].sentence


@pytest.mark.parametrize("peak", [0, 800, 5000])
def test_a_bright_object_that_moves_alone_is_not_surely_the_sample(peak: float) -> None:
    generator, (z, y, x) = np.random.default_rng(0), np.indices((20, 96, 96))
    texture = ndimage.gaussian_filter(generator.normal(size=z.shape), 2)
    sample = 60 * (texture / texture.std()).clip(0)
    volumes = []
    for t in range(6):
        object_ = np.exp(-((y - 15 - 6 * t) ** 2 + (x - 20 - 8 * t) ** 2 + 4 * (z - 10) ** 2) / 18)
        volumes.append(generator.poisson(sample + peak * object_ + 100))
    found = estimated(Stack.from_array(np.stack(volumes).astype("uint16")[:, None], VOXEL))[1]
    assert ("Unsure: the brightest objects move" in found.sentence) == bool(peak)


@pytest.mark.parametrize("planes", [5, 16])
def test_few_planes_tell_nothing_about_z(planes: int) -> None:
    generator = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(generator.normal(size=(40, 96, 96)), (1.5, 2, 2))
    sample = 60 * (texture / texture.std()).clip(0)
    volumes = [sample[14 - t : 14 - t + planes] for t in range(4)]
    data = generator.poisson(np.stack(volumes) + 100).astype("uint16")[:, None]
    way, found = estimated(Stack.from_array(data, VOXEL))
    few = planes == 5
    assert (f"Not measured along z: {planes} planes are too few" in found.sentence) == few
    np.testing.assert_allclose(way[:, 0], np.zeros(4) if few else range(4), atol=0.5)


def test_groups_that_nothing_links_are_not_one_way() -> None:
    """Two bad time points in a row, the first one bad: the larger group counts, no NaN."""
    sample = MovingSample(seed=3, times=9, bad=(0, 3, 4))
    way, found = estimated(sample.stack())
    assert np.isfinite(way).all() and "0, 1, 2, 3, 4 are unlike the others" in found.sentence
    np.testing.assert_allclose(way[5:] - way[5], sample.walk[5:] - sample.walk[5], atol=0.5)


def test_one_channel_at_one_time_point_reads_one_file() -> None:
    raw = CountingSource((4, 2))
    step: Step = Drift(drift=((0, 0, 0), (0.1, 0.1, 0.1)))
    source_of(raw, step).read(2, 1)
    assert raw.reads == Counter({(2, 1): 1})


@pytest.mark.parametrize("dtype", ["bool", "float16"])
def test_masks_and_half_floats_stay_what_they_are(dtype: str) -> None:
    data = (DATA > 500).astype(dtype)
    expected = moved("linear", (DATA > 500).astype("float64"))
    result = moved("linear", data)
    assert result.dtype == dtype
    if dtype == "bool":
        expected = expected > 0.5
    np.testing.assert_allclose(result.astype(float), expected.astype(float), atol=1e-3)
