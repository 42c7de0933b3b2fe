"""A bead at a known place [um] is where the steps say that they put it, and stays round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Stack, VolumeSpec
from napari_lazy_pipeline.compute import PipelineSource, Plan
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.steps import (
    Bin,
    Crop,
    Deskew,
    DeskewedMaximum,
    Flip,
    Project,
    Ratio,
    Resample,
    Rotate,
    Select,
    SplitChip,
    Transpose,
)

SIZE, SIGMA = (0.2, 0.1, 0.1), 0.3  # um
SHAPE = (40, 50, 60)
SCAN = Scan(31.5)
PLACE = np.array([4.1, 2.43, 2.77])  # of the first channel, where it was recorded [um]
OTHER = np.array([4.3, 2.13, 3.17])  # of the second


def raw(scan: Scan | None) -> np.ndarray:
    """Two beads (t, c, z, y, x), round in the sample; the second channel is at another place."""
    index = np.stack(np.indices(SHAPE), -1) * SIZE
    frame = np.eye(3) if scan is None else scan.deskewing(SIZE)
    beads = []
    for place in (PLACE, OTHER):
        squared = (((index - place) @ frame.T) ** 2).sum(-1)
        beads.append(1000 * np.exp(-squared / (2 * SIGMA**2)))
    return np.array([beads, beads], "float32")


RAW = {None: raw(None), SCAN: raw(SCAN)}


def moments(volume: np.ndarray, spec: VolumeSpec) -> tuple[np.ndarray, np.ndarray]:
    """Place (z, y, x) [um] and covariance [um2] of what is bright."""
    weights = np.maximum(volume, 0).astype(float) / np.maximum(volume, 0).sum()
    points = np.stack(np.indices(volume.shape), -1) * spec.voxel_size + spec.translate
    place = (weights[..., None] * points).sum((0, 1, 2))
    apart = points - place
    return place, np.einsum("zyx,zyxi,zyxj", weights, apart, apart)


def result(scan: Scan | None, c: int, *steps: Any) -> tuple[np.ndarray, np.ndarray, Plan]:
    data = RAW[scan]
    spec = StackSpec(VolumeSpec(SHAPE, "float32", SIZE, scan=scan), 2, ("GFP", "RFP"))
    plan = Plan.of(steps, spec)
    plan.check()
    source = PipelineSource(Stack.from_array(data, SIZE).source, plan)
    return *moments(source.read(0, c), plan.after.volume), plan


def in_um(matrix: np.ndarray, place: np.ndarray) -> np.ndarray:
    return matrix[:3, :3] @ place + matrix[:3, 3]


PIPELINES: list[tuple[Scan | None, list[Any]]] = [
    (None, [Bin(factors=(2, 3, 2))]),
    (None, [Resample()]),
    (None, [Resample(voxel_size=0.23, interpolation="cubic"), Bin(factors=(1, 2, 2))]),
    (None, [Flip(x=True, z=True)]),
    (None, [Crop(x=(3, 0), z=(4, 0)), Flip(y=True, z=True), Crop(y=(5, 0))]),
    (None, [Transpose(), Flip(x=True), Bin()]),
    (None, [Transpose(order_of_axes="yxz"), Crop(z=(2, 0)), Transpose(order_of_axes="xyz")]),
    (None, [Select(every=2), Ratio(keep=True, threshold=1), Select(channels="GFP")]),
    (SCAN, [Deskew(), Resample()]),
    (SCAN, [Flip(x=True), Deskew()]),
    (SCAN, [Flip(z=True, y=True), Deskew(), Bin()]),
    (SCAN, [Transpose(), Deskew(), Flip(y=True)]),
    (SCAN, [Crop(z=(6, 0)), Rotate(), Bin(factors=(2, 2, 2))]),
    (SCAN, [Flip(x=True), Rotate()]),
    (SCAN, [Deskew(), Flip(x=True), Resample()]),
]


@pytest.mark.parametrize(
    ("scan", "steps"), PIPELINES, ids=["-".join(s.kind for s in steps) for _, steps in PIPELINES]
)
def test_a_bead_is_where_the_steps_say(scan: Scan | None, steps: list[Any]) -> None:
    place, covariance, plan = result(scan, 0, *steps)
    voxel = max(plan.after.voxel_size)
    assert abs(place - in_um(plan.world(0), PLACE)).max() < 0.1 * min(plan.after.voxel_size)
    np.testing.assert_allclose(covariance, SIGMA**2 * np.eye(3), atol=voxel**2 / 4 + 0.01)


@pytest.mark.parametrize("steps", [[Project(range=(3, 38))], [Project(axis="y", method="sum")]])
def test_a_projection_lies_over_the_volume(steps: list[Any]) -> None:
    """Along the other two axes to a tenth of a voxel; along the third in the middle of it."""
    place, _, plan = result(None, 0, *steps)
    axis = "zyx".index(steps[0].axis)
    flat = [number for number in range(3) if number != axis]
    assert abs(place - PLACE)[flat].max() < 0.1 * min(plan.after.voxel_size)
    low, high = steps[0].range
    middle = (low + (high or SHAPE[axis]) - 1) / 2 * SIZE[axis]
    assert place[axis] == pytest.approx(middle)


def test_a_deskewed_maximum_lies_over_the_deskewed_volume() -> None:
    place, _, plan = result(SCAN, 0, DeskewedMaximum())
    expected = in_um(plan.world(0), PLACE)
    assert abs(place - expected)[1:].max() < 0.1 * 0.1


def test_a_half_of_the_chip_lies_on_the_other() -> None:
    """Also as seen by the second channel of a pipeline with another number of channels."""
    steps = [Select(channels="RFP"), SplitChip(position=20), Flip(y=True)]
    place, _, plan = result(None, 1, *steps)
    recorded = OTHER
    assert plan.after.channels == ("RFP left", "RFP right") and plan.after.shape == (40, 50, 20)
    expected = in_um(plan.world(1), recorded)
    assert abs(place - expected).max() < 0.05
    assert expected[2] == pytest.approx(recorded[2] - 2.0)


def test_channels_are_mirrored_apart() -> None:
    flip = Flip(x={"GFP": False, "RFP": True})
    here, _, plan = result(None, 0, flip)
    np.testing.assert_allclose(here, PLACE, atol=0.01)
    there, _, _ = result(None, 1, flip)
    expected = in_um(plan.world(1), OTHER)
    np.testing.assert_allclose(there, expected, atol=0.01)
    assert expected[2] == pytest.approx(5.9 - PLACE[2] - 0.4)
