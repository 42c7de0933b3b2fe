"""Computed PSFs: against formulas of textbooks, and in the deconvolution they are for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import convolve
from scipy.special import j1

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import PsfError, StepError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.psf import theoretical_psf as psf_models
from napari_lazy_pipeline.psf.psf_voxel_size import Spacing, recorded_spacing
from napari_lazy_pipeline.psf.theoretical_psf import Optics, compute_psf
from napari_lazy_pipeline.steps import Deconvolve

needs_psf = pytest.mark.skipif(bool(psf_models.unavailable()), reason="psf is not installed")


def width(line: np.ndarray, step: float) -> float:
    """Full width at half maximum of a symmetric peak, between samples by straight lines."""
    half = line[len(line) // 2 :] / line.max()
    i = int(np.argmax(half < 0.5))
    return 2 * step * (i - 1 + (half[i - 1] - 0.5) / (half[i - 1] - half[i]))


@needs_psf
def test_a_weak_lens_makes_the_airy_pattern() -> None:
    """In focus, (2 J1(v) / v)^2 with v = 2 pi NA r / wavelength (Born and Wolf, 8.5.2)."""
    optics = Optics(
        numerical_aperture=0.1, wavelength=500, sheet_thickness=0, voxel_size=(9.0, 0.4, 0.4)
    )
    volume = compute_psf(optics)
    z, y, x = (n // 2 for n in volume.shape)
    v = 2 * math.pi * 0.1 / 0.5 * 0.4 * np.arange(1, x + 1)
    np.testing.assert_allclose(volume[z, y, x + 1 :], (2 * j1(v) / v) ** 2, atol=0.002)


@needs_psf
def test_a_weak_lens_makes_a_sinc_along_the_axis() -> None:
    """(sin(u/4) / (u/4))^2 with u = 2 pi NA^2 z / (n wavelength) (Born and Wolf, 8.8)."""
    optics = Optics(numerical_aperture=0.2, sheet_thickness=0, voxel_size=(1.0, 0.5, 0.5))
    volume = compute_psf(optics)
    z, y, x = (n // 2 for n in volume.shape)
    quarter = 2 * math.pi * 0.2**2 * 1.0 * np.arange(1, z + 1) / (1.33 * 0.52) / 4
    np.testing.assert_allclose(volume[z + 1 :, y, x], (np.sin(quarter) / quarter) ** 2, atol=0.006)


@needs_psf
def test_a_strong_lens_focuses_as_deep_as_high_apertures_do() -> None:
    """0.88 wavelength / (n - sqrt(n^2 - NA^2)): Corle and Kino, the non-paraxial depth."""
    optics = Optics(sheet_thickness=0, voxel_size=(0.02, 0.1, 0.1))
    volume = compute_psf(optics)
    _, y, x = (n // 2 for n in volume.shape)
    expected = 0.88 * 0.52 / (1.33 - math.sqrt(1.33**2 - 1.1**2))
    assert width(volume[:, y, x], 0.02) == pytest.approx(expected, rel=0.03)


@needs_psf
def test_the_sheet_cuts_along_the_axis_only() -> None:
    step = (0.05, 0.1, 0.1)
    without = compute_psf(Optics(sheet_thickness=0, voxel_size=step))
    with_sheet = compute_psf(Optics(sheet_thickness=0.8, voxel_size=step))
    middle = len(without) // 2, len(with_sheet) // 2
    np.testing.assert_array_equal(without[middle[0]], with_sheet[middle[1]])
    for k in (4, 8, 16):
        sheet = 0.5 ** ((2 * k * 0.05 / 0.8) ** 2)
        here, there = with_sheet[middle[1] + k], without[middle[0] + k]
        # The library integrates in steps that depend on the extent.
        np.testing.assert_allclose(here, there * sheet, atol=2e-4)


@needs_psf
@pytest.mark.parametrize("voxel", [(0.1, 0.1, 0.1), (0.3, 0.104, 0.104), (0.2, 0.15, 0.1)])
def test_it_is_centred_symmetric_and_dark_at_its_edges(voxel: tuple[float, float, float]) -> None:
    volume = compute_psf(Optics(voxel_size=voxel))
    assert volume.dtype == np.float32 and volume.max() == 1.0
    assert np.unravel_index(volume.argmax(), volume.shape) == tuple(n // 2 for n in volume.shape)
    np.testing.assert_array_equal(volume, volume[::-1, ::-1, ::-1])
    edges = (volume[0], volume[-1], volume[:, 0], volume[:, :, 0])
    assert max(edge.max() for edge in edges) < 0.01


@needs_psf
def test_a_bead_seen_through_it_becomes_a_point_again(tmp_path: Path) -> None:
    """The saved file is enough: spacing and place come with it."""
    optics = Optics(voxel_size=(0.2, 0.1, 0.1))
    path = save_psf(compute_psf(optics), optics.voxel_size, tmp_path / "made")
    point = np.zeros((24, 48, 48), np.float32)
    point[12, 20, 26] = 4000
    kernel = compute_psf(optics)[:, 15:-15, 15:-15]
    seen = convolve(point, kernel, mode="constant").astype("uint16")
    pipeline = Pipeline(steps=[Deconvolve(psf=str(path), iterations=20)])
    made = pipeline.run_volume(seen, VolumeSpec(seen.shape, "uint16", (0.2, 0.1, 0.1)))
    z, y, x = np.unravel_index(made.argmax(), made.shape)
    assert (y, x) == (20, 26) and z in (12, 13)
    assert made.max() > 5 * seen.max()
    assert made.sum(dtype=float) == pytest.approx(seen.sum(dtype=float), rel=0.01)


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="NA has to be below the refractive index"):
        Optics(numerical_aperture=1.4, refractive_index=1.33)
    with pytest.raises(PsfError, match=r"voxels\. Give larger voxels"):
        _ = Optics(voxel_size=(0.001, 0.1, 0.1)).shape


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psf_models, "find_spec", lambda name: None)
    with pytest.raises(PsfError, match=r"pip install \"napari-lazy-pipeline\[psf\]\""):
        compute_psf(Optics())


def test_the_file_says_its_spacing_and_how_it_was_made(tmp_path: Path) -> None:
    psf = np.ones((3, 8, 8), np.float32)
    path = save_psf(psf, (0.3, 0.104, 0.11), tmp_path / "a.b", "NA 1.1")
    assert path.name == "a.b.tif" and [p.name for p in tmp_path.iterdir()] == ["a.b.tif"]
    found = recorded_spacing(path)
    assert found.source == "ImageJ"
    assert found.voxel_size == pytest.approx((0.3, 0.104, 0.11), rel=1e-6)
    with tifffile.TiffFile(path) as tif:
        assert tif.imagej_metadata is not None and tif.imagej_metadata["Info"] == "NA 1.1"


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(PsfError, match=r"cannot be written.*Choose another place"):
        save_psf(np.ones((3, 8, 8), np.float32), (1.0, 1.0, 1.0), tmp_path / "no" / "psf.tif")


def gaussian() -> np.ndarray:
    z, y, x = np.ogrid[-8:8, -16:16, -16:16]
    return np.asarray(1000 * np.exp(-(z**2 / 8 + y**2 / 5 + x**2 / 5))).astype("uint16")


def run(path: Path, **settings: object) -> np.ndarray:
    volume = np.full((8, 20, 20), 50, "uint16")
    step = Deconvolve(psf=str(path), iterations=1, **settings)  # type: ignore[arg-type]
    return Pipeline(steps=[step]).run_volume(volume, VolumeSpec(volume.shape, "uint16", (1, 1, 1)))


@pytest.mark.parametrize(
    ("options", "spacing", "asked"),
    [
        ({}, Spacing(), "z, y, x"),
        ({"imagej": True}, Spacing(), "z, y, x"),
        (
            {"imagej": True, "metadata": {"unit": "um"}, "resolution": (8, 8)},
            Spacing((0, 0.125, 0.125), "ImageJ"),
            "along z:",
        ),
        (
            {"ome": True, "metadata": {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}},
            Spacing((0, 0.1, 0.1), "OME"),
            "along z:",
        ),
    ],
)
def test_a_spacing_that_the_file_does_not_say_is_asked(
    tmp_path: Path, options: dict[str, object], spacing: Spacing, asked: str
) -> None:
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, gaussian(), **options)
    assert recorded_spacing(path) == spacing
    with pytest.raises(StepError, match=f"waits: .*{asked}.*Enter the PSF voxel size"):
        run(path)
    stated = run(path, psf_voxel_size=(0.2, 0.125, 0.125))
    assert np.isfinite(stated).all()


def test_what_is_stated_goes_before_what_the_file_says(tmp_path: Path) -> None:
    path = save_psf(gaussian(), (0.2, 0.1, 0.1), tmp_path / "psf.tif")
    bare = tmp_path / "bare.tif"
    tifffile.imwrite(bare, gaussian())
    said, stated = {"psf_voxel_size": (0.2, 0.1, 0.1)}, {"psf_voxel_size": (0.5, 0.1, 0.1)}
    np.testing.assert_array_equal(run(path), run(bare, **said))
    np.testing.assert_array_equal(run(path, **stated), run(bare, **stated))
    np.testing.assert_array_equal(run(path, psf_voxel_size=(0.5, 0.0, 0.0)), run(bare, **stated))
