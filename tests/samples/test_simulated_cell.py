"""Simulated cell: quick to make, and true to what it says of itself."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack
from napari_lazy_pipeline.compute.step_estimate import estimate
from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.samples import simulated_cell as cell
from napari_lazy_pipeline.samples.samples import TIMELAPSE
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.steps import CameraCorrection

OFFSET = TIMELAPSE["background"]


@pytest.fixture(scope="module")
def timelapse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    started = time.process_time()
    folder = write_timelapse(tmp_path_factory.mktemp("samples") / "timelapse")
    assert time.process_time() - started < 5
    return folder


@pytest.fixture(scope="module")
def stack(timelapse: Path) -> Stack:
    return inspect_folder(timelapse).stack()


def positions() -> np.ndarray:
    """Position (3, z, y, x) [um] of each raw pixel, from the geometry of the scan alone."""
    angle = math.radians(TIMELAPSE["angle"])
    dz, dy, dx = TIMELAPSE["voxel_size"]
    k, j, i = np.indices(TIMELAPSE["shape"])
    return np.stack([dz * math.sin(angle) * k, dy * j, dx * i + dz * math.cos(angle) * k])


def test_it_opens_without_a_question(timelapse: Path) -> None:
    found = inspect_folder(timelapse)
    assert found.pattern == TIMELAPSE["pattern"]
    assert (found.sizes, found.missing) == ((12, 2), 0)
    assert (found.shape, found.dtype) == ((40, 96, 128), "uint16")
    assert found.channel_names == ("488", "560")
    assert found.voxel_size == pytest.approx((0.4, 0.1, 0.1))
    assert found.time_interval == 2.5
    assert found.notes == ()


def test_it_is_written_once_and_small(timelapse: Path) -> None:
    before = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(timelapse)}
    assert write_timelapse(timelapse) == timelapse
    after = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(timelapse)}
    assert after == before and len(after) == 24
    assert [entry.name for entry in os.scandir(timelapse.parent)] == ["timelapse"]
    assert sum(entry.stat().st_size for entry in os.scandir(timelapse)) < 25e6


def test_it_is_the_same_every_time(timelapse: Path, tmp_path: Path) -> None:
    again = write_timelapse(tmp_path / "a" / "b")
    for path in timelapse.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FolderError, match="something else"):
        write_timelapse(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(("t", "c"), [(0, 0), (7, 1)])
def test_counts_are_the_light_under_the_vignette_with_noise(stack: Stack, t: int, c: int) -> None:
    expected = cell.light(t, c) * cell.vignette() + OFFSET
    good = cell.hot_pixels() == 0
    deviation = (stack.volume(t, c) - expected)[:, good] / np.sqrt(expected - OFFSET + 4)[:, good]
    assert abs(deviation.mean()) < 0.01 and deviation.std() == pytest.approx(1, abs=0.01)
    assert (~good).sum() == 24


def test_volumes_have_noise_of_their_own(stack: Stack) -> None:
    good = cell.hot_pixels() == 0
    rest = [
        (stack.volume(t, c) - OFFSET - cell.light(t, c) * cell.vignette())[:, good].ravel()
        for t, c in ((0, 0), (1, 0), (0, 1))
    ]
    assert np.abs(np.corrcoef(rest) - np.eye(3)).max() < 0.02


@pytest.mark.parametrize("t", [0, 3, 11])
def test_vesicles_are_where_the_truth_says(t: int) -> None:
    """The middle of what each of them adds to the rest, in um; channel 560 has no filaments."""
    spots, world = cell.vesicles(t, 1), positions()
    seen = cell.light(t, 1)
    for spot in spots:
        offset = world - np.reshape(spot.position, (3, 1, 1, 1))
        near = (np.abs(offset) < 2 * np.reshape(spot.sigma, (3, 1, 1, 1))).all(0)
        others = [other for other in spots if other is not spot]
        if min(math.dist(spot.position, other.position) for other in others) < 1:
            continue
        bright = seen[near] - seen[near].min()
        assert (world[:, near] * bright).sum(1) / bright.sum() == pytest.approx(
            spot.position, abs=0.1
        )
        assert seen[near].max() > 0.9 * spot.peak


def test_the_cell_drifts_and_the_second_channel_is_displaced() -> None:
    first, later = (cell.filaments(t, 0)[0].position for t in (0, 9))
    assert np.subtract(later, first) == pytest.approx(cell.drift(9))
    assert cell.drift(0) == (0, 0, 0) and 0.2 < math.dist(cell.drift(11), cell.drift(0)) < 1.5
    here, there = (cell.vesicles(4, c)[2].position for c in (0, 1))
    assert np.subtract(there, here) == pytest.approx(cell.channel_shift(1))


def test_it_bleaches_and_the_ratio_changes() -> None:
    """Measured in the cytosol, beside nucleus, vesicles and filaments; haze stays."""
    haze = cell.light(0, 0).min()

    def cytosol(t: int, c: int) -> float:
        z, y, x = cell._position((2.8, 1.2, 1.8), t, c)
        world = positions()
        k, j, i = np.unravel_index(
            ((world - np.reshape((z, y, x), (3, 1, 1, 1))) ** 2).sum(0).argmin(), world.shape[1:]
        )
        near = cell.light(t, c)[k - 1 : k + 2, j - 2 : j + 3, i - 2 : i + 3]
        return float(np.percentile(near, 20) - haze)

    for t in (0, 5, 11):
        both = cytosol(t, 1) / cytosol(t, 0)
        left = cell.bleaching(t, 1) / cell.bleaching(t, 0)
        assert both / left == pytest.approx(cell.ratio(t), rel=0.15)
    ratios = [cell.ratio(t) for t in range(12)]
    assert max(ratios) > 2.4 * min(ratios) and ratios.index(max(ratios)) == 5
    assert cell.bleaching(11, 1) < 0.6 * cell.bleaching(11, 0)


def test_its_flat_field_can_be_estimated_and_hot_pixels_go(stack: Stack) -> None:
    """From haze and a cell that stands in the middle all the time: to 2 %."""
    found = estimate(CameraCorrection(dark=OFFSET), stack)
    flats: Any = found.images["flat_image"]
    truth = cell.vignette() / cell.vignette().mean()
    for name in stack.channel_names:
        shade = flats[name] - OFFSET
        error = shade / shade.mean() / truth - 1
        assert np.sqrt(np.mean(error**2)) < 0.02, name
    hot = cell.hot_pixels() > 0
    one = Pipeline([CameraCorrection(dark=OFFSET, hot_pixels=6)]).apply(stack).volume(0, 1)
    plain = Pipeline([CameraCorrection(dark=OFFSET)]).apply(stack).volume(0, 1)
    assert (one != plain)[:, hot].mean() > 0.9
