"""Planes: those of the volume to the last bit, and no more is read or computed than they need."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.compute import Progress, StageCache
from napari_lazy_pipeline.errors import Cancelled, StepError
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from napari_lazy_pipeline.steps._base import Step
from stacks import CountingSource, PlaneSource, source_of


@st.composite
def plane_local_steps(draw: st.DrawFn, shape: tuple[int, int, int]) -> tuple[Step, ...]:
    """Any plane-local steps in any order, as far as they fit the volume."""
    steps: list[Step] = []
    for kind in draw(st.lists(st.sampled_from(["background", "deskew", "crop"]), max_size=4)):
        if kind == "background":
            steps.append(SubtractBackground(value=draw(st.integers(0, 300))))
        elif kind == "deskew":
            angle = draw(st.floats(-179, 179).filter(lambda angle: 15 < abs(angle) < 165))
            steps.append(
                Deskew(
                    angle=angle,
                    skew_axis=draw(st.sampled_from(["x", "y"])),
                    step=draw(st.sampled_from(["stage", "perpendicular"])),
                    width=draw(st.sampled_from([0, 0, 7, 30])),
                    shift=draw(st.integers(-9, 9)),
                    fill=draw(st.sampled_from([0.0, 50.0])),
                    rounding=draw(st.sampled_from(["nearest", "down"])),
                )
            )
        else:
            spec = VolumeSpec(shape, "uint16", (0.3, 0.1, 0.1))
            after = Pipeline(steps=steps).specs(spec)[-1] if steps else spec
            starts = [draw(st.integers(0, n - 1)) for n in after.shape]
            sizes = [draw(st.integers(0, n)) for n in after.shape]
            z, y, x = ((a, a + n if n else 0) for a, n in zip(starts, sizes, strict=True))
            steps.append(Crop(z=z, y=y, x=x))
    return tuple(steps)


@st.composite
def cases(draw: st.DrawFn) -> tuple[VolumeSpec, tuple[Step, ...], tuple[int, int]]:
    shape = tuple(draw(st.integers(1, n)) for n in (9, 12, 14))
    steps = draw(plane_local_steps(shape))
    dtype = draw(st.sampled_from(["uint16", "float32", "int16", "uint8"]))
    spec = VolumeSpec(shape, dtype, (0.3, 0.1, 0.1))
    depth = (Pipeline(steps=steps).specs(spec) or (spec,))[-1].shape[0]
    start = draw(st.integers(0, depth - 1))
    return spec, steps, (start, draw(st.integers(start + 1, depth)))


@settings(max_examples=300, deadline=None)
@given(case=cases(), cached=st.booleans(), by_planes=st.booleans())
def test_planes_are_those_of_the_volume(
    case: tuple[VolumeSpec, tuple[Step, ...], tuple[int, int]], cached: bool, by_planes: bool
) -> None:
    spec, steps, (start, stop) = case
    raw = PlaneSource(spec=spec) if by_planes else CountingSource(spec=spec)
    source = source_of(raw, *steps, cache=StageCache() if cached else None)
    assert source.plane_local
    expected = source_of(CountingSource(spec=spec), *steps).read(1, 0)
    planes = source.read_planes(1, 0, start, stop)
    assert planes.dtype.name == source.spec.dtype
    np.testing.assert_array_equal(planes, expected[start:stop])
    np.testing.assert_array_equal(source.read_planes(1, 0, start, stop), planes)


def test_a_plane_needs_one_plane() -> None:
    raw = PlaneSource()
    steps = (
        SubtractBackground(value=50),
        Crop(z=(1, 0)),
        Deskew(angle=31.5),
        Crop(z=(1, 4), x=(3, 20)),
    )
    source = source_of(raw, *steps, cache=StageCache())
    source.read_planes(2, 1, 1, 2)
    assert raw.made == {3: 1}, "behind a crop of 1, and another of 1"
    assert raw.reads == {(2, 1): 1}


def test_scrubbing_back_costs_nothing(calls: Counter[str]) -> None:
    raw = PlaneSource()
    source = source_of(raw, Deskew(angle=31.5), cache=StageCache())
    for z in (0, 1, 2, 1, 0):
        assert (source.cached_planes(0, 0, z, z + 1) is None) == (raw.made[z] == 0)
        source.read_planes(0, 0, z, z + 1)
    assert raw.made == {0: 1, 1: 1, 2: 1}
    assert source.cached_planes(0, 0, 0, 3) is None
    assert source.cached_planes(0, 1, 0, 1) is None
    assert source.cached(0, 0) is None
    assert calls == {"deskew": 3}


def test_turning_the_angle_reads_nothing() -> None:
    raw, cache = PlaneSource(), StageCache()
    for angle in (31.5, 32.0, 33.0):
        source_of(raw, SubtractBackground(), Deskew(angle=angle), cache=cache).read_planes(
            0, 0, 2, 3
        )
    assert raw.made == {2: 1}


def test_a_volume_at_hand_is_used(calls: Counter[str]) -> None:
    raw = PlaneSource()
    source = source_of(raw, SubtractBackground(), Deskew(angle=31.5), cache=StageCache())
    volume = source.read(0, 0)
    calls.clear()
    planes = source.cached_planes(0, 0, 2, 4)
    assert planes is not None
    np.testing.assert_array_equal(planes, volume[2:4])
    np.testing.assert_array_equal(source.read_planes(0, 0, 2, 4), volume[2:4])
    # Half of the way is there for another angle.
    source_of(raw, SubtractBackground(), Deskew(angle=40), cache=source.cache).read_planes(
        0, 0, 2, 4
    )
    assert not raw.made and raw.reads == {(0, 0): 1}
    assert calls == {"deskew": 1}


def test_without_planes_the_volume_is_read_once() -> None:
    raw = CountingSource()
    source = source_of(raw, Deskew(angle=31.5), cache=StageCache())
    for z in range(3):
        source.read_planes(0, 0, z, z + 1)
    assert raw.reads == {(0, 0): 1}


@pytest.mark.parametrize(
    "step", [Deconvolve(iterations=1), Rotate(angle=31.5)], ids=["deconvolve", "rotate"]
)
def test_other_steps_make_the_volume(step: Step, psf_file: Path) -> None:
    if isinstance(step, Deconvolve):
        step = step.replace(psf=str(psf_file))
    source = source_of(PlaneSource(), Deskew(angle=31.5), step, cache=StageCache())
    assert not source.plane_local
    assert replace(source, stated_plan=source.plan.until(1)).plane_local
    assert source.cached_planes(0, 0, 1, 2) is None
    planes = source.read_planes(0, 0, 1, 3)
    np.testing.assert_array_equal(planes, source.read(0, 0)[1:3])
    np.testing.assert_array_equal(source.cached_planes(0, 0, 1, 3), planes)


@pytest.mark.parametrize("planes", [(0, 0), (-1, 2), (3, 2), (0, 7), (6, 7)])
def test_planes_that_are_not_there_are_refused(planes: tuple[int, int]) -> None:
    source = source_of(PlaneSource(), Deskew(angle=31.5), cache=StageCache())
    for ask in (source.read_planes, source.cached_planes, source.planes):
        with pytest.raises(ValueError, match="in a volume of 6"):
            ask(0, 0, *planes)


def test_a_failing_step_is_named_and_blank_in_the_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> np.ndarray:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Deskew, "run", broken)
    raw = PlaneSource()
    source = source_of(raw, SubtractBackground(), Deskew(angle=31.5))
    with pytest.raises(
        StepError, match="Deskew failed at t=1, channel ch0: ZeroDivisionError: oh"
    ) as caught:
        source.read_planes(1, 0, 2, 3)
    assert (caught.value.kind, caught.value.index) == ("deskew", 1)
    with pytest.raises(StepError):
        source.planes(1, 0, 2, 3)
    blank = replace(source, blank_failures=True).planes(1, 0, 2, 4)
    assert blank.shape == (2, *source.spec.shape[1:]) and not blank.any()
    assert len(raw.problems) == 1


def test_cancelling_and_progress() -> None:
    heard: list[int | None] = []
    source = source_of(PlaneSource(), SubtractBackground(), Deskew(angle=31.5))
    source.read_planes(0, 0, 1, 2, Progress(started=heard.append))
    assert heard == [None, 0, 1]
    with pytest.raises(Cancelled):
        source.read_planes(0, 0, 1, 2, Progress(cancelled=lambda: True))
