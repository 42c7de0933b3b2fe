"""Registration estimates: known transforms are found again, with a third of the beads wrong."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage.transform import EuclideanTransform, SimilarityTransform

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate._point_fit import fit_points, match_points, move
from napari_lazy_pipeline.steps import Deskew, RegisterChannels
from stacks import CountingSource

SHAPE, VOXEL = (32, 90, 100), (0.3, 0.1, 0.1)
EXTENT = (np.array(SHAPE) - 1) * VOXEL  # um
MIDDLE = EXTENT / 2
TURN = Rotation.from_euler("zyx", (1.5, -0.8, 1.1), degrees=True).as_matrix()
LINEAR = {
    "translation": np.eye(3),
    "rigid": TURN,
    "similarity": 1.01 * TURN,
    "affine": TURN @ np.array([[1.01, 0.004, 0], [0, 0.992, 0.01], [0.006, 0, 1.004]]),
}
SHIFT = np.array([0.41, -0.57, 0.83])


def truth(model: str, shift: Any = SHIFT) -> np.ndarray:
    """Transform (4, 4) of a kind: what is in the middle is shifted [um]."""
    matrix = np.eye(4)
    matrix[:3, :3] = LINEAR[model]
    matrix[:3, 3] = MIDDLE - LINEAR[model] @ MIDDLE + shift
    return matrix


def back(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    return (places - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T


def error(found: Any, expected: np.ndarray) -> float:
    """By how much, at most, corners of the volume are put elsewhere [voxel]."""
    corners = np.array(list(product(*zip((0, 0, 0), EXTENT, strict=True))))
    found = np.vstack([found, (0, 0, 0, 1)]) if len(found) == 3 else found
    return float(np.abs((move(found, corners) - move(expected, corners)) / VOXEL).max())


def scattered(count: int, generator: np.random.Generator, apart: float = 1.3) -> np.ndarray:
    """Places inside the volume, none near another [um]."""
    places: list[np.ndarray] = []
    while len(places) < count:
        place = generator.uniform(1.0, EXTENT - 1.0)
        if all(np.linalg.norm(place - one) > apart for one in places):
            places.append(place)
    return np.array(places)


def image(places: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Volume of beads at places [um], photon noise on a background of 100 counts."""
    volume = np.full(SHAPE, 20.0)
    for place in places:
        middle = np.rint(place / VOXEL).astype(int)
        box = tuple(slice(max(m - 8, 0), min(m + 9, n)) for m, n in zip(middle, SHAPE, strict=True))
        axes = np.ogrid[box]
        squares = [
            ((n * v - p) / s) ** 2
            for n, v, p, s in zip(axes, VOXEL, place, (0.35, 0.14, 0.14), strict=True)
        ]
        volume[box] += 1500 * np.exp(-sum(squares) / 2)
    return (80 + generator.poisson(volume)).astype("uint16")


def stack_of(*volumes: np.ndarray) -> Stack:
    names = ("488", "560", "642")[: len(volumes)]
    return Stack.from_array(np.stack(volumes)[None], VOXEL, channel_names=names)


@pytest.mark.parametrize("model", LINEAR)
def test_beads_give_the_transform_though_a_third_of_them_are_wrong(model: Any) -> None:
    generator = np.random.default_rng(3)
    matrix = truth(model)
    places = scattered(40, generator)
    moving = back(matrix, places)
    moving[28:] = scattered(12, generator)  # 30 % are elsewhere
    stack = stack_of(image(places, generator), image(moving, generator))
    found = estimate(RegisterChannels(reference="488", model=model), stack, "beads")
    transforms = found.changes["transform"]
    assert error(transforms["560"], matrix) < 0.1
    assert transforms["488"] == np.eye(4)[:3].tolist() and found.changes["reference"] == "488"
    words = found.sentence.split()
    assert words[0] == "560:" and 24 <= int(words[1]) <= 30 and 36 <= int(words[3]) <= 42
    assert float(words[7]) < 0.03, "rms of the residuals [um]"


