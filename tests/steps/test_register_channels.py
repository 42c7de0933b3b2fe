"""Register channels: beads come out where those of the reference channel are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage.transform import AffineTransform, warp

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.errors import ParameterError, StepError, VoxelSizeUnknownError
from napari_lazy_pipeline.image import StackSpec, VolumeSpec
from napari_lazy_pipeline.steps import Crop, RegisterChannels, Select
from stacks import CountingSource, source_of

SHAPE, VOXEL, SIGMA = (24, 40, 44), (0.3, 0.1, 0.1), 0.25
BEADS = np.array([(2.4, 1.23, 1.5), (4.7, 2.61, 2.93), (3.11, 1.05, 3.2), (3.6, 2.9, 1.31)])  # um
TURN = Rotation.from_euler("zyx", (4, -3, 5), degrees=True).as_matrix()
SHIFT = np.array([0.17, -0.32, 0.113])
MATRICES = {
    "translation": np.eye(3),
    "rigid": TURN,
    "similarity": 1.04 * TURN,
    "affine": TURN @ np.array([[1.03, 0, 0.02], [0.01, 0.97, 0], [0, 0.03, 1.01]]),
}


def transform(mode: str) -> np.ndarray:
    """Matrix (4, 4) of a mode, that keeps the middle of the volume about where it is."""
    middle = (np.array(SHAPE) - 1) / 2 * VOXEL
    matrix = np.eye(4)
    matrix[:3, :3] = MATRICES[mode]
    matrix[:3, 3] = middle - MATRICES[mode] @ middle + SHIFT
    return matrix


def beads(places: np.ndarray, which: int | None = None) -> np.ndarray:
    """Volume of Gaussian beads at places (z, y, x) [um]; of one only, if that is named."""
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    volume = np.zeros(SHAPE)
    for place in places if which is None else places[which : which + 1]:
        squares = [(n * v - p) ** 2 for n, v, p in zip(axes, VOXEL, place, strict=True)]
        volume += 1000 * np.exp(-sum(squares) / (2 * SIGMA**2))
    return volume.astype("float32")


def both(reference: np.ndarray, moving: np.ndarray) -> Stack:
    return Stack.from_array(np.stack([reference, moving])[None], VOXEL, channel_names=("488", "5"))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("mode", MATRICES)
@pytest.mark.parametrize("cropped", [False, True])
def test_beads_lie_on_those_of_the_reference(mode: str, cropped: bool, interpolation: Any) -> None:
    """A crop before makes no difference to what a transform means."""
    matrix = transform(mode)
    moving = (BEADS - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    crop = [Crop(z=(2, 23), y=(3, 0), x=(5, 42))] if cropped else []
    step = RegisterChannels(reference="488", transform=matrix, interpolation=interpolation)
    for which in range(len(BEADS)):
        stack = both(beads(BEADS, which), beads(moving, which))
        result = Pipeline([*crop, step]).apply(stack)
        found = np.array(ndimage.center_of_mass(result.volume(0, 1)))
        spec = result.source.spec
        error = found + np.divide(spec.translate, VOXEL) - BEADS[which] / VOXEL
        assert np.abs(error).max() < 0.1, error
    before = Pipeline(crop).apply(stack)
    np.testing.assert_array_equal(result.volume(0, 0), before.volume(0, 0), "the reference")


def test_linear_is_what_scipy_makes() -> None:
    """With the fade at edges of its ``grid-constant``."""
    volume = np.random.default_rng(0).uniform(100, 1000, SHAPE).astype("float32")
    matrix, size = transform("affine"), np.diag([*VOXEL, 1.0])
    made = Pipeline([RegisterChannels(reference="488", transform=matrix)]).apply(
        both(volume, volume)
    )
    pull = np.linalg.inv(size) @ np.linalg.inv(matrix) @ size
    expected = ndimage.affine_transform(
        volume.astype(float), pull, order=1, mode="grid-constant", cval=0
    )
    assert (expected == 0).any()
    np.testing.assert_allclose(made.volume(0, 1), expected, atol=1e-3)


def test_cubic_is_what_scikit_image_makes_of_a_plane() -> None:
    plane = np.random.default_rng(0).uniform(100, 1000, SHAPE[1:]).astype("float32")
    turn = math.radians(7)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]
    matrix[1:3, 3] = 0.31, -0.24
    step = RegisterChannels(reference="488", transform=matrix, interpolation="cubic")
    made = Pipeline([step]).apply(both(*2 * [plane[None]])).volume(0, 1)[0]
    swapped = matrix[[2, 1, 3]][:, [2, 1, 3]]  # skimage has x before y
    swapped[:2, 2] /= VOXEL[1]
    expected = warp(
        plane, AffineTransform(np.linalg.inv(swapped)), order=3, cval=np.nan, clip=False
    )
    inner = np.isfinite(ndimage.generic_filter(expected, np.sum, 5, mode="constant", cval=np.nan))
    assert inner.sum() > 500
    np.testing.assert_allclose(made[inner], expected[inner], rtol=1e-4)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_a_shift_by_whole_voxels_changes_no_value(dtype: str, interpolation: Any) -> None:
    generator = np.random.default_rng(1)
    volume = (generator.uniform(0, 250, SHAPE) * (1 if dtype == "uint8" else 100)).astype(dtype)
    matrix = np.eye(4)
    matrix[:3, 3] = 2 * 0.3, -3 * 0.1, 5 * 0.1
    step = RegisterChannels(reference="488", transform=matrix, interpolation=interpolation, fill=7)
    made = Pipeline([step]).apply(both(volume, volume))
    expected = np.full(SHAPE, 7, dtype)
    expected[2:, :-3, 5:] = volume[:-2, 3:, :-5]
    np.testing.assert_array_equal(made.volume(0, 1), expected)
    np.testing.assert_array_equal(made.volume(0, 0), volume)
    assert made.volume(0, 0).dtype == made.volume(0, 1).dtype == dtype


@pytest.mark.parametrize("shift", [0.1, 0.05])
@pytest.mark.parametrize(
    ("dtype", "fill", "value"),
    [("uint8", 300, 255), ("int16", 40_000, 32_767), ("uint16", 0.6, 1), ("float32", 0.6, 0.6)],
)
def test_the_value_outside_is_rounded_and_clipped(
    dtype: str, fill: float, value: float, shift: float
) -> None:
    """Alike for a shift by a whole voxel and by half of one."""
    matrix = np.eye(4)
    matrix[2, 3] = 3 + shift
    step = RegisterChannels(reference="488", transform=matrix, fill=fill)
    made = Pipeline([step]).apply(both(*2 * [np.zeros(SHAPE, dtype)])).volume(0, 1)
    np.testing.assert_array_equal(made[..., :30], np.full((*SHAPE[:2], 30), value, dtype))
    assert made.dtype == dtype


def test_cubic_values_are_not_wrapped() -> None:
    volume = np.zeros(SHAPE, "uint16")
    volume[:, 20:] = 65535  # an edge, at which a cubic overshoots
    matrix = np.eye(4)
    matrix[:3, 3] = 0, 0.05, 0
    step = RegisterChannels(reference="488", transform=matrix, interpolation="cubic")
    made = Pipeline([step]).apply(both(volume, volume)).volume(0, 1)
    assert made[:, 2:19].max() == 0 and made[:, 23:].min() == 65535


def test_a_nan_stays_where_it_is() -> None:
    volume = np.full(SHAPE, 5, "float32")
    volume[10, 20, 20] = np.nan
    matrix = np.eye(4)
    matrix[:3, 3] = 0.3, 0.05, 0
    step = RegisterChannels(reference="488", transform=matrix)
    made = Pipeline([step]).apply(both(volume, volume)).volume(0, 1)
    assert np.argwhere(np.isnan(made)).tolist() == [[11, 20, 20], [11, 21, 20]]


def test_each_file_is_read_once() -> None:
    raw = CountingSource((2, 2))
    matrix = transform("rigid")
    view = source_of(raw, RegisterChannels(reference="ch0", transform=matrix))
    for c in (0, 1):
        view.read(1, c)
    assert raw.reads == {(1, 0): 1, (1, 1): 1}


SPEC = StackSpec(VolumeSpec(SHAPE, voxel_size=VOXEL), 1, ("488", "560"))
MOVED = ((1, 0, 0, 0.1), (0, 1, 0, 0), (0, 0, 1, 0))


def test_what_cannot_be_is_said() -> None:
    plan = Plan.of([RegisterChannels(reference="642", transform=MOVED)], SPEC)
    with pytest.raises(StepError, match=r"no channel 642 to register to.*Choose one of: 488, 560"):
        plan.check()
    with pytest.raises(StepError, match="no Transform for the channel 560"):
        Plan.of([RegisterChannels(reference="488", transform={"5": MOVED})], SPEC).check()
    unknown = StackSpec(VolumeSpec(SHAPE), 1, ("488", "560"))
    (waiting,) = Plan.of([RegisterChannels(transform=MOVED)], unknown).waiting
    assert isinstance(waiting.__cause__, VoxelSizeUnknownError)


@pytest.mark.parametrize(
    ("step", "channels", "words"),
    [
        (RegisterChannels(), ("488", "560"), "No channel is moved yet"),
        (RegisterChannels(transform=MOVED), ("488",), "one channel only"),
        (
            RegisterChannels(transform=((1, 0, 0, -9), *MOVED[1:])),
            ("488", "560"),
            "all of channel 560 out of the volume",
        ),
        (RegisterChannels(transform=MOVED), ("488", "560"), "No reference is named: 488 stays"),
        (RegisterChannels(transform=MOVED, reference="560"), ("488", "560"), ""),
        (RegisterChannels(transform={"560": MOVED}), ("560",), ""),
        (
            RegisterChannels(reference="560", transform={"488": MOVED, "560": MOVED}),
            ("488", "560"),
            "Channel 560 stays as the reference: its transform is not used",
        ),
    ],
)
def test_what_changes_nothing_is_said(step: Any, channels: tuple[str, ...], words: str) -> None:
    cautions = dict(Plan.of([step], SPEC.replace(channels=channels)).cautions)
    assert words in cautions.get(0, "") and bool(words) == bool(cautions)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.diag([1.0, 1, 1, 2]), "last row of an affine matrix"),
        (np.diag([1.0, 0, 1, 1]), "makes the volume flat"),
        (np.eye(2), "three rows"),
        (np.full((3, 4), np.nan), "finite number"),
    ],
)
def test_what_is_no_transform_is_refused(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        RegisterChannels(transform=matrix)


def test_the_first_channel_needs_no_transform_if_it_is_the_reference() -> None:
    stack = Stack.from_array(
        np.arange(120, dtype="uint16").reshape(1, 2, 3, 4, 5), VOXEL, channel_names=("488", "560")
    )
    by_whole_planes = ((1, 0, 0, VOXEL[0]), (0, 1, 0, 0), (0, 0, 1, 0))
    view = Pipeline([RegisterChannels(transform={"560": by_whole_planes})]).apply(stack)
    np.testing.assert_array_equal(view.volume(0, 0), stack.volume(0, 0))
    np.testing.assert_array_equal(view.volume(0, 1)[1:], stack.volume(0, 1)[:-1])
    with pytest.raises(StepError, match="no Transform for the channel 560"):
        Plan.of([RegisterChannels(transform={"488": MOVED})], SPEC).check()


def along_x(way: float) -> Any:
    return ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, way))


THREE = {"488": along_x(0), "560": along_x(-0.2), "640": along_x(-0.3)}


@pytest.mark.parametrize("reference", ["", "488"])
@pytest.mark.parametrize("channels", ["", "560, 640", "560, 488, 640", "640"])
def test_channels_are_moved_alike_whatever_a_selection_leaves(
    channels: str, reference: str
) -> None:
    """A bead of three channels lies at x = 4, whichever of them comes first."""
    data = np.zeros((1, 3, 1, 3, 12), "uint16")
    for c, x in enumerate((4, 6, 7)):
        data[0, c, 0, 1, x] = 100
    stack = Stack.from_array(data, VOXEL, channel_names=tuple(THREE))
    step = RegisterChannels(reference=reference, transform=THREE)
    made = Pipeline([Select(channels=channels), step]).apply(stack)
    for c in range(made.shape[1]):
        assert np.argwhere(made.volume(0, c)).tolist() == [[0, 1, 4]], c
    assert step.onto(made.channel_names) == "488"


def test_the_first_channel_moves_only_by_a_transform_of_its_own() -> None:
    """One transform for all is that of the others; the cache tells the two apart."""
    one, own = (
        RegisterChannels(transform=value) for value in (MOVED, {"488": MOVED, "560": MOVED})
    )
    plans = [Plan.of([step], SPEC) for step in (one, own)]
    places = [[plan.world(c)[0, 3] for c in (0, 1)] for plan in plans]
    assert places == [[0, 0.1], [0.1, 0.1]]
    assert plans[0].stages[0].key(0, 0) != plans[1].stages[0].key(0, 0)
    assert (one.onto(SPEC.channels), own.onto(SPEC.channels)) == ("488", "")


def test_a_channel_that_comes_first_no_more_needs_a_transform() -> None:
    step = RegisterChannels(transform={"560": MOVED, "640": MOVED})
    spec = SPEC.replace(channels=("488", "560", "640"))
    assert not Plan.of([step], spec).cautions
    with pytest.raises(StepError, match="no Transform for the channel 488"):
        Plan.of([Select(channels="560, 488"), step], spec).check()
    with pytest.raises(StepError, match="no channel 642 to register to"):
        Plan.of([step.replace(reference="642")], spec).check()
