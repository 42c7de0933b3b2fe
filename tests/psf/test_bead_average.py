"""A PSF from a stack of beads: found, centred, averaged, measured; what is no bead is left out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_lazy_pipeline.errors import Cancelled, PsfError
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.bead_average import BeadAverage, average_beads
from napari_lazy_pipeline.psf.psf_doubts import report_of

VOXEL = (0.2, 0.1, 0.1)
WIDTHS = (0.8, 0.32, 0.36)  # um
SIZE = (3.0, 1.6, 1.6)
SHAPE = (40, 260, 260)


def beads(places: np.ndarray, heights: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Gaussian beads at places [voxel] on a background of 100."""
    volume = np.full(shape, 100.0)
    sigma = np.divide(WIDTHS, 2.3548) / VOXEL
    for place, height in zip(places, heights, strict=True):
        low = np.maximum(np.floor(place - 5 * sigma).astype(int), 0)
        high = np.minimum(np.ceil(place + 5 * sigma).astype(int) + 1, shape)
        axes = np.ogrid[tuple(map(slice, low, high))]
        square = sum(((a - p) / s) ** 2 for a, p, s in zip(axes, place, sigma, strict=True))
        volume[tuple(map(slice, low, high))] += height * np.exp(-square / 2)
    return volume


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A noisy stack of beads in a grid, each a part of a voxel off; and where they are."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid([18], range(14, 250, 22), range(14, 250, 22), indexing="ij"), -1)
    places = grid.reshape(-1, 3) + rng.uniform(-1.5, 1.5, (grid.size // 3, 3))
    stack = beads(places, rng.uniform(400, 3000, len(places)), SHAPE)
    return rng.poisson(stack).astype(np.uint16), places


@pytest.fixture(scope="module")
def made(scene: tuple[np.ndarray, np.ndarray]) -> BeadAverage:
    return average_beads(scene[0], VOXEL, SIZE)


def test_beads_are_found_to_a_fraction_of_a_voxel(
    made: BeadAverage, scene: tuple[np.ndarray, np.ndarray]
) -> None:
    _, places = scene
    assert made.found >= len(places) == 121
    assert len(made.centres) > 100
    distance = np.linalg.norm(made.centres[:, None] - places[None], axis=2)
    assert np.median(distance.min(axis=1)) < 0.05 and distance.min(axis=1).max() < 0.3


def test_widths_are_those_of_the_beads(made: BeadAverage) -> None:
    np.testing.assert_allclose(made.width, WIDTHS, rtol=0.03)
    assert all(s < 0.1 * w for s, w in zip(made.spread, WIDTHS, strict=True))
    (axis, width, _), *_ = made.table()
    assert axis == "z" and float(width) == pytest.approx(WIDTHS[0], rel=0.03)


def test_the_average_is_a_psf_that_raises_no_doubt(made: BeadAverage) -> None:
    middle = tuple(n // 2 for n in made.psf.shape)
    assert made.psf.dtype == np.float32 and made.psf.shape == (17, 17, 17)
    assert np.unravel_index(made.psf.argmax(), made.psf.shape) == middle
    assert report_of(made.psf, VOXEL).doubts == ()
    expected = beads(np.array([middle]), np.array([1.0]), (17, 17, 17)) - 100
    assert np.abs(made.psf - expected).max() < 0.03
    assert make_otf(made.psf, VOXEL).values.shape[1] == 17


def test_clusters_dust_and_beads_at_the_edge_are_left_out(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    stack, places = scene
    trouble = stack.astype(float)
    trouble += (
        beads(places[:6] + np.array((0, 4, 0)), np.full(6, 3000.0), SHAPE) - 100
    )  # neighbours
    trouble[10:26, 120:128, 30:38] += 2000  # dust
    trouble[0, 200:203, 200:203] += 3000
    made = average_beads(trouble, VOXEL, SIZE)
    np.testing.assert_allclose(made.width, WIDTHS, rtol=0.03)
    near = np.linalg.norm(made.centres[:, None] - places[None, :6], axis=2).min(axis=0)
    assert (near > 1).all(), "what has a neighbour is not used"


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (np.random.default_rng(0).poisson(100, SHAPE).astype(np.uint16), "can be used as beads"),
        (np.zeros(SHAPE), "Only 0 of 0 bright spots"),
        (np.zeros((4, 4)), "one volume"),
    ],
)
def test_without_beads_a_sentence_says_so(stack: np.ndarray, words: str) -> None:
    with pytest.raises(PsfError, match=words):
        average_beads(stack, VOXEL, SIZE)


def test_it_can_be_cancelled(scene: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(Cancelled):
        average_beads(scene[0], VOXEL, SIZE, cancelled=lambda: True)


def test_progress_never_goes_back_and_ends_at_1(scene: tuple[np.ndarray, np.ndarray]) -> None:
    steps: list[float] = []
    average_beads(scene[0][:, :120, :120], VOXEL, SIZE, progress=steps.append)
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 1
    assert sum(step < 0.4 for step in steps) >= 3, "the search reports, too"


def test_the_profiles_are_those_of_the_average_and_their_fits_measure_it(made: BeadAverage) -> None:
    curve = made.profiles
    assert curve.names == ("z", "y", "x") and curve.x_label == "Distance (µm)"
    for axis, (name, width) in enumerate(zip("zyx", WIDTHS, strict=True)):
        x, dots = curve.dots[name]
        np.testing.assert_allclose(np.diff(x), VOXEL[axis])
        expected = np.exp(-4 * np.log(2) * (x / width) ** 2)
        np.testing.assert_allclose(dots, expected, atol=0.03)
        fine, line = curve.lines[name]
        half = fine[line > 0.5]
        assert half[-1] - half[0] == pytest.approx(width, rel=0.1)
        assert made.average_width[axis] == pytest.approx(width, rel=0.05)


def test_voxels_without_data_are_no_background(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """A deskewed stack is filled at both sides, by zeros or by the background."""
    stack = scene[0][:, :120]
    for fill in (0, 100):
        filled = np.pad(stack, ((0, 0), (0, 0), (200, 200)), constant_values=fill)
        made = average_beads(filled, VOXEL, SIZE)
        assert len(made.centres) > 45 and made.found < 70
        np.testing.assert_allclose(made.width, WIDTHS, rtol=0.03)