@pytest.mark.parametrize("model", LINEAR)
def test_points_are_matched_whatever_the_wrong_ones(model: Any) -> None:
    """Several draws, all to a tenth of a voxel; a shift of many times their distance, too."""
    for seed in range(5):
        generator = np.random.default_rng(seed)
        matrix = truth(model, 3 * SHIFT)
        places = scattered(60, generator, 0.8)
        moving = back(matrix, places) + generator.normal(0, 0.005, places.shape)
        moving[42:] = generator.uniform(0, EXTENT, (18, 3))
        match = match_points(generator.permutation(moving), places, model, 0.3)
        assert match is not None and error(match.matrix, matrix) < 0.1
        assert 40 <= len(match.pairs) <= 44


def test_fits_are_those_of_scikit_image() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 30, (50, 3))
    y = move(truth("similarity"), x) + generator.normal(0, 0.05, x.shape)
    for model, kind in (("rigid", EuclideanTransform), ("similarity", SimilarityTransform)):
        expected = kind(dimensionality=3)
        if hasattr(kind, "from_estimate"):
            expected = kind.from_estimate(x, y)
        else:
            expected.estimate(x, y)
        np.testing.assert_allclose(fit_points(x, y, model), expected.params, atol=1e-9)  # type: ignore[arg-type]
    affine = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0].T
    np.testing.assert_allclose(fit_points(x, y, "affine")[:3], affine, atol=1e-9)
    mean = fit_points(x, y, "translation")[:3, 3]
    np.testing.assert_allclose(mean, (y - x).mean(axis=0))


def test_a_mirror_image_is_not_a_turn() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (20, 3))
    matrix = fit_points(points, points * (1, 1, -1), "rigid")
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def cell(shift: tuple[float, float, float], contrast: float = 1.0, seed: int = 5) -> np.ndarray:
    """Blurred threads, moved by some voxels, in another contrast, with noise of its own."""
    generator = np.random.default_rng(seed)
    base = np.zeros((40, 120, 130))
    base[tuple(generator.integers(0, base.shape, (900, 3)).T)] = 1
    base = ndimage.gaussian_filter(base, (1.2, 1.5, 1.5))
    moved = ndimage.shift(base, shift, order=5)[4:36, 15:105, 15:115]
    counts = 600 * np.maximum(moved / base.max(), 0) ** contrast + 30
    return np.random.default_rng(seed + 100).poisson(counts) + 90


@pytest.mark.parametrize(
    "shift", [(0.0, 0.0, 0.0), (0.4, -0.3, 0.45), (-1.3, 4.6, -7.2), (2.5, -11.4, 3.1)]
)
def test_a_shift_is_found_to_a_tenth_of_a_voxel(shift: Any) -> None:
    """Also where the other channel has another contrast."""
    stack = stack_of(cell((0, 0, 0)), cell(shift, 0.7, 5))
    changes = estimate(RegisterChannels(), stack, "shift").changes
    found = changes["transform"]["560"]
    assert changes["reference"] == "488"
    np.testing.assert_allclose(-np.array(found)[:, 3] / VOXEL, shift, atol=0.1)
    np.testing.assert_array_equal(np.array(found)[:, :3], np.eye(3))


def test_hot_pixels_are_no_structure() -> None:
    """They are at the same place in all channels of a camera, and brighter than the cell."""
    hot = np.random.default_rng(0).random(SHAPE[1:]) < 0.003
    volumes = [np.where(hot, 3000, cell(shift)) for shift in ((0, 0, 0), (0.0, 3.4, -5.3))]
    found = estimate(RegisterChannels(), stack_of(*volumes), "shift").changes["transform"]["560"]
    np.testing.assert_allclose(-np.array(found)[:, 3] / VOXEL, (0.0, 3.4, -5.3), atol=0.1)


def test_empty_corners_of_a_deskewed_volume_have_no_say() -> None:
    """They are at the same place in all channels, whatever the shift."""
    shift = (0.0, 3.4, -5.3)
    stack = stack_of(cell((0, 0, 0)), cell(shift))
    view = Pipeline([Deskew(angle=31.5)]).apply(stack)
    assert (view.volume(0, 0) == 0).mean() > 0.2
    found = estimate(RegisterChannels(), view, "shift").changes["transform"]["560"]
    moved = -np.array(found)[:, 3] / view.source.spec.voxel_size
    np.testing.assert_allclose(moved, shift, atol=0.15)


