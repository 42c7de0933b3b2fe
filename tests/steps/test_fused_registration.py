"""A registration beside a deskew or a rotation: one interpolation, and everything in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.compute.fusion import fusion_of
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.image import Block, Scan, StackSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.box import slices, whole
from napari_lazy_pipeline.steps import Crop, Deskew, RegisterChannels, Rotate, Step

SHAPE, VOXEL, SIGMA = (30, 26, 40), (0.3, 0.1, 0.1), 0.22
NAMES = ("488", "560")
TURN = Rotation.from_euler("zyx", (3, -2, 2.5), degrees=True).as_matrix()
MATRIX = np.eye(4)
MATRIX[:3, :3] = TURN @ np.diag([1.02, 0.99, 1.01])
MATRIX[:3, 3] = 0.23, -0.11, 0.37
MOVE = RegisterChannels(reference="488", transform=MATRIX)


def raw_bead(angle: float, axis: Any) -> tuple[np.ndarray, np.ndarray]:
    """Raw volume of a bead in the middle of the scan, and its place there (z, y, x) [um]."""
    deskewing = Scan(angle, axis).deskewing(VOXEL)
    place = np.array([14.3 * 0.3, 1.22, 1.93])
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) * VOXEL
    distance = ((grid - place) @ deskewing.T) ** 2
    return (1000 * np.exp(-distance.sum(-1) / (2 * SIGMA**2))).astype("float32"), place


def stack_of(volume: np.ndarray) -> Stack:
    return Stack.from_array(np.stack([volume, volume])[None], VOXEL, channel_names=NAMES)


def steps_of(order: str, angle: float, axis: Any) -> list[Step]:
    words = {
        "D": Deskew(angle=angle, skew_axis=axis),
        "R": Rotate(angle=angle, skew_axis=axis),
        "M": MOVE,
    }
    return [words[letter] for letter in order]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine is asked for."""
    asked: list[str] = []
    for name in ("deskew", "rotate", "resample"):
        own = getattr(CpuEngine, name)

        def counted(engine: Any, *arguments: Any, own: Any = own, name: str = name, **more: Any):  # type: ignore[no-untyped-def]
            asked.append(name)
            return own(engine, *arguments, **more)

        monkeypatch.setattr(CpuEngine, name, counted)
    return asked


@pytest.mark.parametrize(
    ("angle", "axis"), [(31.5, "x"), (-32.45, "x"), (40.0, "y"), (147.55, "x")]
)
@pytest.mark.parametrize("order", ["DM", "MD", "MR", "DMR", "RM", "DRM"])
def test_a_bead_is_where_the_matrices_put_it(
    order: str, angle: float, axis: Any, calls: list[str]
) -> None:
    raw, place = raw_bead(angle, axis)
    result = Pipeline(steps_of(order, angle, axis)).apply(stack_of(raw))
    volume, spec = result.volume(0, 1), result.source.spec
    assert calls == ["resample"], "one interpolation"
    scan = Scan(angle, axis)
    skewed = True
    for letter in order:
        if letter == "M":
            place = MATRIX[:3, :3] @ place + MATRIX[:3, 3]
        else:
            place = scan.deskewing(VOXEL) @ place if skewed else place
            place = scan.turning() @ place if letter == "R" else place
            skewed = False
    found = np.array(ndimage.center_of_mass(volume)) * spec.voxel_size + spec.translate
    assert np.abs((found - place) / spec.voxel_size).max() < 0.1


def test_fused_values_are_those_of_scipy() -> None:
    """Linear within the two planes around a position, then between them along their normal."""
    raw = np.random.default_rng(0).uniform(100, 1000, SHAPE).astype("float32")
    result = Pipeline([Deskew(angle=31.5), MOVE]).apply(stack_of(raw))
    spec, scan = result.source.spec, Scan(31.5)
    shear = scan.shear(VOXEL)
    index = np.stack(np.meshgrid(*map(np.arange, spec.shape), indexing="ij"), axis=-1)
    sample = (index * spec.voxel_size + spec.translate - MATRIX[:3, 3]) @ np.linalg.inv(
        MATRIX[:3, :3]
    ).T
    depth, rows, along = np.moveaxis(sample / (scan.normal_step(0.3), 0.1, 0.1), -1, 0)
    expected = np.zeros(spec.shape)
    for plane in range(-1, SHAPE[0] + 1):
        weight = np.maximum(1 - np.abs(depth - plane), 0)
        if 0 <= plane < SHAPE[0]:
            expected += weight * ndimage.map_coordinates(
                raw[plane], [rows, along - shear * plane], order=1, mode="grid-constant"
            )
    np.testing.assert_allclose(result.volume(0, 1), expected, atol=0.01)


