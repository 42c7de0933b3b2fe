"""What is known of a volume: a voxel size that nobody stated is unknown, and never 1 um."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline.errors import GeometryError, IncompleteError, VoxelSizeUnknownError
from napari_lazy_pipeline.image import Scan, Stack, StackSpec, VolumeSpec
from napari_lazy_pipeline.image.spec import checked_size, size_text

Size = tuple[float | None, ...]
SHAPE = (4, 5, 6)
NOTHING: Size = (None, None, None)
UNKNOWN: list[tuple[Size | None, str]] = [
    (None, "The voxel size is unknown"),
    (NOTHING, "The voxel size is unknown"),
    ((None, 0.1, 0.1), "The z step is unknown"),
    ((0.3, None, None), "The pixel size is unknown"),
    ((0.3, 0.1, None), "The pixel size is unknown"),
]


@pytest.mark.parametrize(("size", "words"), UNKNOWN)
def test_what_is_unknown_is_named_and_never_assumed(size: Any, words: str) -> None:
    spec = VolumeSpec(SHAPE, voxel_size=size)
    stack = Stack.from_array(np.zeros(SHAPE, "uint16"), size)
    assert stack.spec.stated_size == spec.stated_size == (size or NOTHING)
    assert not spec.size_known
    for ask in (spec, StackSpec(spec), stack):
        with pytest.raises(
            VoxelSizeUnknownError, match=f"^{words}. State it: voxel_size="
        ) as error:
            _ = ask.voxel_size
        assert isinstance(error.value, GeometryError) and isinstance(error.value, IncompleteError)


@pytest.mark.parametrize(("size", "words"), UNKNOWN)
def test_without_a_voxel_size_volumes_are_laid_out_in_voxels(size: Any, words: str) -> None:
    spec = VolumeSpec(SHAPE, voxel_size=size)
    assert (spec.spacing, spec.unit) == ((1.0, 1.0, 1.0), "pixel")
    assert spec.corners()[-1].tolist() == [3.0, 4.0, 5.0]


def test_with_a_voxel_size_volumes_are_laid_out_in_micrometres() -> None:
    spec = VolumeSpec(SHAPE, voxel_size=(0.3, 0.1, 0.2))
    assert spec.size_known and spec.voxel_size == spec.spacing == (0.3, 0.1, 0.2)
    assert spec.unit == "um"
    np.testing.assert_allclose(spec.corners()[-1], (0.9, 0.4, 1.0))


@pytest.mark.parametrize("size", [NOTHING, (None, 0.1, 0.1), (0.3, 0.1, 0.1)])
def test_what_is_replaced_leaves_the_rest(size: Any) -> None:
    scan = Scan(31.5)
    spec = VolumeSpec(SHAPE, "float32", size, (1.0, 2.0, 3.0), scan, frame="sample")
    other = spec.replace(dtype="uint16")
    assert other == VolumeSpec(SHAPE, "uint16", size, (1.0, 2.0, 3.0), scan, frame="sample")
    assert other.replace(dtype="float32") == spec == pickle.loads(pickle.dumps(spec))
    stack = StackSpec(spec, 3).replace(times=4, translate=(0.0, 0.0, 0.0))
    assert (stack.times, stack.volume) == (4, spec.replace(translate=(0.0, 0.0, 0.0)))
    stated = StackSpec(spec).replace(voxel_size=(0.5, 0.2, 0.2)).volume
    assert stated == VolumeSpec(
        SHAPE, "float32", (0.5, 0.2, 0.2), (1.0, 2.0, 3.0), scan, frame="sample"
    )
    assert spec.replace(voxel_size=None).stated_size == NOTHING


def test_an_unknown_size_is_not_one_micrometre() -> None:
    unknown, known = (VolumeSpec(SHAPE, voxel_size=size) for size in (None, (1.0, 1.0, 1.0)))
    assert unknown != known and unknown.spacing == known.spacing
    assert unknown.unit != known.unit


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (None, NOTHING),
        (NOTHING, NOTHING),
        ([None, 0.1, 0.1], (None, 0.1, 0.1)),
        ((1, 2, 3), (1.0, 2.0, 3.0)),
        (np.array([0.3, 0.1, 0.1]), (0.3, 0.1, 0.1)),
    ],
)
def test_a_stated_size_is_three_numbers_or_unknown(given: Any, size: Size) -> None:
    checked = checked_size(given)
    assert checked == size
    assert all(length is None or type(length) is float for length in checked)


@pytest.mark.parametrize(
    "given",
    [
        (1, 1),
        (1, 1, 1, 1),
        (),
        (0, 1, 1),
        (1, -1, 1),
        (1, math.nan, 1),
        (math.inf, 1, 1),
        "abc",
        3,
        ("a", 1, 1),
    ],
)
def test_no_other_size_can_be_stated(given: Any) -> None:
    with pytest.raises(GeometryError, match=r"3 positive numbers \(z, y, x\)"):
        checked_size(given)
    with pytest.raises(GeometryError, match="3 positive numbers"):
        Stack.from_array(np.zeros(SHAPE), given)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((0.3, 0.1, 0.1), "0.3 x 0.1 x 0.1 um (z, y, x)"),
        (NOTHING, "unknown"),
        ((0.3, None, None), "z step 0.3 um, pixel unknown"),
        ((None, 0.1, 0.12), "z step unknown, pixel 0.1 x 0.12 um"),
    ],
)
def test_a_size_is_told_as_far_as_it_is_known(size: Any, text: str) -> None:
    assert size_text(size) == text
    assert f"voxel size {text}" in repr(Stack.from_array(np.zeros(SHAPE), size))


def test_complex_numbers_are_refused_in_words() -> None:
    """Their imaginary part would be lost without a word."""
    for make in (
        lambda: VolumeSpec((2, 3, 4), "complex64"),
        lambda: Stack.from_array(np.ones((2, 3, 4), complex)),
    ):
        with pytest.raises(GeometryError, match=r"complex(64|128): only real numbers"):
            make()
