"""Bin, resample, project: numbers of scikit-image, numpy and scipy; each bead stays where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.measure import block_reduce

from any_box import assert_any_box_is_the_whole
from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.steps import Bin, Deskew, DeskewedMaximum, Project, Resample

SIZE = (0.4, 0.1, 0.1)
VOLUME = np.random.default_rng(0).integers(0, 65535, (6, 18, 22)).astype("uint16")
STACK = StackSpec(VolumeSpec(VOLUME.shape, "uint16", SIZE))


def made(*steps: Any, volume: np.ndarray = VOLUME) -> np.ndarray:
    return Pipeline(steps).apply(Stack.from_array(volume, SIZE)).volume()


@pytest.mark.parametrize("factors", [(1, 2, 2), (2, 3, 4), (4, 1, 5), (1, 1, 1)])
def test_bins_are_those_of_scikit_image(factors: tuple[int, int, int]) -> None:
    cut = VOLUME[tuple(slice(n // f * f) for n, f in zip(VOLUME.shape, factors, strict=True))]
    total = made(Bin(factors=factors, method="sum"))
    np.testing.assert_array_equal(total, block_reduce(cut, factors, np.sum))
    mean = made(Bin(factors=factors))
    assert mean.dtype == np.uint16
    np.testing.assert_array_equal(mean, np.rint(block_reduce(cut, factors, np.mean)))
    floats = made(Bin(factors=factors), volume=VOLUME.astype("float32"))
    expected = block_reduce(cut.astype("float32"), factors, np.mean)
    np.testing.assert_allclose(floats, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [("uint8", "uint16"), ("uint16", "uint32"), ("int16", "int32"), ("float32", "float32")],
)
def test_a_sum_never_overflows(dtype: str, wide: str) -> None:
    top = np.iinfo(dtype).max if dtype != "float32" else 3e38 / 8
    full = np.full((2, 2, 2), top, dtype)
    for step in (Bin(factors=(2, 2, 2), method="sum"), Project(method="sum")):
        result = made(step, volume=full)
        assert result.dtype == wide
        count = full.size / result.size
        assert result.ravel()[0] == pytest.approx(float(top) * count, rel=1e-6)


@pytest.mark.parametrize("axis", ["z", "y", "x"])
@pytest.mark.parametrize(
    ("method", "reduce"), [("max", np.max), ("mean", np.mean), ("sum", np.sum), ("std", np.std)]
)
def test_projections_are_those_of_numpy(axis: Any, method: Any, reduce: Any) -> None:
    number = "zyx".index(axis)
    result = made(Project(axis=axis, method=method, range=(1, 5)))
    part = np.moveaxis(np.moveaxis(VOLUME, number, 0)[1:5], 0, number)
    expected = reduce(part.astype("float64"), axis=number, keepdims=True)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize(("method", "expected"), [("max", 3), ("mean", 2), ("sum", 4), ("std", 1)])
def test_what_is_not_a_number_is_left_out(method: Any, expected: float) -> None:
    volume = np.array([[[1, np.nan]], [[np.nan, np.nan]], [[3, np.nan]]], "float32")
    result = made(Project(method=method), volume=volume)
    np.testing.assert_array_equal(result, [[[expected, np.nan]]])


def test_places_and_voxel_sizes() -> None:
    def after(step: Any) -> VolumeSpec:
        return Plan.of([step], STACK).after.volume

    spec = after(Bin(factors=(2, 3, 4)))
    assert spec.shape == (3, 6, 5)
    assert spec.voxel_size == pytest.approx((0.8, 0.3, 0.4))
    assert spec.translate == pytest.approx((0.2, 0.1, 0.15))
    spec = after(Project(axis="y", range=(4, 10)))
    assert (spec.shape, spec.voxel_size[1]) == ((6, 1, 22), pytest.approx(0.6))
    assert spec.translate == pytest.approx((0, 0.65, 0))
    unknown = StackSpec(VolumeSpec((6, 18, 22), "uint16", (None, 0.1, 0.1)))
    binned = Plan.of([Bin()], unknown).after.volume
    assert binned.stated_size == (None, 0.2, 0.2) and binned.translate == (0, 0.25, 0.25)


def blob(middle: Any, shape: Any = (24, 40, 44), sigma: float = 0.35) -> np.ndarray:
    """A Gaussian bead about a place [um], in a volume of `SIZE`."""
    axes = [np.arange(n) * size - m for n, size, m in zip(shape, SIZE, middle, strict=True)]
    z, y, x = np.ix_(*axes)
    return (1000 * np.exp(-(z**2 + y**2 + x**2) / (2 * sigma**2))).astype("float32")


def centroid(volume: np.ndarray, spec: VolumeSpec) -> np.ndarray:
    light = volume.astype(float)
    index = [(light * n).sum() / light.sum() for n in np.indices(light.shape)]
    return np.array(index) * spec.voxel_size + spec.translate


@pytest.mark.parametrize("size", [None, 0.1, 0.17, 0.2, 0.4])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_resampled_bead_stays_and_keeps_its_light(size: Any, interpolation: Any) -> None:
    middle, step = (4.7, 1.93, 2.11), Resample(voxel_size=size, interpolation=interpolation)
    view = Pipeline([step]).apply(Stack.from_array(blob(middle), SIZE))
    target = size or 0.1
    assert view.voxel_size == (target,) * 3
    volume = view.volume()
    np.testing.assert_allclose(centroid(volume, view.spec), middle, atol=0.1 * target)
    light = volume.sum() * target**3
    assert light == pytest.approx(blob(middle).sum() * np.prod(SIZE), rel=0.01)


def test_shrinking_brings_no_pattern() -> None:
    """Stripes finer than the new voxels are grey, where every fourth pixel would show stripes."""
    stripes = np.zeros((1, 8, 200), "float32")
    stripes[..., ::3] = 300
    view = Pipeline([Resample(voxel_size=0.4)]).apply(Stack.from_array(stripes, SIZE))
    shown = view.volume()[0, 0, 3:-3]
    assert np.ptp(stripes[0, 0, ::4]) == 300
    assert abs(shown - 100).max() < 4


def test_a_skewed_volume_is_not_resampled() -> None:
    skewed = STACK.replace(scan=Scan(31.5))
    misfit = str(Plan.of([Resample()], skewed).misfit)
    assert "The planes are still skewed" in misfit and "after Deskew" in misfit
    assert dict(Plan.of([Bin(factors=(2, 1, 1))], skewed).cautions)[0].endswith("after Deskew")
    assert not Plan.of([Bin()], skewed).cautions
    assert Plan.of([Deskew(angle=31.5), Resample()], skewed).misfit is None


@pytest.mark.parametrize("skew_axis", ["x", "y"])
@pytest.mark.parametrize("angle", [31.5, -40.0])
def test_the_deskewed_maximum_is_that_of_the_deskewed_volume(angle: float, skew_axis: Any) -> None:
    volume = np.random.default_rng(1).integers(0, 999, (21, 18, 22)).astype("uint16")
    stated = {"angle": angle, "skew_axis": skew_axis}
    direct = DeskewedMaximum(**stated)
    way = [Deskew(**stated), Project()]
    np.testing.assert_array_equal(made(direct, volume=volume), made(*way, volume=volume))
    plans = [Plan.of(steps, STACK.replace(shape=volume.shape)) for steps in ([direct], way)]
    one, other = (plan.after.volume for plan in plans)
    assert one.shape == other.shape and one.voxel_size == pytest.approx(other.voxel_size)
    assert one.translate == pytest.approx(other.translate)
    np.testing.assert_allclose(plans[0].world(), plans[1].world())


def test_the_deskewed_volume_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most a few planes at a time."""
    from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine

    sizes: list[int] = []
    deskew = CpuEngine.deskew

    def noted(self: Any, *arguments: Any, **options: Any) -> np.ndarray:
        sizes.append(len(arguments[0]))
        return deskew(self, *arguments, **options)

    monkeypatch.setattr(CpuEngine, "deskew", noted)
    made(DeskewedMaximum(angle=31.5), volume=np.zeros((21, 18, 22), "uint16"))
    assert sizes == [8, 8, 5]


