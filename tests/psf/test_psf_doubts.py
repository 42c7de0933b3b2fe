"""What speaks against a PSF is told, each with a number; a good one raises no doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import VolumeSpec
from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.psf.psf_doubts import doubts_about_names, inspect_psf, report_of
from napari_lazy_pipeline.psf.psf_file import load_psf
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf, save_otf
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.steps import Deconvolve

SIZE = (0.1, 0.1, 0.1)
Z, Y, X = np.ogrid[-16:16, -16:16, -16:16]


def bead(slant: float = 0.0) -> np.ndarray:
    return 100 + 2000 * np.exp(-(Z**2 / 8 + Y**2 / 3 + (X - slant * Z) ** 2 / 3))


def with_hot_pixel() -> np.ndarray:
    image = bead()
    image[3, 4, 5] = 30000
    return image


FAULTS = {
    "skewed": (bead(0.9), "tilted by 48° along x"),
    "skewed the other way": (np.swapaxes(bead(-0.9), 1, 2), "tilted by 48° along y"),
    "hot pixel": (with_hot_pixel(), "Voxel (3, 4, 5) of the PSF is 1000 times as bright"),
    "cut off": (bead()[12:], "cut off by the edge of its image: its peak is at z 4 of 20"),
    "light from elsewhere": (bead() + 200 * (Z**2 > 100), "differ from its background by 10 %"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_told_with_a_number(name: str) -> None:
    image, words = FAULTS[name]
    (doubt,) = report_of(image, SIZE).doubts
    assert words in doubt


def test_a_good_psf_raises_no_doubt(vendored_psf_path: Path) -> None:
    for path in (psf_path(), vendored_psf_path):
        assert report_of(load_psf(path), SIZE).doubts == ()
    noisy = np.random.default_rng(0).poisson(bead())
    for image in (bead(), bead()[:, :, 1:], noisy, bead(0.05)):
        assert report_of(image, SIZE).doubts == ()
    assert report_of(bead(), SIZE).length == pytest.approx(0.5, abs=0.11)


@pytest.mark.parametrize(
    ("name", "channel", "words"),
    [
        ("psf_488.tif", "560", "72 nm apart"),
        ("560nm_PSF.tif", "488nm", "72 nm apart"),
        ("psf_520.tif", "488", ""),
        ("psf_488.tif", "488", ""),
        ("psf.tif", "488", ""),
        ("psf_488.tif", "GFP", ""),
        ("20230488.tif", "560", ""),
    ],
)
def test_wavelengths_in_the_names_are_compared(name: str, channel: str, words: str) -> None:
    assert "".join(doubts_about_names(name, channel, SIZE)).endswith(words)
    assert bool(list(doubts_about_names(name, channel, SIZE))) == bool(words)


def test_the_file_is_believed_more_than_what_was_entered(tmp_path: Path) -> None:
    path = tmp_path / "psf.tif"
    tifffile.imwrite(
        path, bead().astype(np.float32), imagej=True, resolution=(10, 10),
        metadata={"axes": "ZYX", "spacing": 0.3, "unit": "um"},
    )  # fmt: skip
    (doubt,) = doubts_about_names(str(path), "488", SIZE)
    assert "0.3 µm apart along z, not 0.1 µm" in doubt
    assert not list(doubts_about_names(str(path), "488", (0.3, 0.1, 0.1)))


def test_an_otf_in_three_dimensions_is_refused(tmp_path: Path) -> None:
    otf = np.fft.rfftn(np.fft.ifftshift(bead() - 100))
    path = tmp_path / "otf.tif"
    tifffile.imwrite(
        path, np.ascontiguousarray((otf / abs(otf).max()).astype("complex64")).view("float32"),
        photometric="minisblack",
    )  # fmt: skip
    with pytest.raises(PsfError, match="OTF in three dimensions"):
        read_psf_or_otf(path, SIZE)


def test_a_file_is_looked_at_when_it_is_used_and_the_step_knows_then(tmp_path: Path) -> None:
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, bead(0.9).astype(np.float32), photometric="minisblack")
    step = Deconvolve(psf=str(path), psf_voxel_size=SIZE)
    before = StackSpec(VolumeSpec((32, 40, 40), "uint16", SIZE), channels=("488",))
    assert step.doubt(before) == ""
    inspect_psf(str(path), SIZE)
    assert "tilted by 48°" in step.doubt(before)
    tifffile.imwrite(path, bead().astype(np.float32)[:-1], photometric="minisblack")
    assert step.doubt(before) == "", "another file"
    inspect_psf(str(path), SIZE)
    assert step.doubt(before) == ""
    thin = StackSpec(VolumeSpec((3, 40, 40), "uint16", SIZE), channels=("488",))
    assert "0.5 µm long, and the volume only 0.3 µm deep" in step.doubt(thin)


def test_an_otf_file_is_no_image(tmp_path: Path) -> None:
    save_otf(make_otf(bead(), SIZE), tmp_path / "otf.tif")
    assert inspect_psf(str(tmp_path / "otf.tif"), SIZE).doubts == ()
