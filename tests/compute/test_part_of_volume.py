"""Region first: a crop after a deconvolution has only its surroundings deconvolved."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec, export, open_stack
from napari_lazy_pipeline.compute import PipelineSource, Progress, StageCache
from napari_lazy_pipeline.compute import stage_runner as running
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import Cancelled, StepError
from napari_lazy_pipeline.image.box import Box, shape_of, slices
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.psf.kernel import halo
from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._deconvolution import reach as reach_of
from quality import VOXEL, phantom, real_volume
from stacks import CountingSource, source_of

SPEC = VolumeSpec((40, 96, 112), "uint16", (0.3, 0.1, 0.1))
# As documented, in docs/deconvolution.md and in the tooltip of Crop: the difference as part of what
# is in the crop, where it holds more than background, and its largest as part of the brightest
# voxel of the volume. The steps of accelerated iterations depend on all that is worked on.
TOLERANCE, LARGEST = {"accelerated": 0.01}, {"accelerated": 0.005}
USUAL = 0.001
# One iteration on noise: of that, a part sees the frequencies of another grid.
OF_NOISE = 0.05


class CountingEngine:
    """The CPU engine; counts the voxels that it is given."""

    name = "cpu"

    def __init__(self) -> None:
        self.voxels: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        function = getattr(get_engine("cpu"), name)

        def counted(volume: np.ndarray, *args: Any, **options: Any) -> np.ndarray:
            self.voxels[name] += volume.size
            return function(volume, *args, **options)

        return counted if name in ("deskew", "rotate", "deconvolve") else function


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> CountingEngine:
    counting = CountingEngine()
    monkeypatch.setattr(running, "get_engine", lambda name: counting)
    return counting


@pytest.fixture
def deconvolve(psf_file: Path) -> Deconvolve:
    """A quick one, with a PSF that does not reach far."""
    return Deconvolve(psf=str(psf_file), method="rl", iterations=1, background=100)


def cut(crop: Crop, volume: np.ndarray) -> np.ndarray:
    return volume[slices(crop.box(volume.shape))]


EXPORTED = Crop(z=(10, 20), y=(40, 60), x=(80, 130))
ORDERS: dict[str, Callable[[Deconvolve], tuple[Step, ...]]] = {
    "deconvolved": lambda d: (d,),
    "then deskewed": lambda d: (SubtractBackground(value=2), d, Deskew(angle=31.5)),
    "deskewed before": lambda d: (Deskew(angle=31.5), d),
    "along y": lambda d: (d, Deskew(skew_axis="y", angle=-32.45)),
    "then rotated": lambda d: (d, Rotate(angle=31.5)),
    "both": lambda d: (Deskew(angle=31.5), d, Rotate(angle=31.5)),
}


def middle(spec: VolumeSpec, size: int = 8) -> Crop:
    """A crop in the middle of a volume."""
    z, y, x = ((n // 2 - size // 2, n // 2 + size // 2) for n in spec.shape)
    return Crop(z=z, y=y, x=x)


@pytest.mark.parametrize("name", ORDERS)
def test_the_engine_is_given_the_crop_and_its_surroundings(
    name: str, engine: CountingEngine, deconvolve: Deconvolve
) -> None:
    raw, steps = CountingSource((1, 1), SPEC), ORDERS[name](deconvolve)
    source = source_of(raw, *steps)
    full = source.read(0, 0)
    everything = dict(engine.voxels)
    engine.voxels.clear()
    crop = middle(source.spec)
    part = source_of(raw, *steps, crop).read(0, 0)
    assert part.shape == (8, 8, 8)
    assert engine.voxels["deconvolve"] < 0.5 * everything["deconvolve"]
    assert all(engine.voxels[what] < everything[what] for what in everything)
    expected = cut(crop, full)
    assert np.linalg.norm(part - expected) < OF_NOISE * np.linalg.norm(expected)


def test_the_surroundings_are_those_of_the_psf(
    engine: CountingEngine, deconvolve: Deconvolve
) -> None:
    plan = deconvolve.plan(SPEC)
    reach = halo(plan.otf, plan.voxel_size)
    source_of(CountingSource((1, 1), SPEC), deconvolve, middle(SPEC, 16)).read(0, 0)
    assert reach_of(plan) == tuple(2 * n for n in reach)
    expected = np.prod([min(16 + 4 * m, n) for m, n in zip(reach, SPEC.shape, strict=True)])
    assert engine.voxels["deconvolve"] == pytest.approx(expected, rel=0.5)


@pytest.mark.parametrize("name", ORDERS)
def test_what_was_computed_before_makes_no_difference(name: str, deconvolve: Deconvolve) -> None:
    steps = ORDERS[name](deconvolve)
    raw, cache = CountingSource((1, 1), SPEC), StageCache()
    whole = source_of(raw, *steps, cache=cache)
    whole.read(0, 0)
    for count in range(len(steps)):
        replace(whole, stated_plan=whole.plan.until(count)).read(0, 0)
    crop = middle(whole.spec)
    expected = source_of(raw, *steps, crop).read(0, 0)
    cropped = source_of(raw, *steps, crop, cache=cache)
    assert cropped.cached(0, 0) is None
    np.testing.assert_array_equal(cropped.read(0, 0), expected)
    tiny = source_of(raw, *steps, crop, cache=StageCache(limit=1000))
    np.testing.assert_array_equal(tiny.read(0, 0), expected)


def test_lazy_eager_and_planes_agree(deconvolve: Deconvolve) -> None:
    raw = CountingSource((1, 1), SPEC)
    pipeline = Pipeline(steps=(deconvolve, Deskew(angle=31.5), EXPORTED))
    view = pipeline.apply(Stack(raw), cache=StageCache())
    volume = view.volume(0, 0)
    np.testing.assert_array_equal(view.data[0, 0].compute(), volume)
    np.testing.assert_array_equal(pipeline.run_volume(raw.read(0, 0), SPEC), volume)
    source = view.source
    assert isinstance(source, PipelineSource) and not source.plane_local
    np.testing.assert_array_equal(source.read_planes(0, 0, 3, 5), volume[3:5])


@pytest.mark.parametrize("method", ["rl", "accelerated", "auto"])
def test_a_part_in_python_is_that_of_the_whole(psf_file: Path, method: Any) -> None:
    """Bit for bit, also of a few bright points, which make steps of the accelerated one longer."""
    volume = np.full((12, 60, 64), 100, np.uint16)
    volume[4:8:3, 5::17, 3::13] = 40_000
    stack = Stack.from_array(volume, SPEC.voxel_size)
    step = Deconvolve(psf=str(psf_file), method=method, background=100)
    crop = Crop(y=(20, 40), x=(24, 50))
    whole = Pipeline([step]).apply(stack).volume()
    np.testing.assert_array_equal(Pipeline([step, crop]).apply(stack).volume(), cut(crop, whole))
    turned = Pipeline([Rotate(angle=31.5), crop]).apply(stack).source
    assert isinstance(turned, PipelineSource) and not turned.stated_plan.whole_volumes


def test_an_exported_part_is_that_of_the_whole(tmp_path: Path, deconvolve: Deconvolve) -> None:
    """Bit for bit: nobody has to know how near the screen comes to it."""
    raw, steps = CountingSource((1, 1), SPEC), (deconvolve, Deskew(angle=31.5))
    full = source_of(raw, *steps).read(0, 0)
    view = Pipeline((*steps, EXPORTED)).apply(Stack(raw))
    (path,) = export(view, tmp_path / "out").written
    np.testing.assert_array_equal(tifffile.imread(path), cut(EXPORTED, full))


def test_a_crop_of_nearly_everything_is_cut_out_of_the_whole(
    engine: CountingEngine, deconvolve: Deconvolve
) -> None:
    raw, cache = CountingSource((1, 1), SPEC), StageCache()
    full = source_of(raw, deconvolve).read(0, 0)
    once = engine.voxels["deconvolve"]
    for start in (1, 2, 3):
        crop = Crop(z=(start, 39), x=(0, 110))
        cropped = source_of(raw, deconvolve, crop, cache=cache).read(0, 0)
        np.testing.assert_array_equal(cropped, full[start:39, :, :110])
    assert engine.voxels["deconvolve"] == 2 * once, "for the first crop, but not again"


def test_a_crop_that_is_moved_a_little_is_there_already(
    engine: CountingEngine, deconvolve: Deconvolve
) -> None:
    raw, cache = CountingSource((1, 1), SPEC), StageCache()
    crops = [Crop(z=(16, 24), y=(41 + i, 55 + i), x=(48, 60 - i)) for i in range(2)]
    first, second = (source_of(raw, deconvolve, crop, cache=cache).read(0, 0) for crop in crops)
    counted = engine.voxels["deconvolve"]
    np.testing.assert_array_equal(first[:, 1:, :11], second[:, :-1])
    source_of(raw, deconvolve, crops[0]).read(0, 0)
    assert engine.voxels["deconvolve"] == 2 * counted


@pytest.mark.parametrize(
    "crops",
    [
        (Crop(z=(20, 21), y=(50, 51), x=(60, 61)),),
        (Crop(z=(0, 1), y=(0, 1), x=(0, 1)),),
        (Crop(z=(39, 0), y=(95, 0), x=(111, 0)),),
        (Crop(z=(10, 0), x=(0, 60)), Crop(y=(0, 40)), Crop(z=(5, 15), x=(20, 40))),
        (Crop(z=(10, 5000), y=(30, 60), x=(30, 60)),),
        (Crop(),),
    ],
)
def test_any_crop(crops: tuple[Crop, ...], deconvolve: Deconvolve) -> None:
    raw = CountingSource((1, 1), SPEC)
    full = source_of(raw, deconvolve).read(0, 0)
    source = source_of(raw, deconvolve, *crops)
    part, expected = source.read(0, 0), full
    for crop in crops:
        expected = cut(crop, expected)
    assert part.shape == expected.shape == source.spec.shape
    assert np.abs(part - expected).max() < 0.06 * full.max()


def test_a_crop_where_nothing_was_recorded_is_empty(deconvolve: Deconvolve) -> None:
    raw = CountingSource((1, 1), SPEC)
    deskewed = source_of(raw, deconvolve, Deskew(angle=31.5, fill=7)).spec.shape
    corner = Crop(z=(0, 3), x=(deskewed[2] - 12, 0))
    part = source_of(raw, deconvolve, Deskew(angle=31.5, fill=7), corner).read(0, 0)
    assert part.shape == (3, 96, 12) and (part == 7).all()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    angle=st.floats(-179, 179).filter(lambda angle: 20 < abs(angle) < 160),
    axis=st.sampled_from(["x", "y"]),
    deskewed=st.booleans(),
    fill=st.sampled_from([0.0, 90.0]),
    corner=st.tuples(*[st.floats(0, 0.99)] * 3),
    size=st.tuples(*[st.integers(1, 20)] * 3),
    dtype=st.sampled_from(["uint16", "float32"]),
)
def test_a_part_of_a_rotation_is_that_of_the_whole(
    angle: float, axis: str, deskewed: bool, fill: float,
    corner: tuple[float, ...], size: tuple[int, ...], dtype: str,
) -> None:  # fmt: skip
    """But for the rounding of positions, which are counted from another voxel."""
    raw = CountingSource((1, 1), VolumeSpec((9, 14, 17), dtype, (0.3, 0.1, 0.1)))
    steps: tuple[Step, ...] = (Rotate(angle=angle, skew_axis=axis, fill=fill),)
    if deskewed:
        steps = (Deskew(angle=angle, skew_axis=axis), *steps)
    whole = source_of(raw, *steps)
    starts = [int(a * n) for a, n in zip(corner, whole.spec.shape, strict=True)]
    z, y, x = ((a, a + n) for a, n in zip(starts, size, strict=True))
    crop = Crop(z=z, y=y, x=x)
    expected = cut(crop, whole.read(0, 0)).astype(float)
    part = source_of(raw, *steps, crop).read(0, 0)
    assert part.shape == expected.shape
    assert np.abs(part - expected).max() <= (1 if dtype == "uint16" else 0.01)


@pytest.mark.parametrize("edges", ["reflect", "background", "periodic"])
@pytest.mark.parametrize("place", ["middle", "corner"])
def test_every_kind_of_edge(edges: str, place: str, deconvolve: Deconvolve) -> None:
    raw = CountingSource((1, 1), SPEC)
    step = deconvolve.replace(edges=edges)
    full = source_of(raw, step).read(0, 0)
    crop = middle(SPEC, 10) if place == "middle" else Crop(z=(0, 10), y=(0, 12), x=(0, 12))
    part = source_of(raw, step, crop).read(0, 0)
    expected = cut(crop, full)
    assert np.linalg.norm(part - expected) < OF_NOISE * np.linalg.norm(expected)


def test_only_the_planes_that_are_needed_are_read(tmp_path: Path, deconvolve: Deconvolve) -> None:
    shape = (120, 40, 44)
    volume = np.random.default_rng(0).integers(100, 200, shape).astype("uint16")
    tifffile.imwrite(tmp_path / "s_t0.tif", volume)
    raw = open_stack(tmp_path, "s_t{t}.tif", voxel_size=(0.3, 0.1, 0.1)).source
    assert isinstance(raw, FileSource)
    source = source_of(raw, deconvolve, Deskew(angle=31.5), Crop(z=(60, 62)))
    source.read(0, 0)
    assert raw.bytes_read < 0.5 * volume.nbytes
    expected = source_of(
        CountingGiven(volume, raw.spec), deconvolve, Deskew(angle=31.5), Crop(z=(60, 62))
    )
    np.testing.assert_array_equal(source.read(0, 0), expected.read(0, 0))


class CountingGiven(CountingSource):
    """One volume that is there."""

    def __init__(self, volume: np.ndarray, spec: VolumeSpec) -> None:
        super().__init__((1, 1), spec)
        self.volume = volume

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads[t, c] += 1
        return self.volume


def test_a_volume_that_fits_into_the_cache_is_read_once(deconvolve: Deconvolve) -> None:
    raw, cache = CountingSource((1, 1), SPEC), StageCache()
    for z in range(5):
        source_of(raw, SubtractBackground(), deconvolve, Crop(z=(z, z + 9)), cache=cache).read(0, 0)
    assert raw.reads == {(0, 0): 1}


def test_without_a_psf_the_deconvolution_is_named() -> None:
    with pytest.raises(StepError, match="Deconvolve waits: No PSF is chosen") as caught:
        source_of(CountingSource((1, 1), SPEC), Deconvolve(), Crop(z=(0, 3)))
    assert (caught.value.kind, caught.value.index) == ("deconvolve", 0)


def test_cancelling_keeps_what_is_done(deconvolve: Deconvolve, engine: CountingEngine) -> None:
    stop, cache = threading.Event(), StageCache()
    source = source_of(
        CountingSource((1, 1), SPEC), deconvolve, Deskew(angle=31.5), Crop(z=(10, 20)), cache=cache
    )
    progress = Progress(
        cancelled=stop.is_set, finished=lambda index, _: stop.set() if index == 0 else None
    )
    with pytest.raises(Cancelled):
        source.read(0, 0, progress)
    counted = engine.voxels["deconvolve"]
    source.read(0, 0)
    assert engine.voxels["deconvolve"] == counted


# How near a part comes to the whole; tests/bench/print_crop_accuracy.py prints the table.


def boxes_of(shape: tuple[int, int, int]) -> dict[str, Box]:
    z, y, x = (n // 2 for n in shape)
    return {
        "16 x 64 x 64": ((z - 8, z + 8), (y - 32, y + 32), (x - 32, x + 32)),
        "4 x 32 x 32": ((z - 2, z + 2), (y - 16, y + 16), (x - 16, x + 16)),
        "20 x 80 x 80": ((z - 10, z + 10), (y - 60, y + 20), (x - 70, x + 10)),
        "12 x 50 x 50 at the edge": ((0, 12), (0, 50), (x - 20, x + 30)),
    }


def case_of(name: str, method: str) -> tuple[CountingGiven, tuple[Step, ...]]:
    """Source and steps."""
    step = Deconvolve(
        psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1), method=method, background=98
    )
    if name == "phantom":
        image = phantom((48, 128, 144)).image
        return CountingGiven(image, VolumeSpec(image.shape, "uint16", VOXEL)), (step,)
    volume = real_volume()
    raw = CountingGiven(volume, VolumeSpec(volume.shape, "uint16", REAL_STACK["voxel_size"]))
    return raw, {
        "real, then deskewed": (step, Deskew(angle=31.5)),
        "real, deskewed before": (Deskew(angle=31.5), step),
        "real, deconvolved only": (step,),
    }[name]


@pytest.mark.parametrize(
    ("case", "method"),
    [
        ("real, then deskewed", "auto"),
        ("real, deskewed before", "auto"),
        ("real, deconvolved only", "auto"),
        ("phantom", "auto"),
        ("real, then deskewed", "rl"),
        ("real, deconvolved only", "rl"),
        ("real, then deskewed", "accelerated"),
        ("real, then deskewed", "fast"),
        ("real, deskewed before", "fast"),
        ("real, deconvolved only", "fast"),
        ("phantom", "rl"),
        ("phantom", "accelerated"),
        ("phantom", "fast"),
    ],
)
def test_errors_are_as_documented(case: str, method: str) -> None:
    raw, steps = case_of(case, method)
    whole = source_of(raw, *steps)
    full = whole.read(0, 0)
    for name, box in boxes_of(whole.spec.shape).items():
        crop = Crop(z=box[0], y=box[1], x=box[2])
        part, expected = source_of(raw, *steps, crop).read(0, 0), full[slices(box)]
        assert part.shape == shape_of(box)
        error = float(np.linalg.norm(part - expected) / np.linalg.norm(expected))
        if name in ("16 x 64 x 64", "20 x 80 x 80"):
            assert error < TOLERANCE.get(method, USUAL), f"{name}: {error}"
        assert np.abs(part - expected).max() < LARGEST.get(method, USUAL) * full.max(), name


# ---- parts of whole volumes -----------------------------------------------------------------


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("cached", [True, False])
def test_a_part_of_whole_volumes_is_that_of_the_whole(
    name: str, cached: bool, deconvolve: Deconvolve
) -> None:
    """Bit for bit, whether or not the whole was there."""
    raw, steps = CountingSource((1, 1), SPEC), ORDERS[name](deconvolve)
    full = source_of(raw, *steps)
    cache = StageCache() if cached else None
    crop = middle(full.spec)
    cropped = source_of(raw, *steps, crop, cache=cache)
    exact = replace(cropped, stated_plan=cropped.plan.on_whole_volumes())
    np.testing.assert_array_equal(exact.read(0, 0), cut(crop, full.read(0, 0)))
    if cached:
        assert exact.cached(0, 0) is not None and cropped.cached(0, 0) is None
