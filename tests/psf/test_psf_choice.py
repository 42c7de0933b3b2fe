"""PSFs are chosen by the wavelengths in names; where these leave doubt, nothing is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.psf.psf_choice import choose_psfs, find_psfs
from napari_lazy_pipeline.psf.psf_search import psf_files_near
from napari_lazy_pipeline.psf.wavelength import wavelengths


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("psf_488", (488,)),
        ("560nm_PSF", (560,)),
        ("CamB_ch1_642 nm", (642,)),
        ("20160504_488_totPSF_0p55-0p42_otf", (488,)),
        ("160504_560_sq_0p325-0p400_otf", (560,)),
        ("642", (642,)),
        ("psf_512x512_ex488nm_em525nm", (488, 525)),
        ("psf_500msec_100px_405", (405,)),
        ("GFP", ()),
        ("ch0", ()),
        ("psf_2016", ()),
    ],
)
def test_wavelengths_are_told_from_other_numbers(name: str, numbers: tuple[int, ...]) -> None:
    assert wavelengths(name) == numbers


def chosen(paths: list[str], *channels: str, **stated: list[int]) -> dict[str, str]:
    return {name: one.path for name, one in choose_psfs(paths, channels, stated).items()}


def test_each_channel_gets_the_file_of_its_wavelength() -> None:
    files = ["642_psf.tif", "20160504_488_sq_0p5-0p42_otf.tif", "560nm_PSF.tif"]
    assert chosen(files, "488", "CamB_560nm", "642") == {
        "488": files[1], "CamB_560nm": files[2], "642": files[0]
    }  # fmt: skip


def test_the_nearest_within_25_nm_is_taken_and_none_beyond() -> None:
    files = ["psf_488.tif", "psf_561.tif"]
    near = choose_psfs(files, ["491", "586", "587"])
    assert [one.path for one in near.values()] == ["psf_488.tif", "psf_561.tif", ""]
    assert near["491"].reason == "nearest to 491 nm"
    assert near["587"].reason == "no PSF is named by a wavelength within 25 nm"
    assert near["587"].candidates == ("psf_561.tif", "psf_488.tif")


def test_an_exact_wavelength_is_asked_about_if_another_file_fits() -> None:
    choice = choose_psfs(["psf_505.tif", "psf_488.tif"], ["488"])["488"]
    assert choice.path == "" and choice.reason == "psf_488.tif or psf_505.tif?"
    both = chosen(["psf_505.tif", "psf_488.tif"], "488", "505")
    assert both == {"488": "psf_488.tif", "505": "psf_505.tif"}


def test_two_files_within_reach_are_asked_about() -> None:
    two = ["a_488_psf.tif", "b_488_psf.tif", "psf_560.tif"]
    choice = choose_psfs(two, ["488", "560"])
    assert choice["488"].path == "" and choice["488"].reason == "a_488_psf.tif or b_488_psf.tif?"
    assert choice["560"].path == "psf_560.tif"
    assert chosen(["psf_555.tif", "psf_570.tif"], "561") == {"561": ""}


def test_names_and_metadata_are_evidence_and_nothing_else_is() -> None:
    assert chosen(["psf.tif"], "488") == {"488": ""}
    assert chosen(["psf_488.tif"], "GFP") == {"GFP": ""}
    assert chosen(["psf_488.tif", "psf_525.tif"], "GFP", GFP=[488]) == {"GFP": "psf_488.tif"}
    assert chosen(["psf_525.tif", "psf_600.tif"], "GFP", GFP=[488, 525]) == {"GFP": "psf_525.tif"}
    assert chosen(["psf_GFP.tif", "psf_RFP.tif"], "GFP") == {"GFP": "psf_GFP.tif"}
    assert chosen(["psf_1.tif", "psf_2.tif"], "1") == {"1": ""}
    cameras = ["psf_CamA_488.tif", "psf_CamB_488.tif"]
    assert chosen(cameras, "CamA_488nm", "CamB_488nm") == {
        "CamA_488nm": cameras[0], "CamB_488nm": cameras[1]
    }  # fmt: skip


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_and_patterns_are_searched(tmp_path: Path) -> None:
    touch(tmp_path, "488_psf.tif", "560_psf.TIF", "488_old.tiff", "notes.txt")
    assert find_psfs(tmp_path / "*_psf.*", ["488", "560"]) == {
        "488": str(tmp_path / "488_psf.tif"), "560": str(tmp_path / "560_psf.TIF")
    }  # fmt: skip
    with pytest.raises(PsfError, match=r"488: 488_old\.tiff or 488_psf\.tif"):
        find_psfs(tmp_path, ["488", "560"])
    with pytest.raises(PsfError, match="no TIFF file here"):
        find_psfs(tmp_path / "*.png", ["488"])
    with pytest.raises(PsfError, match="cannot be read"):
        find_psfs(tmp_path / "absent" / "*.tif", ["488"])


def test_psfs_are_found_beside_the_data_the_nearest_place_first(tmp_path: Path) -> None:
    data = tmp_path / "day" / "cell"
    touch(data, "cell_ch0_stack0000_488nm.tif", "botfly_488.tif")
    assert psf_files_near(data) == []
    touch(tmp_path / "day", "OTFs/488.tif", "OTFs/.488_hidden.tif", "other_cell/psf_488.tif")
    assert psf_files_near(data) == [str(tmp_path / "day" / "OTFs" / "488.tif")]
    touch(tmp_path / "day", "psf_488.tif")
    assert psf_files_near(data) == [str(tmp_path / "day" / "psf_488.tif")]
    touch(data, "PSF/a.tif")
    assert psf_files_near(data) == [str(data / "PSF" / "a.tif")]
    touch(data, "totPSF_488.tif")
    assert psf_files_near(data) == [str(data / "totPSF_488.tif")]


def test_a_recording_of_beads_is_not_its_own_psf(tmp_path: Path) -> None:
    data = tmp_path / "psf_recording"
    touch(data, "psf_ch0_stack0000_488nm.tif")
    assert psf_files_near(data, ["psf_ch0_stack0000_488nm.tif"]) == []