@pytest.mark.parametrize(
    "step",
    [
        Bin(factors=(2, 3, 2)),
        Bin(factors=(2, 3, 2), method="sum"),
        Resample(),
        Resample(voxel_size=0.23, interpolation="cubic"),
        Resample(voxel_size=0.5),
        Project(method="mean"),
        Project(axis="x", method="std", range=(3, -2)),
        DeskewedMaximum(angle=31.5),
        DeskewedMaximum(angle=-40, skew_axis="y"),
    ],
    ids=lambda step: f"{step.kind} {step.brief()}",
)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_any_box_is_the_whole(step: Any, dtype: str) -> None:
    data = (VOLUME / 65.5).astype(dtype)[np.newaxis, np.newaxis]
    assert_any_box_is_the_whole(data, step, boxes=6)


def test_masks_are_counted() -> None:
    """True counts as 1: three of four are a sum of 3, and a mean that is nearer to True."""
    mask = np.array([[[1, 1, 0, 0], [1, 0, 0, 0]]], bool)
    three = made(Bin(factors=(1, 2, 2), method="sum"), volume=mask)
    assert three.dtype == np.uint16 and three.tolist() == [[[3, 0]]]
    mean = made(Bin(factors=(1, 2, 2)), volume=mask)
    assert mean.dtype == bool and mean.tolist() == [[[True, False]]]
    along = made(Project(axis="x", method="sum"), volume=mask)
    assert along.ravel().tolist() == [2, 1]
    fine = made(Resample(voxel_size=0.05), volume=mask)
    assert fine.dtype == bool and fine[0, 0].tolist() == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