def test_the_reference_channel_is_deskewed_as_ever(calls: list[str]) -> None:
    raw = np.random.default_rng(0).integers(100, 1000, SHAPE).astype("uint16")
    alone = Pipeline([Deskew(angle=31.5)]).apply(stack_of(raw)).volume(0, 0)
    calls.clear()
    made = Pipeline([Deskew(angle=31.5), MOVE]).apply(stack_of(raw)).volume(0, 0)
    np.testing.assert_array_equal(made, alone)
    assert calls == ["deskew"]


@pytest.mark.parametrize(
    "steps",
    [
        [Deskew(angle=31.5, fill=5), MOVE],
        [Deskew(angle=31.5, rounding="down"), MOVE],
        [Deskew(angle=31.5), Crop(x=(2, 0)), MOVE],
        [Deskew(angle=31.5), MOVE.replace(transform=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0.6)))],
    ],
)
def test_what_is_not_the_same_is_not_fused(steps: list[Step], calls: list[str]) -> None:
    """Other values for empty voxels, another rounding, something between; whole voxels."""
    raw = np.random.default_rng(0).integers(100, 1000, SHAPE).astype("uint16")
    Pipeline(steps).apply(stack_of(raw)).volume(0, 1)
    assert calls == ["deskew", "resample"]


def test_a_deskew_and_a_rotation_alone_go_their_own_ways(calls: list[str]) -> None:
    raw = np.zeros(SHAPE, "uint16")
    Pipeline(steps_of("DR", 31.5, "x")).apply(stack_of(raw)).volume(0, 1)
    assert calls == ["deskew", "rotate"]


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("order", ["DM", "MD", "MR", "DMR"])
def test_any_box_is_that_of_the_whole(order: str, interpolation: Any) -> None:
    raw = np.random.default_rng(0).integers(100, 1000, (1, 2, *SHAPE)).astype("uint16")
    steps = steps_of(order, 31.5, "x")
    steps[order.index("M")] = MOVE.replace(interpolation=interpolation)
    spec = VolumeSpec(SHAPE, "uint16", VOXEL)
    plan = Plan.of(steps, StackSpec(spec, 1, NAMES))
    plan.check()
    count, shape = len(order), plan.after.shape
    assert fusion_of(plan, count, 0, 1) is not None and fusion_of(plan, count, 0, 0) is None
    runner = StageRunner(ArraySource(raw, spec, "raw"), plan)
    expected = runner.part(count, Block(0, 1, whole(shape)))
    generator = np.random.default_rng(1)
    for _ in range(5):
        ends = (sorted(generator.choice(n + 1, 2, replace=False).tolist()) for n in shape)
        box: Any = tuple((a, b) for a, b in ends)
        np.testing.assert_array_equal(runner.part(count, Block(0, 1, box)), expected[slices(box)])


def test_detail_is_kept() -> None:
    """What two interpolations blur: a bead as small as a voxel stays brighter in one."""
    raw = np.zeros(SHAPE, "float32")
    raw[10:20:3, 8:18:4, 12:30:4] = 1000
    fused = Pipeline(steps_of("DM", 31.5, "x")).apply(stack_of(raw)).volume(0, 1)
    steps = [Deskew(angle=31.5), Crop(z=(0, 1_000_000)), MOVE]
    twice = Pipeline(steps).apply(stack_of(raw)).volume(0, 1)
    assert (fused.astype(float) ** 2).sum() > 1.15 * (twice.astype(float) ** 2).sum()
