"""Cropping: exactly the voxels whose centre lies in the box, and the right place for the step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.session.crop_box import (
    CropPlace,
    Ranges,
    crop_bounds,
    extents,
    in_frame,
    ranges_of,
)
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from stacks import spec_after

RAW = VolumeSpec((12, 16, 20), "uint16", (0.3, 0.1, 0.1))
WHOLE = ((0, 0), (0, 0), (0, 0))

# Binary fractions: the truth below is computed without rounding errors.
eighths = st.integers(-400, 400).map(lambda n: n / 8)
specs = st.builds(
    VolumeSpec,
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    voxel_size=st.tuples(*[st.integers(1, 16).map(lambda n: n / 8)] * 3),
    translate=st.tuples(eighths, eighths, eighths),
)


@st.composite
def crops(draw: st.DrawFn) -> tuple[VolumeSpec, Ranges]:
    spec = draw(specs)
    ends = [sorted(draw(st.tuples(*[st.integers(0, n)] * 2))) for n in spec.shape]
    assume(all(start < stop for start, stop in ends))
    return spec, tuple((start, stop) for start, stop in ends)  # type: ignore[return-value]


@given(crops())
def test_the_outline_of_a_crop_gives_the_crop_again(case: tuple[VolumeSpec, Ranges]) -> None:
    spec, ranges = case
    assert crop_bounds(spec, extents(spec, ranges)) == ranges


@given(crops())
def test_the_outline_lies_half_a_voxel_around_the_centres(case: tuple[VolumeSpec, Ranges]) -> None:
    spec, ranges = case
    z, y, x = ranges
    after = spec_after(Crop(z=z, y=y, x=x), spec)
    for axis, (low, high) in enumerate(extents(spec, ranges)):
        size = after.voxel_size[axis]
        assert low == pytest.approx(after.translate[axis] - size / 2)
        assert high - low == pytest.approx(after.shape[axis] * size)


@given(specs, st.tuples(*[st.tuples(eighths, eighths)] * 3))
def test_it_keeps_the_centres_inside_and_no_others(
    spec: VolumeSpec, box: tuple[tuple[float, float], ...]
) -> None:
    inside = []
    for axis, ends in enumerate(box):
        centres = spec.translate[axis] + np.arange(spec.shape[axis]) * spec.voxel_size[axis]
        inside.append(np.flatnonzero((min(ends) <= centres) & (centres < max(ends))))
    if all(len(index) for index in inside):
        assert crop_bounds(spec, box) == tuple((index[0], index[-1] + 1) for index in inside)
    else:
        with pytest.raises(GeometryError, match=r"outside the volume|smaller than a voxel"):
            crop_bounds(spec, box)


@given(crops(), st.tuples(eighths, eighths, eighths))
def test_where_the_volume_lies_makes_no_difference(
    case: tuple[VolumeSpec, Ranges], way: tuple[float, float, float]
) -> None:
    spec, ranges = case
    moved = spec.replace(translate=tuple(np.add(spec.translate, way).tolist()))
    box = [(low + w, high + w) for (low, high), w in zip(extents(spec, ranges), way, strict=True)]
    assert crop_bounds(moved, box) == ranges


@given(crops())
def test_what_reaches_beyond_the_volume_is_cut_off(case: tuple[VolumeSpec, Ranges]) -> None:
    spec, ranges = case
    box = [
        (low - 100 if start == 0 else low, high + 100 if stop == n else high)
        for (low, high), (start, stop), n in zip(
            extents(spec, ranges), ranges, spec.shape, strict=True
        )
    ]
    assert crop_bounds(spec, box) == ranges


def test_decimal_voxel_sizes_do_not_lose_a_voxel_to_rounding() -> None:
    spec = VolumeSpec((1, 1, 1000), voxel_size=(0.3, 0.1, 0.1))
    centres = [0.1 * index for index in range(1000)]
    for index, (low, high) in enumerate(pairwise(centres)):
        assert crop_bounds(spec, (None, None, (low, high)))[2] == (index, index + 1)


def test_an_open_axis_stays_open() -> None:
    assert crop_bounds(RAW, (None, (0.15, 0.65), None)) == ((0, 0), (2, 7), (0, 0))
    assert crop_bounds(RAW, (None, None, None)) == WHOLE


def test_outside_says_where_the_volume_is() -> None:
    with pytest.raises(GeometryError) as caught:
        crop_bounds(RAW, (None, (2.0, 3.0), (0, 1)))
    assert str(caught.value) == (
        "The box lies outside the volume: along y it goes from 2.00 to 3.00 µm, "
        "the volume from -0.05 to 1.55 µm. Draw it over the picture"
    )
    with pytest.raises(GeometryError, match=r"smaller than a voxel along x\. Draw a larger one"):
        crop_bounds(RAW, (None, None, (0.51, 0.52)))


ON, OFF = Crop(z=(1, 5)), Crop(enabled=False)


@pytest.mark.parametrize(
    ("steps", "shown", "place"),
    [
        ([], None, (0, False)),
        ([Deskew(angle=31.5)], None, (1, False)),
        ([Deskew(angle=31.5)], 0, (0, False)),
        ([SubtractBackground(), Deskew(angle=31.5), OFF], 2, (2, True)),
        ([Deskew(angle=31.5), Rotate(enabled=False), OFF], None, (2, True)),
        ([Deskew(angle=31.5), OFF, Rotate(enabled=False)], None, (1, True)),
        ([Deskew(angle=31.5), Rotate(enabled=False), OFF], 1, (2, True)),
        ([Deskew(angle=31.5), OFF, Deconvolve()], None, (3, False)),
        ([Deskew(angle=31.5), OFF, Deconvolve()], 1, (1, True)),
        ([Deskew(angle=31.5), Deconvolve(), ON], 1, (1, False)),
        ([Deskew(angle=31.5), ON, OFF], None, (1, True)),
        ([ON, Deskew(angle=31.5), OFF], None, (2, True)),
        ([ON, Deskew(angle=31.5), OFF], 1, (0, True)),
        ([ON, Deskew(angle=31.5), OFF], 0, (0, True)),
        ([ON, Crop(z=(0, 2))], None, (1, True)),
        ([Deskew(angle=31.5)], 7, (1, False)),
    ],
)
def test_the_place_of_the_crop(steps: list, shown: int | None, place: tuple) -> None:
    assert CropPlace.of(Pipeline(steps=steps), shown) == CropPlace(*place)


def test_a_crop_is_edited_or_inserted_and_switched_on() -> None:
    ranges = ((0, 0), (2, 9), (3, 7))
    edited = CropPlace(1, exists=True).put(Pipeline(steps=[Deskew(angle=31.5), OFF]), ranges)
    assert edited.steps == (Deskew(angle=31.5), Crop(y=(2, 9), x=(3, 7)))
    added = CropPlace(0, exists=False).put(Pipeline(steps=[Deskew(angle=31.5), OFF]), ranges)
    assert added.steps == (Crop(y=(2, 9), x=(3, 7)), Deskew(angle=31.5), OFF)
    assert ranges_of(edited.steps[1]) == ranges


def test_the_spec_before_a_step_knows_of_a_later_deskew() -> None:
    plan = Plan.of((Crop(x=(4, 0)), Rotate(angle=31.5), Deskew(angle=32)), StackSpec(RAW))
    specs = [plan.spec_before(index) for index in range(4)]
    assert [spec.volume.scan for spec in specs if spec] == [Scan(31.5), Scan(31.5), None, None]
    assert specs == [plan.raw, *(stage.after for stage in plan.stages)]


@pytest.mark.parametrize(
    ("steps", "index", "shown", "same"),
    [
        ([Deskew(angle=31.5), Crop()], 1, None, True),
        ([Deskew(angle=31.5), Crop()], 1, 0, False),
        ([Deskew(enabled=False), Crop()], 1, 0, True),
        ([Crop(), Deskew(angle=31.5)], 0, None, False),
        ([Crop(), SubtractBackground()], 0, None, True),
        ([Deskew(angle=31.5), Crop(), Rotate(angle=31.5)], 1, None, False),
        ([Deskew(angle=31.5), Crop(), Rotate(angle=31.5)], 1, 1, True),
        ([Deskew(angle=31.5), Crop(), Rotate(angle=31.5)], 1, 2, True),
    ],
)
def test_whether_a_picture_shows_the_places_a_crop_meets(
    steps: list, index: int, shown: int | None, same: bool
) -> None:
    spec = RAW.replace(scan=Scan(31.5))
    assert in_frame(Plan.of(steps, StackSpec(spec)), index, shown) is same