def test_each_volume_is_read_once() -> None:
    raw = CountingSource((3, 2))
    for title in ("shift", "beads"):
        raw.reads.clear()
        with pytest.raises(GeometryError):
            estimate(RegisterChannels(), Stack(raw, ("a", "b")), title, t=1)
        assert raw.reads <= Counter({(1, 0): 1, (1, 1): 1}) and raw.reads


NOISE = np.random.default_rng(0).poisson(100, (2, *SHAPE)).astype("uint16")


def beads_of(count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return image(scattered(count, generator), generator)


@pytest.mark.parametrize(
    ("volumes", "title", "step", "words"),
    [
        (NOISE, "shift", RegisterChannels(), "560 and 488 have too little in common at time"),
        (NOISE, "beads", RegisterChannels(), "No beads found at t=0, channel 488"),
        ([beads_of(3), beads_of(3)], "beads", RegisterChannels(), "3 beads found at t=0.*At least"),
        ([beads_of(30), beads_of(30, 1)], "beads", RegisterChannels(), "have a counterpart"),
        ([np.full(SHAPE, np.nan)] * 2, "shift", RegisterChannels(), "too little in common"),
        ([np.full(SHAPE, np.nan)] * 2, "beads", RegisterChannels(), "No beads found"),
        (NOISE[:1], "beads", RegisterChannels(), "one channel only"),
        (NOISE, "shift", RegisterChannels(reference="561"), "no channel 561.*one of: 488, 560"),
    ],
)
def test_what_cannot_be_estimated_is_said(volumes: Any, title: str, step: Any, words: str) -> None:
    with pytest.raises(GeometryError) as caught:
        estimate(step, stack_of(*volumes), title)
    assert caught.match(words)


def puncta(seed: int) -> np.ndarray:
    """A few spots that have nothing to do with those of other seeds."""
    return beads_of(4, seed)


def lines(period: int) -> np.ndarray:
    """What goes on along y, and repeats along x or does not."""
    generator, (z, y, x) = np.random.default_rng(3), np.indices(SHAPE)
    pattern = 1 + np.cos(2 * np.pi * x / period) if period else np.zeros(SHAPE)
    for _ in range(0 if period else 12):
        place = generator.integers(4, 28), generator.integers(5, 95)
        pattern += np.exp(-((z - place[0]) ** 2 + (x - place[1]) ** 2) / 3)
    return 200 * pattern + 0 * y


@pytest.mark.parametrize("seed", range(4))
def test_spots_that_chance_lays_on_each_other_tell_no_shift(seed: int) -> None:
    volumes = puncta(2 * seed), puncta(2 * seed + 1)
    with pytest.raises(GeometryError, match="too little in common"):
        estimate(RegisterChannels(), stack_of(*volumes), "shift")


@pytest.mark.parametrize("period", [18, 0])
def test_what_repeats_or_goes_on_along_an_axis_tells_no_shift(period: int) -> None:
    generator, light = np.random.default_rng(4), lines(period)
    volumes = [generator.poisson(np.roll(light, by, 2) + 100) for by in (0, 12)]
    with pytest.raises(GeometryError, match="too little in common"):
        estimate(RegisterChannels(), stack_of(*volumes), "shift")


@pytest.mark.parametrize("tilt", [0.0, 0.6])
def test_beads_in_a_plane_leave_an_affine_transform_open(tilt: float) -> None:
    """Upright, or on the tilted coverslip of an oblique light sheet."""
    generator = np.random.default_rng(0)
    places = scattered(12, generator)
    places[:, 0] = MIDDLE[0] + tilt * (places[:, 2] - MIDDLE[2])
    volume = image(places, generator)
    with pytest.raises(GeometryError, match="lie in one plane"):
        estimate(RegisterChannels(model="affine"), stack_of(volume, volume), "beads")
    found = estimate(RegisterChannels(model="rigid"), stack_of(volume, volume), "beads")
    assert error(found.changes["transform"]["560"], np.eye(4)) < 0.02
