"""Flip, transpose, split chip, select, convert: numpy's numbers, and things stay in their place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import ComputeLog, PipelineSource, Plan
from napari_lazy_pipeline.errors import ParameterError, RemarkWarning
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.steps import (
    Convert,
    Deskew,
    Flip,
    Project,
    Ratio,
    Select,
    SplitChip,
    Transpose,
)

SIZE = (0.4, 0.1, 0.12)
DATA = np.random.default_rng(0).integers(0, 1000, (7, 2, 5, 8, 12)).astype("uint16")
STACK = Stack.from_array(DATA, SIZE, channel_names=("GFP", "RFP"), time_interval=2.0)
SPEC = StackSpec(VolumeSpec((5, 8, 12), "uint16", SIZE), 7, ("GFP", "RFP"), 2.0)


def view(*steps: Any) -> Stack:
    return Pipeline(steps).apply(STACK)


@pytest.mark.parametrize("axes", ["x", "y", "z", "zx", "zyx"])
def test_a_flip_mirrors(axes: str) -> None:
    result = view(Flip(**dict.fromkeys(axes, True))).volume(3, 1)
    np.testing.assert_array_equal(result, np.flip(DATA[3, 1], ["zyx".index(a) for a in axes]))


def test_one_channel_is_mirrored() -> None:
    made = view(Flip(x={"GFP": False, "RFP": True}))
    np.testing.assert_array_equal(made.volume(0, 0), DATA[0, 0])
    np.testing.assert_array_equal(made.volume(0, 1), DATA[0, 1, ..., ::-1])


@pytest.mark.parametrize(
    ("steps", "turns"), [([Transpose(), Flip(x=True)], -1), ([Transpose(), Flip(y=True)], 1)]
)
def test_a_camera_is_turned_back(steps: list[Any], turns: int) -> None:
    made = view(*steps)
    np.testing.assert_array_equal(made.volume(1, 0), np.rot90(DATA[1, 0], turns, axes=(1, 2)))
    assert made.voxel_size == (0.4, 0.12, 0.1)


@pytest.mark.parametrize("order", ["zxy", "yzx", "xyz", "yxz", "xzy"])
def test_axes_are_exchanged(order: Any) -> None:
    axes = ["zyx".index(axis) for axis in order]
    made = view(Transpose(order_of_axes=order))
    np.testing.assert_array_equal(made.volume(0, 0), DATA[0, 0].transpose(axes))
    assert made.voxel_size == tuple(SIZE[axis] for axis in axes)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_chip_is_split(axis: Any) -> None:
    made = view(SplitChip(axis=axis, position=3))
    halves = (
        (DATA[..., :3], DATA[..., 3:6]) if axis == "x" else (DATA[..., :3, :], DATA[..., 3:6, :])
    )
    sides = ("left", "right") if axis == "x" else ("top", "bottom")
    assert made.channel_names == tuple(f"{c} {side}" for c in ("GFP", "RFP") for side in sides)
    for c in range(4):
        np.testing.assert_array_equal(made.volume(2, c), halves[c % 2][2, c // 2])


def test_names_of_halves() -> None:
    one = SPEC.replace(channels=("camera",))
    assert Plan.of([SplitChip(first="GFP")], one).after.channels == ("GFP", "camera right")
    twice = str(Plan.of([SplitChip(first="GFP", second="GFP")], one).misfit)
    assert "Two channels would be called GFP. Enter two different names" in twice
    beyond = str(Plan.of([SplitChip(position=12)], one).misfit)
    assert "The second half starts at x = 12 of 12 pixels" in beyond


@pytest.mark.parametrize(
    ("options", "times", "channels", "interval"),
    [
        ({"times": (2, 6)}, [2, 3, 4, 5], [0, 1], 2.0),
        ({"every": 3}, [0, 3, 6], [0, 1], 6.0),
        ({"times": (-3, 0), "every": 2, "channels": "RFP"}, [4, 6], [1], 4.0),
        ({"channels": ["RFP", "GFP"]}, list(range(7)), [1, 0], 2.0),
    ],
)
def test_selections(options: Any, times: list[int], channels: list[int], interval: float) -> None:
    made = view(Select(**options))
    assert made.shape[:2] == (len(times), len(channels)) and made.time_interval == interval
    np.testing.assert_array_equal(made.data.compute(), DATA[times][:, channels])


def test_a_selection_says_what_is_not_there() -> None:
    def misfit(step: Any) -> str:
        return str(Plan.of([step], SPEC).misfit)

    assert "There is no channel DAPI. There are: GFP, RFP" in misfit(Select(channels="DAPI"))
    late = misfit(Select(times=(7, 0)))
    assert "The selection starts at t = 7, but the recording ends at 7" in late


FLOATS = np.array([[[-3.4, 0.5, 1.5, 254.4, 255.6, 70000, np.nan, np.inf]]], "float32")


def test_convert_rounds_clips_and_counts() -> None:
    log = ComputeLog()
    raw = Stack.from_array(FLOATS)
    plan = Plan.of([Convert(dtype="uint8")], raw.stack_spec)
    source = PipelineSource(raw.source, plan, compute_log=log)
    np.testing.assert_array_equal(source.read(0, 0), [[[0, 0, 2, 254, 255, 255, 0, 255]]])
    assert log.remark_on(plan.work(1), (0, 0)) == (
        "1 voxel (12 %) below 0 became 0, 3 voxels (38 %) above 255 became 255, "
        "1 voxel (12 %) that was not a number became 0"
    )


@pytest.mark.parametrize(
    ("dtype", "told"),
    [
        ("uint8", "2 voxels (25 %) below 0.5 became 0, 1 voxel (12 %) above 254.5 became 255"),
        ("int16", "1 voxel (12 %) above 254.5 became 32767"),
    ],
)
def test_what_is_clipped_is_told_as_it_was_before_it_was_scaled(dtype: str, told: str) -> None:
    log = ComputeLog()
    pixels = np.array([[[-3.4, -1.5, 0.5, 1.5, 250, 253, 254.5, 300]]], "float32")
    raw = Stack.from_array(pixels)
    step = Convert(dtype=dtype, scaled=True, scale=(0.5, 254.5))
    plan = Plan.of([step], raw.stack_spec)
    PipelineSource(raw.source, plan, compute_log=log).read(0, 0)
    assert log.remark_on(plan.work(1), (0, 0)) == told


def test_in_python_a_warning_tells_of_each_volume_once() -> None:
    made = Pipeline([Convert(dtype="uint8"), Ratio(background=(1, 1))]).apply(
        Stack.from_array(DATA[:1] // 2, SIZE, channel_names=("GFP", "RFP"))
    )
    clipped = [int((DATA[0, c] // 2 > 255).sum()) for c in range(2)]
    with pytest.warns(RemarkWarning) as told:
        made.volume(0, 2)
    assert [str(one.message).partition(" (")[0] for one in told] == [
        f"Convert at t=0, channel {name}: {n} voxels"
        for name, n in zip(("GFP", "RFP"), clipped, strict=True)
    ]
    assert {one.filename for one in told} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.volume(0, 2)
        made.volume(0, 0)


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_convert_never_wraps(dtype: Any) -> None:
    wide = np.array([[[-70000, -1, 0, 40000, 70000]]], "int32")
    result = Pipeline([Convert(dtype=dtype)]).apply(wide).volume()
    limits = (-1e9, 1e9) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    np.testing.assert_array_equal(result, np.clip(wide, *limits))


def test_convert_scales() -> None:
    values = np.array([[[50, 100, 150, 200, 300]]], "uint16")
    scaled = (
        Pipeline([Convert(dtype="uint8", scaled=True, scale=(100, 200))]).apply(values).volume()
    )
    np.testing.assert_array_equal(scaled, [[[0, 0, 128, 255, 255]]])
    fractions = (
        Pipeline([Convert(dtype="float32", scaled=True, scale=(100, 200))]).apply(values).volume()
    )
    np.testing.assert_allclose(fractions, [[[-0.5, 0, 0.5, 1, 2]]])
    with pytest.raises(ParameterError, match="second value must be larger"):
        Convert(scale=(5, 5))


def test_planes_that_are_still_skewed() -> None:
    skewed = SPEC.replace(scan=Scan(31.5))
    assert "z cannot be exchanged" in str(Plan.of([Transpose(order_of_axes="xyz")], skewed).misfit)
    apart = Flip(x={"GFP": True, "RFP": False})
    assert "would lean the other way" in str(Plan.of([apart], skewed).misfit)
    own = Plan.of([Flip(x=True), Deskew(angle=31.5)], skewed)
    assert "a scan of its own (31.5° along x" in dict(own.cautions)[1]


@pytest.mark.parametrize(
    "steps",
    [
        [Flip(x=True, z=True)],
        [Flip(y={"ch0": True, "ch1": False})],
        [Transpose(order_of_axes="yxz")],
        [SplitChip()],
        [Select(times=(1, 6), every=2, channels="ch1")],
        [Convert(dtype="uint8", scaled=True, scale=(100, 900))],
        [Select(every=2), SplitChip(axis="y"), Transpose(), Flip(x=True), Project(axis="y")],
    ],
    ids=lambda steps: "-".join(step.kind for step in steps),
)
def test_any_box_is_the_whole(steps: list[Any]) -> None:
    assert_any_box_is_the_whole(DATA, *steps, boxes=6)
