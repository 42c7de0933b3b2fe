"""Sample data: quick to make, and true to what they say they show."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.samples.samples import (
    REAL_STACK,
    TIMELAPSE,
    psf_path,
    real_stack_folder,
    timelapse_truth,
    write_timelapse,
)


@pytest.fixture(scope="module")
def timelapse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    started = time.process_time()
    folder = write_timelapse(tmp_path_factory.mktemp("samples") / "timelapse")
    assert time.process_time() - started < 5
    return folder


def test_timelapse_opens_without_a_question(timelapse: Path) -> None:
    found = inspect_folder(timelapse)
    assert found.pattern == TIMELAPSE["pattern"]
    assert (found.sizes, found.missing) == ((6, 2), 0)
    assert (found.shape, found.dtype) == ((40, 96, 128), "uint16")
    assert found.channel_names == ("488", "560")
    assert found.voxel_size == pytest.approx((0.4, 0.1, 0.1))
    assert found.time_interval == 2.5
    assert found.notes == ()


def test_timelapse_is_written_once(timelapse: Path) -> None:
    before = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(timelapse)}
    assert write_timelapse(timelapse) == timelapse
    after = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(timelapse)}
    assert after == before and len(after) == 12
    assert [entry.name for entry in os.scandir(timelapse.parent)] == ["timelapse"]


def test_timelapse_is_the_same_every_time(timelapse: Path, tmp_path: Path) -> None:
    again = write_timelapse(tmp_path / "again")
    for path in timelapse.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FolderError, match="something else"):
        write_timelapse(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert len(list(write_timelapse(tmp_path / "a" / "b").iterdir())) == 12
    (tmp_path / "c").mkdir()
    assert len(list(write_timelapse(tmp_path / "c").iterdir())) == 12


@pytest.mark.parametrize("t", [0, 3])
def test_beads_are_where_the_truth_says(timelapse: Path, t: int) -> None:
    """The centre of mass of each bead, in um, from the geometry of the scan alone."""
    raw = inspect_folder(timelapse).stack().volume(t, 0).astype(float) - TIMELAPSE["background"]
    angle = math.radians(TIMELAPSE["angle"])
    dz, dy, dx = TIMELAPSE["voxel_size"]
    k, j, i = np.indices(raw.shape)
    world = np.stack([dz * math.sin(angle) * k, dy * j, dx * i + dz * math.cos(angle) * k])
    for spot in timelapse_truth(t, 0):
        offset = world - np.reshape(spot.position, (3, 1, 1, 1))
        near = (np.abs(offset) < 3 * np.reshape(spot.sigma, (3, 1, 1, 1))).all(0)
        centre = (world[:, near] * raw[near]).sum(1) / raw[near].sum()
        assert centre == pytest.approx(spot.position, abs=0.03)
        assert raw[near].max() == pytest.approx(spot.peak, rel=0.2)


def test_noise_and_background(timelapse: Path) -> None:
    volumes = [inspect_folder(timelapse).stack().volume(t, 0).astype(float) for t in (0, 1)]
    dark = (volumes[0] < 115) & (volumes[1] < 115)
    assert volumes[0][dark].mean() == pytest.approx(100, abs=1)
    assert volumes[0][dark].std() == pytest.approx(2, abs=0.3)
    # Another time point has other noise.
    assert abs(np.corrcoef(volumes[0][dark], volumes[1][dark])[0, 1]) < 0.05


def test_things_move(timelapse: Path) -> None:
    for c in range(2):
        first, second = (timelapse_truth(t, c)[0].position for t in (0, 1))
        assert math.dist(first, second) > 0.3


def test_real_stack_is_complete() -> None:
    found = inspect_folder(real_stack_folder())
    assert found.pattern == REAL_STACK["pattern"]
    assert (found.shape, found.dtype, found.sizes) == ((88, 160, 256), "uint16", (1, 1))
    volume = found.stack(REAL_STACK["voxel_size"]).volume()
    assert np.median(volume[-8:, :, -16:]) == pytest.approx(REAL_STACK["background"], abs=3)
    assert volume.max() > 1000


def test_real_psf_has_its_peak_in_the_middle() -> None:
    psf = tifffile.imread(psf_path())
    peak = np.unravel_index(psf.argmax(), psf.shape)
    assert psf.dtype == np.uint16
    assert np.abs(np.subtract(peak, np.array(psf.shape) // 2)).max() <= 1
    assert np.median(psf[:, :8]) == pytest.approx(142, abs=3)


def test_shipped_files_are_small_and_have_their_licence() -> None:
    data = psf_path().parent
    sizes = [path.stat().st_size for path in data.rglob("*") if path.is_file()]
    assert sum(sizes) < 4_500_000
    assert "Talley Lambert" in (data / "LICENSE").read_text()
    assert "31.5" in (data / "README.md").read_text()
